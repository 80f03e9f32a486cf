"""What a user sees when the bridges of the lab fail as Zigbee2MQTT was seen to.

The lab's clock runs sixty times as fast as the real one; only the time of
`permit_join` is as long as it was asked for.
"""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
import json
import logging
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.proxmox_homelab.mqtt import (
    connect,
    control,
    coordinator,
    source,
    transport,
)
from lab import LabSettings
from lab.mqtt import Bridge, Broker

from ..common import (
    MakeBridge,
    async_press,
    async_switch,
    device,
    entity_id,
    has_device,
    state,
)
from .conftest import BRIDGE, Wire, act, async_set_up, shows, until

HUNG = "SRSP - SYS - version after 6000ms"
FAR_AWAY = timedelta(hours=1)

everything = pytest.mark.usefixtures("all_entities_enabled")


@pytest.fixture(autouse=True)
def _quick_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask the stick soon after the start, and soon again when it is known to hang."""
    monkeypatch.setattr(coordinator, "FIRST_CHECK", timedelta(seconds=0.05))
    monkeypatch.setattr(coordinator, "RECHECK", timedelta(seconds=0.1))


@pytest.fixture(autouse=True)
def _calm_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Demand that nothing fails but what says in one line that it does not answer."""
    yield
    found = [
        record
        for phase in ("setup", "call")
        for record in caplog.get_records(phase)
        if record.levelno > logging.DEBUG
    ]
    errors = [record.message for record in found if record.levelno >= logging.ERROR]
    assert [line for line in errors if "bridges data: MQTT home" not in line] == []
    assert [record.message for record in found if record.exc_info] == []


async def set_up(
    hass: HomeAssistant, broker: Broker, devices: int = 5, **given: Any
) -> MockConfigEntry:
    """Set the integration up and wait until the bridge shows its devices."""
    entry = await async_set_up(hass, broker, **given)
    await until(hass, shows(hass, "sensor", "devices", str(devices)))
    await until(hass, online(hass, "on"))
    return entry


def online(hass: HomeAssistant, value: str, key: str = BRIDGE) -> Callable[[], bool]:
    """Return whether the bridge shows that it is, or is not, online."""
    return shows(hass, "binary_sensor", "online", value, key)


def radio(hass: HomeAssistant, value: str) -> Callable[[], bool]:
    """Return whether the problem of the radio shows the value."""
    return shows(hass, "binary_sensor", "radio_problem", value)


def connected(hass: HomeAssistant, value: str) -> Callable[[], bool]:
    """Return whether the connection to the broker shows the value."""
    return shows(hass, "binary_sensor", "connected", value, "broker")


def offline(hass: HomeAssistant, *names: str) -> Callable[[], bool]:
    """Return whether just these devices are shown as not answering."""
    counted = shows(hass, "sensor", "devices_offline", str(len(names)))

    def is_so() -> bool:
        if not counted():
            return False
        found = state(hass, "sensor", BRIDGE, "devices_offline")
        return found.attributes["devices"] == sorted(names)

    return is_so


def history(hass: HomeAssistant, *entity_ids: str) -> list[str]:
    """Return the list that fills with what the entities show from now on."""
    seen: list[str] = []

    @callback
    def note(event: Event[Any]) -> None:
        if event.data["entity_id"] in entity_ids and event.data["new_state"]:
            seen.append(event.data["new_state"].state)

    hass.bus.async_listen("state_changed", note)
    return seen


def entities_of(hass: HomeAssistant, entry: MockConfigEntry, key: str) -> list[str]:
    """Return the ids of the entities of an item."""
    there = device(hass, entry, key)
    return [
        found.entity_id
        for found in er.async_entries_for_device(er.async_get(hass), there.id)
    ]


async def pass_in_the_lab(bridge: Bridge, seconds: float) -> None:
    """Let these seconds of a real system pass."""
    await asyncio.sleep(bridge.settings.scaled(seconds))


async def ask(bridge: Bridge, name: str, **data: Any) -> None:
    """Have somebody else on the broker ask the bridge for something."""
    topic = f"{bridge.base}/bridge/request/{name}"
    await bridge.receive(topic, json.dumps(data).encode())


async def bounce(hass: HomeAssistant, broker: Broker, *, forget: bool = False) -> None:
    """Stop the broker, see that it is gone, and start it again."""
    await broker.stop()
    await until(hass, connected(hass, "off"))
    await broker.restart(forget=forget)
    await until(hass, connected(hass, "on"))


