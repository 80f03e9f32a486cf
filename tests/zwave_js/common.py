"""What the tests of the Z-Wave JS source in Home Assistant share."""

import asyncio
from collections.abc import Callable
from typing import Any

from homeassistant.const import CONF_URL
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.proxmox_homelab.const import (
    CONF_HOME_ID,
    CONF_KIND,
    CONF_UI_URL,
    DOMAIN,
    Kind,
)
from custom_components.proxmox_homelab.zwave_js.source import ZwaveSource
from lab.zwave import ZwaveServer

KEY = "zwave/3237998146"


def entry_for(
    hass: HomeAssistant,
    server: ZwaveServer,
    *,
    with_ui: bool = False,
    unique_id: str = "the-lab",
) -> MockConfigEntry:
    """Return an entry as the flow makes it, but for its unique id."""
    data: dict[str, Any] = {
        CONF_KIND: Kind.ZWAVE_JS.value,
        CONF_URL: server.url,
        CONF_HOME_ID: server.network.home_id,
    }
    if with_ui:
        data[CONF_UI_URL] = server.ui_url
    entry = MockConfigEntry(
        domain=DOMAIN, title="garage", unique_id=unique_id, data=data
    )
    entry.add_to_hass(hass)
    return entry


async def async_set_up(
    hass: HomeAssistant,
    server: ZwaveServer,
    *,
    with_ui: bool = False,
    unique_id: str = "the-lab",
) -> MockConfigEntry:
    """Set an entry up."""
    entry = entry_for(hass, server, with_ui=with_ui, unique_id=unique_id)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


def zwave_source(entry: MockConfigEntry) -> ZwaveSource:
    """Return the running source of an entry."""
    source = entry.runtime_data
    assert isinstance(source, ZwaveSource)
    return source


async def until(hass: HomeAssistant, there: Callable[[], object]) -> None:
    """Wait for what comes over the socket."""
    for _ in range(2000):
        await hass.async_block_till_done()
        if there():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError
