"""The HTTPS servers of the simulated nodes: an address for each, one port for all.

The port also understands plain HTTP, which it answers with a redirect, and it can be
closed while the lab runs, so that a dead node really refuses connections.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
import gzip
import logging
import socket
import ssl
from time import monotonic
from weakref import WeakKeyDictionary

from aiohttp import web

from lab.pve.dispatch import Answer, Dispatcher, Incoming, Trace
from lab.pve.tls import ClusterTls

KEEP_ALIVE = 100.0
"""Seconds that an idle connection stays open (pveproxy.pm)."""
REQUESTS_PER_CONNECTION = 1000
_COMPRESS_ABOVE = 1024
_LARGEST_BODY = 512 * 1024
_TLS_HANDSHAKE = b"\x16"
_FIRST_BYTE_TIMEOUT = 30.0
_PORT_ATTEMPTS = 20
_KEPT_RECORDS = 50_000
_HEADERS = {
    "Cache-Control": "max-age=0",
    "Pragma": "no-cache",
    "Server": "pve-api-daemon/3.0",
}

_LOGGER = logging.getLogger(__name__)

type WebHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """One answered request.

    `bytes` is the size of the body on the wire; secrets in `params` are masked.
    """

    node: str
    method: str
    path: str
    params: Mapping[str, object]
    user: str
    status: int
    seconds: float
    bytes: int


class Listener:
    """The open port of one node."""

    def __init__(
        self, context: ssl.SSLContext, secure: WebHandler, plain: WebHandler
    ) -> None:
        self._context = context
        self._secure = web.Server(
            secure, access_log=None, keepalive_timeout=KEEP_ALIVE, lingering_time=0.0
        )
        self._plain = web.Server(
            plain, access_log=None, keepalive_timeout=0.0, lingering_time=0.0
        )
        self._socket: socket.socket | None = None
        self._greetings: set[asyncio.Task[None]] = set()

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._secure.connections)

    def open(self, address: str, port: int) -> int:
        """Listen on an address; port 0 picks a free one. Returns the port."""
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((address, port))
            listening.listen(512)
        except OSError:
            listening.close()
            raise
        listening.setblocking(False)
        asyncio.get_running_loop().add_reader(listening, self._accept)
        self._socket = listening
        return int(listening.getsockname()[1])

    def close(self) -> None:
        """Refuse connections from now on and drop those that are open."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        for greeting in self._greetings:
            greeting.cancel()
        for server in (self._secure, self._plain):
            for connection in server.connections:
                if connection.transport is not None:
                    connection.transport.abort()

    async def stop(self) -> None:
        """Close and wait until nothing is left running."""
        self.close()
        await asyncio.gather(*self._greetings, return_exceptions=True)
        for server in (self._secure, self._plain):
            await server.shutdown(0.0)

    def _accept(self) -> None:
        if self._socket is None:
            return
        try:
            connection, _ = self._socket.accept()
        except OSError:
            return
        connection.setblocking(False)
        greeting = asyncio.get_running_loop().create_task(self._greet(connection))
        self._greetings.add(greeting)
        greeting.add_done_callback(self._greetings.discard)

    async def _greet(self, connection: socket.socket) -> None:
        """Look at the first byte: TLS goes to the API, all else to the redirect."""
        loop = asyncio.get_running_loop()
        try:
            first = await asyncio.wait_for(_peek(connection), _FIRST_BYTE_TIMEOUT)
            if first == _TLS_HANDSHAKE:
                await loop.connect_accepted_socket(
                    self._secure, connection, ssl=self._context
                )
            elif first:
                await loop.connect_accepted_socket(self._plain, connection)
            else:
                connection.close()
        except (OSError, TimeoutError, ssl.SSLError) as error:
            _LOGGER.debug("Connection ended before its first request: %r", error)
            connection.close()
        except asyncio.CancelledError:
            connection.close()
            raise


