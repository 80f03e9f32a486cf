"""Tickets, CSRF tokens and time based codes, as the login of Proxmox VE uses them."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
import hashlib
import hmac
from http import HTTPStatus
import json
import secrets
import time
from urllib.parse import quote

from lab.pve.api import ApiError

TICKET_LIFE = 2 * 60 * 60
"""Seconds that a ticket and its CSRF token are good for."""
_CLOCK_TOLERANCE = 300
_TOTP_STEP = 30
_TOTP_WINDOW = 1
_TOTP_FAILURES = 8


def totp_code(secret: str, step: int) -> str:
    """The six digits of RFC 6238 (SHA-1).

    `secret` is base32, `step` the number of 30 s steps since the epoch.
    """
    key = base64.b32decode(secret.upper() + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


@dataclass(slots=True, kw_only=True)
class TotpFactor:
    """One authenticator: a code is accepted once, eight wrong ones lock it."""

    id: str
    secret: str
    description: str = ""
    created: int = 0
    enabled: bool = True
    failures: int = 0
    last_step: int = -1
    skew: int = 0

    @property
    def locked(self) -> bool:
        """Whether too many wrong codes were tried."""
        return self.failures >= _TOTP_FAILURES

    def current_code(self, now: float) -> str:
        """A code that has not been used yet.

        Instead of waiting for the next one, the authenticator's clock is moved on.
        """
        step = int(now) // _TOTP_STEP
        while step + self.skew <= self.last_step:
            self.skew += 1
        return totp_code(self.secret, step + self.skew)

    def accepts(self, code: str, now: float) -> bool:
        """Check a code and remember the outcome."""
        if self.locked or not self.enabled:
            return False
        middle = int(now) // _TOTP_STEP + self.skew
        for step in range(middle - _TOTP_WINDOW, middle + _TOTP_WINDOW + 1):
            if step > self.last_step and hmac.compare_digest(
                totp_code(self.secret, step).encode(), code.encode()
            ):
                self.last_step = step
                self.failures = 0
                return True
        self.failures += 1
        return False


@dataclass(kw_only=True)
class TicketAuthority:
    """Signs and checks tickets with the key that all nodes of a cluster share."""

    clock: Callable[[], float] = time.time
    life: float = TICKET_LIFE
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def issue(self, userid: str) -> str:
        """A ticket for a user who has shown everything that is asked for."""
        return self._assemble(userid, userid)

    def challenge(self, userid: str) -> str:
        """The ticket that only allows to answer the question for the second factor."""
        question = json.dumps({"totp": True}, separators=(",", ":"))
        return self._assemble(f"!tfa!{quote(question, safe='')}", userid)

    def csrf(self, userid: str) -> str:
        """The token that every call but GET needs beside a ticket."""
        stamp = f"{int(self.clock()):08X}"
        return f"{stamp}:{self._sign(f'csrf:{stamp}:{userid}')}"

    def user_of(self, ticket: str) -> str | None:
        """The user of a complete and current ticket."""
        parts = ticket.split(":")
        if len(parts) != 5 or parts[0] != "PVE" or parts[1].startswith("!tfa!"):
            return None
        return parts[1] if self._valid(ticket, parts[1]) else None

    def verify(self, ticket: str) -> str:
        """`user_of`, or the 401 of the real server."""
        userid = self.user_of(ticket)
        if userid is None:
            raise ApiError(
                HTTPStatus.UNAUTHORIZED, "permission denied - invalid PVE ticket"
            )
        return userid

    def is_challenge_of(self, ticket: str, userid: str) -> bool:
        """Whether this is a current challenge for that user."""
        return ticket.startswith("PVE:!tfa!") and self._valid(ticket, userid)

    def verify_csrf(self, userid: str, token: str | None) -> None:
        """Raise the 401 unless the token belongs to the user and is current."""
        stamp, _, signature = (token or "").partition(":")
        expected = self._sign(f"csrf:{stamp}:{userid}")
        if not hmac.compare_digest(
            expected.encode(), signature.encode()
        ) or not self._current(stamp):
            raise ApiError(
                HTTPStatus.UNAUTHORIZED, "Permission denied - invalid csrf token"
            )

    def _assemble(self, content: str, audience: str) -> str:
        plain = f"PVE:{content}:{int(self.clock()):08X}"
        return f"{plain}::{self._sign(f'{plain}:{audience}')}"

    def _valid(self, ticket: str, audience: str) -> bool:
        plain, separator, signature = ticket.partition("::")
        expected = self._sign(f"{plain}:{audience}")
        if not separator or not hmac.compare_digest(
            expected.encode(), signature.encode()
        ):
            return False
        return self._current(plain.rpartition(":")[2])

    def _current(self, stamp: str) -> bool:
        age = self.clock() - int(stamp, 16)
        return -_CLOCK_TOLERANCE < age < self.life

    def _sign(self, text: str) -> str:
        return (
            base64.b64encode(hmac.digest(self._key, text.encode(), hashlib.sha256))
            .decode()
            .rstrip("=")
        )
