"""Bridges: what they publish, how they answer, and how they fail."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
import time
from typing import Any

import pytest

from lab import LabSettings
from lab.mqtt import Bridge, Broker
from lab.reading import ScenarioError

from ..common import MakeBridge
from .conftest import until
from .mqtt import Watcher, watching

TOPICS = {
    "bridge/state", "bridge/info", "bridge/devices", "bridge/groups",
    "bridge/definitions", "bridge/converters", "bridge/extensions",
}  # fmt: skip
LEVEL_ERROR = "advanced/log_level must be equal to one of the allowed values"
MAP_ERROR = "Type 'nope' not supported, allowed are: raw,graphviz,plantuml"
CHECK_ERROR = "SRSP - SYS - version after 6000ms"


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    async with Broker(user="home", password="secret") as running:
        yield running


@pytest.fixture
async def watcher(bridge: Bridge, broker: Broker) -> AsyncIterator[Watcher]:
    async with watching(broker) as found:
        yield found


async def test_what_is_retained(bridge: Bridge, watcher: Watcher) -> None:
    retained = {seen.topic: seen for seen in watcher.seen if seen.retained}
    assert set(retained) == TOPICS | {
        f"{device.name}/availability" for device in bridge.network.devices
    }
    assert retained["bridge/state"].payload == b'{"state":"online"}'
    assert 20_000 < len(retained["bridge/info"].payload) < 35_000
    assert 200_000 < len(retained["bridge/definitions"].payload) < 250_000
    info = retained["bridge/info"].json
    assert info["version"] == "2.14.1"
    assert info["coordinator"]["type"] == "ZStack3x0"
    assert info["config"]["serial"]["port"] == "/dev/ttyUSB0"
    assert info["zigbee_herdsman"]["version"]
    assert not info["permit_join"]
    assert "permit_join_end" not in info
    devices = retained["bridge/devices"].json
    assert [device["type"] for device in devices] == [
        "Coordinator", "Router", "Router", "Router", "EndDevice", "EndDevice",
    ]  # fmt: skip
    assert devices[4]["power_source"] == "Battery"
    assert "definition" not in devices[0]
    assert bridge.state() == {
        "name": "zigbee2mqtt",
        "kind": "zigbee2mqtt",
        "port": None,
        "condition": "online",
        "faults": [],
    }


async def test_no_secret_is_shown(bridge: Bridge, watcher: Watcher) -> None:
    text = (await watcher.until("bridge/info")).payload
    assert b"network_key" not in text
    assert b"secret" not in text


async def test_devices_report_and_are_counted(bridge: Bridge, watcher: Watcher) -> None:
    report = await watcher.until("kitchen/plug")
    assert report.json == {"state": "ON", "linkquality": bridge.device(None).lqi}
    assert not report.retained
    echo = await watcher.until("bridge/logging", lambda s: b"kitchen/plug" in s.payload)
    assert echo.json["level"] == "info"
    await bridge.publish_health()
    health = (await watcher.until("bridge/health")).json
    counted = health["devices"][bridge.device("kitchen/plug").ieee]
    assert counted["messages"] >= 1
    assert counted["messages_per_sec"] > 0
    assert health["mqtt"]["connected"] is True
    assert health["mqtt"]["published"] > 10
    assert set(health) == {"response_time", "os", "process", "mqtt", "devices"}


async def test_health_comes_by_itself(make_bridge: MakeBridge, broker: Broker) -> None:
    await make_bridge(health_minutes=0.1)
    async with watching(broker) as watcher:
        await watcher.until("bridge/health")


# --- requests --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "message", "answer"),
    [
        ("health_check", "", {"data": {"healthy": True}, "status": "ok"}),
        ("health_check", "[1]", {"data": {"healthy": True}, "status": "ok"}),
        ("health_check", "{broken", {"data": {"healthy": True}, "status": "ok"}),
        (
            "health_check",
            {"transaction": {"a": [1]}},
            {"data": {"healthy": True}, "status": "ok", "transaction": {"a": [1]}},
        ),
        ("permit_join", "5", {"data": {"time": 5}, "status": "ok"}),
        ("permit_join", {"time": "12"}, {"data": {"time": 12}, "status": "ok"}),
        ("permit_join", {"time": "abc"}, {"data": {"time": None}, "status": "ok"}),
        (
            "permit_join",
            {"time": 255, "transaction": 2},
            {
                "data": {},
                "error": "Cannot permit join for more than 254 seconds.",
                "status": "error",
                "transaction": 2,
            },
        ),
        (
            "permit_join",
            {"value": True},
            {"data": {}, "error": "Invalid payload", "status": "error"},
        ),
        (
            "permit_join",
            {"time": 10, "device": "nobody"},
            {
                "data": {},
                "error": "Device 'nobody' does not exist",
                "status": "error",
            },
        ),
        ("coordinator_check", "", {"data": {"missing_routers": []}, "status": "ok"}),
        (
            "options",
            {"options": {"advanced": {"log_level": "loud"}}},
            {
                "data": {},
                "error": LEVEL_ERROR,
                "status": "error",
            },
        ),
        (
            "options",
            {"options": {"advanced": {"channel": 99}}},
            {
                "data": {},
                "error": "advanced/channel must be <= 26",
                "status": "error",
            },
        ),
        (
            "options",
            {"options": {"frontend": {"port": "x"}}},
            {
                "data": {},
                "error": "frontend/port must be number",
                "status": "error",
            },
        ),
        (
            "options",
            "",
            {"data": {}, "error": "Invalid payload", "status": "error"},
        ),
        (
            "networkmap",
            {"type": "nope"},
            {
                "data": {},
                "error": MAP_ERROR,
                "status": "error",
            },
        ),
        (
            "device/rename",
            {"from": "nobody", "to": "x"},
            {
                "data": {},
                "error": "Device 'nobody' does not exist",
                "status": "error",
            },
        ),
        (
            "device/rename",
            {"from": "hall/bulb", "to": "hall/motion"},
            {
                "data": {},
                "error": "friendly_name 'hall/motion' is already in use",
                "status": "error",
            },
        ),
    ],
)
async def test_answers(
    watcher: Watcher, name: str, message: object, answer: object
) -> None:
    assert await watcher.ask(name, message) == answer


@pytest.mark.parametrize(
    ("name", "message"), [("nonsense", {"transaction": 1}), ("health_check", "null")]
)
async def test_some_requests_get_no_answer(
    watcher: Watcher, name: str, message: object
) -> None:
    await watcher.send(name, message)
    await watcher.ask("coordinator_check", "")
    assert watcher.all(f"bridge/response/{name}") == []


async def test_join_is_permitted_and_falls_back(watcher: Watcher) -> None:
    before = time.time()
    watcher.forget()
    answer = await watcher.ask("permit_join", {"time": 1, "device": "hall/bulb"})
    assert answer["data"] == {"time": 1, "device": "hall/bulb"}
    opened = (await watcher.until("bridge/info")).json
    assert opened["permit_join"] is True
    assert before + 0.9 < opened["permit_join_end"] / 1000 < before + 2
    watcher.forget()
    closed = (await watcher.until("bridge/info")).json
    assert closed["permit_join"] is False
    assert time.time() >= before + 1
    assert "permit_join_end" not in closed


async def test_join_is_closed_early(bridge: Bridge, watcher: Watcher) -> None:
    await watcher.ask("permit_join", {"time": 254})
    assert bridge.join_end is not None
    await watcher.ask("permit_join", {"time": 0})
    assert bridge.join_end is None


async def test_missing_routers(bridge: Bridge, watcher: Watcher) -> None:
    bulb = bridge.device("hall/bulb")
    bulb.in_table = False
    answer = await watcher.ask("coordinator_check", {"transaction": "c"})
    assert answer == {
        "data": {
            "missing_routers": [
                {"friendly_name": "hall/bulb", "ieee_address": bulb.ieee}
            ]
        },
        "status": "ok",
        "transaction": "c",
    }


@pytest.mark.parametrize("adapter", ["deconz", "zigate"])
async def test_an_adapter_without_backup(
    make_bridge: MakeBridge, broker: Broker, adapter: str
) -> None:
    bridge = await make_bridge(adapter=adapter)
    await bridge.hang_stick()
    async with watching(broker) as watcher:
        answer = await watcher.ask("coordinator_check", "")
    assert answer["error"].endswith("because it doesn't support backups")


async def test_restart(bridge: Bridge, watcher: Watcher) -> None:
    bridge.restart_required = True
    published = bridge.published
    assert await watcher.ask("restart", "") == {"data": {}, "status": "ok"}
    watcher.forget()
    await watcher.state("offline")
    await watcher.state("online")
    info = await watcher.until("bridge/info")
    assert info.json["restart_required"] is False
    await watcher.until("bridge/definitions")
    watcher.forget()
    await bridge.publish_health()
    health = (await watcher.until("bridge/health")).json
    # It was the same process all the time.
    assert health["mqtt"]["published"] > published


async def test_options(watcher: Watcher) -> None:
    watcher.forget()
    answer = await watcher.ask(
        "options", {"options": {"advanced": {"log_level": "error"}}}
    )
    assert answer["data"] == {"restart_required": False}
    assert (await watcher.until("bridge/info")).json["log_level"] == "error"
    watcher.forget()
    answer = await watcher.ask("options", {"options": {"advanced": {"channel": 20}}})
    assert answer["data"] == {"restart_required": True}
    info = (await watcher.until("bridge/info")).json
    assert info["restart_required"] is True
    assert info["config"]["advanced"]["channel"] == 20
    assert info["network"]["channel"] == 15
    assert watcher.all("bridge/logging") == []


async def test_network_map(bridge: Bridge, watcher: Watcher) -> None:
    answer = await watcher.ask("networkmap", {"type": "raw", "routes": False})
    value = answer["data"]["value"]
    assert [node["type"] for node in value["nodes"]].count("Router") == 3
    first = value["links"][0]
    assert first["lqi"] == bridge.device(None).lqi
    assert first["source"]["ieeeAddr"] == bridge.device(None).ieee
    assert (await watcher.ask("networkmap", "graphviz"))["data"]["type"] == "graphviz"


async def test_backup_holds_a_key_that_nobody_shall_log(watcher: Watcher) -> None:
    assert (await watcher.ask("backup", ""))["data"]["zip"].startswith("UEsDB")


async def test_rename_clears_the_old_topics(watcher: Watcher) -> None:
    watcher.forget()
    answer = await watcher.ask(
        "device/rename", {"from": "hall/bulb", "to": "taklys/gang"}
    )
    assert answer["data"] == {
        "from": "hall/bulb",
        "homeassistant_rename": False,
        "to": "taklys/gang",
    }
    assert (await watcher.until("hall/bulb/availability")).payload == b""
    assert (await watcher.until("hall/bulb")).payload == b""
    devices = (await watcher.until("bridge/devices")).json
    assert [device["friendly_name"] for device in devices][2] == "taklys/gang"
    await watcher.until("taklys/gang/availability")


async def test_a_device_is_removed(bridge: Bridge, watcher: Watcher) -> None:
    assert (await watcher.ask("device/remove", {"id": "hall/bulb"}))["status"] == "ok"
    assert bridge.network.find("hall/bulb") is None


# --- devices come and go ---------------------------------------------------------


async def test_a_device_joins_and_leaves(bridge: Bridge, watcher: Watcher) -> None:
    with pytest.raises(ValueError, match="the network is closed"):
        await bridge.radio.join("new", "leak")
    await watcher.ask("permit_join", {"time": 60})
    watcher.forget()
    await bridge.radio.join("new", "leak")
    await watcher.until("new/availability")
    events = [seen.json for seen in watcher.all("bridge/event")]
    assert [(event["type"], event["data"].get("status")) for event in events] == [
        ("device_joined", None),
        ("device_interview", "started"),
        ("device_interview", "successful"),
        ("device_announce", None),
    ]
    first = watcher.all("bridge/devices")[0].json[-1]
    assert (first["interview_completed"], first["interview_state"]) == (
        False,
        "IN_PROGRESS",
    )
    assert watcher.all("bridge/devices")[-1].json[-1]["interview_completed"] is True
    watcher.forget()
    await bridge.radio.leave(bridge.device("new"))
    event = (await watcher.until("bridge/event")).json
    assert (event["type"], event["data"]["friendly_name"]) == ("device_leave", "new")
    assert len((await watcher.until("bridge/devices")).json) == 6


async def test_a_device_is_switched_off_and_on(
    bridge: Bridge, watcher: Watcher
) -> None:
    watcher.forget()
    await bridge.radio.switch_off(bridge.device("hall/bulb"))
    seen = await watcher.until("hall/bulb/availability")
    assert seen.json == {"state": "offline"}
    watcher.forget()
    await bridge.radio.switch_on(bridge.device("hall/bulb"))
    seen = await watcher.until("hall/bulb/availability")
    assert seen.json == {"state": "online"}


async def test_a_device_that_is_not_heard_becomes_unavailable(
    make_bridge: MakeBridge, broker: Broker
) -> None:
    bridge = await make_bridge(settings=LabSettings(task_seconds=0.001))
    bridge.device("hall/bulb").online = False
    async with watching(broker) as watcher:
        await watcher.until(
            "hall/bulb/availability", lambda seen: seen.json == {"state": "offline"}
        )


# --- failures --------------------------------------------------------------------


async def test_a_crash_leaves_the_will(bridge: Bridge, watcher: Watcher) -> None:
    watcher.forget()
    await bridge.crash()
    await watcher.state("offline")
    assert bridge.state()["condition"] == "stopped"
    await bridge.start()
    await watcher.state("online")


async def test_a_clean_stop(bridge: Bridge, watcher: Watcher) -> None:
    watcher.forget()
    await bridge.stop()
    await watcher.state("offline")
    await bridge.stop()
    assert len(watcher.all("bridge/state")) == 1


async def test_a_hung_stick_stays_online(bridge: Bridge, watcher: Watcher) -> None:
    watcher.forget()
    await bridge.hang_stick()
    started = time.monotonic()
    assert (await watcher.ask("health_check", ""))["data"] == {"healthy": True}
    answer = await watcher.ask("coordinator_check", {"transaction": "probe"})
    assert time.monotonic() - started > bridge.settings.scaled(6)
    assert answer == {
        "data": {},
        "error": CHECK_ERROR,
        "status": "error",
        "transaction": "probe",
    }
    answer = await watcher.ask("permit_join", {"time": 60})
    assert answer["error"] == "SRSP - ZDO - mgmtPermitJoinReq after 6000ms"
    await bridge.publish_health()
    await watcher.until("bridge/health")
    assert watcher.all("bridge/state") == []
    assert watcher.all("kitchen/plug") == []
    assert bridge.state()["faults"] == ["stick hung"]
    await bridge.plug_stick()
    assert (await watcher.ask("coordinator_check", ""))["status"] == "ok"


async def test_questions_to_a_hung_stick_wait_for_each_other(
    bridge: Bridge, watcher: Watcher
) -> None:
    await bridge.hang_stick()
    started = time.monotonic()
    await watcher.send("permit_join", {"time": 60})
    await watcher.send("permit_join", {"time": 60})
    await watcher.ask("coordinator_check", "")
    assert time.monotonic() - started > bridge.settings.scaled(18)


async def test_a_map_of_a_hung_stick_is_late_and_empty(
    make_bridge: MakeBridge, broker: Broker
) -> None:
    bridge = await make_bridge(settings=LabSettings(task_seconds=0.005))
    await bridge.hang_stick()
    started = time.monotonic()
    async with watching(broker) as watcher:
        answer = await watcher.ask("networkmap", {"type": "raw"})
    assert time.monotonic() - started > bridge.settings.scaled(72)
    assert answer["data"]["value"]["links"] == []
    assert answer["data"]["value"]["nodes"][0]["failed"] == ["lqi"]


@pytest.mark.parametrize("supervisor", ["systemd", "watchdog"])
async def test_a_lost_stick_ends_the_process_until_it_is_back(
    make_bridge: MakeBridge, broker: Broker, supervisor: str
) -> None:
    bridge = await make_bridge(supervisor=supervisor)
    async with watching(broker) as watcher:
        await watcher.until("bridge/definitions")
        watcher.forget()
        await bridge.unplug_stick()
        await watcher.state("offline")
        await asyncio.sleep(bridge.settings.scaled(25))
        assert len(watcher.all("bridge/state")) == 1
        assert bridge.state()["condition"] in ("waiting", "starting")
        assert bridge.state()["faults"] == ["stick missing"]
        watcher.forget()
        await bridge.plug_stick()
        await watcher.state("online")
        await watcher.until("bridge/info")


async def test_without_a_supervisor_a_lost_stick_is_the_end(
    make_bridge: MakeBridge,
) -> None:
    bridge = await make_bridge(supervisor="none")
    await bridge.unplug_stick()
    await asyncio.sleep(0.05)
    assert bridge.state()["condition"] == "stopped"


async def test_a_stick_that_is_missing_at_the_start(broker: Broker) -> None:
    bridge = Bridge(broker, ran_before=True)
    # What an earlier life left is there as soon as the broker serves.
    await broker.restart()
    bridge.stick.present = False
    async with watching(broker) as watcher:
        await watcher.state("offline")
        assert (await watcher.until("bridge/info")).retained
        watcher.forget()
        await bridge.start()
        assert bridge.state()["condition"] == "starting"
        await until(lambda: bridge.state()["condition"] == "waiting")
        assert watcher.all("bridge/state") == []
        await bridge.plug_stick()
        await watcher.state("online")
    await bridge.stop()


async def test_a_broker_that_forgets_leaves_online_without_info(
    bridge: Bridge, broker: Broker
) -> None:
    await broker.restart(forget=True)
    async with watching(broker) as watcher:
        await watcher.state("online")
        await asyncio.sleep(0.05)
        assert {seen.topic for seen in watcher.seen if seen.retained} <= {
            "bridge/state"
        }
        assert watcher.all("bridge/info") == []
        await watcher.ask("permit_join", {"time": 0})
        assert watcher.all("bridge/info")


async def test_a_broker_that_remembers_keeps_everything(
    bridge: Bridge, broker: Broker
) -> None:
    await broker.restart()
    async with watching(broker) as watcher:
        await watcher.until("bridge/definitions")
        await watcher.state("online")


async def test_another_password_does_not_keep_the_bridge_away(
    bridge: Bridge, broker: Broker
) -> None:
    first = bridge.process.client
    await broker.change_password("other")
    await until(lambda: bridge.process.client not in (None, first))
    async with watching(broker) as watcher:
        await watcher.state("online")
        assert (await watcher.ask("health_check", ""))["status"] == "ok"


async def test_a_bridge_waits_for_its_broker(broker: Broker) -> None:
    await broker.stop()
    bridge = Bridge(broker)
    await bridge.start()
    assert bridge.state()["condition"] == "waiting"
    await broker.start()
    async with watching(broker) as watcher:
        await watcher.state("online")
        assert bridge.process.client is not None
    await bridge.stop()


async def test_a_silent_radio(bridge: Bridge, watcher: Watcher) -> None:
    await watcher.until("kitchen/plug")
    bridge.silent = True
    await asyncio.sleep(0.01)
    watcher.forget()
    counted = [device.messages for device in bridge.network.devices]
    await asyncio.sleep(bridge.settings.scaled(30))
    assert [device.messages for device in bridge.network.devices] == counted
    assert (await watcher.ask("coordinator_check", ""))["status"] == "ok"
    assert bridge.state()["faults"] == ["radio silent"]
    assert not [seen for seen in watcher.seen if "kitchen" in seen.topic]


async def test_two_instances_on_one_broker(
    make_bridge: MakeBridge, broker: Broker
) -> None:
    await make_bridge("zigbee2mqtt")
    garage = await make_bridge("house/garage", pan_id=4242)
    async with watching(broker, "house/garage") as watcher:
        info = (await watcher.until("bridge/info")).json
        assert info["network"]["pan_id"] == 4242
    async with watching(broker, "zigbee2mqtt") as watcher:
        await garage.crash()
        assert (await watcher.ask("health_check", ""))["status"] == "ok"
        assert [s.payload for s in watcher.all("bridge/state")] == [
            b'{"state":"online"}'
        ]


async def test_a_big_house(make_bridge: MakeBridge, broker: Broker) -> None:
    bridge = await make_bridge(devices=200)
    async with watching(broker) as watcher:
        devices = (await watcher.until("bridge/devices")).json
    assert len(devices) == 201
    assert len({device.ieee for device in bridge.network.devices}) == 200
    assert len({device.address for device in bridge.network.devices}) == 200


async def test_the_first_version_spoke_plainly(
    make_bridge: MakeBridge, broker: Broker
) -> None:
    bridge = await make_bridge(legacy=True)
    async with watching(broker) as watcher:
        seen = await watcher.until("bridge/state")
        assert seen.payload == b"online"
        assert (await watcher.until("bridge/info")).json["version"] == "1.42.0"
        await bridge.crash()
        await watcher.until("bridge/state", lambda seen: seen.payload == b"offline")


async def test_garbage_and_empty_payloads(bridge: Bridge, watcher: Watcher) -> None:
    watcher.forget()
    await bridge.publish_raw("bridge/info", b'{"version": [1', qos=1)
    await bridge.publish_raw("bridge/devices", b"", qos=1)
    assert (await watcher.until("bridge/info")).payload == b'{"version": [1'
    assert (await watcher.until("bridge/devices")).payload == b""
    watcher.forget()
    await bridge.publish_info()
    assert (await watcher.until("bridge/info")).json["version"] == "2.14.1"


async def test_nothing_is_left_behind(broker: Broker) -> None:
    before = asyncio.all_tasks()
    for end in (Bridge.stop, Bridge.crash):
        bridge = Bridge(broker)
        await bridge.start()
        await bridge.permit_join(60)
        await end(bridge)
    bridge = Bridge(broker)
    await broker.hang()
    await bridge.start()
    await bridge.stop()
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() - before == set()


# --- scenarios and the control page ----------------------------------------------


async def test_a_bridge_of_a_scenario(broker: Broker) -> None:
    found = {
        "name": "garage", "broker": "emqx", "base": "z2m/garage", "adapter": "ember",
        "serial": "tcp://10.0.0.9:6638", "channel": 20, "pan_id": 777, "stick": False,
        "devices": {"port": "plug"}, "server": "mqtt://10.0.0.2:1883",
    }  # fmt: skip
    bridge = Bridge.from_description(found, LabSettings(), broker)
    assert (bridge.name, bridge.base) == ("garage", "z2m/garage")
    info = bridge.info()
    assert info["coordinator"]["type"] == "EmberZNet"
    assert info["config"]["serial"]["port"] == "tcp://10.0.0.9:6638"
    assert info["mqtt"]["server"] == "mqtt://10.0.0.2:1883"
    assert not bridge.stick.present


@pytest.mark.parametrize(
    ("odd", "complaint"),
    [
        ({"colour": "red"}, "nobody knows colour"),
        ({"devices": {"x": "toaster"}}, "there are no devices toaster"),
        ({"adapter": "conbee9"}, "there is no adapter conbee9"),
        ({"supervisor": "nobody"}, "there is no supervisor nobody"),
    ],
)
def test_a_mistake_in_a_scenario(odd: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ScenarioError, match=complaint):
        Bridge.from_description({"name": "x", **odd}, LabSettings(), Broker())


async def test_every_action_can_be_done(bridge: Bridge, watcher: Watcher) -> None:
    for name in (
        "hang_stick", "unplug_stick", "plug_stick", "silence", "speak", "lose_router",
        "find_router", "device_offline", "device_online", "garble", "republish",
        "report_health", "close_network", "leave", "crash", "start", "stop",
    ):  # fmt: skip
        done = bridge.actions[name]({})
        assert isinstance(done, Awaitable)
        await done
    await bridge.start()
    await bridge.permit_join(60)
    done = bridge.actions["join"]({"name": "lamp", "kind": "bulb"})
    assert isinstance(done, Awaitable)
    await done
    assert bridge.network.find("lamp")
    with pytest.raises(KeyError):
        bridge.actions["leave"]({"device": "nobody"})