async def _peek(connection: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(connection, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(connection)
    return connection.recv(1, socket.MSG_PEEK)


class PveServer:
    """The API of the whole cluster, reachable at every node.

    `addresses` maps each node to its loopback address; the one `port` of all of them is
    known after `start`.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        tls: ClusterTls,
        addresses: Mapping[str, str],
        *,
        port: int = 0,
    ) -> None:
        self.dispatcher = dispatcher
        self.tls = tls
        self.addresses = dict(addresses)
        self.port = port
        self.requests: list[RequestRecord] = []
        self._served: WeakKeyDictionary[asyncio.Transport, int] = WeakKeyDictionary()
        self._listeners: dict[str, Listener] = {}
        dispatcher.faults.node_listeners.append(self._on_node)

    async def start(self) -> None:
        """Open the port of every node that is not dead."""
        for node in self.addresses:
            context = self.tls.context(node)
            self._listeners[node] = Listener(
                context, self._handler(node), self._redirect
            )
        living = [
            node for node in self.addresses if node not in self.dispatcher.faults.dead
        ]
        wanted = self.port
        for attempt in range(_PORT_ATTEMPTS):
            try:
                for node in living:
                    self.port = self._listeners[node].open(
                        self.addresses[node], self.port
                    )
            except OSError:
                # A port that was free on one address may be taken on the next.
                for node in living:
                    self._listeners[node].close()
                if wanted or attempt == _PORT_ATTEMPTS - 1:
                    raise
                self.port = 0
            else:
                return

    async def stop(self) -> None:
        """Close everything."""
        for listener in self._listeners.values():
            await listener.stop()

    def host(self, node: str) -> str:
        """The address of a node."""
        return self.addresses[node]

    def url(self, node: str) -> str:
        """The address of a node's API."""
        return f"https://{self.addresses[node]}:{self.port}"

    def _on_node(self, node: str, alive: bool) -> None:
        listener = self._listeners.get(node)
        if listener is None:
            return
        if alive:
            listener.open(self.addresses[node], self.port)
        else:
            listener.close()

    def _handler(self, node: str) -> WebHandler:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await self._handle(node, request)

        return handle

    async def _handle(self, node: str, request: web.BaseRequest) -> web.StreamResponse:
        started = monotonic()
        chunked = request.headers.get("Transfer-Encoding") is not None
        body = b"" if chunked else await request.read()
        target = request.raw_path
        incoming = Incoming(
            node=node,
            method=request.method,
            target=target,
            headers=request.headers,
            body=body,
        )
        trace = Trace()
        if len(body) > _LARGEST_BODY:
            answer = Answer(
                status=501, reason="for data too large", content_type="text/html"
            )
        else:
            answer = await self.dispatcher.answer(incoming, trace)
        response = self._response(request, answer)
        size = len(response.body) if isinstance(response.body, bytes) else 0
        self._record(incoming, trace, answer, monotonic() - started, size)
        if answer.cut:
            _cut(request, response)
        return response

    def _response(self, request: web.BaseRequest, answer: Answer) -> web.Response:
        headers = {**_HEADERS, "Content-Type": answer.content_type}
        body = answer.body
        accepted = request.headers.get("Accept-Encoding", "")
        if len(body) > _COMPRESS_ABOVE and "gzip" in accepted:
            body = gzip.compress(body, 6, mtime=0)
            headers["Content-Encoding"] = "gzip"
        response = web.Response(
            status=answer.status, reason=answer.reason, body=body, headers=headers
        )
        if answer.status >= 400 or self._count(request) >= REQUESTS_PER_CONNECTION:
            response.force_close()
        return response

    def _count(self, request: web.BaseRequest) -> int:
        """How many requests came over this connection."""
        if request.transport is None:
            return 0
        self._served[request.transport] = self._served.get(request.transport, 0) + 1
        return self._served[request.transport]

    def _record(
        self,
        incoming: Incoming,
        trace: Trace,
        answer: Answer,
        seconds: float,
        size: int,
    ) -> None:
        record = RequestRecord(
            node=incoming.node,
            method=incoming.method,
            path=incoming.path,
            params=trace.params,
            user=trace.user,
            status=int(answer.status),
            seconds=seconds,
            bytes=size,
        )
        self.requests.append(record)
        if len(self.requests) > _KEPT_RECORDS:
            del self.requests[: _KEPT_RECORDS // 2]

    async def _redirect(self, request: web.BaseRequest) -> web.StreamResponse:
        """What the port answers to plain HTTP."""
        status = 301 if request.method == "GET" else 308
        response = web.Response(
            status=status,
            headers={"Location": f"https://{request.host}{request.raw_path}"},
        )
        response.force_close()
        return response


def _cut(request: web.BaseRequest, response: web.Response) -> None:
    """Send the head and half of the body, then hang up."""
    transport = request.transport
    if transport is None:
        return
    with closing(transport):
        body = response.body if isinstance(response.body, bytes) else b""
        if not body:
            return
        head = f"HTTP/1.1 {response.status} {response.reason}\r\n"
        head += f"Content-Length: {len(body)}\r\n"
        encoding = response.headers.get("Content-Encoding")
        head += f"Content-Encoding: {encoding}\r\n" if encoding else ""
        head += f"Content-Type: {response.headers['Content-Type']}\r\n\r\n"
        transport.write(head.encode() + body[: len(body) // 2])
