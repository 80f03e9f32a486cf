"""A TCP port on loopback that can be closed and opened again while the lab runs."""

import asyncio
from collections.abc import Awaitable, Callable
import ssl

from aiohttp import web

type WebHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Port:
    """Serves HTTP, and websockets over it, on 127.0.0.1."""

    def __init__(
        self, handler: WebHandler, number: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        """Choose the port, 0 for any that is free; it stays the same afterwards."""
        self._handler = handler
        self._number = number
        self._tls = tls
        self._http: web.Server | None = None
        self._listening: asyncio.Server | None = None

    @property
    def number(self) -> int | None:
        """The port, None before it was first open without a wish for one."""
        return self._number or None

    @property
    def is_open(self) -> bool:
        """Whether connections are accepted."""
        return self._listening is not None

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return 0 if self._http is None else len(self._http.connections)

    async def open(self) -> None:
        """Accept connections."""
        if self._listening is not None:
            return
        self._http = web.Server(
            self._handler,
            access_log=None,
            lingering_time=0.0,
            handler_cancellation=True,
        )
        self._listening = await asyncio.get_running_loop().create_server(
            self._http, "127.0.0.1", self._number, reuse_address=True, ssl=self._tls
        )
        self._number = self._listening.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Refuse connections and cut those that are open, as a dying process does."""
        if self._listening is None or self._http is None:
            return
        listening, http = self._listening, self._http
        self._listening = self._http = None
        listening.close()
        self._cut(http)
        await http.shutdown(0.0)

    def cut(self) -> None:
        """Cut the connections that are open and go on accepting others."""
        if self._http is not None:
            self._cut(self._http)

    def _cut(self, http: web.Server) -> None:
        for connection in http.connections:
            if connection.transport is not None:
                connection.transport.abort()
