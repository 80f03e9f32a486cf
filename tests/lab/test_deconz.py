"""The simulated deCONZ gateway, asked and listened to as any client would."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import (
    ClientConnectorError,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    WSMsgType,
)
import pytest

from lab.deconz import Answer, DeconzGateway, Gateway
from lab.equipment import Equipment
from lab.reading import ScenarioError
from lab.settings import LabSettings

KEY = "0123456789"
DDEL = {"Accept": "application/vnd.ddel.v1"}


class Clock:
    """A clock that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def gateway(clock: Clock, socket_enabled: None) -> AsyncIterator[DeconzGateway]:
    knows = Gateway(clock=clock)
    knows.keys[KEY] = "test"
    knows.add_device("Lamp", "light")
    knows.add_device("Plug", "plug")
    async with DeconzGateway(gateway=knows) as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession(timeout=ClientTimeout(total=2)) as opened:
        yield opened


async def ask(
    session: ClientSession,
    gateway: DeconzGateway,
    path: str,
    body: object = None,
    *,
    method: str | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, Any]:
    method = method or ("GET" if body is None else "POST")
    async with session.request(
        method,
        f"http://{gateway.host}:{gateway.port}/api{path}",
        json=body,
        headers=headers,
    ) as response:
        return response.status, await response.json()


async def listen(
    session: ClientSession, gateway: DeconzGateway, heartbeat: float | None = None
) -> ClientWebSocketResponse:
    port = gateway.gateway.websocket_port
    return await session.ws_connect(f"ws://{gateway.host}:{port}/", heartbeat=heartbeat)


def error_of(answer: Any) -> tuple[int, str]:
    error = answer[0]["error"]
    return error["type"], error["description"]


async def test_a_locked_gateway_gives_no_key(
    session: ClientSession, gateway: DeconzGateway
) -> None:
    status, answer = await ask(session, gateway, "", {"devicetype": "app"})
    assert (status, error_of(answer)) == (403, (101, "link button not pressed"))


async def test_an_unlocked_gateway_gives_a_key_that_opens_it(
    session: ClientSession, gateway: DeconzGateway
) -> None:
    gateway.gateway.unlock()
    status, answer = await ask(session, gateway, "", {"devicetype": "app"})
    key = answer[0]["success"]["username"]
    assert status == 200
    status, config = await ask(session, gateway, f"/{key}/config")
    assert config["whitelist"][key]["name"] == "app"
    assert config["linkbutton"] is True


async def test_the_gateway_locks_itself_after_a_minute(
    session: ClientSession, gateway: DeconzGateway, clock: Clock
) -> None:
    gateway.gateway.unlock()
    clock.now += 61
    assert (await ask(session, gateway, "", {"devicetype": "app"}))[0] == 403


async def test_an_application_that_asks_twice_gets_the_same_key(
    session: ClientSession, gateway: DeconzGateway, clock: Clock
) -> None:
    gateway.gateway.unlock(600)
    first = await ask(session, gateway, "", {"devicetype": "app"})
    assert await ask(session, gateway, "", {"devicetype": "app"}) == first
    clock.now += 31
    assert await ask(session, gateway, "", {"devicetype": "app"}) != first


@pytest.mark.parametrize(
    ("body", "number"), [([], 2), ({"username": "x"}, 5), ("text", 2)]
)
async def test_a_request_for_a_key_that_is_none_is_refused(
    session: ClientSession, gateway: DeconzGateway, body: object, number: int
) -> None:
    gateway.gateway.unlock()
    status, answer = await ask(session, gateway, "", body)
    assert (status, error_of(answer)[0]) == (400, number)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api"), ("PUT", f"/api/{KEY}/config")]
)
async def test_a_body_that_is_no_json_is_refused(
    session: ClientSession, gateway: DeconzGateway, method: str, path: str
) -> None:
    gateway.gateway.unlock()
    url = f"http://{gateway.host}:{gateway.port}{path}"
    async with session.request(method, url, data=b"{") as response:
        assert (response.status, error_of(await response.json())[0]) == (400, 2)


async def test_strangers_are_told_who_it_is_and_nothing_else(
    session: ClientSession, gateway: DeconzGateway
) -> None:
    status, answer = await ask(session, gateway, "/config")
    assert (status, answer["bridgeid"]) == (200, "00212EFFFF00C5FB")
    assert "whitelist" not in answer
    assert "rfconnected" not in answer


