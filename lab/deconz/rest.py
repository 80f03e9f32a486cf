"""The REST interface of a gateway: who gets which answer.

Facts: deconz-rest-doc and rest_configuration.cpp of deconz-rest-plugin. A key that is
not known gets 403 everywhere but for the configuration, of which it gets what anybody
may know, with 200.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
import json
from typing import Any, Final

from aiohttp import web

from lab.deconz.state import Gateway

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_EXTENDED: Final = "vnd.ddel.v"


class Answer(StrEnum):
    """What comes instead of the right answer."""

    HTML = "html"
    TRUNCATED = "truncated"
    EMPTY = "empty"
    GARBAGE = "garbage"
    LIST = "list"
    BUSY = "busy"
    INTERNAL = "internal"
    ENDLESS = "endless"


@dataclass(slots=True, kw_only=True)
class RestFaults:
    """What is wrong with the interface; `tells_strangers` is what versions differ in.

    answer: what comes instead, to every request.
    """

    answer: Answer | None = None
    tells_strangers: bool = True


class RestApi:
    """Answers requests about one gateway."""

    def __init__(self, gateway: Gateway, faults: RestFaults) -> None:
        """Answer from what the gateway knows."""
        self._gateway = gateway
        self._faults = faults
        self.requests: list[str] = []

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add the paths."""
        router.add_post("/api", self._create_key)
        router.add_post("/api/", self._create_key)
        router.add_get("/api/config", self._public_config)
        router.add_get("/api/{key}", self._full_state)
        router.add_get("/api/{key}/config", self._config)
        router.add_put("/api/{key}/config", self._change_config)
        router.add_get("/api/{key}/{collection:lights|sensors}", self._list)
        router.add_route("*", "/{path:.*}", self._nothing)

    @web.middleware
    async def record(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """Write the request down, without the key."""
        path = request.path
        if key := request.match_info.get("key"):
            path = path.replace(key, "<key>")
        self.requests.append(f"{request.method} {path}")
        return await handler(request)

    @web.middleware
    async def spoil(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Give the answer that a fault asks for."""
        answer = self._faults.answer
        if answer is None:
            return await handler(request)
        if answer is Answer.TRUNCATED:
            response = await handler(request)
            text = getattr(response, "text", None) or "[]"
            return web.Response(
                text=text[: len(text) // 2], content_type="application/json"
            )
        return await _spoiled(answer, request)

    async def _create_key(self, request: web.Request) -> web.Response:
        if not self._gateway.unlocked:
            return _refused(403, 101, "/", "link button not pressed")
        try:
            body = await request.json()
        except ValueError:
            body = None
        if not isinstance(body, dict) or not body:
            return _refused(400, 2, "/", "body contains invalid JSON")
        if "devicetype" not in body:
            return _refused(400, 5, "/", "missing parameters in body")
        key = self._gateway.create_key(str(body["devicetype"]))
        return web.json_response([{"success": {"username": key}}])

    async def _public_config(self, request: web.Request) -> web.Response:
        if not self._faults.tells_strangers:
            return _unauthorized("/config")
        return web.json_response(self._gateway.public_config())

    async def _config(self, request: web.Request) -> web.Response:
        if not self._knows(request):
            return await self._public_config(request)
        return web.json_response(
            self._gateway.config(extended=_wants_extended(request))
        )

    async def _full_state(self, request: web.Request) -> web.Response:
        if not self._knows(request):
            return _unauthorized("/")
        return web.json_response(
            self._gateway.full_state(extended=_wants_extended(request))
        )

    async def _list(self, request: web.Request) -> web.Response:
        collection = request.match_info["collection"]
        if not self._knows(request):
            return _unauthorized(f"/{collection}")
        gateway = self._gateway
        return web.json_response(
            gateway.lights if collection == "lights" else gateway.sensors
        )

    async def _change_config(self, request: web.Request) -> web.Response:
        if not self._knows(request):
            return _unauthorized("/config")
        try:
            body = await request.json()
        except ValueError:
            body = None
        if not isinstance(body, dict) or not body:
            return _refused(400, 2, "", "body contains invalid JSON")
        done: list[dict[str, Any]] = []
        for name, value in body.items():
            where = f"/config/{name}"
            if name != "permitjoin":
                return _refused(400, 6, where, f"parameter, {name}, not available")
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                return _refused(
                    400, 7, where, f"invalid value, {value}, for parameter, {name}"
                )
            self._gateway.permit_join(value)
            done.append({"success": {where: value}})
        return web.json_response(done)

    async def _nothing(self, request: web.Request) -> web.Response:
        return web.Response(status=404)

    def _knows(self, request: web.Request) -> bool:
        return request.match_info["key"] in self._gateway.keys


def _wants_extended(request: web.Request) -> bool:
    return _EXTENDED in request.headers.get("Accept", "")


def _unauthorized(where: str) -> web.Response:
    return _refused(403, 1, where, "unauthorized user")


def _refused(status: int, number: int, where: str, description: str) -> web.Response:
    error = {"address": where, "description": description, "type": number}
    return web.json_response([{"error": error}], status=status)


async def _spoiled(answer: Answer, request: web.Request) -> web.StreamResponse:
    match answer:
        case Answer.HTML:
            return web.Response(
                text="<html><body>A router</body></html>", content_type="text/html"
            )
        case Answer.GARBAGE:
            return web.Response(body=b"\xff\xfe\x00garbage")
        case Answer.LIST:
            return web.Response(text=json.dumps([1, None, {"error": 7}, []]))
        case Answer.BUSY:
            return _refused(503, 901, request.path, "Internal error, 951")
        case Answer.INTERNAL:
            return _refused(400, 901, request.path, "Internal error, 950")
        case Answer.ENDLESS:
            return await _endless(request)
    return web.Response()


async def _endless(request: web.Request) -> web.StreamResponse:
    """Send until the client has had enough."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" " * 65536)
