"""What aiohttp raises, as errors of this integration."""

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

from ...errors import (
    CannotConnectError,
    CertificateError,
    ProtocolError,
    RequestTimeoutError,
)


@contextmanager
def failures() -> Iterator[None]:
    """Turn what aiohttp raises into a `HomelabError`; texts without any address."""
    try:
        yield
    except aiohttp.ClientConnectorCertificateError as err:
        raise CertificateError("the certificate is not trusted") from err
    except aiohttp.ClientConnectorError as err:
        reason = type(err.os_error).__name__
        raise CannotConnectError(f"no connection: {reason}") from err
    except TimeoutError as err:
        raise RequestTimeoutError("no answer in time") from err
    except (aiohttp.ClientResponseError, aiohttp.InvalidURL) as err:
        raise ProtocolError(f"another service answers: {type(err).__name__}") from err
    except (aiohttp.ClientError, OSError) as err:
        raise CannotConnectError(f"the connection broke: {type(err).__name__}") from err
