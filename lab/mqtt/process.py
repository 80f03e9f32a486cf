"""The process of a program that lives on MQTT, and whoever starts it again.

Nothing here is cancelled while it connects: aiomqtt leaves a socket behind then.
"""

import asyncio
from collections.abc import Coroutine, Mapping
import contextlib
from enum import StrEnum
from typing import Any, Protocol

import aiomqtt

from lab.mqtt.backend import HOST
from lab.mqtt.broker import Broker
from lab.mqtt.client import Client
from lab.settings import LabSettings

_RECONNECT = 1.0
_CONNECT_TIMEOUT = 1.0
_MINUTE = 60.0

SUPERVISORS: Mapping[str, tuple[tuple[float, ...], bool]] = {
    "systemd": ((10.0,), True),
    "watchdog": ((2.0, *(n * _MINUTE for n in (1, 5, 15, 30, 60))), False),
    "none": ((), False),
}
"""After how many seconds an ended process is started again; and then on and on."""


class End(StrEnum):
    """How a process ends."""

    STOP = "stop"
    """It is asked to, and says goodbye."""
    CRASH = "crash"
    """It is killed; nobody starts it again."""
    LOST = "lost"
    """It gives up because its stick is gone, and says goodbye."""
    RESTART = "restart"
    """It begins anew within the same process."""


_FINAL = (End.STOP, End.CRASH)


class Program(Protocol):
    """What runs in the process."""

    async def prepare(self, *, new: bool) -> bool:
        """Get ready to connect; False for a start that fails.

        `new` says that it is another process than before.
        """

    async def greet(self, *, first: bool) -> None:
        """Say what there is to say after connecting, for the first time or again."""

    async def receive(self, topic: str, payload: bytes) -> None:
        """Deal with a message."""

    async def say_goodbye(self) -> None:
        """Say what there is to say before it ends."""

    def halt(self) -> None:
        """Drop what only a running process has, however it ended."""


class Process:
    """Runs a program as a client of a broker; `client` is None without connection."""

    def __init__(
        self,
        program: Program,
        broker: Broker,
        settings: LabSettings,
        *,
        will: aiomqtt.Will,
        subscriptions: list[str],
        supervisor: str,
    ) -> None:
        self.client: Client | None = None
        self.condition = "stopped"
        self._program = program
        self._broker = broker
        self._settings = settings
        self._will = will
        self._subscriptions = subscriptions
        self._delays = SUPERVISORS[supervisor]
        self._supervisor: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()
        self._asked = asyncio.Event()
        self._wish = End.STOP
        self._work: set[asyncio.Task[None]] = set()
        self._known = False

    async def start(self) -> None:
        """Start, and wait until it is connected or its first attempt has failed."""
        if self._supervisor is None or self._supervisor.done():
            self._settled.clear()
            self._asked.clear()
            self._supervisor = asyncio.create_task(self._supervise())
        await self._settled.wait()

    def settle(self) -> None:
        """Let nobody wait for the start any longer."""
        self._settled.set()

    def ask(self, how: End) -> None:
        """Have the process end some time; what ends it for good comes first."""
        if how in _FINAL or not self._asked.is_set():
            self._wish = how
            self._asked.set()

    async def stop(self) -> None:
        """End the process in an orderly way, and whoever would start it again."""
        await self._end(End.STOP)

    async def crash(self) -> None:
        """Kill the process, and whoever would start it again."""
        await self._end(End.CRASH)

    async def _end(self, how: End) -> None:
        if self._supervisor is not None:
            self.ask(how)
            await asyncio.wait([self._supervisor])

    async def sleep(self, seconds: float) -> bool:
        """Let seconds of a real system pass; say whether it shall end meanwhile."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.scaled(seconds)):
                await self._asked.wait()
        return self._asked.is_set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside until the process ends."""
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    # --- inside --------------------------------------------------------------------

    async def _supervise(self) -> None:
        seconds, forever = self._delays
        try:
            new, waits = True, iter(seconds)
            while True:
                how = await self._run(new=new)
                await self._end_work()
                if how in _FINAL:
                    return
                new = how is not End.RESTART
                if not new:
                    continue
                if self._known:
                    waits = iter(seconds)
                wait = next(waits, seconds[-1] if forever else None)
                if wait is None:
                    return
                self.condition = "waiting"
                self._settled.set()
                if await self.sleep(wait) and self._take() in _FINAL:
                    return
        finally:
            self.condition = "stopped"
            self._settled.set()

    def _take(self) -> End:
        self._asked.clear()
        return self._wish

    async def _end_work(self) -> None:
        self._program.halt()
        work = list(self._work)
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    async def _run(self, *, new: bool) -> End | None:
        """Run the process; return how it ended, None when it did not even begin."""
        self.condition, self._known = "starting", False
        if not await self._program.prepare(new=new):
            return self._take() if await self.sleep(0) else None
        while not await self.sleep(0):
            try:
                return await self._live()
            except aiomqtt.MqttError:
                if not self._known:
                    return None
            self.condition = "disconnected"
            await self.sleep(_RECONNECT)
        return self._take()

    async def _live(self) -> End:
        client = self._make_client()
        try:
            async with client:
                await client.subscribe([(topic, 0) for topic in self._subscriptions])
                self.client = client
                await self._program.greet(first=not self._known)
                self.condition, self._known = "online", True
                self._settled.set()
                how = await self._listen(client)
                if how is End.CRASH:
                    client.cut()
                else:
                    await self._program.say_goodbye()
                self.client = None
                return how
        except aiomqtt.MqttError:
            # A connection that failed half-way would stay open.
            client.cut()
            raise
        finally:
            self.client = None

    def _make_client(self) -> Client:
        broker = self._broker
        if broker.port is None:
            raise aiomqtt.MqttError("the broker has never run")
        return Client(
            HOST,
            broker.port,
            username=broker.user,
            password=broker.password,
            will=self._will,
            timeout=_CONNECT_TIMEOUT,
        )

    async def _listen(self, client: Client) -> End:
        reader = asyncio.create_task(self._read(client))
        asked = asyncio.create_task(self._asked.wait())
        await asyncio.wait([reader, asked], return_when=asyncio.FIRST_COMPLETED)
        for task in (reader, asked):
            task.cancel()
        found, _ = await asyncio.gather(reader, asked, return_exceptions=True)
        if self._asked.is_set():
            return self._take()
        raise aiomqtt.MqttError("the connection is gone") from found

    async def _read(self, client: Client) -> None:
        async for message in client.messages:
            if isinstance(message.payload, bytes):
                self.spawn(self._program.receive(f"{message.topic}", message.payload))
