"""Where a broker is, from what an entry, or a flow on its way to one, knows."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.const import CONF_HOST, CONF_PASSWORD, CONF_PORT, CONF_USERNAME
from homeassistant.core import HomeAssistant

from ..const import (
    CONF_CA_PEM,
    CONF_CLIENT_KEY_PEM,
    CONF_CLIENT_PEM,
    CONF_ENCRYPTION,
    CONF_VERIFY_HOSTNAME,
    Encryption,
)
from .transport import Address
from .trust import build_context

# What a broker gets for each answer; one in a home takes milliseconds.
CONNECT_SECONDS: Final = 10.0


async def async_address(hass: HomeAssistant, data: Mapping[str, Any]) -> Address:
    """Return the address with its certificates; raises `PemError` for bad ones."""
    tls = None
    encryption = data.get(CONF_ENCRYPTION, Encryption.NONE)
    if encryption != Encryption.NONE:
        own = encryption == Encryption.OWN

        def build() -> Any:
            return build_context(
                ca_pem=data.get(CONF_CA_PEM) if own else None,
                client_pem=data.get(CONF_CLIENT_PEM) if own else None,
                client_key_pem=data.get(CONF_CLIENT_KEY_PEM) if own else None,
                verify_hostname=data.get(CONF_VERIFY_HOSTNAME, True) or not own,
            )

        tls = await hass.async_add_executor_job(build)
    return Address(
        host=data[CONF_HOST],
        port=data[CONF_PORT],
        username=data.get(CONF_USERNAME),
        password=data.get(CONF_PASSWORD),
        tls=tls,
        timeout=CONNECT_SECONDS,
    )
