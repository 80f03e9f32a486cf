"""A client of the lab's brokers that remembers what it saw."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import json
from typing import Any

from lab.mqtt import HOST, Broker, Client


@asynccontextmanager
async def connected(broker: Broker, **given: Any) -> AsyncIterator[Client]:
    """Connect a client as the user whom the broker knows."""
    options = {"username": broker.user, "password": broker.password, "timeout": 5}
    options |= given
    async with Client(HOST, options.pop("port", broker.port), **options) as client:
        yield client


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """A message."""

    topic: str
    payload: bytes
    retained: bool

    @property
    def json(self) -> Any:
        """What it says."""
        return json.loads(self.payload)


@dataclass(slots=True, kw_only=True)
class Watcher:
    """Everything that came below a base topic; topics are without it."""

    client: Client
    base: str
    seen: list[Seen] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self) -> None:
        """Remember what comes until the connection ends."""
        async for message in self.client.messages:
            assert isinstance(message.payload, bytes)
            topic = f"{message.topic}".removeprefix(f"{self.base}/")
            self.seen.append(
                Seen(topic=topic, payload=message.payload, retained=message.retain)
            )
            self.news.set()

    def all(self, topic: str) -> list[Seen]:
        """Return what came for a topic so far."""
        return [message for message in self.seen if message.topic == topic]

    async def until(
        self, topic: str, wanted: Callable[[Seen], bool] = lambda seen: True
    ) -> Seen:
        """Wait for a message of a topic, from the last `forget` on."""
        async with asyncio.timeout(5):
            while True:
                self.news.clear()
                for message in self.all(topic):
                    if wanted(message):
                        return message
                await self.news.wait()

    async def state(self, word: str) -> Seen:
        """Wait for a state of the bridge."""
        wanted = json.dumps({"state": word}, separators=(",", ":")).encode()
        return await self.until("bridge/state", lambda seen: seen.payload == wanted)

    def forget(self) -> None:
        """Forget what came so far."""
        self.seen.clear()

    async def ask(self, name: str, message: object) -> Any:
        """Send a request and return its answer, which is another than before."""
        topic = f"bridge/response/{name}"
        before = self.all(topic)
        await self.send(name, message)
        return (await self.until(topic, lambda seen: seen not in before)).json

    async def send(self, name: str, message: object) -> None:
        """Send a request."""
        payload = message if isinstance(message, str) else json.dumps(message)
        await self.client.publish(f"{self.base}/bridge/request/{name}", payload)


@asynccontextmanager
async def watching(broker: Broker, base: str = "zigbee2mqtt") -> AsyncIterator[Watcher]:
    """Watch a bridge from the moment when everything retained has come."""
    async with connected(broker) as client:
        watcher = Watcher(client=client, base=base)
        await client.subscribe(f"{base}/#")
        # What is retained comes before what is published now.
        await client.publish(f"{base}/marker")
        task = asyncio.create_task(watcher.read())
        try:
            await watcher.until("marker")
            yield watcher
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
