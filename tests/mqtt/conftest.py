"""A broker, and who speaks on it: the bridges of the lab, or whoever a test wants."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta
import json
import time
from typing import Any, Final, Self, cast

import aiomqtt
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.proxmox_homelab.const import DOMAIN
from custom_components.proxmox_homelab.mqtt import client as client_module
from lab.mqtt import HOST, Broker

from ..common import device
from .test_parse import INFO

BRIDGE: Final = "z2m/zigbee2mqtt"

# In a tuple it is out of reach of who stops the clocks in all modules.
_CLOCK: Final = (time.monotonic,)


class Voice:
    """Publishes what a test says, and answers requests as a test wants.

    answers: by the name of a request, the data of its answer, or its error.
    """

    def __init__(self, broker: Broker, base: str = "zigbee2mqtt") -> None:
        self.base = base
        self.answers: dict[str, dict[str, Any] | str] = {}
        self.requests: list[tuple[str, dict[str, Any]]] = []
        assert broker.port
        self._client = aiomqtt.Client(
            HOST, broker.port, username=broker.user, password=broker.password
        )
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        await self._client.subscribe(f"{self.base}/bridge/request/#")
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._listening
        self._listening.cancel()
        await asyncio.wait([self._listening])
        await self._client.__aexit__(None, None, None)

    async def say(self, part: str, payload: Any, *, retain: bool = True) -> None:
        """Publish below the base topic; what is no text or bytes becomes JSON."""
        raw = payload if isinstance(payload, str | bytes) else json.dumps(payload)
        await self._client.publish(f"{self.base}/{part}", raw, qos=1, retain=retain)

    async def introduce(self, **info: Any) -> None:
        """Be a bridge that is online."""
        await self.say("bridge/state", {"state": "online"})
        await self.say("bridge/info", {**INFO, "permit_join": False, **info})

    async def _listen(self) -> None:
        async for message in self._client.messages:
            name = str(message.topic).rpartition("/")[2]
            assert isinstance(message.payload, bytes)
            request = json.loads(message.payload)
            self.requests.append((name, request))
            if (answer := self.answers.get(name)) is not None:
                await self._answer(name, answer, request)

    async def _answer(
        self, name: str, answer: dict[str, Any] | str, request: dict[str, Any]
    ) -> None:
        body: dict[str, Any] = {"transaction": request["transaction"]}
        if isinstance(answer, str):
            body |= {"status": "error", "error": answer, "data": {}}
        else:
            body |= {"status": "ok", "data": answer}
        await self.say(f"bridge/response/{name}", body, retain=False)


class Wire:
    """The network between Home Assistant and a broker, which can fall silent."""

    port: int

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._flows = asyncio.Event()
        self._flows.set()
        self._work: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.recover()
        await asyncio.gather(*self._work, return_exceptions=True)

    def fall_silent(self) -> None:
        """Keep and accept connections, and let nothing through."""
        self._flows.clear()

    def recover(self) -> None:
        """Let everything through again but what was there before, which is cut."""
        for task in tuple(self._work):
            task.cancel()
        self._flows.set()

    async def _carry(
        self, ours: asyncio.StreamReader, to_us: asyncio.StreamWriter
    ) -> None:
        theirs, to_them = await asyncio.open_connection(HOST, self._broker.port)
        for reader, writer in ((ours, to_them), (theirs, to_us)):
            task = asyncio.create_task(self._pump(reader, writer))
            self._work.add(task)
            task.add_done_callback(self._work.discard)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            with suppress(OSError):
                while data := await reader.read(1 << 16):
                    await self._flows.wait()
                    writer.write(data)
        finally:
            writer.close()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Come back without the delays that a real house needs."""
    monkeypatch.setattr(client_module, "FIRST_DELAY", 0.02)
    monkeypatch.setattr(client_module, "LONGEST_DELAY", 0.1)


@pytest.fixture(autouse=True)
async def _real_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the loop's own clock go on where the wall's is stopped.

    What comes through sockets takes its time, and what waits for it has time-outs.
    """
    (real,) = _CLOCK
    monkeypatch.setattr(asyncio.get_running_loop(), "time", real)


@pytest.fixture(autouse=True)
async def _refusals_of_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a client that refuses the lab's certificate for no fault of ours.

    A broker that runs in the loop of the test reports it there, in debug mode.
    """
    loop = asyncio.get_running_loop()
    report = loop.call_exception_handler

    def call(context: dict[str, Any]) -> None:
        if "incoming connection" not in context["message"]:
            report(context)

    monkeypatch.setattr(loop, "call_exception_handler", call)


@pytest.fixture
async def broker(socket_enabled: None) -> AsyncIterator[Broker]:
    """Run a broker that lets everybody in."""
    async with Broker() as running:
        yield running


@pytest.fixture
async def voice(broker: Broker) -> AsyncIterator[Voice]:
    """Have somebody there who speaks."""
    async with Voice(broker) as speaking:
        yield speaking


async def async_set_up(
    hass: HomeAssistant,
    broker: Broker,
    *,
    unique_id: str = "the-lab",
    port: int | None = None,
    **options: Any,
) -> MockConfigEntry:
    """Set the integration up for the broker, `port` when it is not its own."""
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="MQTT home",
        unique_id=unique_id,
        data={
            "kind": "mqtt",
            "host": HOST,
            "port": port or broker.port,
            "encryption": "none",
            **({"username": broker.user} if broker.user else {}),
            **({"password": broker.password} if broker.password else {}),
        },
        options=options,
    )
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    return entry


async def async_pass(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, seconds: float
) -> None:
    """Let time pass; the connection, which never ends, is not waited for."""
    passed = timedelta(seconds=seconds)
    freezer.tick(passed)
    # Timers hang on the clock of the loop, which has not moved.
    async_fire_time_changed(hass, dt_util.utcnow() + passed)
    await hass.async_block_till_done()


async def until(
    hass: HomeAssistant,
    is_so: Callable[[], object],
    seconds: float = 5,
    *,
    settle: bool = True,
) -> None:
    """Wait until something that comes through a socket has come.

    settle: also until Home Assistant rests, which a command under way prevents.
    """
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 - the other side sets no events of ours
            await asyncio.sleep(0.01)
    if settle:
        await hass.async_block_till_done()


def shows(
    hass: HomeAssistant, platform: str, row: str, value: str, key: str = BRIDGE
) -> Callable[[], bool]:
    """Return whether an entity shows the value, once it is there."""

    def is_so() -> bool:
        registry = er.async_get(hass)
        found = registry.async_get_entity_id(platform, DOMAIN, f"the-lab_{key}_{row}")
        now = hass.states.get(found) if found else None
        return now is not None and now.state == value

    return is_so


async def act(
    hass: HomeAssistant, entry: Any, action: str, **data: Any
) -> dict[str, Any]:
    """Call an action for the bridge and return what it answers."""
    response = await hass.services.async_call(
        DOMAIN,
        action,
        {"device_id": device(hass, entry, BRIDGE).id, **data},
        blocking=True,
        return_response=True,
    )
    assert response is not None
    results = cast(list[dict[str, Any]], response["results"])
    assert len(results) == 1
    return results[0]
