"""What a form says when something did not work: one table for every client error."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
import logging
from typing import Final

from ...errors import (
    AuthenticationError,
    CannotConnectError,
    CertificateError,
    CommandRefusedError,
    HomelabError,
    InvalidRequestError,
    NodeUnreachableError,
    NoQuorumError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    RequestTimeoutError,
    SecondFactorRequiredError,
)
from ..credentials import TokenFormatError

_LOGGER = logging.getLogger(__name__)

# The first class that fits decides, so subclasses stand before their bases.
_SENTENCES: Final[Mapping[type[HomelabError], str]] = {
    CertificateError: "certificate_changed",
    RequestTimeoutError: "timeout_connect",
    CannotConnectError: "cannot_connect",
    SecondFactorRequiredError: "totp_required",
    AuthenticationError: "invalid_auth",
    PermissionDeniedError: "permission_denied",
    ProtocolError: "not_proxmox",
    NotFoundError: "not_proxmox",
    NoQuorumError: "no_quorum",
    NodeUnreachableError: "node_unreachable",
    InvalidRequestError: "invalid_request",
    CommandRefusedError: "command_refused",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """The errors of a form by field, and what their sentences need.

    certificate: the other side presents another certificate than the confirmed one.
    credentials: the address is right and the credentials are not.
    """

    errors: dict[str, str]
    placeholders: Mapping[str, str] = field(default_factory=dict)
    certificate: bool = False
    credentials: bool = False


NO_PROBLEM: Final = Problem(errors={})


def explain(err: HomelabError) -> Problem:
    """Return what to tell about an error of a client."""
    key = next(
        (key for kind, key in _SENTENCES.items() if isinstance(err, kind)), "unknown"
    )
    errors = {"base": key}
    return Problem(
        errors=errors,
        placeholders=err.placeholders,
        certificate=isinstance(err, CertificateError),
        credentials=isinstance(err, AuthenticationError),
    )


def explain_token(err: TokenFormatError) -> Problem:
    """Return what to tell about a text that is no token."""
    return Problem(errors={"token": err.fault})


async def attempt[T](work: Awaitable[T]) -> T | Problem:
    """Return what `work` returns, or what to tell when it fails."""
    try:
        return await work
    except HomelabError as err:
        _LOGGER.debug("The flow goes on after an error: %s", err)
        return explain(err)
    except Exception:
        _LOGGER.exception("Unexpected error in the flow")
        return Problem(errors={"base": "unknown"})
