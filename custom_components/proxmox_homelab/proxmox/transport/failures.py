"""Why a member could not be asked, and whether the request may have reached it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import aiohttp

from ...errors import (
    CannotConnectError,
    CertificateError,
    HomelabError,
    ProtocolError,
    RequestTimeoutError,
)
from ..trust import normal_fingerprint


class MemberError(Exception):
    """One member failed.

    error: what it means when no other member can help.
    may_be_sent: whether the request may have been carried out.
    presented: the SHA-256 of a certificate that was not accepted, "" when it is
        not known; None when the certificate was not the reason.
    """

    def __init__(
        self,
        error: CannotConnectError,
        *,
        may_be_sent: bool = False,
        presented: str | None = None,
    ) -> None:
        """Keep what is known."""
        super().__init__(str(error))
        self.error = error
        self.may_be_sent = may_be_sent
        self.presented = presented


@contextmanager
def request_failures(host: str) -> Iterator[None]:
    """Turn what aiohttp raises for a request to `host` into a `MemberError`.

    An answer that is not HTTP is a `ProtocolError`.
    """
    try:
        yield
    except aiohttp.ServerFingerprintMismatch as err:
        raise MemberError(
            CertificateError(f"{host}: not the confirmed certificate"),
            presented=normal_fingerprint(err.got.hex()),
        ) from err
    except aiohttp.ClientConnectorCertificateError as err:
        raise MemberError(
            CertificateError(f"{host}: {err.certificate_error}"), presented=""
        ) from err
    except aiohttp.ClientConnectorError as err:
        raise MemberError(
            CannotConnectError(f"{host}: {err.os_error}", host=host)
        ) from err
    except aiohttp.ConnectionTimeoutError as err:
        raise MemberError(
            RequestTimeoutError(f"{host} does not answer", host=host)
        ) from err
    except (aiohttp.ClientResponseError, aiohttp.InvalidURL) as err:
        raise ProtocolError(f"{host}: {type(err).__name__}") from err
    except TimeoutError as err:
        raise MemberError(
            RequestTimeoutError(f"{host} did not answer in time", host=host),
            may_be_sent=True,
        ) from err
    except (aiohttp.ClientError, OSError) as err:
        raise MemberError(
            CannotConnectError(f"{host}: {str(err) or type(err).__name__}", host=host),
            may_be_sent=True,
        ) from err


def may_go_on(failure: MemberError, method: str, path: str) -> bool:
    """Say whether another member may be asked the same.

    A command that may have been sent is never repeated. A time-out for one node
    says nothing about the contacted member: any other would wait just as long.
    """
    if not failure.may_be_sent:
        return True
    if method != "GET":
        return False
    timed_out = isinstance(failure.error, RequestTimeoutError)
    return not (timed_out and path.startswith("nodes/"))


def most_telling(failures: Sequence[MemberError]) -> HomelabError:
    """Return the error for a request that no member answered.

    A certificate is only to blame when nothing else is, since that is not healed
    by trying again later.
    """
    errors = [failure.error for failure in failures]
    for error in errors:
        if not isinstance(error, CertificateError):
            return error
    return errors[0]
