"""What clients of HTTP and websockets share: how it fails, and reading with a limit."""

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

from .errors import (
    CannotConnectError,
    CertificateError,
    ProtocolError,
    RequestTimeoutError,
)


@contextmanager
def failures() -> Iterator[None]:
    """Turn what aiohttp raises into a `HomelabError`.

    The causes are left behind: many of them name the whole address, and with it a key.
    """
    try:
        yield
    except aiohttp.ClientConnectorCertificateError:
        raise CertificateError("the certificate is not trusted") from None
    except aiohttp.ClientConnectorError as err:
        reason = type(err.os_error).__name__
        raise CannotConnectError(f"no connection: {reason}") from None
    except TimeoutError:
        raise RequestTimeoutError("no answer in time") from None
    except (aiohttp.ClientResponseError, aiohttp.InvalidURL) as err:
        raise ProtocolError(f"another service answers: {type(err).__name__}") from None
    except (aiohttp.ClientError, OSError) as err:
        raise CannotConnectError(f"connection lost: {type(err).__name__}") from None


async def read_bounded(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Return the body; raise `ProtocolError` when it has more than `most` bytes."""
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > most:
            raise ProtocolError(f"answer of more than {most} bytes")
    return bytes(body)
