"""A broker for as long as somebody wants it: connecting again, subscribing again."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
import json
import logging
import secrets
from typing import Any, Final

from paho.mqtt.reasoncodes import ReasonCode

from ..backoff import delays
from ..errors import (
    CannotConnectError,
    CommandRefusedError,
    CommandTimeoutError,
    HomelabError,
    ProtocolError,
)
from .models import Response
from .parse import parse_response
from .protocol import request_topic, response_topic
from .transport import Address, Connection, translated

_LOGGER = logging.getLogger(__name__)

FIRST_DELAY: Final = 1.0
LONGEST_DELAY: Final = 60.0
# A connection that lasted that many seconds was a good one: the delays begin anew.
_SETTLED: Final = 30.0
_TOPICS_AT_ONCE: Final = 50
# Nothing that we subscribe to is larger, however many devices a bridge has.
LARGEST_PAYLOAD: Final = 16 * 1024 * 1024
# SUBACK codes from here on are refusals.
_REFUSAL: Final = 128

type MessageHandler = Callable[[str, bytes], None]
type ConnectionHandler = Callable[[HomelabError | None], None]


class BrokerClient:
    """Keeps one connection to a broker, and what is subscribed on it.

    on_message gets topic and payload; on_connection gets None when connected, and
    the error when not, once per change or failed attempt. Both are called in the
    event loop and must not block or raise.
    """

    def __init__(
        self,
        address: Address,
        *,
        on_message: MessageHandler,
        on_connection: ConnectionHandler,
    ) -> None:
        """Prepare; nothing is sent yet."""
        self._address = address
        self._on_message = on_message
        self._on_connection = on_connection
        self._connection: Connection | None = None
        self._wanted: dict[str, None] = {}
        self._subscribed: set[str] = set()
        self._refused: set[str] = set()
        self._topics_changed = asyncio.Event()
        self._requests: dict[str, asyncio.Future[Response]] = {}

    @property
    def is_connected(self) -> bool:
        """Whether the broker can be spoken with now."""
        return self._connection is not None

    @property
    def refused_topics(self) -> frozenset[str]:
        """The topics that the broker does not let this client subscribe to."""
        return frozenset(self._refused)

    async def run(self) -> None:
        """Connect and connect again, until cancelled."""
        pauses = delays(FIRST_DELAY, LONGEST_DELAY)
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self._connect_once()
            except HomelabError as err:
                _LOGGER.debug("%s: %s", self._address, err)
                if loop.time() - began > _SETTLED:
                    pauses = delays(FIRST_DELAY, LONGEST_DELAY)
                self._on_connection(err)
            await asyncio.sleep(next(pauses))

    async def _connect_once(self) -> None:
        """Stay connected as long as it goes; raise a `HomelabError` in the end."""
        connection = await open_connection(self._address)
        keeper = None
        try:
            self._connection = connection
            self._subscribed.clear()
            self._refused.clear()
            self._topics_changed.set()
            self._on_connection(None)
            keeper = asyncio.create_task(self._keep_subscribed(connection))
            async with translated():
                async for message in connection.messages:
                    self._receive(str(message.topic), message.payload)
        finally:
            self._connection = None
            if keeper is not None:
                keeper.cancel()
            self._fail_requests()
            await connection.close()

    def _receive(self, topic: str, payload: Any) -> None:
        content = payload if isinstance(payload, bytes) else b""
        if len(content) > LARGEST_PAYLOAD:
            _LOGGER.debug("%s: %s bytes are too many", topic, len(content))
            return
        self._on_message(topic, content)

    # --- topics ---------------------------------------------------------------------

    def subscribe(self, topics: Iterable[str]) -> None:
        """Want these topics from now on, on this connection and on later ones."""
        self._wanted.update(dict.fromkeys(topics))
        self._topics_changed.set()

    def unsubscribe(self, topics: Iterable[str]) -> None:
        """Want these topics no more."""
        for topic in topics:
            self._wanted.pop(topic, None)
        self._topics_changed.set()

    async def _keep_subscribed(self, connection: Connection) -> None:
        """Bring what is subscribed in line with what is wanted, again and again."""
        while True:
            await self._topics_changed.wait()
            self._topics_changed.clear()
            try:
                async with translated():
                    await self._synchronize(connection)
            except HomelabError as err:
                # A broker that owes an answer gets another chance, a lost connection
                # ends this task anyway.
                _LOGGER.debug("%s: subscribing failed: %s", self._address, err)
                await asyncio.sleep(self._address.timeout)
                self._topics_changed.set()

    async def _synchronize(self, connection: Connection) -> None:
        surplus = [topic for topic in self._subscribed if topic not in self._wanted]
        for some in _batches(surplus):
            self._subscribed.difference_update(some)
            await connection.unsubscribe(some)
        missing = [topic for topic in self._wanted if topic not in self._subscribed]
        for some in _batches(missing):
            codes: Sequence[int | ReasonCode] = await connection.subscribe(
                [(topic, 0) for topic in some]
            )
            for topic, code in zip(some, codes, strict=False):
                self._subscribed.add(topic)
                # paho has a type of its own for MQTT 5, and uses it for 3 as well.
                if (code if isinstance(code, int) else code.value) >= _REFUSAL:
                    self._refused.add(topic)
                    _LOGGER.debug("%s: %s is refused", self._address, topic)

    # --- requests -------------------------------------------------------------------

    async def request(
        self, base: str, name: str, data: dict[str, Any], *, seconds: float
    ) -> Response:
        """Ask a bridge for something and return its answer, also one of an error.

        The topic of the answer has to be subscribed and handed to `answer`. Several
        clients see each other's answers, so each request carries a transaction.
        Raises `CommandTimeoutError` when no answer comes: that is also what an
        unknown request gets.
        """
        transaction = f"proxmox-homelab-{secrets.token_hex(8)}"
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._requests[transaction] = answer
        try:
            await self._publish(
                request_topic(base, name),
                json.dumps({**data, "transaction": transaction}).encode(),
            )
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            raise CommandTimeoutError(
                f"no answer to {response_topic(base, name)}", seconds=f"{seconds:.0f}"
            ) from None
        finally:
            self._requests.pop(transaction, None)

    async def command(
        self, base: str, name: str, data: dict[str, Any], *, seconds: float
    ) -> dict[str, Any]:
        """Ask a bridge for something; raise `CommandRefusedError` for an error."""
        response = await self.request(base, name, data, seconds=seconds)
        if response.error is not None:
            raise CommandRefusedError(response.error, reason=response.error)
        return response.data

    def answer(self, payload: bytes) -> None:
        """Hand an answer to whoever asked for it; those of others are left alone."""
        if not self._requests:
            return
        try:
            response = parse_response(payload)
        except ProtocolError as err:
            _LOGGER.debug("%s: %s", self._address, err)
            return
        waiting = self._requests.get(response.transaction or "")
        if waiting is not None and not waiting.done():
            waiting.set_result(response)

    def _fail_requests(self) -> None:
        for waiting in self._requests.values():
            if not waiting.done():
                waiting.set_exception(CannotConnectError("the connection was lost"))
                # Whoever waits gets it; who has just been cancelled does not ask.
                waiting.exception()

    async def _publish(self, topic: str, payload: bytes) -> None:
        if self._connection is None:
            raise CannotConnectError("not connected")
        async with translated():
            await self._connection.publish(topic, payload, qos=1)


async def open_connection(address: Address) -> Connection:
    """Return an open connection; raise a `HomelabError`.

    aiomqtt must not be cancelled while it connects, so a cancelled attempt is told to
    give up and awaited: that takes as long as a TCP connect, 5 s at most.
    """
    connection = Connection(address)
    attempt = asyncio.create_task(connection.open())
    try:
        # Unlike awaiting the task itself, this does not cancel it with us.
        await asyncio.wait([attempt])
    except asyncio.CancelledError:
        connection.give_up()
        await asyncio.wait([attempt])
        if attempt.exception() is None:
            await connection.close()
        raise
    attempt.result()
    return connection


async def check_address(address: Address) -> None:
    """Sign in once; raise a `HomelabError`."""
    connection = await open_connection(address)
    await connection.close()


def _batches(topics: list[str]) -> list[list[str]]:
    return [
        topics[start : start + _TOPICS_AT_ONCE]
        for start in range(0, len(topics), _TOPICS_AT_ONCE)
    ]
