"""The errors that every client of this integration raises.

One tree for all sources, without any Home Assistant import. The upper floor
translates a class into a Home Assistant error by its `key` in one table
(`coordinator.py`); `placeholders` fill the translated sentence.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar


class HomelabError(Exception):
    """Base of all errors that a client raises.

    `key` names the translated sentence in `exceptions`; the message of the
    exception itself is for the log and never contains a secret.
    """

    key: ClassVar[str] = "unknown_error"

    def __init__(self, message: str, **placeholders: str) -> None:
        """Keep the text for the log and the parts of the translated sentence."""
        super().__init__(message)
        self.placeholders: Mapping[str, str] = placeholders or {}


class CannotConnectError(HomelabError):
    """The address does not answer: refused, no route, name not found, cut off."""

    key = "cannot_connect"


class RequestTimeoutError(CannotConnectError):
    """The address accepted the request and did not answer in time."""

    key = "timeout_connect"


class CertificateError(CannotConnectError):
    """The certificate is neither publicly trusted nor the one that was confirmed.

    `fingerprint` is the SHA-256 of the certificate that was presented, as
    colon separated upper-case hex, the form that Proxmox VE shows.
    """

    key = "certificate_untrusted"

    def __init__(self, message: str, *, fingerprint: str = "") -> None:
        """Keep the fingerprint that a person may compare and confirm."""
        super().__init__(message, fingerprint=fingerprint)
        self.fingerprint = fingerprint


class CertificateChangedError(CertificateError):
    """A certificate was confirmed earlier and another one is presented now."""

    key = "certificate_changed"


class AuthenticationError(HomelabError):
    """The credentials were refused: wrong, expired, revoked or disabled."""

    key = "invalid_auth"


class SecondFactorRequiredError(AuthenticationError):
    """The password is right and the account also wants a one-time code."""

    key = "totp_required"


class PermissionDeniedError(HomelabError):
    """The credentials are right and lack a privilege on a path."""

    key = "permission_denied"

    def __init__(self, message: str, *, path: str, privileges: Sequence[str]) -> None:
        """Keep where which privilege is missing; any one of them is enough."""
        super().__init__(message, path=path, privilege=" | ".join(privileges))
        self.path = path
        self.privileges = tuple(privileges)


class InvalidRequestError(HomelabError):
    """The source refused a parameter; `errors` maps a parameter to the reason."""

    key = "invalid_request"

    def __init__(self, message: str, *, errors: Mapping[str, str]) -> None:
        """Keep the reasons by parameter."""
        super().__init__(
            message, reasons="; ".join(f"{name}: {why}" for name, why in errors.items())
        )
        self.errors = dict(errors)


class NotFoundError(HomelabError):
    """The thing, or the method of this version of the source, does not exist."""

    key = "not_found"


class NodeUnreachableError(HomelabError):
    """The contacted member answers, the node that the request is for does not."""

    key = "node_unreachable"


class NoQuorumError(HomelabError):
    """The cluster has lost its majority: it can be read and not changed."""

    key = "no_quorum"


class GuestLockedError(HomelabError):
    """The guest is locked by an operation in progress, such as a backup."""

    key = "guest_locked"


class CommandRefusedError(HomelabError):
    """The source understood the request and refused it with a sentence."""

    key = "command_refused"


class CommandTimeoutError(HomelabError):
    """The source took the request and did not answer it within `seconds`."""

    key = "command_timeout"


class UnsupportedVersionError(HomelabError):
    """The source speaks a `version` of its protocol older than `needed`."""

    key = "unsupported_version"


class ProtocolError(HomelabError):
    """The answer is not what the source documents (an HTML page, broken JSON)."""

    key = "protocol_error"


class TaskFailedError(HomelabError):
    """A task of the source ended with an error; `log` holds its last lines."""

    key = "task_failed"

    def __init__(self, message: str, *, exit_status: str, log: Sequence[str]) -> None:
        """Keep how the task ended."""
        super().__init__(message, exit_status=exit_status, log="\n".join(log))
        self.exit_status = exit_status
        self.log = tuple(log)


class TaskTimeoutError(HomelabError):
    """A task of the source had not ended at the deadline; it may go on there."""

    key = "task_timeout"
