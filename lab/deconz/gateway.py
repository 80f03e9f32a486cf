"""The running gateway: its two ports, its websocket and what can go wrong with it."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, Self

from aiohttp import WSMsgType, web

from lab.deconz.actions import actions_of
from lab.deconz.rest import Handler, RestApi, RestFaults
from lab.deconz.state import Gateway
from lab.equipment import Action
from lab.reading import ScenarioError, check_keys
from lab.settings import LabSettings

_HOST: Final = "127.0.0.1"
# How long requests that hang may keep a port open that is being closed, in seconds.
_PATIENCE: Final = 0.05

_GATEWAY_KEYS: Final = {
    "label": "name",
    "bridgeid": "bridge_id",
    "devicename": "device_name",
    "mac": "mac",
    "firmware": "firmware",
    "version": "version",
    "channel": "channel",
    "panid": "pan_id",
    "network_open_seconds": "network_open_seconds",
}
_DEVICE_KEYS: Final = "name kind mac reachable count"


class DeconzGateway:
    """A simulated deCONZ gateway on loopback."""

    def __init__(
        self, name: str = "phoscon", *, gateway: Gateway | None = None, port: int = 0
    ) -> None:
        """Prepare; `port` 0 is any that is free."""
        self.name = name
        self.gateway = gateway or Gateway()
        self.host = _HOST
        self._port = port
        self.faults = RestFaults()
        self.api = RestApi(self.gateway, self.faults)
        self._rest: web.AppRunner | None = None
        self._pushing: web.AppRunner | None = None
        self._sockets: set[web.WebSocketResponse] = set()
        self._awake = asyncio.Event()
        self._awake.set()
        self._speaks = True
        self.pongs = 0

    @classmethod
    def from_description(cls, found: Mapping[str, Any], _settings: LabSettings) -> Self:
        """Make a gateway from its entry in a scenario.

        The time that the network stays open is not scaled: it is a setting of the
        gateway's own, which it tells in seconds.
        """
        check_keys(
            found, f"name kind port key virtual devices {' '.join(_GATEWAY_KEYS)}"
        )
        told = {
            field: found[key] for key, field in _GATEWAY_KEYS.items() if key in found
        }
        gateway = Gateway(**told)
        if "key" in found:
            gateway.keys[str(found["key"])] = "scenario"
        for device in found.get("devices", ()):
            _add_devices(gateway, device)
        for name in found.get("virtual", ()):
            gateway.add_virtual_sensor(name)
        return cls(found["name"], gateway=gateway, port=int(found.get("port", 0)))

    # --- life ------------------------------------------------------------------

    @property
    def kind(self) -> str:
        """What it is."""
        return "deconz"

    @property
    def port(self) -> int | None:
        """The port of its REST interface."""
        return self._port or None

    async def start(self) -> None:
        """Open both ports."""
        if self._rest is not None:
            return
        await self.open_websocket()
        app = web.Application(middlewares=[self.api.record, self._hang, self.api.spoil])
        self.api.add_to(app.router)
        self._rest = await _serve(app, self._port)
        self._port = self._rest.addresses[0][1]

    async def stop(self) -> None:
        """Close both ports and every connection."""
        await self.close_websocket()
        if self._rest is not None:
            await self._rest.cleanup()
            self._rest = None

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()

    @property
    def requests(self) -> list[str]:
        """Every request since the start or the last `clear`, without keys."""
        return self.api.requests

    @property
    def listeners(self) -> int:
        """How many clients listen to the websocket."""
        return len(self._sockets)

    @property
    def actions(self) -> Mapping[str, Action]:
        """What the control page can do to it."""
        return actions_of(self)

    def state(self) -> dict[str, Any]:
        """Return what the control page shows."""
        gateway = self.gateway
        return {
            "name": self.name,
            "kind": self.kind,
            "port": self.port,
            "condition": self._condition,
            "faults": [name for name, there in self._faults() if there],
            "devices": len(gateway.devices),
            "unreachable": [
                device.name
                for device in gateway.devices.values()
                if not device.reachable
            ],
            "channel": gateway.channel,
            "unlocked": gateway.unlocked,
            "permit_join": sum(gateway.permit_join_left),
            "listeners": self.listeners,
        }

    @property
    def _condition(self) -> str:
        if self._rest is None:
            return "stopped"
        if not self._awake.is_set():
            return "hanging"
        return "online" if self.gateway.stick else "no_stick"

    def _faults(self) -> Iterator[tuple[str, bool]]:
        yield "stick_lost", not self.gateway.stick
        yield "hanging", not self._awake.is_set()
        yield f"answers_{self.faults.answer}", self.faults.answer is not None
        yield "websocket_closed", self._rest is not None and self._pushing is None
        yield "websocket_silent", not self._speaks
        yield "tells_strangers_nothing", not self.faults.tells_strangers

    # --- what can go wrong -----------------------------------------------------

    async def clear_faults(self) -> None:
        """Let everything be as it should; devices stay as they are."""
        self.gateway.stick = True
        self.faults.answer = None
        self.faults.tells_strangers = True
        self._speaks = True
        self.set_hanging(hanging=False)
        await self.start()
        await self.open_websocket()

    def set_hanging(self, *, hanging: bool) -> None:
        """Accept and never answer, on both ports, or go on with what waits."""
        if hanging:
            self._awake.clear()
        else:
            self._awake.set()

    async def close_websocket(self) -> None:
        """Refuse connections to the websocket and end the ones there are."""
        for socket in tuple(self._sockets):
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await socket.close()
        if self._pushing is not None:
            await self._pushing.cleanup()
            self._pushing = None

    async def open_websocket(self) -> None:
        """Accept connections to the websocket again."""
        if self._pushing is not None:
            return
        app = web.Application(middlewares=[self._hang])
        app.router.add_get("/", self._listen)
        self._pushing = await _serve(app, self.gateway.websocket_port)
        self.gateway.websocket_port = self._pushing.addresses[0][1]

    def set_speaking(self, *, speaking: bool) -> None:
        """Let the websocket be silent: no event and no answer to a ping, or not."""
        self._speaks = speaking

    async def lose_websockets(self) -> None:
        """End the connections to the websocket; new ones are accepted."""
        for socket in tuple(self._sockets):
            await socket.close()

    # --- what happens on the network -------------------------------------------

    async def add_device(
        self, name: str, kind: str = "light", mac: str | None = None
    ) -> None:
        """Let a device join, and tell."""
        for collection, number in self.gateway.add_device(name, kind, mac):
            document = self.gateway.entry(collection, number)
            await self.tell(
                "added", collection, number, **{collection.removesuffix("s"): document}
            )

    async def remove_device(self, name: str) -> None:
        """Let a device leave, and tell."""
        for collection, number in self.gateway.remove_device(name):
            await self.tell("deleted", collection, number)

    async def set_reachable(self, name: str, *, reachable: bool) -> None:
        """Let a device answer or not, and tell."""
        for collection, number in self.gateway.set_reachable(name, reachable=reachable):
            where = "state" if collection == "lights" else "config"
            document = self.gateway.entry(collection, number)
            await self.tell("changed", collection, number, **{where: document[where]})

    async def tell(
        self, change: str, collection: str, number: str, **more: Any
    ) -> None:
        """Push an event to all that listen."""
        await self.push(
            {"e": change, "id": number, "r": collection, "t": "event", **more}
        )

    async def ping(self) -> None:
        """Ask all that listen whether they are still there."""
        for socket in tuple(self._sockets):
            await socket.ping()

    async def push(self, message: object) -> None:
        """Push any message; a text is pushed as it is."""
        if not self._speaks or not self._awake.is_set():
            return
        for socket in tuple(self._sockets):
            if isinstance(message, str):
                await socket.send_str(message)
            else:
                await socket.send_json(message)

    # --- the ports -------------------------------------------------------------

    async def _listen(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            async for message in socket:
                if message.type is WSMsgType.PING:
                    await self._awake.wait()
                    if self._speaks:
                        await socket.pong(message.data)
                elif message.type is WSMsgType.PONG:
                    self.pongs += 1
        finally:
            self._sockets.discard(socket)
        return socket

    @web.middleware
    async def _hang(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        await self._awake.wait()
        return await handler(request)


async def _serve(app: web.Application, port: int) -> web.AppRunner:
    runner = web.AppRunner(
        app, access_log=None, shutdown_timeout=_PATIENCE, handler_cancellation=True
    )
    await runner.setup()
    await web.TCPSite(runner, _HOST, port, reuse_address=True).start()
    return runner


def _add_devices(gateway: Gateway, found: Mapping[str, Any]) -> None:
    check_keys(found, _DEVICE_KEYS)
    count = found.get("count")
    for number in range(1, (count or 1) + 1):
        name = str(found["name"]).replace("{}", str(number))
        try:
            gateway.add_device(name, found.get("kind", "light"), found.get("mac"))
        except ValueError as error:
            raise ScenarioError(f"{error}") from error
        if not found.get("reachable", True):
            gateway.set_reachable(name, reachable=False)
