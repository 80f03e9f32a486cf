"""From a request to an answer.

The order is that of the real server: login, method, permissions, forwarding,
parameters.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
import logging
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lab.pve.api import (
    ApiError,
    ApiRequest,
    Identity,
    ParamValue,
    Router,
    failed,
    parameter_error,
)
from lab.pve.faults import NODE_TIMEOUT, Faults, Rule
from lab.pve.permissions import check_method
from lab.pve.schema import Method, load_api
from lab.pve.wire import (
    API_ROOT,
    JSON_TYPE,
    encode_data,
    encode_error,
    find_ticket,
    find_token,
    parse_body,
    parse_form,
    reason_phrase,
)

if TYPE_CHECKING:
    from lab.pve.cluster import Cluster

_LOGGER = logging.getLogger(__name__)
_VERBS = ("GET", "POST", "PUT", "DELETE")
_PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>Proxmox Virtual Environment</title></head>"
    b"<body>Simulated.</body></html>\n"
)
_REASONS = {595: "No route to host", 596: "Connection timed out"}
_SECRETS = ("password", "otp", "tfa-challenge", "value")
_STORAGE_LIST = "/nodes/{node}/storage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request as it came to one node; `target` is path and query, still encoded."""

    node: str
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The decoded path without ``/api2/json``."""
        return unquote(self.target.partition("?")[0]).removeprefix(API_ROOT) or "/"


@dataclass(slots=True, kw_only=True)
class Answer:
    """What goes back; `cut` ends the connection in the middle of it."""

    status: int = 200
    reason: str = "OK"
    body: bytes = b""
    content_type: str = JSON_TYPE
    cut: bool = False


@dataclass(slots=True, kw_only=True)
class Trace:
    """What became known about a request on its way, for the request log."""

    user: str = ""
    params: dict[str, object] = field(default_factory=dict)


@dataclass(kw_only=True)
class Dispatcher:
    """Answers the requests of all nodes of a cluster.

    `auth_delay` is how many seconds a 401 takes (3 with the real server).
    """

    cluster: Cluster
    router: Router
    faults: Faults
    version: str
    auth_delay: float = 3.0

    async def answer(self, incoming: Incoming, trace: Trace) -> Answer:
        """The answer to one request; never raises."""
        if incoming.node in self.faults.hanging:
            await asyncio.sleep(self.faults.hanging[incoming.node])
            return Answer(cut=True)
        await asyncio.sleep(self.faults.latency)
        refusal = _refuse(incoming)
        if refusal is not None:
            return self._error(refusal)
        if not _is_api(incoming.target):
            return _page(incoming.path)
        for rule in self.faults.take(incoming.method, incoming.path):
            if rule.kind in ("fail", "html"):
                return self._fault(rule)
            await asyncio.sleep(rule.seconds)
            if rule.kind == "cut":
                return await self._cut(incoming, trace)
        return await self._authenticated(incoming, trace)

    async def _cut(self, incoming: Incoming, trace: Trace) -> Answer:
        answer = await self._authenticated(incoming, trace)
        answer.cut = True
        return answer

    async def _authenticated(self, incoming: Incoming, trace: Trace) -> Answer:
        try:
            identity = self._authenticate(incoming)
        except ApiError as error:
            await asyncio.sleep(self.auth_delay)
            return Answer(
                status=error.status,
                reason=reason_phrase(error.reason),
                content_type="text/html",
            )
        trace.user = identity.name
        try:
            return Answer(body=encode_data(await self._call(incoming, identity, trace)))
        except ApiError as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                await asyncio.sleep(self.auth_delay)
            return self._error(error)
        except Exception as error:
            _LOGGER.exception(
                "%s %s failed inside the lab", incoming.method, incoming.path
            )
            return self._error(failed(f"lab: {error!r}"))

    def _authenticate(self, incoming: Incoming) -> Identity:
        """Look for evidence in the real order: ticket in a cookie or header, token."""
        if incoming.path == "/access/ticket" and incoming.method in ("GET", "POST"):
            return Identity(userid="")
        authorization = incoming.headers.get("Authorization", "")
        ticket = find_ticket(incoming.headers.get("Cookie", ""), authorization)
        if ticket is not None:
            csrf = incoming.headers.get("CSRFPreventionToken")
            return self.cluster.access.verify_ticket(
                ticket, csrf=csrf, needs_csrf=incoming.method != "GET"
            )
        token = find_token(authorization)
        if token is None:
            raise ApiError(HTTPStatus.UNAUTHORIZED, "No ticket")
        return self.cluster.access.verify_token(token)

    async def _call(
        self, incoming: Incoming, identity: Identity, trace: Trace
    ) -> object:
        found = load_api(int(self.version.partition(".")[0])).match(
            incoming.method, incoming.path
        )
        handler = (
            self.router.find(incoming.method, found[0].template) if found else None
        )
        if found is None or handler is None:
            what = "not implemented" if found is None else "is not simulated"
            text = f"Method '{incoming.method} {incoming.path}' {what}"
            raise ApiError(HTTPStatus.NOT_IMPLEMENTED, text)
        method, path = found
        raw = _parameters(incoming, path)
        trace.params = {
            name: "***" if name in _SECRETS else value for name, value in raw.items()
        }
        self._check_permissions(incoming, identity, method, raw)
        if path.get("node") == "localhost":
            path = {**path, "node": incoming.node}
        if method.proxied and path["node"] != incoming.node:
            await self._forward(incoming.node, path["node"])
        params = method.check({**raw, **path})
        await self._wait_for_storage(method.template, path.get("node"), params)
        request = ApiRequest(
            cluster=self.cluster,
            node=incoming.node,
            method=incoming.method,
            template=method.template,
            path=path,
            params=params,
            identity=identity,
            version=self.version,
        )
        return await handler(request)

    def _check_permissions(
        self,
        incoming: Incoming,
        identity: Identity,
        method: Method,
        raw: Mapping[str, object],
    ) -> None:
        by_token = identity.tokenid is not None
        if not identity.userid:
            by_token = find_token(incoming.headers.get("Authorization", "")) is not None
        if by_token and not method.token_allowed:
            text = (
                f"URI '{incoming.path}' not available with API token,"
                " need proper ticket.\n"
            )
            raise ApiError(HTTPStatus.FORBIDDEN, text)
        texts = {
            name: value if isinstance(value, list) else str(value)
            for name, value in raw.items()
        }
        check_method(self.cluster.access, identity, method.permissions, texts)

    async def _forward(self, contacted: str, target: str) -> None:
        """Pass on to another node, or fail as the contacted node would."""
        if target not in self.cluster.nodes:
            raise failed(f"no such cluster node '{target}'")
        if target in self.faults.hanging:
            await asyncio.sleep(min(self.faults.hanging[target], NODE_TIMEOUT))
            raise ApiError(596, _REASONS[596])
        status = (
            595
            if target in self.faults.dead
            else self.cluster.reachability(contacted, target)
        )
        if status is not None:
            raise ApiError(status, _REASONS[status])

    async def _wait_for_storage(
        self, template: str, node: str | None, params: Mapping[str, ParamValue]
    ) -> None:
        storage = params.get("storage")
        if storage is None and template != _STORAGE_LIST:
            return
        seconds = self.faults.storage_delay(
            None if storage is None else str(storage), node
        )
        if seconds > 0:
            await asyncio.sleep(min(seconds, NODE_TIMEOUT))
        if seconds >= NODE_TIMEOUT:
            raise ApiError(596, _REASONS[596])

    def _error(self, error: ApiError) -> Answer:
        reason = reason_phrase(error.reason)
        if error.status >= 595:
            return Answer(status=error.status, reason=reason, content_type="text/html")
        major, _, minor = self.version.partition(".")
        body = encode_error(error, with_message=(int(major), int(minor)) >= (8, 4))
        return Answer(status=error.status, reason=reason, body=body)

    def _fault(self, rule: Rule) -> Answer:
        if rule.kind == "html":
            return Answer(
                body=(rule.body or "").encode(), content_type="text/html;charset=UTF-8"
            )
        answer = self._error(ApiError(rule.status, rule.reason, rule.errors))
        if rule.body is not None:
            answer.body, answer.content_type = (
                rule.body.encode(),
                "text/html;charset=UTF-8",
            )
        elif rule.status == HTTPStatus.UNAUTHORIZED:
            answer.body = b""
        return answer


def _refuse(incoming: Incoming) -> ApiError | None:
    """What the HTTP server itself refuses, before anybody asks who is there."""
    if incoming.method not in _VERBS:
        return ApiError(
            HTTPStatus.NOT_IMPLEMENTED, f"method '{incoming.method}' not available"
        )
    if incoming.headers.get("Transfer-Encoding", "").lower() == "chunked":
        return ApiError(
            HTTPStatus.NOT_IMPLEMENTED, "chunked transfer encoding not supported"
        )
    if incoming.body and incoming.method not in ("POST", "PUT"):
        return ApiError(
            HTTPStatus.NOT_IMPLEMENTED,
            f"Unexpected content for method '{incoming.method}'",
        )
    return None


def _is_api(target: str) -> bool:
    path = target.partition("?")[0]
    return path == API_ROOT or path.startswith(f"{API_ROOT}/")


def _page(path: str) -> Answer:
    """The web interface, as far as the lab has one: its start page."""
    if path == "/":
        return Answer(body=_PAGE, content_type="text/html;charset=UTF-8")
    return Answer(
        status=HTTPStatus.NOT_IMPLEMENTED,
        reason=f"no such file '{path}'",
        content_type="text/html",
    )


def _parameters(incoming: Incoming, path: Mapping[str, str]) -> dict[str, object]:
    """The parameters of query, body and path in one, still as they came."""
    raw = parse_form(incoming.target.partition("?")[2])
    if incoming.body:
        raw |= parse_body(incoming.headers.get("Content-Type", ""), incoming.body)
    for name, value in path.items():
        if name in raw and str(raw[name]) != value:
            text = (
                "duplicate parameter (already defined in URI with conflicting values)"
            )
            raise parameter_error(**{name: text})
    return raw | dict(path)
