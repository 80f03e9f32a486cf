"""How a request goes out: whose turn it is, to which member, with which proof.

Nothing here blocks, everything can be cancelled. Facts about the wire: pve-http-server
and pveproxy of Proxmox VE 9.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, Final
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from ...address import url_host
from ...errors import AuthenticationError, HomelabError
from ...web import read_bounded
from ..credentials import Credentials, PasswordCredentials
from ..resource import ParamValue
from ..trust import Trust
from .answers import read_data, read_error
from .certificates import Certificates, Trusted
from .failures import MemberError, may_go_on, most_telling, request_failures
from .tickets import Authorization, TicketAuthorization, TokenAuthorization

# A refused login is answered 3 s late, so nothing may be shorter than that.
DEFAULT_SECONDS: Final = 15.0
# The contacted member gives another one 30 s before it answers 596.
FORWARDED_SECONDS: Final = 40.0
_CONNECT_SECONDS: Final = 5.0

# Three hanging calls would occupy all workers of a node and block its web page.
_CALLS_PER_NODE: Final = 2
# What may hang for long gets one of the two places only.
_SLOW_AREAS: Final = frozenset({"storage", "disks", "apt"})

_LARGEST_ANSWER: Final = 32 * 1024 * 1024
_WITH_BODY: Final = frozenset({"POST", "PUT"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One request; `form` holds its encoded parameters. Both may hold secrets."""

    method: str
    path: str
    form: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    seconds: float


class Transport:
    """Sends requests, follows members that die, and keeps the login alive."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        hosts: Sequence[str],
        port: int,
        credentials: Credentials,
        trust: Trust,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Prepare; nothing is sent. `clock` tells the age of a ticket in seconds."""
        if not hosts:
            raise ValueError("a client needs a host")
        self._session = session
        self._hosts = list(hosts)
        self._port = port
        self.certificates = Certificates(trust, port)
        self._gates: dict[str, asyncio.Semaphore] = {}
        self._authorization: Authorization
        if isinstance(credentials, PasswordCredentials):
            self._authorization = TicketAuthorization(credentials, self._log_in, clock)
        else:
            self._authorization = TokenAuthorization(credentials)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The known addresses, the one in use first."""
        return tuple(self._hosts)

    def add_hosts(self, hosts: Iterable[str]) -> None:
        """Learn addresses to fall back to."""
        self._hosts += [host for host in dict.fromkeys(hosts) if host not in self.hosts]

    async def request(
        self,
        method: str,
        path: str,
        params: Mapping[str, ParamValue],
        *,
        timeout: float | None = None,
    ) -> Any:
        """Send and return `data` of the answer; raise errors of `errors.py`.

        `timeout` is in seconds per attempt, counted from when it is this call's turn.
        Only a GET, and what certainly was not sent, is tried at another member.
        """
        call = _Call(
            method=method,
            path=path,
            form=encode_params(params),
            headers={},
            seconds=timeout or DEFAULT_SECONDS,
        )
        async with self._turn(path):
            headers = await self._authorization.headers(method)
            try:
                return await self._send(replace(call, headers=headers))
            except AuthenticationError:
                if not self._authorization.drop(headers):
                    raise
            headers = await self._authorization.headers(method)
            return await self._send(replace(call, headers=headers))

    async def _log_in(self, params: dict[str, str]) -> Any:
        call = _Call(
            method="POST",
            path="access/ticket",
            form=encode_params(params),
            headers={},
            seconds=DEFAULT_SECONDS,
        )
        return await self._send(call)

    @asynccontextmanager
    async def _turn(self, path: str) -> AsyncGenerator[None]:
        """Wait until the node that the path is about has a place for the call."""
        parts = path.split("/")
        if len(parts) < 2 or parts[0] != "nodes":
            async with self._gate(f"@{self._hosts[0]}", _CALLS_PER_NODE):
                yield
            return
        node = self._gate(parts[1], _CALLS_PER_NODE)
        if len(parts) > 2 and parts[2] in _SLOW_AREAS:
            async with self._gate(f"{parts[1]}/slow", _CALLS_PER_NODE - 1), node:
                yield
            return
        async with node:
            yield

    def _gate(self, name: str, places: int) -> asyncio.Semaphore:
        if name not in self._gates:
            self._gates[name] = asyncio.Semaphore(places)
        return self._gates[name]

    async def _send(self, call: _Call) -> Any:
        """Send to the first member that can be reached.

        No further member is tried once that took longer than two answers may.
        """
        failures: list[MemberError] = []
        until = monotonic() + 2 * call.seconds
        for host in self.hosts:
            if failures and monotonic() > until:
                break
            try:
                answer = await self._send_to(host, call)
            except MemberError as failure:
                failures.append(failure)
                if may_go_on(failure, call.method, call.path):
                    continue
                break
            except HomelabError:
                self._prefer(host)
                raise
            self._prefer(host)
            return answer
        raise most_telling(failures)

    def _prefer(self, host: str) -> None:
        """Stay with the member that answered."""
        if self._hosts[0] != host:
            self._hosts.remove(host)
            self._hosts.insert(0, host)

    async def _send_to(self, host: str, call: _Call) -> Any:
        trusted = await self.certificates.trusted(host)
        try:
            return await self._exchange(host, call, trusted)
        except MemberError as failure:
            # Nothing was sent, and another certificate may be as good.
            trusted = await self.certificates.reconsider(host, failure)
        return await self._exchange(host, call, trusted)

    async def _exchange(self, host: str, call: _Call, trusted: Trusted) -> Any:
        with request_failures(host):
            async with self._session.request(
                call.method,
                self._url(host, call),
                data=call.form.encode() if call.method in _WITH_BODY else None,
                headers={**_headers(call.method), **call.headers},
                ssl=trusted,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=call.seconds,
                    sock_connect=min(_CONNECT_SECONDS, call.seconds / 2),
                ),
            ) as response:
                body = await read_bounded(response, _LARGEST_ANSWER)
        if response.status >= 300:
            raise read_error(response.status, response.reason or "", call.path, body)
        return read_data(call.path, body)

    def _url(self, host: str, call: _Call) -> URL:
        query = f"?{call.form}" if call.form and call.method not in _WITH_BODY else ""
        return URL(
            f"https://{url_host(host)}:{self._port}/api2/json/{call.path}{query}",
            encoded=True,
        )


def encode_params(params: Mapping[str, ParamValue]) -> str:
    """Return parameters as a form, with the booleans that the API understands.

    None is left out, lists are repeated keys, and `;` is quoted, which would
    separate like `&`.
    """
    pairs = [
        (name, int(item) if isinstance(item, bool) else item)
        for name, value in params.items()
        for item in (value if isinstance(value, list) else [value])
        if item is not None
    ]
    return urlencode(pairs, quote_via=quote, safe="")


def _headers(method: str) -> dict[str, str]:
    headers = {"Accept": "application/json"}
    if method in _WITH_BODY:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    return headers