async def test_a_wrong_key_gets_what_strangers_are_told_of_the_configuration(
    session: ClientSession, gateway: DeconzGateway
) -> None:
    status, answer = await ask(session, gateway, "/wrong/config")
    assert (status, "whitelist" in answer) == (200, False)


@pytest.mark.parametrize("path", ["/wrong", "/wrong/lights", "/wrong/sensors"])
async def test_a_wrong_key_is_refused_everything_else(
    session: ClientSession, gateway: DeconzGateway, path: str
) -> None:
    status, answer = await ask(session, gateway, path)
    assert (status, error_of(answer)) == (403, (1, "unauthorized user"))
    status, answer = await ask(
        session, gateway, "/wrong/config", {"permitjoin": 60}, method="PUT"
    )
    assert status == 403


async def test_an_old_gateway_tells_strangers_nothing(
    session: ClientSession, gateway: DeconzGateway
) -> None:
    gateway.faults.tells_strangers = False
    assert (await ask(session, gateway, "/config"))[0] == 403
    assert (await ask(session, gateway, "/wrong/config"))[0] == 403


async def test_permit_join_is_only_told_to_those_who_accept_its_version(
    session: ClientSession, gateway: DeconzGateway
) -> None:
    _, plain = await ask(session, gateway, f"/{KEY}/config")
    _, extended = await ask(session, gateway, f"/{KEY}/config", headers=DDEL)
    assert "permitjoin" not in plain
    assert extended["permitjoin"] == 0
    assert plain["rfconnected"] is True


async def test_the_network_opens_for_as_long_as_the_setting_says_and_counts_down(
    session: ClientSession, gateway: DeconzGateway, clock: Clock
) -> None:
    gateway.gateway.network_open_seconds = 90
    status, answer = await ask(
        session, gateway, f"/{KEY}/config", {"permitjoin": 5}, method="PUT"
    )
    assert (status, answer) == (200, [{"success": {"/config/permitjoin": 5}}])

    async def left() -> tuple[int, int]:
        _, config = await ask(session, gateway, f"/{KEY}/config", headers=DDEL)
        return config["permitjoin"], config["permitjoinfull"]

    assert await left() == (60, 30)
    clock.now += 70
    assert await left() == (20, 0)
    clock.now += 21
    assert await left() == (0, 0)


async def test_the_network_can_be_closed_early_which_takes_a_moment(
    session: ClientSession, gateway: DeconzGateway, clock: Clock
) -> None:
    gateway.gateway.network_open_seconds = 90
    left = []
    for seconds in (60, 0):
        await ask(
            session, gateway, f"/{KEY}/config", {"permitjoin": seconds}, method="PUT"
        )
        left.append(gateway.gateway.permit_join_left)
    clock.now += 1
    left.append(gateway.gateway.permit_join_left)
    assert left == [(60, 30), (60, 0), (0, 0)]


@pytest.mark.parametrize(
    ("body", "number"),
    [({}, 2), ({"permitjoin": -1}, 7), ({"permitjoin": "x"}, 7), ({"colour": 1}, 6)],
)
async def test_a_change_that_makes_no_sense_is_refused(
    session: ClientSession, gateway: DeconzGateway, body: object, number: int
) -> None:
    status, answer = await ask(session, gateway, f"/{KEY}/config", body, method="PUT")
    assert (status, error_of(answer)[0]) == (400, number)


async def test_the_full_state_lists_devices_and_what_is_none(
    session: ClientSession, gateway: DeconzGateway
) -> None:
    gateway.gateway.add_virtual_sensor("Memory")
    _, answer = await ask(session, gateway, f"/{KEY}")
    assert [light["type"] for light in answer["lights"].values()] == [
        "Configuration tool",
        "Extended color light",
        "On/Off plug-in unit",
    ]
    assert [sensor["type"] for sensor in answer["sensors"].values()] == [
        "Daylight",
        "ZHAConsumption",
        "ZHAPower",
        "CLIPGenericStatus",
    ]
    assert answer["config"]["bridgeid"] == "00212EFFFF00C5FB"
    assert (await ask(session, gateway, f"/{KEY}/lights"))[1] == answer["lights"]
    assert (await ask(session, gateway, f"/{KEY}/sensors"))[1] == answer["sensors"]


