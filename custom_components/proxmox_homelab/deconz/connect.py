"""From the data of an entry to a client."""

from collections.abc import Mapping
from typing import Any

from homeassistant.const import CONF_API_KEY, CONF_HOST, CONF_PORT
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from .client import DeconzClient


def async_create_client(hass: HomeAssistant, data: Mapping[str, Any]) -> DeconzClient:
    """Return the client of a gateway; nothing is sent."""
    return DeconzClient(
        async_get_clientsession(hass),
        host=data[CONF_HOST],
        port=data[CONF_PORT],
        key=data.get(CONF_API_KEY, ""),
    )
