"""A gateway of the lab with a few devices, and a key for it."""

from collections.abc import AsyncIterator

from aiohttp import ClientSession
import pytest

from lab.deconz import DeconzGateway, Gateway

from .common import KEY, Clock


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