async def test_a_lost_stick_shows_in_the_configuration(
    session: ClientSession, gateway: DeconzGateway
) -> None:
    gateway.gateway.stick = False
    _, config = await ask(session, gateway, f"/{KEY}/config")
    assert config["rfconnected"] is False
    assert config["fwversion"] == "0x00000000"
    assert "devicename" not in config
    assert gateway.state()["condition"] == "no_stick"


async def test_listeners_hear_what_happens_to_devices(
    session: ClientSession, gateway: DeconzGateway
) -> None:
    async with await listen(session, gateway) as socket:
        await gateway.set_reachable("Lamp", reachable=False)
        await gateway.add_device("Button", "remote")
        await gateway.remove_device("Button")
        await gateway.push("not JSON")
        changed, added, deleted = [await socket.receive_json() for _ in range(3)]
        assert (await socket.receive()).data == "not JSON"
    assert changed["e"] == "changed"
    assert changed["state"]["reachable"] is False
    assert (added["e"], added["r"]) == ("added", "sensors")
    assert added["sensor"]["name"] == "Button"
    assert (deleted["e"], deleted["id"]) == ("deleted", added["id"])


async def test_a_silent_websocket_answers_no_ping(
    session: ClientSession, gateway: DeconzGateway
) -> None:
    async with await listen(session, gateway, heartbeat=0.1) as socket:
        gateway.set_speaking(speaking=False)
        await gateway.set_reachable("Lamp", reachable=False)
        message = await socket.receive(timeout=2)
    assert message.type in (WSMsgType.ERROR, WSMsgType.CLOSED)


async def test_a_websocket_that_speaks_answers_pings(
    session: ClientSession, gateway: DeconzGateway
) -> None:
    async with await listen(session, gateway, heartbeat=0.2) as socket:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await socket.receive()


async def test_the_websocket_can_be_refused_and_come_back_on_its_port(
    session: ClientSession, gateway: DeconzGateway
) -> None:
    port = gateway.gateway.websocket_port
    async with await listen(session, gateway) as socket:
        await gateway.close_websocket()
        assert (await socket.receive()).type in (WSMsgType.CLOSE, WSMsgType.CLOSED)
    with pytest.raises(ClientConnectorError):
        await listen(session, gateway)
    await gateway.open_websocket()
    assert gateway.gateway.websocket_port == port
    async with await listen(session, gateway):
        assert gateway.listeners == 1


async def test_lost_connections_can_be_made_again(
    session: ClientSession, gateway: DeconzGateway
) -> None:
    async with await listen(session, gateway) as socket:
        closing = asyncio.create_task(gateway.lose_websockets())
        assert (await socket.receive()).type is WSMsgType.CLOSE
        await closing
    async with await listen(session, gateway):
        assert gateway.listeners == 1


async def test_a_stopped_gateway_refuses_and_starts_again_on_its_ports(
    session: ClientSession, gateway: DeconzGateway
) -> None:
    port = gateway.port
    await gateway.stop()
    await gateway.stop()
    with pytest.raises(ClientConnectorError):
        await ask(session, gateway, "/config")
    assert gateway.state()["condition"] == "stopped"
    await gateway.start()
    await gateway.start()
    assert gateway.port == port
    assert (await ask(session, gateway, "/config"))[0] == 200


async def test_a_hanging_gateway_accepts_and_answers_when_it_recovers(
    session: ClientSession, gateway: DeconzGateway
) -> None:
    gateway.set_hanging(hanging=True)
    asked = asyncio.create_task(ask(session, gateway, "/config"))
    done, _ = await asyncio.wait({asked}, timeout=0.1)
    assert not done
    assert gateway.state()["condition"] == "hanging"
    gateway.set_hanging(hanging=False)
    assert (await asked)[0] == 200


@pytest.mark.parametrize(
    ("answer", "status", "starts"),
    [
        (Answer.HTML, 200, b"<html>"),
        (Answer.TRUNCATED, 200, b'{"apiversion'),
        (Answer.EMPTY, 200, b""),
        (Answer.GARBAGE, 200, b"\xff"),
        (Answer.LIST, 200, b"[1, null"),
        (Answer.BUSY, 503, b"[{"),
        (Answer.INTERNAL, 400, b"[{"),
    ],
)
async def test_wrong_answers_come_instead_of_the_right_one(
    session: ClientSession,
    gateway: DeconzGateway,
    answer: Answer,
    status: int,
    starts: bytes,
) -> None:
    gateway.faults.answer = answer
    url = f"http://{gateway.host}:{gateway.port}/api/config"
    async with session.get(url) as response:
        body = await response.read()
    assert (response.status, body[: len(starts)]) == (status, starts)
    assert gateway.state()["faults"] == [f"answers_{answer}"]