# --- the process ----------------------------------------------------------------------


@pytest.mark.parametrize("end", [Bridge.crash, Bridge.stop])
async def test_a_process_that_ends_is_offline_at_once(
    hass: HomeAssistant, broker: Broker, bridge: Bridge, end: Any
) -> None:
    await set_up(hass, broker)
    await end(bridge)
    await until(hass, online(hass, "off"), 1)
    for platform, row in (
        ("sensor", "devices"),
        ("sensor", "devices_offline"),
        ("switch", "permit_join"),
        ("binary_sensor", "radio_problem"),
    ):
        assert state(hass, platform, BRIDGE, row).state == STATE_UNAVAILABLE
    assert connected(hass, "on")()
    await bridge.start()
    await until(hass, online(hass, "on"))
    assert state(hass, "sensor", BRIDGE, "devices").state == "5"
    await until(hass, radio(hass, "off"))


@pytest.mark.parametrize("supervisor", ["systemd", "watchdog"])
async def test_a_lost_stick_is_offline_until_it_is_plugged_in_again(
    hass: HomeAssistant, broker: Broker, make_bridge: MakeBridge, supervisor: str
) -> None:
    bridge = await make_bridge(supervisor=supervisor)
    await set_up(hass, broker)
    await until(hass, radio(hass, "off"))
    seen = history(hass, entity_id(hass, "binary_sensor", BRIDGE, "online"))
    await bridge.unplug_stick()
    await until(hass, online(hass, "off"), 1)
    # It is not there, so nobody may say that it hangs.
    await pass_in_the_lab(bridge, 25)
    assert radio(hass, STATE_UNAVAILABLE)()
    assert seen == ["off"]
    await bridge.plug_stick()
    await until(hass, online(hass, "on"))
    await until(hass, radio(hass, "off"))
    assert seen == ["off", "on"]


async def test_a_lost_stick_without_a_supervisor_needs_somebody(
    hass: HomeAssistant, broker: Broker, make_bridge: MakeBridge
) -> None:
    bridge = await make_bridge(supervisor="none")
    await set_up(hass, broker)
    await bridge.unplug_stick()
    await until(hass, online(hass, "off"))
    await bridge.plug_stick()
    await pass_in_the_lab(bridge, 15)
    assert online(hass, "off")()
    await bridge.start()
    await until(hass, online(hass, "on"))


async def test_a_stick_out_of_reach_at_the_start_is_a_constant_offline(
    hass: HomeAssistant, broker: Broker
) -> None:
    bridge = Bridge(broker, ran_before=True)
    # What an earlier life left is there as soon as the broker serves.
    await broker.restart()
    bridge.stick.present = False
    await bridge.start()
    entry = await async_set_up(hass, broker)
    await until(hass, online(hass, "off"))
    assert device(hass, entry, BRIDGE).sw_version == "2.14.1"
    shown = entities_of(hass, entry, BRIDGE)
    seen = history(hass, *shown)
    # Through a start that fails, the pause after it and the next start.
    await pass_in_the_lab(bridge, 40)
    assert bridge.state()["condition"] in ("starting", "waiting")
    assert seen == []
    with pytest.raises(ServiceValidationError) as raised:
        await act(hass, entry, "check_coordinator")
    assert raised.value.translation_key == "refused_radio_offline"
    await bridge.plug_stick()
    await until(hass, online(hass, "on"))
    await until(hass, shows(hass, "sensor", "devices", "5"))
    await bridge.stop()


# --- a stick that hangs ---------------------------------------------------------------


