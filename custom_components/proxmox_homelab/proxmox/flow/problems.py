"""What a form says when something did not work: one table for every client error."""

from collections.abc import Awaitable
from typing import Final

from ... import flow as shared
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
from ...flow import NO_PROBLEM, Problem
from ..credentials import TokenFormatError

__all__ = ["NO_PROBLEM", "Problem", "attempt", "explain", "explain_token"]

_SENTENCES: Final[shared.Sentences] = {
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


def explain(err: HomelabError) -> Problem:
    """Return what to tell about an error of a client."""
    return shared.explain(err, _SENTENCES)


def explain_token(err: TokenFormatError) -> Problem:
    """Return what to tell about a text that is no token."""
    return Problem(errors={"token": err.fault})


async def attempt[T](work: Awaitable[T]) -> T | Problem:
    """Return what `work` returns, or what to tell when it fails."""
    return await shared.attempt(work, _SENTENCES)
