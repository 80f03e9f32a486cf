"""One websocket to a Z-Wave JS server, from its version to its end."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
import logging
from typing import Any, Final, Self

import aiohttp
from aiohttp import ClientWSTimeout, WSCloseCode, WSMsgType

from ...errors import (
    CannotConnectError,
    CommandTimeoutError,
    HomelabError,
    ProtocolError,
    RequestTimeoutError,
)
from ...values import mapping
from ...web import failures
from ..errors import DriverNotReadyError
from ..models import Controller, Network, ServerVersion
from ..parse import (
    apply_event,
    parse_controller,
    parse_network,
    parse_version,
    with_controller,
)
from ..protocol import (
    LARGE_MESSAGE,
    LARGEST_MESSAGE,
    choose_schema,
    decode,
    decode_large,
    encode,
    result_of,
)

_LOGGER = logging.getLogger(__name__)

# The driver fails a command by itself after some 10 s; while it opens the serial port
# again, those that wait take up to 23 s.
COMMAND_SECONDS: Final = 40.0
# Somebody waits for this one; a stick that can restart is back within a second.
RESET_SECONDS: Final = 20.0
CONNECT_SECONDS: Final = 10.0
# The state of a large mesh is tens of MB.
LISTEN_SECONDS: Final = 60.0
# After so long without any message the server is pinged; after as long again without
# an answer its host is taken for dead.
HEARTBEAT_SECONDS: Final = 7.5
_CLOSE_SECONDS: Final = 2.0

# Which stick commands are known to ask it something harmless, by its function number.
_GET_BACKGROUND_RSSI: Final = 0x3B
_IS_FAILED_NODE: Final = 0x62

type OnChange = Callable[[Network, Network], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """Who waits for an answer, and what is made of it before anything else is read."""

    answered: asyncio.Future[Any]
    read: Callable[[dict[str, Any]], Any]


class Connection:
    """A connection that is open; `version` and `schema` are known.

    One task reads: it keeps `network` as it is told and calls `on_change` with the
    network before and after. Nothing is kept of the nodes' values.
    """

    def __init__(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        version: ServerVersion,
        on_change: OnChange,
    ) -> None:
        """Take over a websocket whose version was read; see `open`."""
        self.version = version
        self.schema = choose_schema(version)
        self.network: Network | None = None
        self._socket = socket
        self._on_change = on_change
        self._numbers = count(1)
        self._lost: HomelabError | None = None
        self._waiting: dict[str, _Waiting] = {}
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def open(
        cls,
        session: aiohttp.ClientSession,
        url: str,
        on_change: OnChange = lambda before, after: None,
    ) -> Self:
        """Connect and agree on a schema.

        Raises `CannotConnectError`, `CertificateError`, `RequestTimeoutError`,
        `DriverNotReadyError`, `ProtocolError` for another service, and
        `UnsupportedVersionError`.
        """
        with failures():
            async with asyncio.timeout(CONNECT_SECONDS):
                socket = await session.ws_connect(
                    url,
                    timeout=ClientWSTimeout(ws_close=_CLOSE_SECONDS),
                    autoping=False,
                    max_msg_size=LARGEST_MESSAGE,
                )
        try:
            connection = cls(socket, await _first_message(socket), on_change)
        except BaseException:
            await socket.close()
            raise
        try:
            await connection.call("initialize", schemaVersion=connection.schema)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def close(self) -> None:
        """Hang up; whoever waits for an answer gets a `CannotConnectError`."""
        self._reading.cancel()
        await asyncio.wait([self._reading])
        await self._socket.close()

    async def wait_lost(self) -> HomelabError:
        """Wait for the end of the connection and return why it ended."""
        await asyncio.wait([self._reading])
        match self._socket.close_code:
            case WSCloseCode.TRY_AGAIN_LATER:
                return DriverNotReadyError("the driver is not ready")
            case WSCloseCode.MESSAGE_TOO_BIG:
                return ProtocolError("a message is too large")
        return self._lost or CannotConnectError("the connection ended")

    # --- what can be asked -----------------------------------------------------------

    async def listen(self) -> Network:
        """Get the state, and be told of every change from then on."""
        network: Network = await self._ask(
            "start_listening", {}, LISTEN_SECONDS, self._begin
        )
        return network

    async def refresh_controller(self) -> None:
        """Ask how the driver believes that the stick is; the stick is not asked."""
        result = await self.call("controller.get_state")
        controller = parse_controller(mapping(result.get("state")))
        if self.network is not None:
            self._change(with_controller(self.network, controller))

    async def probe(self) -> bool:
        """Ask the stick itself something; say whether that was possible.

        Reading the background noise or whether a node has failed transmits nothing.
        Raises `CommandTimeoutError` when the stick does not answer.
        """
        controller = self.network.controller if self.network else None
        match controller:
            case Controller(functions=known) if _GET_BACKGROUND_RSSI in known:
                await self.call("controller.get_background_rssi")
            case Controller(functions=known, own_node_id=int(own)) if (
                _IS_FAILED_NODE in known
            ):
                await self.call("controller.is_failed_node", nodeId=own)
            case _:
                return False
        return True

    async def soft_reset(self) -> None:
        """Restart the stick, which keeps everything that it knows."""
        await self._ask("driver.soft_reset", {}, RESET_SECONDS, lambda found: None)

    async def call(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Send a command and return its result.

        Raises `CommandTimeoutError` when no answer comes, or when the stick gives
        none, `NotFoundError` for what this server or stick does not know,
        `CommandRefusedError`, and `CannotConnectError` when the connection ends.
        """
        result: dict[str, Any] = await self._ask(
            command, arguments, COMMAND_SECONDS, lambda found: found
        )
        return result

    async def _ask[T](
        self,
        command: str,
        arguments: Mapping[str, Any],
        seconds: float,
        read: Callable[[dict[str, Any]], T],
    ) -> T:
        message_id = str(next(self._numbers))
        waiting = _Waiting(answered=asyncio.Future(), read=read)
        if self._reading.done():
            raise CannotConnectError("the connection has ended")
        self._waiting[message_id] = waiting
        try:
            async with asyncio.timeout(seconds):
                with failures():
                    await self._socket.send_str(encode(message_id, command, arguments))
                answer: T = await waiting.answered
                return answer
        except TimeoutError as err:
            raise CommandTimeoutError(
                f"{command} was not answered", seconds=f"{seconds:.0f}"
            ) from err
        finally:
            self._waiting.pop(message_id, None)

    # --- what comes ------------------------------------------------------------------

    async def _read(self) -> None:
        try:
            with failures():
                await self._read_all()
        except HomelabError as err:
            self._lost = err
        finally:
            for waiting in self._waiting.values():
                if not waiting.answered.done():
                    waiting.answered.set_exception(
                        CannotConnectError("the connection ended before the answer")
                    )

    async def _read_all(self) -> None:
        """Read until the end.

        aiohttp has a heartbeat of its own, which leaves its timer behind when the
        other side's farewell arrives while hanging up.
        """
        is_silent = False
        while True:
            # Nothing else gets through while a large state is on its way.
            patience = LISTEN_SECONDS if self.network is None else HEARTBEAT_SECONDS
            try:
                message = await self._socket.receive(patience)
            except TimeoutError:
                if is_silent:
                    raise
                is_silent = True
                await self._socket.ping()
                continue
            is_silent = False
            match message.type:
                case WSMsgType.TEXT:
                    await self._take(message.data)
                    # Messages that came together are not waited for, one after the
                    # other: whoever else wants the loop would have to wait for all.
                    await asyncio.sleep(0)
                case WSMsgType.PING:
                    await self._socket.pong(message.data)
                case WSMsgType.CLOSE | WSMsgType.CLOSING | WSMsgType.CLOSED:
                    return

    async def _take(self, text: str) -> None:
        """Take one message; what cannot be understood is passed over."""
        try:
            if len(text) > LARGE_MESSAGE:
                loop = asyncio.get_running_loop()
                message = await loop.run_in_executor(None, decode_large, text)
            else:
                message = decode(text)
        except ProtocolError as err:
            _LOGGER.debug("Passed over: %s", err)
            return
        match message:
            case {"type": "event", "event": {"event": "driver ready"}}:
                # It has another stick, or the same one anew: so is the state.
                raise CannotConnectError("the driver began anew")
            case {"type": "event", "event": event} if self.network is not None:
                self._change(apply_event(self.network, event, self.schema))
            case {"type": "result", "messageId": str(message_id)}:
                self._answer(message_id, message)

    def _answer(self, message_id: str, message: dict[str, Any]) -> None:
        waiting = self._waiting.get(message_id)
        if waiting is None or waiting.answered.done():
            return
        try:
            waiting.answered.set_result(waiting.read(result_of(message)))
        except HomelabError as err:
            waiting.answered.set_exception(err)

    def _begin(self, result: dict[str, Any]) -> Network:
        self.network = parse_network(result, self.version)
        return self.network

    def _change(self, network: Network) -> None:
        before, self.network = self.network, network
        if before is not None and before is not network:
            self._on_change(before, network)


async def _first_message(socket: aiohttp.ClientWebSocketResponse) -> ServerVersion:
    try:
        message = await socket.receive(CONNECT_SECONDS)
    except TimeoutError as err:
        raise RequestTimeoutError("the server does not say its version") from err
    if message.type is WSMsgType.TEXT:
        return parse_version(decode(message.data))
    if socket.close_code == WSCloseCode.TRY_AGAIN_LATER:
        raise DriverNotReadyError("the driver is not ready")
    if socket.closed:
        raise CannotConnectError("the server hung up")
    raise ProtocolError("the first message is no text")
