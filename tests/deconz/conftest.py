"""A gateway of the lab with a few devices, and a key for it."""

from collections.abc import AsyncIterator
from functools import partial

from aiohttp import ClientSession
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.proxmox_homelab.deconz import connect, source
from custom_components.proxmox_homelab.deconz.client import DeconzClient
from lab.deconz import DeconzGateway, Gateway

from .common import KEY, Clock, async_listening, async_set_up


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Home Assistant wait for tenths of seconds where it waits for seconds."""
    quick = partial(DeconzClient, seconds=0.4, heartbeat=0.2)
    monkeypatch.setattr(connect, "DeconzClient", quick)
    monkeypatch.setattr(source, "_FIRST_PAUSE", 0.05)
    monkeypatch.setattr(source, "_LONGEST_PAUSE", 0.1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def gateway(clock: Clock, socket_enabled: None) -> AsyncIterator[DeconzGateway]:
    knows = Gateway(clock=clock)
    knows.keys[KEY] = "test"
    knows.add_device("Lamp", "light")
    knows.add_device("Plug", "plug")
    knows.add_device("Motion", "motion")
    knows.add_device("Switch", "green_power")
    knows.add_virtual_sensor("Memory")
    async with DeconzGateway(gateway=knows) as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as opened:
        yield opened


@pytest.fixture
async def entry(
    hass: HomeAssistant, gateway: DeconzGateway, impatient: None
) -> MockConfigEntry:
    """Set the gateway up in Home Assistant, and wait until it is listened to."""
    loaded = await async_set_up(hass, gateway)
    await async_listening(hass, loaded)
    return loaded
