"""The simulated Z-Wave JS server says what the real one says."""

import asyncio
from collections.abc import AsyncIterator
import json
from typing import Any

import aiohttp
from aiohttp import WSMsgType
import pytest

from lab import LabSettings
from lab.equipment import Equipment
from lab.reading import ScenarioError
from lab.zwave import ControllerStatus, Node, NodeStatus, ZwaveServer, driver
from lab.zwave.ui import PAGE

from .conftest import until


class Talk:
    """A client that keeps what comes unasked."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.events: list[dict[str, Any]] = []
        self._number = 0

    async def next(self) -> dict[str, Any]:
        message = await self.socket.receive(5)
        assert message.type is WSMsgType.TEXT, message
        found: dict[str, Any] = json.loads(message.data)
        return found

    async def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        self._number += 1
        number = str(self._number)
        await self.socket.send_json(
            {"messageId": number, "command": command, **arguments}
        )
        while (answer := await self.next()).get("messageId") != number:
            self.events.append(answer["event"])
        return answer

    async def listen(self, schema: int = 44) -> dict[str, Any]:
        await self.next()
        await self.ask("initialize", schemaVersion=schema)
        answer = await self.ask("start_listening")
        state: dict[str, Any] = answer["result"]["state"]
        return state

    async def until_event(self, name: str) -> dict[str, Any]:
        for event in self.events:
            if event["event"] == name:
                self.events.clear()
                return event
        while True:
            event = (await self.next())["event"]
            if event["event"] == name:
                found: dict[str, Any] = event
                return found


@pytest.fixture
async def server(socket_enabled: None) -> AsyncIterator[ZwaveServer]:
    async with ZwaveServer(settings=LabSettings(task_seconds=0.02)) as running:
        yield running


@pytest.fixture
async def session(socket_enabled: None) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
async def talk(
    session: aiohttp.ClientSession, server: ZwaveServer
) -> AsyncIterator[Talk]:
    async with session.ws_connect(server.url) as socket:
        yield Talk(socket)


# --- the protocol ------------------------------------------------------------------


async def test_the_version_comes_unasked(talk: Talk) -> None:
    assert await talk.next() == {
        "type": "version",
        "homeId": 3237998146,
        "driverVersion": "15.29.0",
        "serverVersion": "3.10.2",
        "minSchemaVersion": 0,
        "maxSchemaVersion": 50,
    }


@pytest.mark.parametrize(
    ("newest", "wanted", "error"),
    [
        (50, 99, {"errorCode": "schema_incompatible", "args": {"schemaId": 99}}),
        (25, 30, {"errorCode": "zwave_error", "zwaveErrorCode": -1}),
    ],
)
async def test_a_schema_that_is_too_new(
    talk: Talk, server: ZwaveServer, newest: int, wanted: int, error: dict[str, Any]
) -> None:
    server.set_schema(newest)
    await talk.next()
    answer = await talk.ask("initialize", schemaVersion=wanted)
    assert not answer["success"]
    assert error.items() <= answer.items()


async def test_the_state_has_the_real_shapes(talk: Talk) -> None:
    state = await talk.listen()
    assert list(state) == ["driver", "controller", "nodes"]
    assert state["controller"]["statistics"]["backgroundRSSI"]["channel2"] == {
        "current": -101,
        "average": -101,
    }
    stick, plug, _, sensor = state["nodes"]
    assert stick["isControllerNode"]
    assert stick["deviceConfig"]["manufacturer"] == "Zooz"
    assert (plug["name"], plug["location"], plug["status"]) == ("Plug", "Kitchen", 4)
    assert "name" not in sensor
    assert plug["values"][0]["metadata"]["type"] == "number"


@pytest.mark.parametrize(
    ("command", "arguments", "error"),
    [
        ("nope", {}, {"errorCode": "unknown_command", "args": {"command": "nope"}}),
        ("node.ping", {"nodeId": 77}, {"errorCode": "node_not_found"}),
    ],
)
async def test_what_the_server_refuses(
    talk: Talk, command: str, arguments: dict[str, Any], error: dict[str, Any]
) -> None:
    await talk.listen()
    answer = await talk.ask(command, **arguments)
    assert error.items() <= answer.items()


async def test_what_the_commands_answer(talk: Talk) -> None:
    await talk.listen()

    async def result(command: str, **arguments: Any) -> Any:
        return (await talk.ask(command, **arguments))["result"]

    assert (await result("controller.get_state"))["state"]["status"] == 0
    assert await result("controller.get_background_rssi") == {
        "rssiChannel0": -92,
        "rssiChannel1": -95,
        "rssiChannel2": -101,
    }
    assert await result("controller.is_failed_node", nodeId=1) == {"failed": False}
    assert await result("controller.begin_exclusion") == {"success": True}
    assert await result("controller.begin_exclusion") == {"success": False}
    assert await result("controller.stop_exclusion") == {"success": True}
    assert await result("controller.stop_exclusion") == {"success": False}
    assert (await result("driver.get_config"))["config"]["statisticsEnabled"] is False
    assert (await result("node.get_state", nodeId=2))["state"]["name"] == "Plug"
    assert await result("driver.soft_reset") == {}
    assert await result("set_api_schema", schemaVersion=40) == {}


async def test_a_hard_reset_really_forgets(talk: Talk, server: ZwaveServer) -> None:
    await talk.listen()
    await talk.ask("driver.hard_reset")
    assert server.network.nodes == {}


@pytest.mark.parametrize("frame", ["{", '{"messageId":"1"}', b"\x00"])
async def test_who_sends_no_command_is_hung_up_on(
    talk: Talk, frame: str | bytes
) -> None:
    await talk.next()
    if isinstance(frame, str):
        await talk.socket.send_str(frame)
    else:
        await talk.socket.send_bytes(frame)
    assert (await talk.socket.receive(5)).type is WSMsgType.CLOSE


# --- what happens ------------------------------------------------------------------


async def test_the_statistics_come_by_themselves(talk: Talk) -> None:
    await talk.listen()
    event = await talk.until_event("statistics updated")
    assert event["source"] == "controller"
    assert event["statistics"]["messagesRX"] > 65


async def test_a_node_that_does_not_answer_is_dead_after_a_ping(
    talk: Talk, server: ZwaveServer
) -> None:
    await talk.listen()
    server.network.nodes[3].answers = False
    assert (await talk.ask("node.ping", nodeId=3))["result"] == {"responded": False}
    event = await talk.until_event("dead")
    assert event == {"source": "node", "event": "dead", "nodeId": 3, "oldStatus": 4}
    server.network.nodes[3].answers = True
    assert (await talk.ask("node.ping", nodeId=3))["result"] == {"responded": True}
    assert (await talk.until_event("alive"))["oldStatus"] == 3


async def test_a_node_that_joins(talk: Talk, server: ZwaveServer) -> None:
    await talk.listen()
    await talk.ask("controller.begin_inclusion", options={"strategy": 2})
    server.driver.add_node(Node(node_id=9))
    names = [event["event"] for event in talk.events]
    while "ready" not in names:
        names.append((await talk.next())["event"]["event"])
    assert names == [
        "inclusion state changed",
        "inclusion started",
        "inclusion state changed",
        "inclusion stopped",
        "node found",
        "inclusion state changed",
        "node added",
        "interview started",
        "ready",
    ]
    server.driver.remove_node(9)
    assert (await talk.until_event("node removed"))["node"]["nodeId"] == 9


async def test_a_hung_stick_is_ready_and_unresponsive_in_turn(
    talk: Talk, server: ZwaveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await talk.listen()
    server.driver.mute()
    assert server.faults() == ["stick_hangs"]
    answer = await talk.ask("controller.get_background_rssi")
    assert answer["zwaveErrorCodeName"] == "Controller_Timeout"
    assert (await talk.until_event("status changed"))["status"] == 1
    assert (await talk.until_event("status changed"))["status"] == 0
    # Its own poll of the noise shows the same again.
    assert (await talk.until_event("status changed"))["status"] == 1
    server.driver.unmute()
    assert (await talk.until_event("status changed"))["status"] == 0
    assert (await talk.ask("controller.get_background_rssi"))["success"]


async def test_a_jam(talk: Talk, server: ZwaveServer) -> None:
    await talk.listen()
    server.driver.jam()
    assert server.network.status is ControllerStatus.JAMMED
    assert (await talk.until_event("status changed"))["status"] == 2
    assert server.faults() == ["jammed"]
    server.driver.unjam()
    assert (await talk.until_event("status changed"))["status"] == 0


async def test_a_link_lost_for_8_seconds_is_not_seen(
    session: aiohttp.ClientSession,
) -> None:
    async with (
        ZwaveServer(settings=LabSettings(task_seconds=0.1)) as server,
        session.ws_connect(server.url) as socket,
    ):
        talk = Talk(socket)
        await talk.listen()
        server.driver.lose_link(8)
        assert server.faults() == ["link_lost"]
        assert (await talk.ask("controller.get_background_rssi"))["success"]
        assert server.faults() == []


async def test_a_link_lost_for_longer_takes_the_server_down(
    session: aiohttp.ClientSession, talk: Talk, server: ZwaveServer
) -> None:
    await talk.listen()
    server.driver.lose_link(20)
    while (message := await talk.socket.receive(5)).type is WSMsgType.TEXT:
        pass
    assert message.type is WSMsgType.CLOSED
    assert talk.socket.close_code == 1006
    assert server.state()["condition"] == "driver_failed"
    with pytest.raises(aiohttp.ClientConnectorError):
        await session.ws_connect(server.url)
    await until(lambda: server.state()["condition"] == "online")
    async with session.ws_connect(server.url) as socket:
        state = await Talk(socket).listen()
    assert state["controller"]["statistics"]["messagesRX"] == 12
    assert "backgroundRSSI" not in state["controller"]["statistics"]


async def test_a_restart_keeps_the_ports(
    session: aiohttp.ClientSession, server: ZwaveServer
) -> None:
    before = (server.port, server.ui_port)
    await server.restart(1)
    assert (server.port, server.ui_port) == before
    async with session.ws_connect(server.url) as socket:
        assert (await Talk(socket).next())["type"] == "version"
    await server.start()
    await server.stop()
    await server.stop()
    assert server.state()["condition"] == "stopped"


async def test_a_process_without_its_stick_has_a_web_side_only(
    session: aiohttp.ClientSession, server: ZwaveServer
) -> None:
    await server.stop()
    server.driver.lose_link()
    await server.start()
    with pytest.raises(aiohttp.ClientConnectorError):
        await session.ws_connect(server.url)
    assert await health(session, server, "/health/zwave") == (500, "Error")
    server.driver.restore_link()
    await until(lambda: server.state()["condition"] == "online")
    assert await health(session, server, "/health/zwave") == (200, "Ok")


async def test_how_it_can_treat_its_clients(
    session: aiohttp.ClientSession, server: ZwaveServer
) -> None:
    server.manners.driver_not_ready = True
    async with session.ws_connect(server.url) as socket:
        assert (await socket.receive(5)).data == 1013
    server.manners.driver_not_ready = False
    server.manners.silent = True
    async with session.ws_connect(server.url) as socket:
        with pytest.raises(TimeoutError):
            await socket.receive(0.05)
    server.manners.silent = False
    server.manners.stalled = True
    async with session.ws_connect(server.url) as socket:
        assert (await socket.receive(5)).type is WSMsgType.TEXT
        await socket.send_json({"messageId": "1", "command": "start_listening"})
        with pytest.raises(TimeoutError):
            await socket.receive(0.05)
        server.cut_clients()
        assert (await socket.receive(5)).type is WSMsgType.CLOSED
    assert server.commands[-1].name == "start_listening"
    async with session.get(server.url.replace("ws:", "http:")) as response:
        assert "It works!" in await response.text()


# --- zwave-js-ui -------------------------------------------------------------------


async def health(
    session: aiohttp.ClientSession,
    server: ZwaveServer,
    path: str,
    accept: str = "text/plain",
) -> tuple[int, str]:
    """Ask for a health."""
    async with session.get(
        f"{server.ui_url}{path}", headers={"Accept": accept}
    ) as response:
        return response.status, await response.text()


async def test_the_health_of_the_user_interface(
    session: aiohttp.ClientSession, server: ZwaveServer
) -> None:
    assert await health(session, server, "/health") == (200, "Ok")
    server.ui.mqtt = False
    assert await health(session, server, "/health") == (500, "Error")
    assert await health(session, server, "/health/mqtt") == (500, "Error")
    assert await health(session, server, "/health/zwave") == (200, "Ok")
    _, text = await health(session, server, "/version", "application/json")
    assert json.loads(text)["zwavejs"] == "15.29.0"
    _, text = await health(session, server, "/api/auth-enabled")
    assert json.loads(text) == {"success": True, "data": False}
    assert (await health(session, server, "/elsewhere"))[0] == 404


async def test_who_accepts_anything_gets_the_page_and_never_the_health(
    session: aiohttp.ClientSession, server: ZwaveServer
) -> None:
    server.ui.mqtt = False
    assert await health(session, server, "/health", "*/*") == (200, PAGE)
    server.ui.built = False
    assert (await health(session, server, "/health", "*/*"))[0] == 404


# --- scenarios and the control page ------------------------------------------------


async def test_a_description() -> None:
    server = ZwaveServer.from_description(
        {
            "name": "Z-Wave house",
            "home_id": 77,
            "stick": "Z-Stick 7",
            "noise": [-90],
            "max_schema": 40,
            "ui": False,
            "nodes": [
                {"id": 2, "name": "Hall", "location": "House"},
                {"id": 3, "status": "dead", "label": None},
                {"id": 4, "status": "asleep", "listening": False, "values": 1},
            ],
        },
        LabSettings(),
    )
    assert (server.name, server.kind, server.port) == (
        "Z-Wave house",
        "zwave_js",
        None,
    )
    assert server.ui_port is None
    assert server.network.home_id == 77
    assert server.faults() == ["old_server"]
    assert [node["status"] for node in server.state()["nodes"]] == [
        "alive",
        "dead",
        "asleep",
    ]
    assert "deviceConfig" not in server.network.nodes[3].dump()
    async with server:
        assert server.port


@pytest.mark.parametrize(
    ("found", "mistake"),
    [
        ({}, "name"),
        ({"name": "x", "colour": "red"}, "nobody knows colour"),
        ({"name": "x", "nodes": [{"name": "Hall"}]}, "'id' is missing"),
        ({"name": "x", "nodes": [{"id": 2, "status": "tired"}]}, "TIRED"),
        ({"name": "x", "home_id": "many"}, "many"),
    ],
)
def test_a_description_that_cannot_be(found: dict[str, Any], mistake: str) -> None:
    with pytest.raises(ScenarioError, match=mistake):
        ZwaveServer.from_description(found, LabSettings())


async def test_every_action_does_something(server: ZwaveServer) -> None:
    equipment: Equipment = server

    async def act(action: str, **arguments: Any) -> None:
        outcome = equipment.actions[action](arguments)
        if asyncio.iscoroutine(outcome):
            await outcome

    for name, fault in [
        ("hang_stick", "stick_hangs"),
        ("jam", "jammed"),
        ("lose_link", "link_lost"),
        ("silent", "silent"),
        ("stalled", "stalled"),
        ("driver_not_ready", "driver_not_ready"),
        ("hangs_up", "hangs_up"),
        ("old_server", "old_server"),
        ("ui_hangs", "ui_hangs"),
    ]:
        await act(name)
        assert fault in server.faults()
    for name in ("release_stick", "unjam", "restore_link"):
        await act(name)
    for name in (
        "silent",
        "stalled",
        "hangs_up",
        "driver_not_ready",
        "old_server",
        "ui_hangs",
    ):
        await act(name, on=False)
    assert server.faults() == []
    await act("node_dead", node=2)
    assert server.network.nodes[2].status is NodeStatus.DEAD
    await act("node_alive", node=2)
    await act("node_asleep", node=2)
    await act("node_awake", node=2)
    assert server.network.nodes[2].status is NodeStatus.AWAKE
    await act("node_added", node=9, name="New")
    await act("node_removed", node=2)
    assert set(server.network.nodes) == {3, 4, 9}
    await act("begin_inclusion")
    assert server.state()["inclusion"] == "including"
    await act("stop_inclusion")
    for name in ("garbage", "freeze", "cut_clients", "restart"):
        await act(name)
    with pytest.raises(KeyError):
        await act("node_dead")
    assert driver.LINK_PATIENCE == 12.5
