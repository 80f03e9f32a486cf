"""The header that proves who asks: a token, or a ticket that is renewed in time."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import quote

from ...errors import AuthenticationError, ProtocolError, SecondFactorRequiredError
from ..credentials import PasswordCredentials, TokenCredentials

# A ticket lives 2 h; it is renewed early enough to survive an hour without answer.
_RENEW_AFTER_SECONDS: Final = 3600.0
# Logging in again and again with a refused password may lock the account.
_REFUSED_SECONDS: Final = 30.0
_CHALLENGE: Final = "PVE:!tfa!"

type LogIn = Callable[[dict[str, str]], Awaitable[Any]]
type Headers = dict[str, str]


class Authorization(Protocol):
    """What proves who asks."""

    async def headers(self, method: str) -> Headers:
        """Return the headers for a request."""

    def drop(self, headers: Headers) -> bool:
        """Note that `headers` were refused; say whether new ones can be had."""


class TokenAuthorization:
    """An API token: needs no login, and there is no other when it is refused."""

    def __init__(self, credentials: TokenCredentials) -> None:
        """Keep the token."""
        self._value = f"PVEAPIToken={credentials.token_id}={credentials.secret}"

    async def headers(self, method: str) -> Headers:
        """Return the header with the token."""
        return {"Authorization": self._value}

    def drop(self, headers: Headers) -> bool:
        """Say that a refused token stays refused."""
        return False


@dataclass(frozen=True, slots=True)
class _Ticket:
    value: str
    csrf_token: str
    obtained: float

    def headers(self, method: str) -> Headers:
        headers = {"Cookie": f"PVEAuthCookie={quote(self.value, safe='')}"}
        if method != "GET":
            headers["CSRFPreventionToken"] = self.csrf_token
        return headers


class TicketAuthorization:
    """A ticket for a user and password, obtained and renewed under one lock.

    `log_in` sends `POST /access/ticket` with the given parameters.
    """

    def __init__(
        self,
        credentials: PasswordCredentials,
        log_in: LogIn,
        clock: Callable[[], float],
    ) -> None:
        """Prepare; the first request logs in."""
        self._credentials = credentials
        self._totp = credentials.totp
        self._log_in = log_in
        self._clock = clock
        self._lock = asyncio.Lock()
        self._ticket: _Ticket | None = None
        self._refusal: tuple[AuthenticationError, float] | None = None

    async def headers(self, method: str) -> Headers:
        """Return the headers of a ticket that is not about to expire."""
        async with self._lock:
            if self._ticket is None:
                self._ticket = await self._from_password()
            elif self._clock() - self._ticket.obtained > _RENEW_AFTER_SECONDS:
                self._ticket = await self._renewed(self._ticket)
            return self._ticket.headers(method)

    def drop(self, headers: Headers) -> bool:
        """Forget the ticket, unless another request has replaced it meanwhile."""
        if self._ticket and self._ticket.headers("GET")["Cookie"] == headers["Cookie"]:
            self._ticket = None
        return True

    async def _renewed(self, ticket: _Ticket) -> _Ticket:
        """Return a ticket for a ticket, which asks for no second factor."""
        try:
            return self._read(await self._ask(ticket.value))
        except AuthenticationError:
            return await self._from_password()

    async def _from_password(self) -> _Ticket:
        if self._refusal is not None:
            error, when = self._refusal
            if self._clock() - when < _REFUSED_SECONDS:
                raise type(error)(str(error))
        try:
            answer = await self._ask(self._credentials.password)
            if answer.get("NeedTFA") or str(answer.get("ticket")).startswith(
                _CHALLENGE
            ):
                answer = await self._answer_challenge(str(answer.get("ticket")))
        except AuthenticationError as err:
            self._refusal = (err, self._clock())
            raise
        self._refusal = None
        return self._read(answer)

    async def _answer_challenge(self, challenge: str) -> Mapping[str, Any]:
        # A one-time code is worth one login: the next one would be a guess that
        # counts towards locking the account.
        code, self._totp = self._totp, None
        if code is None:
            raise SecondFactorRequiredError(
                f"{self._credentials.username} needs a one-time code"
            )
        return await self._ask(f"totp:{code}", {"tfa-challenge": challenge})

    async def _ask(
        self, password: str, more: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        answer = await self._log_in(
            {
                "username": self._credentials.username,
                "password": password,
                **(more or {}),
            }
        )
        if not isinstance(answer, dict):
            raise ProtocolError("the answer to the login is no ticket")
        return answer

    def _read(self, answer: Mapping[str, Any]) -> _Ticket:
        value, csrf = answer.get("ticket"), answer.get("CSRFPreventionToken")
        if not isinstance(value, str) or not isinstance(csrf, str):
            raise ProtocolError("the answer to the login is no ticket")
        return _Ticket(value, csrf, self._clock())
