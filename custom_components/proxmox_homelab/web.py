"""Answers of HTTP, read with a limit: nobody fills the memory of Home Assistant."""

import aiohttp

from .errors import ProtocolError


async def read_bounded(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Return the body; raise `ProtocolError` when it has more than `most` bytes."""
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > most:
            raise ProtocolError(f"answer of more than {most} bytes")
    return bytes(body)
