"""Radio equipment in a lab: its guests, its facts and its place on the control page."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import ClientSession
import pytest

from lab import Lab, LabSettings
from lab.__main__ import facts
from lab.mqtt import Bridge, Broker
from lab.pve.guests import GuestState
from lab.radios import Radios
from lab.reading import ScenarioError
from lab.zwave import ZwaveServer

from .conftest import StartLab, until
from .mqtt import watching


@pytest.fixture
async def house(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    scenario = getattr(request, "param", "house")
    settings = LabSettings(radios=True, control_port=0)
    async with Lab(scenario, settings=settings) as lab:
        yield lab


def broker_of(lab: Lab) -> Broker:
    broker = lab.equipment["emqx"]
    assert isinstance(broker, Broker)
    return broker


def conditions(lab: Lab) -> dict[str, str]:
    return {name: made.state()["condition"] for name, made in lab.equipment.items()}


async def test_nothing_runs_unless_it_is_asked_for(start_lab: StartLab) -> None:
    running = await start_lab("house")
    assert running.lab.equipment == {}


async def test_a_scenario_without_radios(start_lab: StartLab) -> None:
    running = await start_lab("large:1/3", radios=True)
    assert running.lab.equipment == {}


async def test_the_house(house: Lab) -> None:
    assert conditions(house) == {
        "emqx": "running",
        "zigbee2mqtt": "online",
        "zigbee2mqtt-garasje": "stopped",
        "zwave-js-ui-hus": "online",
    }
    async with watching(broker_of(house)) as watcher:
        await watcher.state("online")
        info = (await watcher.until("bridge/info")).json
        assert "a1b2c3" in info["config"]["serial"]["port"]
        assert len((await watcher.until("bridge/devices")).json) == 26
    async with watching(broker_of(house), "zigbee2mqtt-garasje") as watcher:
        await watcher.state("offline")
        info = (await watcher.until("bridge/info")).json
        assert "d4e5f6" in info["config"]["serial"]["port"]


async def test_equipment_stops_and_starts_with_its_guest(house: Lab) -> None:
    cluster, broker = house.pve.cluster, broker_of(house)
    port = broker.port
    async with watching(broker) as watcher:
        watcher.forget()
        cluster.set_state(110, GuestState.STOPPED)
        await watcher.state("offline")
        cluster.set_state(110, GuestState.RUNNING)
        await watcher.state("online")
    cluster.set_state(106, GuestState.STOPPED)
    await until(lambda: not broker.running)
    cluster.set_state(106, GuestState.RUNNING)
    await until(lambda: broker.running)
    assert broker.port == port
    bridge = house.equipment["zigbee2mqtt"]
    assert isinstance(bridge, Bridge)
    await until(lambda: bridge.process.client)
    async with watching(broker) as watcher:
        await watcher.state("online")


async def test_a_guest_that_is_reset_begins_anew(house: Lab) -> None:
    guest = house.pve.cluster.guests[110]
    async with watching(broker_of(house)) as watcher:
        watcher.forget()
        guest.begin(0, 1)
        await watcher.state("offline")
        await watcher.state("online")


async def test_a_deleted_guest_takes_its_equipment_along(house: Lab) -> None:
    house.pve.cluster.delete_guest(110)
    await until(lambda: conditions(house)["zigbee2mqtt"] == "stopped")


async def test_the_garage_loops_until_its_stick_is_there(house: Lab) -> None:
    async with watching(broker_of(house), "zigbee2mqtt-garasje") as watcher:
        watcher.forget()
        house.pve.cluster.set_state(111, GuestState.RUNNING)
        seen: set[str] = set()

        def looped() -> bool:
            seen.add(conditions(house)["zigbee2mqtt-garasje"])
            return {"starting", "waiting"} <= seen

        await until(looped)
        assert watcher.all("bridge/state") == []
        await operate(house, "zigbee2mqtt-garasje", "plug_stick")
        await watcher.state("online")


async def operate(
    lab: Lab, name: str, action: str, status: int = 200, **arguments: Any
) -> Any:
    """Do something to equipment from the control page."""
    wanted = {"do": "equipment", "name": name, "action": action}
    async with (
        ClientSession(f"http://127.0.0.1:{lab.control_port}") as client,
        client.post("/action", json={**wanted, "arguments": arguments}) as answer,
    ):
        assert answer.status == status
        return await answer.json()


async def test_the_control_page(house: Lab) -> None:
    found = await operate(house, "zigbee2mqtt", "hang_stick")
    rows = {row["name"]: row for row in found["equipment"]}
    assert rows["emqx"]["port"] == broker_of(house).port
    assert "lose_memory" in rows["emqx"]["actions"]
    assert rows["zigbee2mqtt"]["faults"] == ["stick hung"]
    await operate(house, "emqx", "change_password", password="other")
    assert broker_of(house).password == "other"
    for action in ("hang", "start", "lose_memory", "restart", "deny_sys", "allow_all"):
        await operate(house, "emqx", action)
    found = await operate(house, "emqx", "stop")
    assert found["equipment"][0]["condition"] == "stopped"


@pytest.mark.parametrize(
    ("name", "action", "complaint"),
    [
        ("nobody", "stop", "there is no 'nobody'"),
        ("emqx", "explode", "there is no 'explode'"),
        ("emqx", "change_password", "there is no 'password'"),
        ("zigbee2mqtt", "join", "the network is closed"),
    ],
)
async def test_what_cannot_be_done(
    house: Lab, name: str, action: str, complaint: str
) -> None:
    assert (await operate(house, name, action, 400))["error"] == complaint


async def test_the_facts_tell_how_to_reach_what_has_a_port(house: Lab) -> None:
    broker, zwave = broker_of(house), house.equipment["zwave-js-ui-hus"]
    assert isinstance(zwave, ZwaveServer)
    assert facts(house)["equipment"] == [
        {
            "name": "emqx",
            "kind": "broker",
            "host": "127.0.0.1",
            "port": broker.port,
            "user": "homeassistant",
            "password": broker.password,
        },
        {
            "name": "zwave-js-ui-hus",
            "kind": "zwave_js",
            "host": "127.0.0.1",
            "port": zwave.port,
            "ui_port": zwave.ui_port,
        },
    ]


@pytest.mark.parametrize("house", ["cluster"], indirect=True)
async def test_the_facts_tell_the_keys_of_a_gateway(house: Lab) -> None:
    (gateway,) = facts(house)["equipment"]
    assert (gateway["kind"], gateway["keys"]) == ("deconz", ["4F2C6E8A1B"])


@pytest.mark.parametrize(
    ("description", "complaint"),
    [
        ({"brokers": [{"name": "a"}, {"name": "a"}]}, "a: there are two of that name"),
        ({"brokers": [{"name": "a", "guest": 99}]}, "a: 99 is missing"),
        ({"brokers": [{"name": "a", "colour": 1}]}, "a: nobody knows colour"),
        ({"bridges": [{"name": "b", "broker": "a"}]}, "b: 'a' is missing"),
        ({"bridges": [{"name": "b"}]}, "b: 'broker' is missing"),
    ],
)
async def test_a_mistake_in_a_scenario(
    start_lab: StartLab, description: dict[str, Any], complaint: str
) -> None:
    running = await start_lab("house")
    radios = Radios(running.cluster, description)
    with pytest.raises(ScenarioError, match=complaint):
        await radios.start()
    await radios.stop()


async def test_ports_are_the_same_at_every_start(start_lab: StartLab) -> None:
    async with Broker() as somebody:
        port = somebody.port
    assert port is not None
    running = await start_lab("house")
    description = {"brokers": [{"name": "a", "tls": True}]}
    radios = Radios(running.cluster, description)
    radios._cluster.settings = LabSettings(radio_port=port)
    for _ in range(2):
        await radios.start()
        broker = radios.equipment.pop("a")
        assert isinstance(broker, Broker)
        assert (broker.port, broker.tls_port) == (port, port + 1)
        await radios.stop()
        radios._switches.clear()


async def test_nothing_is_left_behind() -> None:
    before = asyncio.all_tasks()
    async with Lab("house", settings=LabSettings(radios=True)) as lab:
        lab.pve.cluster.set_state(111, GuestState.RUNNING)
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() - before == set()
