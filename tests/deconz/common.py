"""What the tests of the deCONZ source share."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from time import monotonic
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.proxmox_homelab.const import DOMAIN
from custom_components.proxmox_homelab.deconz.source import DeconzSource
from lab.deconz import DeconzGateway
from tests import common

KEY = "0123456789"
BRIDGE = "00212EFFFF00C5FB"
ITEM = f"deconz/{BRIDGE}"


class Clock:
    """The clock of the gateway, which a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def entry_of(
    gateway: DeconzGateway, unique_id: str = "the-lab", **data: Any
) -> MockConfigEntry:
    """Return an entry as the flow makes it."""
    return MockConfigEntry(
        domain=DOMAIN,
        title="Phoscon-GW",
        unique_id=unique_id,
        data={
            "kind": "deconz",
            "bridge_id": BRIDGE,
            "host": gateway.host,
            "port": gateway.port,
            "api_key": KEY,
            **data,
        },
    )


async def async_set_up(
    hass: HomeAssistant,
    gateway: DeconzGateway,
    unique_id: str = "the-lab",
    **data: Any,
) -> MockConfigEntry:
    """Set the entry up; it need not come to anything."""
    entry = entry_of(gateway, unique_id, **data)
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


async def async_listening(hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
    """Wait until the source has read everything and listens."""
    source = source_of(entry)
    await eventually(
        hass, lambda: source.network.listening and source.network.last_update_success
    )


def source_of(entry: ConfigEntry[Any]) -> DeconzSource:
    """Return the running source of a loaded entry."""
    source = entry.runtime_data
    assert isinstance(source, DeconzSource)
    return source


async def eventually(
    hass: HomeAssistant, check: Callable[[], object], seconds: float = 5.0
) -> None:
    """Wait for what comes over real sockets: nothing in Home Assistant tells when."""
    until = monotonic() + seconds
    while not check():
        assert monotonic() < until, "it did not come to that"
        await asyncio.sleep(0.01)
    await hass.async_block_till_done()


async def later(hass: HomeAssistant, seconds: float) -> None:
    """Let what is due within so many seconds begin."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
    await hass.async_block_till_done()


def state(hass: HomeAssistant, platform: str, row: str) -> State:
    """Return the state of an entity of the gateway."""
    return common.state(hass, platform, ITEM, row)


def shown(hass: HomeAssistant, platform: str, row: str) -> str:
    """Return what an entity of the gateway shows."""
    return state(hass, platform, row).state


def device(hass: HomeAssistant, entry: ConfigEntry[Any]) -> dr.DeviceEntry:
    """Return the device of the gateway."""
    return common.device(hass, entry, ITEM)
