"""The websocket side of the simulated server: clients, messages and commands."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
import json
from typing import Any, Final

from aiohttp import WSMsgType, web

from lab.zwave.driver import Driver, ZwaveError
from lab.zwave.network import InclusionState, Network, Node

MIN_SCHEMA = 0
MAX_SCHEMA = 50
_OLD_ERRORS = 31
"""Up to this schema the errors of the server look as those of Z-Wave."""
_LARGEST_MESSAGE = 1 << 20
_KEPT_COMMANDS = 1000

HTML_PAGE = "<!DOCTYPE html><html><body><h1>It works!</h1></body></html>"

GARBAGE: Final[tuple[str | bytes, ...]] = (
    "",
    "{",
    "null",
    "[]",
    '"text"',
    "1e999",
    "{}",
    '{"type":null}',
    '{"type":"event"}',
    '{"type":"event","event":null}',
    '{"type":"event","event":{"source":"controller","event":"status changed"}}',
    (
        '{"type":"event","event":{"source":"controller","event":"status changed",'
        '"status":"jammed"}}'
    ),
    (
        '{"type":"event","event":{"source":"controller","event":"statistics updated",'
        '"statistics":[1]}}'
    ),
    '{"type":"event","event":{"source":"node","event":"dead","nodeId":"three"}}',
    '{"type":"event","event":{"source":"node","event":"dead","nodeId":4000}}',
    '{"type":"event","event":{"source":"controller","event":"node added","node":7}}',
    '{"type":"event","event":{"source":"comet","event":"passes"}}',
    '{"type":"result","success":true,"messageId":"nobody asked","result":{}}',
    '{"type":"result","success":false,"messageId":{}}',
    "[" * 5000,
    "\ud7ff\u0000",
    b"\x00\xff\x00",
)
"""Frames that no client should trip over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command that a client sent."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(kw_only=True)
class Manners:
    """How the server treats its clients, switched at run time.

    max_schema: the newest schema that it speaks.
    silent: connections are accepted, and then nothing comes.
    stalled: the version comes, and no command is answered.
    driver_not_ready: the server says so and hangs up, as it does for a moment when
        its own web server is faster than the stick.
    greeting: what it says at first instead of its version.
    html: it is a web server that knows no websocket.
    hangs_up: it accepts a connection and ends it.
    """

    max_schema: int = MAX_SCHEMA
    server_version: str = "3.10.2"
    driver_version: str = "15.29.0"
    silent: bool = False
    stalled: bool = False
    driver_not_ready: bool = False
    greeting: str | bytes | None = None
    html: bool = False
    hangs_up: bool = False

    def faults(self) -> list[str]:
        """Return the names of what is wrong on purpose."""
        named = {
            "silent": self.silent,
            "stalled": self.stalled,
            "driver_not_ready": self.driver_not_ready,
            "hangs_up": self.hangs_up,
            "other_service": self.greeting is not None or self.html,
            "old_server": self.max_schema < MAX_SCHEMA,
        }
        return [name for name, wrong in named.items() if wrong]


class ServerError(Exception):
    """The server refuses a command by itself."""

    def __init__(self, code: str, **details: object) -> None:
        super().__init__(code)
        self.code = code
        self.details = details


