"""One line of JSON in, one line of JSON out."""

import asyncio
from collections.abc import Awaitable, Callable
import json
import traceback
from typing import Any

type Answer = Callable[[str, dict[str, Any]], Awaitable[Any]]


class ProbeServer:
    """Listens on loopback for the bench."""

    def __init__(self, answer: Answer) -> None:
        """Remember who answers; nothing listens yet."""
        self._answer = answer
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen, and return the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while line := await reader.readline():
            writer.write(json.dumps(await self._answered(line)).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def _answered(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            return {"result": await self._answer(request.pop("command"), request)}
        except Exception:  # noqa: BLE001 - the bench is told, whatever it is
            return {"error": traceback.format_exc()}
