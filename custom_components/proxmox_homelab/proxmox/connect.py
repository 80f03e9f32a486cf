"""A client from what an entry, or a flow on its way to one, knows."""

from collections.abc import Mapping
from typing import Any

from homeassistant.const import CONF_PASSWORD, CONF_PORT, CONF_USERNAME
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from ..const import (
    CONF_AUTH,
    CONF_CA_PEM,
    CONF_FINGERPRINT,
    CONF_HOSTS,
    CONF_MEMBER_FINGERPRINTS,
    CONF_TOKEN_ID,
    CONF_TOKEN_SECRET,
    DEFAULT_PORT,
    Auth,
)
from .client import ProxmoxClient
from .credentials import Credentials, PasswordCredentials, TokenCredentials
from .trust import Trust


def async_create_client(
    hass: HomeAssistant,
    data: Mapping[str, Any],
    credentials: Credentials | None = None,
) -> ProxmoxClient:
    """Return a client for the data of an entry; nothing is sent yet.

    `credentials` are used instead of those in the data.
    """
    return ProxmoxClient(
        async_get_clientsession(hass),
        hosts=data[CONF_HOSTS],
        port=data.get(CONF_PORT, DEFAULT_PORT),
        credentials=credentials or _credentials(data),
        trust=Trust(
            fingerprint=data.get(CONF_FINGERPRINT),
            ca_pem=data.get(CONF_CA_PEM),
            member_fingerprints=tuple(data.get(CONF_MEMBER_FINGERPRINTS, ())),
        ),
    )


def _credentials(data: Mapping[str, Any]) -> Credentials:
    if data[CONF_AUTH] == Auth.TOKEN:
        return TokenCredentials(
            token_id=data[CONF_TOKEN_ID], secret=data[CONF_TOKEN_SECRET]
        )
    return PasswordCredentials(
        username=data[CONF_USERNAME], password=data[CONF_PASSWORD]
    )
