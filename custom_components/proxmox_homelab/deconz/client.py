"""The client of a gateway: its REST interface and its websocket.

Nothing here blocks, everything can be cancelled, and nothing is read without a limit.
The key is part of every path, so no path is ever logged or put into an error.
"""

import asyncio
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import orjson
from yarl import URL

from ..errors import (
    AuthenticationError,
    CannotConnectError,
    CommandRefusedError,
    HomelabError,
    NotFoundError,
    ProtocolError,
)
from ..values import load_json
from ..web import failures, read_bounded
from .models import GatewayConfig, Part, PartEvent, PartKey, PublicConfig
from .parse import (
    parse_config,
    parse_errors,
    parse_event,
    parse_key,
    parse_parts,
    parse_public_config,
)

DEFAULT_PORT: Final = 80

# Without it the gateway keeps to what a Hue bridge would say: no permit join.
_HEADERS: Final = {"Accept": "application/vnd.ddel.v1"}

# Two hundred devices are some 300 kB, one message of the websocket less than one.
_LARGEST_ANSWER: Final = 8 * 1024 * 1024
_LARGEST_MESSAGE: Final = 256 * 1024

# Numbers of errors: deconz-rest-doc, "Error handling".
_UNAUTHORIZED: Final = 1
_NOT_THERE: Final = (3, 4)
_LOCKED: Final = 101

_IGNORED: Final = (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.PONG)

_BUSY: Final = 503
_NOTHING_BEHIND: Final = (502, 504)


class DeconzClient:
    """Speaks with one gateway.

    Each method raises `CannotConnectError`, `RequestTimeoutError` or `ProtocolError`,
    `AuthenticationError` for a refused key and `CommandRefusedError` for what the
    gateway cannot do now, because it is busy or its stick is away.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        host: str,
        port: int = DEFAULT_PORT,
        key: str = "",
        seconds: float = 10.0,
        heartbeat: float = 30.0,
    ) -> None:
        """Prepare; nothing is sent.

        seconds: how long an answer may take.
        heartbeat: after how many seconds a quiet websocket is probed; it counts as
            lost when half of that goes by without an answer.
        """
        self._session = session
        self._host = host
        self._port = port
        self._key = quote(key, safe="")
        self._seconds = seconds
        self._heartbeat = heartbeat

    async def public_config(self) -> PublicConfig | None:
        """Return what the gateway tells anybody; old ones tell nothing, which is None.

        Raises `ProtocolError` for whatever is no deCONZ gateway.
        """
        try:
            return parse_public_config(await self._request("GET", "config"))
        except AuthenticationError, NotFoundError:
            return None

    async def request_key(self, application: str) -> str | None:
        """Ask for a key; None while the gateway is not unlocked."""
        try:
            answer = await self._request("POST", "", {"devicetype": application})
        except _LockedError:
            return None
        return parse_key(answer)

    async def config(self) -> GatewayConfig:
        """Return the configuration, which says how the radio is."""
        return parse_config(await self._request("GET", f"{self._key}/config"))

    async def parts(self) -> dict[PartKey, Part]:
        """Return all lights and sensors."""
        return parse_parts(await self._request("GET", self._key))

    async def permit_join(self, seconds: int) -> None:
        """Let devices join, or with 0 no more.

        The gateway takes the time from its own setting, whatever is asked for
        (rest_configuration.cpp of deconz-rest-plugin).
        """
        await self._request("PUT", f"{self._key}/config", {"permitjoin": seconds})

    async def listen(self, port: int) -> EventStream:
        """Connect to the websocket, which is on a port of its own and needs no key."""
        url = URL.build(scheme="ws", host=self._host, port=port, path="/")
        with failures():
            async with asyncio.timeout(self._seconds):
                socket = await self._session.ws_connect(
                    url,
                    autoping=False,
                    max_msg_size=_LARGEST_MESSAGE,
                    timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
                )
        return EventStream(socket, self._heartbeat)

    async def _request(self, method: str, path: str, body: Any = None) -> Any:
        url = URL.build(scheme="http", host=self._host, port=self._port).with_path(
            f"/api/{path}" if path else "/api", encoded=True
        )
        with failures():
            async with self._session.request(
                method,
                url,
                data=None if body is None else orjson.dumps(body),
                headers=_HEADERS,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=self._seconds),
            ) as response:
                content = await read_bounded(response, _LARGEST_ANSWER)
        return _read_answer(response.status, content)


class EventStream:
    """The open websocket; it must be closed."""

    def __init__(
        self, socket: aiohttp.ClientWebSocketResponse, heartbeat: float
    ) -> None:
        """Take over an open connection; `heartbeat` is how long it may be quiet."""
        self._socket = socket
        self._heartbeat = heartbeat

    async def next(self) -> PartEvent:
        """Wait for the next event about a light or sensor.

        Raises `CannotConnectError` when the connection has ended.
        """
        while True:
            message = await self._receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                if event := parse_event(message.data):
                    return event
            elif message.type is aiohttp.WSMsgType.PING:
                with failures():
                    await self._socket.pong(message.data)
            elif message.type not in _IGNORED:
                raise CannotConnectError("the websocket was closed")

    async def _receive(self) -> aiohttp.WSMessage:
        """Wait for any message, and probe the connection when there is none.

        The probing of aiohttp leaves a timer behind when the connection is closed.
        """
        with failures():
            with suppress(TimeoutError):
                return await self._socket.receive(self._heartbeat)
            await self._socket.ping()
            return await self._socket.receive(self._heartbeat / 2)

    async def close(self) -> None:
        """End the connection."""
        await self._socket.close()


class _LockedError(HomelabError):
    """The gateway gives no keys before it is unlocked."""


def _read_answer(status: int, content: bytes) -> Any:
    """Return the document of a good answer; raise the error of any other."""
    if status in _NOTHING_BEHIND:
        raise CannotConnectError(f"a proxy answers {status}")
    try:
        data = load_json(content, f"status {status}")
    except ProtocolError as err:
        if status == _BUSY:
            raise CommandRefusedError("busy", reason=f"status {status}") from err
        raise
    for number, description in parse_errors(data):
        raise _error(number, description)
    if not 200 <= status < 300:
        raise _error(None, f"status {status}")
    return data


def _error(number: int | None, description: str) -> HomelabError:
    said = f"error {number}: {description}"
    if number == _UNAUTHORIZED:
        return AuthenticationError(said)
    if number == _LOCKED:
        return _LockedError(said)
    if number in _NOT_THERE:
        return NotFoundError(said)
    return CommandRefusedError(said, reason=description or said)