@everything
async def test_a_stick_that_hangs_is_found_by_asking_it(
    hass: HomeAssistant, broker: Broker, bridge: Bridge
) -> None:
    await set_up(hass, broker, check_interval=0.005)
    await until(hass, radio(hass, "off"))
    still = [
        entity_id(hass, "binary_sensor", BRIDGE, "online"),
        entity_id(hass, "sensor", BRIDGE, "devices"),
        entity_id(hass, "switch", BRIDGE, "permit_join"),
    ]
    seen = history(hass, *still)
    await bridge.hang_stick()
    await until(hass, radio(hass, "on"))
    found = state(hass, "binary_sensor", BRIDGE, "radio_problem").attributes
    assert (found["reason"], found["error"]) == ("stick_hangs", HUNG)
    assert state(hass, "sensor", BRIDGE, "missing_routers").state == STATE_UNKNOWN
    # The program itself goes on as if nothing were wrong.
    await bridge.publish_health()
    await until(hass, lambda: bridge.received > 3)
    assert radio(hass, "on")()
    await bridge.plug_stick()
    await until(hass, radio(hass, "off"))
    found = state(hass, "binary_sensor", BRIDGE, "radio_problem").attributes
    assert (found["reason"], found["error"]) == (None, None)
    assert state(hass, "sensor", BRIDGE, "missing_routers").state == "0"
    assert seen == []


async def test_a_command_to_a_stick_that_hangs_says_so_and_has_it_checked(
    hass: HomeAssistant, broker: Broker, bridge: Bridge
) -> None:
    await set_up(hass, broker)
    await until(hass, radio(hass, "off"))
    await bridge.hang_stick()
    with pytest.raises(HomeAssistantError, match="mgmtPermitJoinReq") as raised:
        await async_switch(hass, BRIDGE, "permit_join", on=True)
    assert raised.value.translation_key == "command_refused"
    assert shows(hass, "switch", "permit_join", "off")()
    # Not in ten minutes: now.
    await until(hass, radio(hass, "on"), 3)
    assert online(hass, "on")()
    await bridge.plug_stick()
    await until(hass, radio(hass, "off"))
    await async_switch(hass, BRIDGE, "permit_join", on=True)
    assert shows(hass, "switch", "permit_join", "on")()


