"""The web side of zwave-js-ui 11: whether it is well, and its version."""

import asyncio
from typing import Final

import aiohttp
from yarl import URL

from ...errors import ProtocolError
from ...web import failures, read_bounded
from ..models import UiVersion
from ..parse import parse_ui_version
from ..protocol import decode

REQUEST_SECONDS: Final = 10.0
_LARGEST_ANSWER: Final = 64 << 10


class UiClient:
    """Asks zwave-js-ui without a login.

    Its single-page application swallows whatever would also accept HTML and answers
    its page with status 200: each request names the one form that it accepts, and
    only the documented answers count.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        """Prepare; nothing is asked yet."""
        self._session = session
        self._url = URL(url)

    async def version(self) -> UiVersion:
        """Return its version; `ProtocolError` when something else answers."""
        status, text = await self._get("version", "application/json")
        if status != 200:
            raise ProtocolError(f"status {status} instead of a version")
        return parse_ui_version(decode(text))

    async def is_healthy(self) -> bool:
        """Say whether its driver has the stick."""
        status, text = await self._get("health/zwave", "text/plain")
        match status, text.strip():
            case 200, "Ok":
                return True
            case 500, "Error":
                return False
        raise ProtocolError(f"status {status} instead of a health")

    async def _get(self, path: str, accept: str) -> tuple[int, str]:
        with failures():
            async with (
                asyncio.timeout(REQUEST_SECONDS),
                self._session.get(
                    self._url / path,
                    headers={"Accept": accept},
                    allow_redirects=False,
                ) as response,
            ):
                body = await read_bounded(response, _LARGEST_ANSWER)
                return response.status, body.decode(errors="replace")