async def test_an_endless_answer_goes_on_until_the_client_leaves(
    session: ClientSession, gateway: DeconzGateway
) -> None:
    gateway.faults.answer = Answer.ENDLESS
    url = f"http://{gateway.host}:{gateway.port}/api/config"
    async with session.get(url) as response:
        assert len(await response.content.readexactly(1_000_000)) == 1_000_000


async def test_any_other_path_is_not_found(
    session: ClientSession, gateway: DeconzGateway
) -> None:
    async with session.get(f"http://{gateway.host}:{gateway.port}/pwa") as response:
        assert response.status == 404


async def test_requests_are_written_down_without_their_keys(
    session: ClientSession, gateway: DeconzGateway
) -> None:
    await ask(session, gateway, f"/{KEY}/config")
    await ask(session, gateway, f"/{KEY}")
    assert gateway.requests == ["GET /api/<key>/config", "GET /api/<key>"]


async def test_actions_of_the_control_page_do_what_they_say(
    session: ClientSession, gateway: DeconzGateway
) -> None:
    equipment: Equipment = gateway

    async def do(action: str, **given: object) -> None:
        result = equipment.actions[action](given)
        if result is not None:
            await result  # type: ignore[misc]  # what an action returns is its own

    await do("add_device", name="Motion", kind="motion")
    await do("set_reachable", name="Motion", reachable="false")
    await do("set_channel", channel="13")
    await do("set_devicename", devicename="ConBee III")
    await do("unlock")
    state = equipment.state()
    assert (state["devices"], state["unreachable"]) == (3, ["Motion"])
    assert (state["channel"], state["unlocked"]) == (13, True)
    await do("remove_device", name="Motion")
    await do("lose_stick")
    await do("hang")
    await do("answer", answer="html")
    await do("silence_websocket")
    await do("close_websocket")
    assert equipment.state()["faults"] == [
        "stick_lost",
        "hanging",
        "answers_html",
        "websocket_closed",
        "websocket_silent",
    ]
    await do("clear")
    assert equipment.state()["faults"] == []
    await do("answer")
    await do("return_stick")
    await do("recover")
    await do("lose_websockets")
    await do("open_websocket")
    await do("delete_keys")
    assert (await ask(session, gateway, f"/{KEY}"))[0] == 403
    await do("down")
    assert equipment.state()["condition"] == "stopped"
    await do("up")
    assert equipment.state()["condition"] == "online"
    with pytest.raises(ValueError, match="nonsense"):
        await do("answer", answer="nonsense")


def test_a_scenario_describes_a_gateway() -> None:
    gateway = DeconzGateway.from_description(
        {
            "name": "deconz",
            "kind": "deconz",
            "label": "Cellar",
            "devicename": "ConBee III",
            "channel": 25,
            "key": "ABCDEF0123",
            "virtual": ["Memory"],
            "devices": [
                {"name": "Lamp {}", "count": 3},
                {"name": "Door", "kind": "contact", "reachable": False},
            ],
        },
        LabSettings(),
    )
    knows = gateway.gateway
    assert (gateway.name, gateway.port, knows.name) == ("deconz", None, "Cellar")
    assert list(knows.devices) == ["Lamp 1", "Lamp 2", "Lamp 3", "Door"]
    assert len({device.mac for device in knows.devices.values()}) == 4
    assert gateway.state()["unreachable"] == ["Door"]
    assert list(knows.keys) == ["ABCDEF0123"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"colour": "red"}, "nobody knows colour"),
        ({"devices": [{"name": "a", "kind": "spoon"}]}, "there is no kind spoon"),
        ({"devices": [{"name": "a"}, {"name": "a"}]}, "two devices a"),
        ({"devices": [{"name": "a", "size": 1}]}, "nobody knows size"),
    ],
)
def test_a_description_that_cannot_be_is_explained(
    wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(ScenarioError, match=said):
        DeconzGateway.from_description({"name": "deconz", **wrong}, LabSettings())