async def test_a_map_that_does_not_come_says_so_and_has_the_stick_checked(
    hass: HomeAssistant,
    broker: Broker,
    bridge: Bridge,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(control, "_MAP_SECONDS", 0.1)
    entry = await set_up(hass, broker)
    await until(hass, radio(hass, "off"))
    await bridge.hang_stick()
    with pytest.raises(HomeAssistantError) as raised:
        await act(hass, entry, "zigbee_network_map")
    assert raised.value.translation_key == "command_timeout"
    await until(hass, radio(hass, "on"), 3)


async def test_a_check_by_hand_tells_what_is_wrong(
    hass: HomeAssistant, broker: Broker, bridge: Bridge
) -> None:
    entry = await set_up(hass, broker)
    await until(hass, radio(hass, "off"))
    await bridge.hang_stick()
    found = await act(hass, entry, "check_coordinator")
    assert (found["problem"], found["reason"], found["error"]) == (
        True,
        "stick_hangs",
        HUNG,
    )
    assert radio(hass, "on")()


async def test_a_restart_with_a_stick_that_hangs_is_not_called_done(
    hass: HomeAssistant,
    broker: Broker,
    bridge: Bridge,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(control, "_RESTART_SECONDS", 0.3)
    await set_up(hass, broker)
    await bridge.hang_stick()
    with pytest.raises(HomeAssistantError) as raised:
        await async_press(hass, BRIDGE, "restart")
    assert raised.value.translation_key == "command_timeout"
    assert online(hass, "off")()
    await bridge.plug_stick()
    await until(hass, online(hass, "on"))


# --- a stick that cannot be asked -----------------------------------------------------


@everything
@pytest.mark.parametrize("adapter", ["deconz", "zigate"])
async def test_an_adapter_that_cannot_be_asked_is_judged_by_its_silence(
    hass: HomeAssistant, broker: Broker, make_bridge: MakeBridge, adapter: str
) -> None:
    # Reports come every 0.1 s, and in each of them some 2.5 messages.
    bridge = await make_bridge(
        adapter=adapter,
        health_minutes=0.5,
        settings=LabSettings(task_seconds=0.01),
    )
    entry = await set_up(hass, broker)
    await until(hass, radio(hass, "off"))
    assert state(hass, "sensor", BRIDGE, "missing_routers").state == STATE_UNKNOWN
    bridge.silent = True
    await until(hass, radio(hass, "on"))
    found = state(hass, "binary_sensor", BRIDGE, "radio_problem").attributes
    assert found["reason"] == "silent"
    assert online(hass, "on")()
    # Asking it by hand changes nothing about that.
    assert (await act(hass, entry, "check_coordinator"))["reason"] == "silent"
    last = state(hass, "sensor", BRIDGE, "last_message").state
    bridge.silent = False
    await until(hass, radio(hass, "off"))
    await until(
        hass, lambda: state(hass, "sensor", BRIDGE, "last_message").state >= last
    )


async def test_a_quiet_house_is_no_problem(
    hass: HomeAssistant, broker: Broker, make_bridge: MakeBridge
) -> None:
    bridge = await make_bridge(adapter="deconz", devices={"attic": "leak"})
    bridge.silent = True
    entry = await set_up(hass, broker, 1)
    tracker = entry.runtime_data.trackers["zigbee2mqtt"]
    await until(hass, lambda: not tracker.is_probeable)
    for _ in range(3):
        await bridge.publish_health()
        await asyncio.sleep(0.02)
    await ask(bridge, "options", options={"advanced": {"log_level": "error"}})
    await until(hass, lambda: tracker.bridge.info.log_level == "error")
    assert radio(hass, STATE_UNKNOWN)()


# --- devices --------------------------------------------------------------------------


async def test_a_device_that_is_dead_is_counted_and_named(
    hass: HomeAssistant, broker: Broker, bridge: Bridge
) -> None:
    await set_up(hass, broker)
    await until(hass, offline(hass))
    await bridge.radio.switch_off(bridge.device("hall/bulb"))
    await until(hass, offline(hass, "hall/bulb"))
    await bridge.radio.switch_off(bridge.device("garden door"))
    await until(hass, offline(hass, "hall/bulb", "garden door"))
    await bridge.radio.switch_on(bridge.device("hall/bulb"))
    await until(hass, offline(hass, "garden door"))
    assert state(hass, "sensor", BRIDGE, "devices").state == "5"


async def test_a_device_that_is_not_heard_counts_after_its_time(
    hass: HomeAssistant, broker: Broker, make_bridge: MakeBridge
) -> None:
    bridge = await make_bridge(settings=LabSettings(task_seconds=0.003))
    await set_up(hass, broker)
    await until(hass, offline(hass))
    bridge.device("hall/bulb").online = False
    await until(hass, offline(hass, "hall/bulb"))
    bridge.device("hall/bulb").online = True
    await until(hass, offline(hass))


def availability_of_ours(broker: Broker, bridge: Bridge) -> list[str]:
    """Return the availability topics that were subscribed, sorted."""
    prefix, suffix = f"{bridge.base}/", "/availability"
    return sorted(
        topic.removeprefix(prefix).removesuffix(suffix)
        for _, topic in broker.subscribed
        if topic.endswith(suffix)
    )


async def test_devices_join_and_leave(
    hass: HomeAssistant, broker: Broker, bridge: Bridge
) -> None:
    entry = await set_up(hass, broker)
    await until(hass, offline(hass))
    there = sorted(found.name for found in bridge.network.devices)
    await until(hass, lambda: availability_of_ours(broker, bridge) == there)
    await act(hass, entry, "permit_join", duration=60)
    await bridge.radio.join("attic/water leak", "leak")
    await until(hass, shows(hass, "sensor", "devices", "6"))
    now = sorted([*there, "attic/water leak"])
    await until(hass, lambda: availability_of_ours(broker, bridge) == now)
    new = bridge.device("attic/water leak")
    await bridge.radio.switch_off(new)
    await until(hass, offline(hass, "attic/water leak"))
    # What it left on the broker counts no more, also after the next connection.
    await bridge.radio.leave(new)
    await until(hass, shows(hass, "sensor", "devices", "5"))
    await until(hass, offline(hass))
    await broker.restart()
    await until(hass, connected(hass, "on"))
    await until(hass, offline(hass))
    await until(hass, lambda: availability_of_ours(broker, bridge) == there)


async def test_a_device_is_renamed(
    hass: HomeAssistant, broker: Broker, bridge: Bridge
) -> None:
    await set_up(hass, broker)
    await bridge.radio.switch_off(bridge.device("hall/bulb"))
    await until(hass, offline(hass, "hall/bulb"))
    await ask(bridge, "device/rename", **{"from": "hall/bulb", "to": "taklys/gang"})
    await until(hass, offline(hass, "taklys/gang"))
    await bridge.radio.switch_on(bridge.device("taklys/gang"))
    await until(hass, offline(hass))
    assert state(hass, "sensor", BRIDGE, "devices").state == "5"


@everything
async def test_a_router_that_the_stick_has_lost_is_named(
    hass: HomeAssistant, broker: Broker, bridge: Bridge
) -> None:
    await set_up(hass, broker, check_interval=0.005)
    await until(hass, shows(hass, "sensor", "missing_routers", "0"))
    lost = bridge.device("kitchen/plug")
    await bridge.radio.lose_from_table(lost)
    await until(hass, shows(hass, "sensor", "missing_routers", "1"))
    found = state(hass, "sensor", BRIDGE, "missing_routers")
    assert found.attributes["devices"] == ["kitchen/plug"]
    assert radio(hass, "off")()
    await bridge.radio.put_into_table(lost)
    await until(hass, shows(hass, "sensor", "missing_routers", "0"))


async def test_a_house_of_two_hundred_devices(
    hass: HomeAssistant, broker: Broker, make_bridge: MakeBridge
) -> None:
    bridge = await make_bridge(devices=200)
    names = [found.name for found in bridge.network.devices]
    await set_up(hass, broker, 200)
    await until(hass, lambda: availability_of_ours(broker, bridge) == sorted(names))
    await until(hass, offline(hass))
    for name in names[:150]:
        await bridge.radio.switch_off(bridge.device(name))
    await until(hass, offline(hass, *names[:150]))
    await bounce(hass, broker)
    await until(hass, lambda: availability_of_ours(broker, bridge) == sorted(names))
    await until(hass, offline(hass, *names[:150]))
    assert state(hass, "sensor", BRIDGE, "devices").state == "200"


# --- an old version -------------------------------------------------------------------


async def test_a_bridge_of_the_first_version(
    hass: HomeAssistant, broker: Broker, make_bridge: MakeBridge
) -> None:
    bridge = await make_bridge(legacy=True)
    entry = await set_up(hass, broker)
    assert device(hass, entry, BRIDGE).sw_version == "1.42.0"
    await until(hass, radio(hass, "off"))
    await bridge.crash()
    await until(hass, online(hass, "off"))
    await bridge.start()
    await until(hass, online(hass, "on"))


# --- commands -------------------------------------------------------------------------


@everything
async def test_a_network_closes_by_itself(
    hass: HomeAssistant, broker: Broker, bridge: Bridge
) -> None:
    entry = await set_up(hass, broker)
    permit_join = entity_id(hass, "switch", BRIDGE, "permit_join")
    seen = history(hass, permit_join)
    began = dt_util.utcnow()
    assert (await act(hass, entry, "permit_join", duration=1))["duration"] == 1
    found = state(hass, "switch", BRIDGE, "permit_join")
    assert found.state == "on"
    end = dt_util.parse_datetime(found.attributes["ends_at"])
    assert end is not None
    assert timedelta(seconds=-1) < end - began < timedelta(seconds=2)
    ends = state(hass, "sensor", BRIDGE, "permit_join_ends")
    assert dt_util.parse_datetime(ends.state) == end
    # Two seconds later it would be taken for closed without a word of the bridge.
    await until(hass, shows(hass, "switch", "permit_join", "off"), 1.7)
    await until(hass, shows(hass, "sensor", "permit_join_ends", STATE_UNKNOWN))
    assert seen == ["on", "off"]


async def test_a_network_is_closed_again(
    hass: HomeAssistant, broker: Broker, bridge: Bridge
) -> None:
    await set_up(hass, broker)
    await async_switch(hass, BRIDGE, "permit_join", on=True)
    assert shows(hass, "switch", "permit_join", "on")()
    await async_switch(hass, BRIDGE, "permit_join", on=False)
    assert shows(hass, "switch", "permit_join", "off")()
    assert bridge.join_end is None
    # A crash closes it as well.
    await async_switch(hass, BRIDGE, "permit_join", on=True)
    await bridge.crash()
    await until(hass, shows(hass, "switch", "permit_join", STATE_UNAVAILABLE))
    await bridge.start()
    await until(hass, shows(hass, "switch", "permit_join", "off"))


async def test_joining_through_a_router_that_is_not_there(
    hass: HomeAssistant, broker: Broker, bridge: Bridge
) -> None:
    entry = await set_up(hass, broker)
    with pytest.raises(HomeAssistantError, match="Device 'shed' does not exist"):
        await act(hass, entry, "permit_join", router="shed")
    found = await act(hass, entry, "permit_join", router="kitchen/plug", duration=60)
    assert found["duration"] == 60
    assert shows(hass, "switch", "permit_join", "on")()


async def test_a_restart_is_done_when_the_bridge_is_back(
    hass: HomeAssistant, broker: Broker, bridge: Bridge
) -> None:
    await set_up(hass, broker)
    await ask(bridge, "options", options={"advanced": {"channel": 20}})
    await until(hass, shows(hass, "binary_sensor", "restart_required", "on"))
    seen = history(hass, entity_id(hass, "binary_sensor", BRIDGE, "online"))
    await async_press(hass, BRIDGE, "restart")
    assert seen == ["off", "on"]
    await until(hass, shows(hass, "binary_sensor", "restart_required", "off"))


@everything
async def test_the_log_gets_another_level(
    hass: HomeAssistant, broker: Broker, bridge: Bridge
) -> None:
    await set_up(hass, broker)
    for level in ("debug", "error"):
        await hass.services.async_call(
            "select",
            "select_option",
            {
                "entity_id": entity_id(hass, "select", BRIDGE, "log_level"),
                "option": level,
            },
            blocking=True,
        )
        await until(hass, shows(hass, "select", "log_level", level))
        assert bridge.info()["log_level"] == level
    assert shows(hass, "binary_sensor", "restart_required", "off")()


async def test_the_map_of_thirty_devices(
    hass: HomeAssistant, broker: Broker, make_bridge: MakeBridge
) -> None:
    bridge = await make_bridge(devices=30)
    entry = await set_up(hass, broker, 30)
    found = await act(hass, entry, "zigbee_network_map")
    assert len(found["nodes"]) == 31
    assert {node["name"] for node in found["nodes"]} == {
        "Coordinator",
        *(known.name for known in bridge.network.devices),
    }
    heard = {link["source"] for link in found["links"]}
    assert heard >= {known.ieee for known in bridge.network.devices}
    assert all(0 < link["lqi"] <= 255 for link in found["links"])


# --- several bridges ------------------------------------------------------------------


async def test_a_crash_is_not_noticed_by_the_other_bridge(
    hass: HomeAssistant, broker: Broker, make_bridge: MakeBridge
) -> None:
    await make_bridge()
    garage = await make_bridge("zigbee2mqtt/garage", pan_id=4242, devices=3)
    key = "z2m/zigbee2mqtt/garage"
    entry = await set_up(hass, broker)
    await until(hass, online(hass, "on", key))
    await until(hass, shows(hass, "sensor", "devices_offline", "0", key))
    await until(hass, offline(hass))
    await until(hass, radio(hass, "off"))
    seen = history(
        hass,
        *entities_of(hass, entry, BRIDGE),
        *entities_of(hass, entry, "broker"),
    )
    await garage.crash()
    await until(hass, online(hass, "off", key))
    await garage.start()
    await until(hass, online(hass, "on", key))
    await garage.hang_stick()
    await garage.radio.switch_off(garage.device(None))
    await until(hass, shows(hass, "sensor", "devices_offline", "1", key))
    assert seen == []


# --- the broker -----------------------------------------------------------------------


async def test_a_broker_that_remembers_brings_everything_back(
    hass: HomeAssistant, broker: Broker, bridge: Bridge
) -> None:
    entry = await set_up(hass, broker)
    await bounce(hass, broker)
    await until(hass, online(hass, "on"))
    assert state(hass, "sensor", BRIDGE, "devices").state == "5"
    assert device(hass, entry, BRIDGE).sw_version == "2.14.1"
    await until(hass, lambda: bridge.process.client)
    assert (await act(hass, entry, "check_coordinator"))["problem"] is False


@everything
async def test_what_is_known_outlives_the_memory_of_the_broker(
    hass: HomeAssistant, broker: Broker, bridge: Bridge
) -> None:
    await set_up(hass, broker)
    await bounce(hass, broker, forget=True)
    await until(hass, online(hass, "on"))
    assert state(hass, "sensor", BRIDGE, "devices").state == "5"
    assert state(hass, "sensor", BRIDGE, "channel").state == "15"
    await async_switch(hass, BRIDGE, "permit_join", on=True)
    assert shows(hass, "switch", "permit_join", "on")()


@pytest.mark.parametrize("known", [True, False])
async def test_online_without_info_is_asked_for_its_info(
    hass: HomeAssistant,
    broker: Broker,
    bridge: Bridge,
    monkeypatch: pytest.MonkeyPatch,
    *,
    known: bool,
) -> None:
    monkeypatch.setattr(source, "_GRACE", timedelta(seconds=0.3))
    if known:
        entry = await set_up(hass, broker)
        await hass.config_entries.async_unload(entry.entry_id)
    await broker.restart(forget=True)
    await until(hass, lambda: bridge.process.client)
    if known:
        await hass.config_entries.async_setup(entry.entry_id)
        await until(hass, online(hass, "on"))
        assert shows(hass, "switch", "permit_join", STATE_UNKNOWN)()
    else:
        entry = await async_set_up(hass, broker)
        assert not has_device(hass, entry, BRIDGE)
    await until(hass, shows(hass, "switch", "permit_join", "off"))
    assert online(hass, "on")()
    assert device(hass, entry, BRIDGE).sw_version == "2.14.1"
    # The list of its devices comes with the next change, and not before.
    assert state(hass, "sensor", BRIDGE, "devices").state == STATE_UNKNOWN
    await bridge.publish_devices()
    await until(hass, shows(hass, "sensor", "devices", "5"))


async def test_a_broker_that_stops_and_a_bridge_that_comes_back_later(
    hass: HomeAssistant, broker: Broker, bridge: Bridge
) -> None:
    await set_up(hass, broker)
    await broker.stop()
    await until(hass, connected(hass, "off"))
    assert online(hass, STATE_UNAVAILABLE)()
    await bridge.crash()
    await broker.start()
    await until(hass, connected(hass, "on"))
    await bridge.start()
    await until(hass, online(hass, "on"))
    await until(hass, radio(hass, "off"))


async def test_another_password_and_the_right_one_in_the_end(
    hass: HomeAssistant, socket_enabled: None
) -> None:
    async with Broker(user="home", password="old") as broker, Bridge(broker) as bridge:
        await set_up(hass, broker)
        await broker.change_password("new")
        await until(hass, connected(hass, "off"))
        assert online(hass, STATE_UNAVAILABLE)()
        await until(hass, hass.config_entries.flow.async_progress)
        (flow,) = hass.config_entries.flow.async_progress()
        assert flow["context"]["source"] == SOURCE_REAUTH
        await until(hass, lambda: bridge.process.client)
        result = await hass.config_entries.flow.async_configure(
            flow["flow_id"], {"username": "home", "password": "new"}
        )
        assert result["reason"] == "reauth_successful"
        await until(hass, connected(hass, "on"))
        await until(hass, online(hass, "on"))
        await until(hass, shows(hass, "sensor", "devices", "5"))
        await async_switch(hass, BRIDGE, "permit_join", on=True)
        assert shows(hass, "switch", "permit_join", "on")()


async def test_a_broker_that_hangs_from_the_first_word(
    hass: HomeAssistant,
    broker: Broker,
    bridge: Bridge,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connect, "CONNECT_SECONDS", 0.2)
    await set_up(hass, broker)
    seen = history(hass, entity_id(hass, "binary_sensor", "broker", "connected"))
    await broker.hang()
    await until(hass, connected(hass, "off"))
    # Through some attempts to connect that get no answer.
    await asyncio.sleep(0.7)
    assert seen == ["off"]
    await broker.start()
    await until(hass, connected(hass, "on"))
    await until(hass, online(hass, "on"))


async def test_a_connection_that_falls_silent(
    hass: HomeAssistant,
    broker: Broker,
    bridge: Bridge,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "KEEPALIVE", 1)
    monkeypatch.setattr(transport, "KEEPALIVE_CHECK", 0.2)
    monkeypatch.setattr(connect, "CONNECT_SECONDS", 0.5)
    async with Wire(broker) as wire:
        entry = await set_up(hass, broker, port=wire.port)
        wire.fall_silent()
        await until(hass, connected(hass, "off"))
        assert online(hass, STATE_UNAVAILABLE)()
        await asyncio.sleep(0.7)
        assert connected(hass, "off")()
        wire.recover()
        await until(hass, connected(hass, "on"))
        await until(hass, online(hass, "on"))
        assert state(hass, "sensor", BRIDGE, "devices").state == "5"
        await hass.config_entries.async_unload(entry.entry_id)
