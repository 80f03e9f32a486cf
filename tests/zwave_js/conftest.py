"""A simulated Z-Wave JS server and a session to speak with it."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from lab import LabSettings
from lab.zwave import ZwaveServer


@pytest.fixture
async def server(socket_enabled: None) -> AsyncIterator[ZwaveServer]:
    """Run a server with a plug, a lamp and a sensor that sleeps."""
    async with ZwaveServer(settings=LabSettings(task_seconds=0.02)) as running:
        yield running


@pytest.fixture
async def session(socket_enabled: None) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a session."""
    async with aiohttp.ClientSession() as opened:
        yield opened