@dataclass(eq=False, kw_only=True)
class Client:
    """One connection."""

    socket: web.WebSocketResponse
    transport: asyncio.Transport | None
    schema: int = MIN_SCHEMA
    listening: bool = False
    outgoing: asyncio.Queue[str | bytes] = field(default_factory=asyncio.Queue)

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message after those before it."""
        self.outgoing.put_nowait(json.dumps(message, separators=(",", ":")))

    async def deliver(self) -> None:
        """Send what is waiting, for as long as the connection lives."""
        while True:
            frame = await self.outgoing.get()
            if isinstance(frame, bytes):
                await self.socket.send_bytes(frame)
            else:
                await self.socket.send_str(frame)


class Clients:
    """All connections to the server, and what they may ask."""

    def __init__(self, network: Network, driver: Driver, manners: Manners) -> None:
        self.network = network
        self.driver = driver
        self.manners = manners
        self.commands: deque[Command] = deque(maxlen=_KEPT_COMMANDS)
        self.connected: set[Client] = set()
        self._commands: Mapping[str, Callable[[Any], Awaitable[object]]] = {
            "controller.get_state": self._controller_state,
            "controller.get_background_rssi": self._background_rssi,
            "controller.is_failed_node": self._is_failed_node,
            "controller.begin_inclusion": self._begin_inclusion,
            "controller.stop_inclusion": self._stop,
            "controller.begin_exclusion": self._begin_exclusion,
            "controller.stop_exclusion": self._stop,
            "driver.get_config": self._driver_config,
            "driver.soft_reset": self._soft_reset,
            "driver.hard_reset": self._hard_reset,
            "node.ping": self._ping,
            "node.get_state": self._node_state,
        }

    # --- connections -----------------------------------------------------------------

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one connection until it ends."""
        if self.manners.html or "Upgrade" not in request.headers:
            return web.Response(text=HTML_PAGE, content_type="text/html")
        socket = web.WebSocketResponse(max_msg_size=_LARGEST_MESSAGE)
        await socket.prepare(request)
        if self.manners.driver_not_ready or not self.driver.ready:
            await socket.close(code=1013, message=b"Driver is not ready")
            return socket
        if self.manners.hangs_up:
            await socket.close()
            return socket
        client = Client(socket=socket, transport=request.transport)
        self.connected.add(client)
        try:
            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(client.deliver())
                self._greet(client)
                await self._listen(client, tasks)
                sending.cancel()
        except* ConnectionError:
            pass
        finally:
            self.connected.discard(client)
        return socket

    def _greet(self, client: Client) -> None:
        if self.manners.silent:
            return
        if self.manners.greeting is not None:
            client.outgoing.put_nowait(self.manners.greeting)
            return
        client.send({"type": "version", **self.version()})

    def version(self) -> dict[str, Any]:
        """Return what the server says of itself."""
        return {
            "homeId": self.network.home_id,
            "driverVersion": self.manners.driver_version,
            "serverVersion": self.manners.server_version,
            "minSchemaVersion": MIN_SCHEMA,
            "maxSchemaVersion": self.manners.max_schema,
        }

    async def _listen(self, client: Client, tasks: asyncio.TaskGroup) -> None:
        answering: set[asyncio.Task[None]] = set()
        async for message in client.socket:
            if message.type is not WSMsgType.TEXT:
                break
            try:
                found = json.loads(message.data)
                command = str(found["command"])
            except ValueError, TypeError, KeyError:
                break
            arguments = {key: value for key, value in found.items() if key != "command"}
            self.commands.append(Command(name=command, arguments=arguments))
            if self.manners.silent or self.manners.stalled:
                continue
            task = tasks.create_task(self._answer(client, command, arguments))
            answering.add(task)
            task.add_done_callback(answering.discard)
        for task in tuple(answering):
            task.cancel()

    def emit(self, event: Mapping[str, Any]) -> None:
        """Send an event to all who listen."""
        for client in self.connected:
            if client.listening:
                client.send({"type": "event", "event": event})

    async def ping(self) -> None:
        """Ping all clients, as a proxy in between may do."""
        for client in self.connected:
            await client.socket.ping()

    def freeze(self) -> None:
        """Read nothing more of the connections that there are, not even pings."""
        for client in self.connected:
            if client.transport is not None:
                client.transport.pause_reading()

    def send_raw(self, frames: tuple[str | bytes, ...]) -> None:
        """Send frames as they are to all clients."""
        for client in self.connected:
            for frame in frames:
                client.outgoing.put_nowait(frame)

    # --- answers ---------------------------------------------------------------------

    async def _answer(
        self, client: Client, command: str, arguments: Mapping[str, Any]
    ) -> None:
        answer = {"type": "result", "messageId": arguments.get("messageId")}
        try:
            result = await self._result(client, command, arguments)
        except ServerError as err:
            client.send({**answer, "success": False, **_server_error(client, err)})
        except ZwaveError as err:
            client.send({**answer, "success": False, **_zwave_error(client, err)})
        else:
            client.send({**answer, "success": True, "result": result})
            client.listening = client.listening or command == "start_listening"

    async def _result(
        self, client: Client, command: str, arguments: Mapping[str, Any]
    ) -> object:
        match command:
            case "initialize" | "set_api_schema":
                client.schema = int(arguments["schemaVersion"])
                if not MIN_SCHEMA <= client.schema <= self.manners.max_schema:
                    raise ServerError("schema_incompatible", schemaId=client.schema)
                return {}
            case "start_listening":
                return {"state": self.network.dump()}
            case known if known in self._commands:
                return await self._commands[known](arguments)
        raise ServerError("unknown_command", command=command)

    def _node(self, arguments: Mapping[str, Any]) -> Node:
        node_id = arguments.get("nodeId")
        own = self.network.own
        node = own if node_id == own.node_id else self.network.nodes.get(node_id or 0)
        if node is None:
            raise ServerError("node_not_found", nodeId=node_id)
        return node

    async def _controller_state(self, arguments: Mapping[str, Any]) -> object:
        return {"state": self.network.dump_controller()}

    async def _background_rssi(self, arguments: Mapping[str, Any]) -> object:
        return await self.driver.background_noise()

    async def _is_failed_node(self, arguments: Mapping[str, Any]) -> object:
        await self.driver.exchange()
        return {"failed": not self._node(arguments).answers}

    async def _begin_inclusion(self, arguments: Mapping[str, Any]) -> object:
        return self._begin(InclusionState.INCLUDING)

    async def _begin_exclusion(self, arguments: Mapping[str, Any]) -> object:
        return self._begin(InclusionState.EXCLUDING)

    def _begin(self, state: InclusionState) -> object:
        if self.network.inclusion is not InclusionState.IDLE:
            return {"success": False}
        self.driver.set_inclusion(state)
        return {"success": True}

    async def _stop(self, arguments: Mapping[str, Any]) -> object:
        was = self.network.inclusion
        self.driver.set_inclusion(InclusionState.IDLE)
        return {"success": was is not InclusionState.IDLE}

    async def _driver_config(self, arguments: Mapping[str, Any]) -> object:
        return {"config": self.network.dump()["driver"]}

    async def _soft_reset(self, arguments: Mapping[str, Any]) -> object:
        await self.driver.exchange()
        return {}

    async def _hard_reset(self, arguments: Mapping[str, Any]) -> object:
        """Forget all nodes, which nobody should ever ask for."""
        self.network.nodes.clear()
        return {}

    async def _ping(self, arguments: Mapping[str, Any]) -> object:
        return {"responded": await self.driver.ping(self._node(arguments).node_id)}

    async def _node_state(self, arguments: Mapping[str, Any]) -> object:
        return {"state": self._node(arguments).dump()}


def _server_error(client: Client, err: ServerError) -> dict[str, Any]:
    if client.schema <= _OLD_ERRORS:
        return {
            "errorCode": "zwave_error",
            "zwaveErrorCode": -1,
            "zwaveErrorMessage": f"{err.code}: ",
        }
    return {"errorCode": err.code, "message": "", "args": err.details}


def _zwave_error(client: Client, err: ZwaveError) -> dict[str, Any]:
    found: dict[str, Any] = {
        "errorCode": "zwave_error",
        "zwaveErrorCode": err.code,
        "zwaveErrorMessage": str(err),
    }
    if client.schema > _OLD_ERRORS:
        found["zwaveErrorCodeName"] = err.name
    return found
