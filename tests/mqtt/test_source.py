"""A broker in Home Assistant: what is published shows, whatever it is."""

import asyncio
from datetime import UTC, datetime, timedelta
import logging
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.diagnostics import REDACTED
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.const import (
    EVENT_STATE_CHANGED,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
)
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.proxmox_homelab import async_remove_config_entry_device
from custom_components.proxmox_homelab.const import DOMAIN
from custom_components.proxmox_homelab.diagnostics import (
    async_get_config_entry_diagnostics,
    async_get_device_diagnostics,
)
from custom_components.proxmox_homelab.mqtt import coordinator
from custom_components.proxmox_homelab.mqtt.devices import bridge_name
from lab.mqtt import Broker

from ..common import (
    async_press,
    async_switch,
    device,
    entity_id,
    has_device,
    has_entity,
    state,
)
from .conftest import BRIDGE, Voice, act, async_pass, async_set_up, shows, until
from .test_parse import INFO

DEVICES = [
    {"ieee_address": "0x0", "type": "Coordinator", "friendly_name": "Coordinator"},
    {"ieee_address": "0x1", "type": "Router", "friendly_name": "hall plug"},
    {"ieee_address": "0x2", "type": "EndDevice", "friendly_name": "Kjøkken/dør"},
]


# --- what is found --------------------------------------------------------------------


async def test_the_broker_is_a_device(hass: HomeAssistant, broker: Broker) -> None:
    entry = await async_set_up(hass, broker)
    found = device(hass, entry, "broker")
    assert (found.name, found.model) == ("MQTT home", "MQTT broker")
    assert state(hass, "binary_sensor", "broker", "connected").state == "on"


async def test_a_bridge_is_found_with_what_it_says(
    hass: HomeAssistant, broker: Broker, voice: Voice, all_entities_enabled: None
) -> None:
    await voice.introduce()
    await voice.say("bridge/devices", DEVICES)
    entry = await async_set_up(hass, broker)
    await until(hass, shows(hass, "sensor", "devices", "2"))
    found = device(hass, entry, BRIDGE)
    assert (found.name, found.model) == ("Zigbee2MQTT", "Zigbee2MQTT bridge")
    assert (found.sw_version, found.hw_version) == ("2.14.1", "20240710")
    assert found.serial_number == "0x00124b0025fa0001"
    assert found.configuration_url == "http://10.12.0.110:8080/"
    assert found.via_device_id == device(hass, entry, "broker").id
    assert state(hass, "binary_sensor", BRIDGE, "online").state == "on"
    assert state(hass, "sensor", BRIDGE, "channel").state == "15"
    assert state(hass, "sensor", BRIDGE, "pan_id").state == "0x1a62"
    assert state(hass, "sensor", BRIDGE, "firmware").state == "20240710"
    assert state(hass, "select", BRIDGE, "log_level").state == "info"
    assert state(hass, "switch", BRIDGE, "permit_join").state == "off"
    assert state(hass, "binary_sensor", BRIDGE, "restart_required").state == "off"
    assert state(hass, "binary_sensor", BRIDGE, "radio_problem").state == STATE_UNKNOWN


@pytest.mark.parametrize("base", ["z2m", "home/z2m", "site/garage/zigbee"])
async def test_a_bridge_is_found_at_any_base_topic(
    hass: HomeAssistant, broker: Broker, base: str
) -> None:
    async with Voice(broker, base) as voice:
        await async_set_up(hass, broker)
        await voice.introduce()
        await until(hass, shows(hass, "binary_sensor", "online", "on", f"z2m/{base}"))


async def test_a_deep_base_topic_is_told_by_the_user(
    hass: HomeAssistant, broker: Broker
) -> None:
    async with Voice(broker, "a/b/c/d") as voice:
        await voice.introduce()
        await async_set_up(hass, broker, base_topics=["a/b/c/d"])
        await until(hass, shows(hass, "binary_sensor", "online", "on", "z2m/a/b/c/d"))


async def test_two_bridges_do_not_disturb_each_other(
    hass: HomeAssistant, broker: Broker
) -> None:
    entry = await async_set_up(hass, broker)
    async with Voice(broker, "home") as one, Voice(broker, "home/z2m") as two:
        await one.introduce()
        await two.introduce(version="2.13.0")
        await until(hass, shows(hass, "binary_sensor", "online", "on", "z2m/home/z2m"))
        await until(hass, shows(hass, "binary_sensor", "online", "on", "z2m/home"))
        await one.say("bridge/devices", DEVICES)
        await until(hass, shows(hass, "sensor", "devices", "2", "z2m/home"))
        await two.say("bridge/state", {"state": "offline"})
        await until(hass, shows(hass, "binary_sensor", "online", "off", "z2m/home/z2m"))
        assert state(hass, "binary_sensor", "z2m/home", "online").state == "on"
        assert device(hass, entry, "z2m/home/z2m").sw_version == "2.13.0"


async def test_the_newest_version_in_the_house_is_an_update_for_the_others(
    hass: HomeAssistant, broker: Broker
) -> None:
    await async_set_up(hass, broker)
    async with Voice(broker, "one") as one, Voice(broker, "two") as two:
        await one.introduce(version="2.9.2")
        await until(hass, shows(hass, "binary_sensor", "online", "on", "z2m/one"))
        assert not has_entity(hass, "update", "z2m/one", "zigbee2mqtt")
        await two.introduce(version="2.14.1")
        await until(hass, shows(hass, "update", "zigbee2mqtt", "on", "z2m/one"))
        found = state(hass, "update", "z2m/one", "zigbee2mqtt")
        assert found.attributes["latest_version"] == "2.14.1"
        assert state(hass, "update", "z2m/two", "zigbee2mqtt").state == "off"


async def test_other_programs_with_such_topics_are_no_bridges(
    hass: HomeAssistant, broker: Broker, voice: Voice, freezer: FrozenDateTimeFactory
) -> None:
    await voice.say("bridge/state", "online")
    await voice.say("bridge/info", {"version": "1.0", "coordinator": {}})
    entry = await async_set_up(hass, broker)
    source = entry.runtime_data
    await until(hass, lambda: "zigbee2mqtt" in source.trackers)
    await async_pass(hass, freezer, 3)
    assert not has_device(hass, entry, BRIDGE)
    # It was asked, and does not know the question.
    await until(hass, lambda: [name for name, _ in voice.requests] == ["health_check"])


async def test_a_flood_of_such_topics_is_not_followed(
    hass: HomeAssistant, broker: Broker
) -> None:
    entry = await async_set_up(hass, broker)
    async with Voice(broker, "many") as voice:
        for number in range(100):
            await voice.say(f"{number}/bridge/state", "online")
        await asyncio.sleep(0.1)
    assert len(entry.runtime_data.trackers) <= 64


async def test_only_what_is_needed_is_subscribed(
    hass: HomeAssistant, broker: Broker, voice: Voice
) -> None:
    await voice.introduce()
    await voice.say("bridge/devices", DEVICES)
    entry = await async_set_up(hass, broker)
    await until(hass, shows(hass, "sensor", "devices", "2"))
    await until(
        hass,
        lambda: any("availability" in topic for _, topic in broker.subscribed),
    )
    ours = {topic for _, topic in broker.subscribed if not topic.endswith("request/#")}
    assert {topic for topic in ours if "#" in topic} == set()
    assert {topic for topic in ours if "+" in topic and "$SYS" not in topic} == {
        "+/bridge/state",
        "+/+/bridge/state",
        "+/+/+/bridge/state",
    }
    unwanted = ("backup", "logging", "definitions")
    assert not {topic for topic in ours for word in unwanted if word in topic}
    assert entry.runtime_data.client.refused_topics == frozenset()


# --- odd payloads ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "payload"),
    [
        ("bridge/info", ""),
        ("bridge/info", "{"),
        ("bridge/info", "[]"),
        ("bridge/info", {"version": "9"}),
        ("bridge/devices", ""),
        ("bridge/devices", "nonsense"),
        ("bridge/devices", {"a": 1}),
        ("bridge/health", "{}"),
        ("bridge/health", b"\xff\xfe"),
    ],
)
async def test_an_odd_payload_changes_nothing_and_logs_no_error(
    hass: HomeAssistant,
    broker: Broker,
    voice: Voice,
    caplog: pytest.LogCaptureFixture,
    part: str,
    payload: Any,
) -> None:
    await voice.introduce()
    await async_set_up(hass, broker)
    await until(hass, shows(hass, "binary_sensor", "online", "on"))
    await voice.say(part, payload)
    await voice.say("bridge/state", {"state": "offline"})
    await until(hass, shows(hass, "binary_sensor", "online", "off"))
    await voice.say("bridge/state", {"state": "online"})
    await until(hass, shows(hass, "switch", "permit_join", "off"))
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


async def test_the_plain_text_of_old_versions(
    hass: HomeAssistant, broker: Broker, voice: Voice
) -> None:
    await voice.introduce(version="1.29.0")
    await voice.say("bridge/state", "online")
    await async_set_up(hass, broker)
    await until(hass, shows(hass, "binary_sensor", "online", "on"))
    await voice.say("bridge/state", "offline")
    await until(hass, shows(hass, "binary_sensor", "online", "off"))
    assert state(hass, "sensor", BRIDGE, "devices").state == STATE_UNAVAILABLE


async def test_a_deleted_state_is_unknown(
    hass: HomeAssistant, broker: Broker, voice: Voice
) -> None:
    await voice.introduce()
    await async_set_up(hass, broker)
    await until(hass, shows(hass, "binary_sensor", "online", "on"))
    await voice.say("bridge/state", "")
    await until(hass, shows(hass, "binary_sensor", "online", STATE_UNKNOWN))


# --- devices --------------------------------------------------------------------------


async def test_devices_that_do_not_answer_are_counted_and_named(
    hass: HomeAssistant, broker: Broker, voice: Voice
) -> None:
    await voice.introduce()
    await voice.say("bridge/devices", DEVICES)
    await async_set_up(hass, broker)
    await until(hass, shows(hass, "sensor", "devices", "2"))
    assert state(hass, "sensor", BRIDGE, "devices_offline").state == STATE_UNKNOWN
    await voice.say("hall plug/availability", {"state": "online"})
    await until(hass, shows(hass, "sensor", "devices_offline", "0"))
    await voice.say("Kjøkken/dør/availability", {"state": "offline"})
    await until(hass, shows(hass, "sensor", "devices_offline", "1"))
    found = state(hass, "sensor", BRIDGE, "devices_offline")
    assert found.attributes["devices"] == ["Kjøkken/dør"]
    # Renamed: the old topic is cleared, the new one says the same.
    renamed = [*DEVICES[:2], {**DEVICES[2], "friendly_name": "door"}]
    await voice.say("Kjøkken/dør/availability", "")
    await voice.say("bridge/devices", renamed)
    await voice.say("door/availability", {"state": "offline"})
    await until(
        hass,
        lambda: (
            state(hass, "sensor", BRIDGE, "devices_offline").attributes["devices"]
            == ["door"]
        ),
    )
    # Taken out of use: nobody misses it.
    await voice.say("bridge/devices", [*renamed[:2], {**renamed[2], "disabled": True}])
    await until(hass, shows(hass, "sensor", "devices_offline", "0"))


async def test_a_burst_of_devices_is_counted_once(
    hass: HomeAssistant, broker: Broker, voice: Voice
) -> None:
    await voice.introduce()
    names = [f"plug {number}" for number in range(20)]
    await voice.say(
        "bridge/devices",
        [
            {"ieee_address": name, "type": "Router", "friendly_name": name}
            for name in names
        ],
    )
    await async_set_up(hass, broker)
    await until(hass, shows(hass, "sensor", "devices", "20"))
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    for name in names:
        await voice.say(f"{name}/availability", {"state": "offline"})
    await until(hass, shows(hass, "sensor", "devices_offline", "20"))
    assert len(changes) <= 2


async def test_a_bridge_that_does_not_watch_its_devices(
    hass: HomeAssistant, broker: Broker, voice: Voice
) -> None:
    await voice.introduce(config={"availability": {"enabled": False}})
    await voice.say("bridge/devices", DEVICES)
    await voice.say("hall plug/availability", {"state": "offline"})
    await async_set_up(hass, broker)
    await until(hass, shows(hass, "sensor", "devices", "2"))
    assert state(hass, "sensor", BRIDGE, "devices_offline").state == STATE_UNKNOWN


async def test_messages_are_counted_between_two_reports(
    hass: HomeAssistant, broker: Broker, voice: Voice, all_entities_enabled: None
) -> None:
    def report(minute: int, count: int) -> dict[str, Any]:
        at = datetime(2026, 11, 25, 12, minute, tzinfo=UTC).timestamp() * 1000
        counted = {"messages": count, "messages_per_sec": 0.5}
        return {"response_time": int(at), "devices": {"0x1": counted}}

    await voice.introduce()
    await voice.say("bridge/health", report(0, 300))
    await async_set_up(hass, broker)
    await until(hass, shows(hass, "sensor", "messages_per_minute", "30.0"))
    await voice.say("bridge/health", report(10, 350))
    await until(hass, shows(hass, "sensor", "messages_per_minute", "5.0"))
    last = state(hass, "sensor", BRIDGE, "last_message").state
    assert last == "2026-11-25T12:10:00+00:00"


# --- the radio ------------------------------------------------------------------------


async def set_up_and_check(
    hass: HomeAssistant, broker: Broker, freezer: FrozenDateTimeFactory
) -> Any:
    """Set up and let the first check of the radio be due."""
    entry = await async_set_up(hass, broker)
    await until(hass, shows(hass, "binary_sensor", "online", "on"))
    await async_pass(hass, freezer, 11)
    return entry


async def test_a_radio_that_answers(
    hass: HomeAssistant,
    broker: Broker,
    voice: Voice,
    freezer: FrozenDateTimeFactory,
    all_entities_enabled: None,
) -> None:
    routers = [{"ieee_address": "0x1", "friendly_name": "hall plug"}]
    voice.answers["coordinator_check"] = {"missing_routers": routers}
    await voice.introduce()
    await set_up_and_check(hass, broker, freezer)
    await until(hass, shows(hass, "binary_sensor", "radio_problem", "off"))
    missing = state(hass, "sensor", BRIDGE, "missing_routers")
    assert (missing.state, missing.attributes["devices"]) == ("1", ["hall plug"])
    assert voice.requests[0][1]["transaction"]


async def test_a_stick_that_hangs_and_comes_back(
    hass: HomeAssistant, broker: Broker, voice: Voice, freezer: FrozenDateTimeFactory
) -> None:
    voice.answers["coordinator_check"] = "SRSP - SYS - version after 6000ms"
    await voice.introduce()
    await set_up_and_check(hass, broker, freezer)
    await until(hass, shows(hass, "binary_sensor", "radio_problem", "on"))
    found = state(hass, "binary_sensor", BRIDGE, "radio_problem").attributes
    assert found["reason"] == "stick_hangs"
    assert found["error"] == "SRSP - SYS - version after 6000ms"
    assert found["checked_at"]
    assert state(hass, "binary_sensor", BRIDGE, "online").state == "on"
    voice.answers["coordinator_check"] = {"missing_routers": []}
    await async_pass(hass, freezer, 61)
    await until(hass, shows(hass, "binary_sensor", "radio_problem", "off"))


async def test_a_bridge_that_answers_nothing(
    hass: HomeAssistant,
    broker: Broker,
    voice: Voice,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(coordinator, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(coordinator, "ALIVE_SECONDS", 0.05)
    await voice.introduce()
    await set_up_and_check(hass, broker, freezer)
    await until(hass, shows(hass, "binary_sensor", "radio_problem", "on"))
    found = state(hass, "binary_sensor", BRIDGE, "radio_problem").attributes
    assert found["reason"] == "not_answering"


async def test_a_program_that_lives_while_its_stick_does_not_answer(
    hass: HomeAssistant,
    broker: Broker,
    voice: Voice,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(coordinator, "CHECK_SECONDS", 0.05)
    voice.answers["health_check"] = {"healthy": True}
    await voice.introduce()
    await set_up_and_check(hass, broker, freezer)
    await until(hass, shows(hass, "binary_sensor", "radio_problem", "on"))
    found = state(hass, "binary_sensor", BRIDGE, "radio_problem").attributes
    assert found["reason"] == "stick_hangs"


async def test_an_old_version_that_knows_no_check_is_no_problem(
    hass: HomeAssistant,
    broker: Broker,
    voice: Voice,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(coordinator, "CHECK_SECONDS", 0.05)
    voice.answers["health_check"] = {"healthy": True}
    await voice.introduce(version="1.20.0")
    entry = await set_up_and_check(hass, broker, freezer)
    tracker = entry.runtime_data.trackers["zigbee2mqtt"]
    await until(hass, lambda: not tracker.is_probeable)
    found = state(hass, "binary_sensor", BRIDGE, "radio_problem")
    assert found.state == STATE_UNKNOWN


async def test_an_adapter_that_cannot_be_asked_is_judged_by_silence(
    hass: HomeAssistant, broker: Broker, voice: Voice, freezer: FrozenDateTimeFactory
) -> None:
    voice.answers["coordinator_check"] = (
        "Coordinator does not coordinator check because it doesn't support backups"
    )
    await voice.introduce()
    entry = await set_up_and_check(hass, broker, freezer)
    tracker = entry.runtime_data.trackers["zigbee2mqtt"]
    await until(hass, lambda: not tracker.is_probeable)
    for minute, count in ((0, 1000), (10, 1100), (20, 1100), (30, 1100)):
        at = datetime(2026, 11, 25, 12, minute, tzinfo=UTC).timestamp() * 1000
        counted = {"messages": count, "messages_per_sec": 0.2}
        await voice.say(
            "bridge/health", {"response_time": at, "devices": {"0x1": counted}}
        )
    await until(hass, shows(hass, "binary_sensor", "radio_problem", "on"))
    found = state(hass, "binary_sensor", BRIDGE, "radio_problem").attributes
    assert found["reason"] == "silent"


async def test_who_goes_away_has_no_radio_problem(
    hass: HomeAssistant, broker: Broker, voice: Voice, freezer: FrozenDateTimeFactory
) -> None:
    voice.answers["coordinator_check"] = "hung"
    await voice.introduce()
    await set_up_and_check(hass, broker, freezer)
    await until(hass, shows(hass, "binary_sensor", "radio_problem", "on"))
    await voice.say("bridge/state", {"state": "offline"})
    await until(hass, shows(hass, "binary_sensor", "radio_problem", STATE_UNAVAILABLE))
    await voice.say("bridge/state", {"state": "online"})
    await until(hass, shows(hass, "binary_sensor", "radio_problem", STATE_UNKNOWN))


async def test_a_command_that_fails_makes_the_radio_be_checked(
    hass: HomeAssistant, broker: Broker, voice: Voice, freezer: FrozenDateTimeFactory
) -> None:
    voice.answers["coordinator_check"] = {"missing_routers": []}
    await voice.introduce()
    await set_up_and_check(hass, broker, freezer)
    await until(hass, shows(hass, "binary_sensor", "radio_problem", "off"))
    voice.answers |= {"permit_join": "timed out", "coordinator_check": "hung"}
    with pytest.raises(HomeAssistantError, match="timed out"):
        await async_switch(hass, BRIDGE, "permit_join", on=True)
    await async_pass(hass, freezer, 2)
    await until(hass, shows(hass, "binary_sensor", "radio_problem", "on"))


# --- commands -------------------------------------------------------------------------


async def test_a_network_is_opened_and_closed_again(
    hass: HomeAssistant, broker: Broker, voice: Voice, freezer: FrozenDateTimeFactory
) -> None:
    voice.answers["permit_join"] = {"time": 254}
    await voice.introduce()
    await async_set_up(hass, broker)
    await until(hass, shows(hass, "switch", "permit_join", "off"))
    end = datetime.now(UTC) + timedelta(seconds=254)
    opened = asyncio.create_task(async_switch(hass, BRIDGE, "permit_join", on=True))
    await voice.introduce(permit_join=True, permit_join_end=end.timestamp() * 1000)
    await opened
    found = state(hass, "switch", BRIDGE, "permit_join")
    assert found.state == "on"
    assert found.attributes["ends_at"] == end.replace(microsecond=0).isoformat()
    assert voice.requests[-1][1]["time"] == 254
    # The bridge says that it is over; when that gets lost, time itself does.
    await async_pass(hass, freezer, 257)
    assert state(hass, "switch", BRIDGE, "permit_join").state == "off"
    closed = asyncio.create_task(async_switch(hass, BRIDGE, "permit_join", on=False))
    await closed
    assert voice.requests[-1][1]["time"] == 0


async def test_joining_through_one_router(
    hass: HomeAssistant, broker: Broker, voice: Voice
) -> None:
    voice.answers["permit_join"] = {"time": 60, "device": "hall plug"}
    await voice.introduce(permit_join=True)
    entry = await async_set_up(hass, broker)
    await until(hass, shows(hass, "binary_sensor", "online", "on"))
    result = await act(hass, entry, "permit_join", duration=60, router="hall plug")
    assert result == {"device": "Zigbee2MQTT", "duration": 60}
    name, request = voice.requests[-1]
    assert (name, request["device"]) == ("permit_join", "hall plug")


async def test_a_refusal_is_told_in_the_words_of_the_bridge(
    hass: HomeAssistant, broker: Broker, voice: Voice
) -> None:
    voice.answers["permit_join"] = "Device 'attic' does not exist"
    await voice.introduce()
    entry = await async_set_up(hass, broker)
    await until(hass, shows(hass, "binary_sensor", "online", "on"))
    with pytest.raises(HomeAssistantError, match="attic") as raised:
        await act(hass, entry, "permit_join", router="attic")
    assert raised.value.translation_key == "command_refused"


async def test_a_restart_ends_when_the_bridge_is_back(
    hass: HomeAssistant, broker: Broker, voice: Voice
) -> None:
    voice.answers["restart"] = {}
    await voice.introduce()
    await async_set_up(hass, broker)
    await until(hass, shows(hass, "binary_sensor", "online", "on"))
    pressed = asyncio.create_task(async_press(hass, BRIDGE, "restart"))
    await until(hass, lambda: voice.requests, settle=False)
    await voice.say("bridge/state", {"state": "offline"})
    offline = shows(hass, "binary_sensor", "online", "off")
    await until(hass, offline, settle=False)
    assert not pressed.done()
    # It says so before it listens.
    await voice.say("bridge/state", {"state": "online"})
    asked = ("health_check", "health_check")
    await until(
        hass,
        lambda: tuple(name for name, _ in voice.requests[1:]) == asked,
        settle=False,
    )
    assert not pressed.done()
    voice.answers["health_check"] = {"healthy": True}
    await asyncio.wait_for(pressed, 5)


async def test_the_map_of_the_network(
    hass: HomeAssistant, broker: Broker, voice: Voice
) -> None:
    voice.answers["networkmap"] = {
        "value": {
            "nodes": [
                {
                    "ieeeAddr": "0x0",
                    "friendlyName": "Coordinator",
                    "type": "Coordinator",
                },
                {"ieeeAddr": "0x1", "friendlyName": "hall plug", "type": "Router"},
            ],
            "links": [
                {
                    "source": {"ieeeAddr": "0x1"},
                    "target": {"ieeeAddr": "0x0"},
                    "lqi": 120,
                    "depth": 1,
                    "routes": [{"destinationAddress": 7}],
                }
            ],
        }
    }
    await voice.introduce()
    entry = await async_set_up(hass, broker)
    await until(hass, shows(hass, "binary_sensor", "online", "on"))
    found = await act(hass, entry, "zigbee_network_map")
    assert found["nodes"][1] == {
        "ieee_address": "0x1",
        "name": "hall plug",
        "type": "Router",
    }
    link = {"source": "0x1", "target": "0x0", "lqi": 120, "depth": 1}
    assert found["links"] == [link]
    found = await act(hass, entry, "zigbee_network_map", routes=True)
    assert found["links"] == [{**link, "routes": [{"destinationAddress": 7}]}]
    assert voice.requests[-1][1]["routes"] is True


async def test_the_level_of_the_log(
    hass: HomeAssistant, broker: Broker, voice: Voice, all_entities_enabled: None
) -> None:
    voice.answers["options"] = {"restart_required": False}
    await voice.introduce()
    await async_set_up(hass, broker)
    await until(hass, shows(hass, "select", "log_level", "info"))
    await hass.services.async_call(
        "select",
        "select_option",
        {
            "entity_id": entity_id(hass, "select", BRIDGE, "log_level"),
            "option": "debug",
        },
        blocking=True,
    )
    assert voice.requests[-1][1]["options"] == {"advanced": {"log_level": "debug"}}
    await voice.introduce(log_level="debug")
    await until(hass, shows(hass, "select", "log_level", "debug"))


async def test_a_bridge_that_is_offline_is_asked_nothing(
    hass: HomeAssistant, broker: Broker, voice: Voice
) -> None:
    await voice.introduce()
    await voice.say("bridge/state", {"state": "offline"})
    entry = await async_set_up(hass, broker)
    await until(hass, shows(hass, "binary_sensor", "online", "off"))
    with pytest.raises(ServiceValidationError) as raised:
        await act(hass, entry, "check_coordinator")
    assert raised.value.translation_key == "refused_radio_offline"
    assert voice.requests == []


async def test_an_action_for_a_bridge_on_the_broker(
    hass: HomeAssistant, broker: Broker
) -> None:
    entry = await async_set_up(hass, broker)
    for action, key in (
        ("check_coordinator", "not_zigbee2mqtt"),
        ("permit_join", "not_a_zigbee_network"),
    ):
        with pytest.raises(ServiceValidationError) as raised:
            await hass.services.async_call(
                DOMAIN,
                action,
                {"device_id": device(hass, entry, "broker").id},
                blocking=True,
            )
        assert raised.value.translation_key == key


# --- the broker goes and comes --------------------------------------------------------


async def test_the_broker_stops_and_everything_comes_back_by_itself(
    hass: HomeAssistant,
    broker: Broker,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Voice(broker) as voice:
        await voice.introduce()
        entry = await async_set_up(hass, broker)
        await until(hass, shows(hass, "binary_sensor", "online", "on"))
    await broker.stop()
    await until(hass, shows(hass, "binary_sensor", "connected", "off", "broker"))
    assert state(hass, "binary_sensor", BRIDGE, "online").state == STATE_UNAVAILABLE
    assert state(hass, "sensor", BRIDGE, "devices").state == STATE_UNAVAILABLE
    with pytest.raises(ServiceValidationError):
        await act(hass, entry, "check_coordinator")
    await broker.start()
    await until(hass, shows(hass, "binary_sensor", "connected", "on", "broker"))
    await until(hass, shows(hass, "binary_sensor", "online", "on"))
    errors = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert "Traceback" not in caplog.text


async def test_a_bridge_that_did_not_come_back_with_the_broker_is_not_online(
    hass: HomeAssistant, broker: Broker, freezer: FrozenDateTimeFactory
) -> None:
    async with Voice(broker) as voice:
        await voice.introduce()
        await async_set_up(hass, broker)
        await until(hass, shows(hass, "binary_sensor", "online", "on"))
    await broker.restart(forget=True)
    await until(hass, shows(hass, "binary_sensor", "connected", "on", "broker"))
    await async_pass(hass, freezer, 3)
    await until(hass, shows(hass, "binary_sensor", "online", STATE_UNKNOWN))


async def test_online_without_info_is_enough_for_what_was_known(
    hass: HomeAssistant, broker: Broker, freezer: FrozenDateTimeFactory
) -> None:
    async with Voice(broker) as voice:
        await voice.introduce()
        await voice.say("bridge/devices", DEVICES)
        entry = await async_set_up(hass, broker)
        await until(hass, shows(hass, "sensor", "devices", "2"))
    await hass.config_entries.async_unload(entry.entry_id)
    await broker.restart(forget=True)
    async with Voice(broker) as voice:
        await voice.say("bridge/state", {"state": "online"})
        await hass.config_entries.async_setup(entry.entry_id)
        await until(hass, shows(hass, "binary_sensor", "online", "on"))
        assert state(hass, "sensor", BRIDGE, "devices").state == STATE_UNKNOWN
        assert state(hass, "switch", BRIDGE, "permit_join").state == STATE_UNKNOWN
        assert device(hass, entry, BRIDGE).sw_version == "2.14.1"


async def test_a_new_bridge_without_info_is_asked_what_it_is(
    hass: HomeAssistant, broker: Broker, voice: Voice, freezer: FrozenDateTimeFactory
) -> None:
    voice.answers |= {"health_check": {"healthy": True}, "options": {}}
    await voice.say("bridge/state", {"state": "online"})
    entry = await async_set_up(hass, broker)
    await until(hass, lambda: "zigbee2mqtt" in entry.runtime_data.trackers)
    await async_pass(hass, freezer, 3)
    await until(hass, shows(hass, "binary_sensor", "online", "on"))
    await until(hass, lambda: len(voice.requests) == 2)
    name, request = voice.requests[-1]
    assert (name, request["options"]) == ("options", {})


async def test_a_password_that_changed_asks_for_the_new_one_once(
    hass: HomeAssistant, socket_enabled: None
) -> None:
    async with Broker(user="home", password="old") as broker:
        entry = await async_set_up(hass, broker)
        await broker.change_password("new")
        await until(hass, shows(hass, "binary_sensor", "connected", "off", "broker"))
        await until(hass, hass.config_entries.flow.async_progress)
        await asyncio.sleep(0.3)
        (flow,) = hass.config_entries.flow.async_progress()
        assert flow["context"]["source"] == SOURCE_REAUTH
        result = await hass.config_entries.flow.async_configure(
            flow["flow_id"], {"username": "home", "password": "new"}
        )
        assert result["reason"] == "reauth_successful"
        await until(hass, shows(hass, "binary_sensor", "connected", "on", "broker"))
        assert entry.state is ConfigEntryState.LOADED


# --- the life of an entry -------------------------------------------------------------


async def test_a_start_without_the_broker_is_tried_again(
    hass: HomeAssistant, broker: Broker
) -> None:
    entry = await async_set_up(hass, broker)
    await hass.config_entries.async_unload(entry.entry_id)
    await broker.stop()
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "cannot_connect"
    await broker.start()
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED


async def test_a_start_with_a_wrong_password_asks_for_the_right_one(
    hass: HomeAssistant, socket_enabled: None
) -> None:
    async with Broker(user="home", password="right") as broker:
        entry = await async_set_up(hass, broker)
        await hass.config_entries.async_unload(entry.entry_id)
        await broker.change_password("other")
        await hass.config_entries.async_setup(entry.entry_id)
        assert entry.state is ConfigEntryState.SETUP_ERROR
        (flow,) = hass.config_entries.flow.async_progress()
        assert flow["context"]["source"] == SOURCE_REAUTH


async def test_unloading_and_loading_keeps_what_is_known(
    hass: HomeAssistant, broker: Broker, voice: Voice
) -> None:
    await voice.introduce()
    entry = await async_set_up(hass, broker)
    await until(hass, shows(hass, "binary_sensor", "online", "on"))
    before = entity_id(hass, "binary_sensor", BRIDGE, "online")
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert hass.states.is_state(before, STATE_UNAVAILABLE)
    await hass.config_entries.async_setup(entry.entry_id)
    await until(hass, shows(hass, "binary_sensor", "online", "on"))
    assert entity_id(hass, "binary_sensor", BRIDGE, "online") == before


async def test_removing_the_entry_removes_everything(
    hass: HomeAssistant, broker: Broker, voice: Voice
) -> None:
    await voice.introduce()
    entry = await async_set_up(hass, broker)
    await until(hass, shows(hass, "binary_sensor", "online", "on"))
    await hass.config_entries.async_remove(entry.entry_id)
    registry = dr.async_get(hass)
    assert dr.async_entries_for_config_entry(registry, entry.entry_id) == []


async def test_a_bridge_is_let_go_only_when_it_is_not_there(
    hass: HomeAssistant, broker: Broker, voice: Voice
) -> None:
    await voice.introduce()
    entry = await async_set_up(hass, broker)
    await until(hass, shows(hass, "binary_sensor", "online", "on"))
    there = device(hass, entry, BRIDGE)
    assert not await async_remove_config_entry_device(hass, entry, there)
    mine = device(hass, entry, "broker")
    assert not await async_remove_config_entry_device(hass, entry, mine)
    await voice.say("bridge/state", {"state": "offline"})
    await until(hass, shows(hass, "binary_sensor", "online", "off"))
    assert await async_remove_config_entry_device(hass, entry, there)
    dr.async_get(hass).async_remove_device(there.id)
    await hass.async_block_till_done()
    assert not has_device(hass, entry, BRIDGE)
    # It speaks again, and is found again.
    await voice.introduce()
    await until(hass, lambda: has_device(hass, entry, BRIDGE))


async def test_a_bridge_that_was_let_go_stays_away_whatever_was_under_way(
    hass: HomeAssistant, broker: Broker, voice: Voice
) -> None:
    await voice.introduce()
    await voice.say("bridge/devices", DEVICES)
    await voice.say("hall plug/availability", {"state": "online"})
    entry = await async_set_up(hass, broker)
    await until(hass, shows(hass, "sensor", "devices_offline", "0"))
    await voice.say("hall plug/availability", {"state": "offline"})
    await voice.say("bridge/state", {"state": "offline"})
    await until(hass, shows(hass, "binary_sensor", "online", "off"))
    there = device(hass, entry, BRIDGE)
    assert await async_remove_config_entry_device(hass, entry, there)
    dr.async_get(hass).async_remove_device(there.id)
    await asyncio.sleep(0.4)
    await hass.async_block_till_done()
    assert not has_device(hass, entry, BRIDGE)


# --- for people who look for a fault --------------------------------------------------


async def test_diagnostics_tell_no_secret_and_no_address(
    hass: HomeAssistant, socket_enabled: None
) -> None:
    async with Broker(user="home", password="geheim") as broker, Voice(broker) as voice:
        await voice.introduce()
        entry = await async_set_up(hass, broker)
        await until(hass, shows(hass, "binary_sensor", "online", "on"))
        found = await async_get_config_entry_diagnostics(hass, entry)
        assert found["data"]["host"] == REDACTED
        assert found["connected"] is True
        text = str(found)
        of_bridge = await async_get_device_diagnostics(
            hass, entry, device(hass, entry, BRIDGE)
        )
        assert of_bridge["kind"] == "z2m"
        text += str(of_bridge)
        secrets = ("geheim", "home'", "0x00124b0025fa0001", "usb-ITead", "10.12.0.110")
        assert [secret for secret in secrets if secret in text] == []


@pytest.mark.parametrize(
    ("base", "name"),
    [
        ("zigbee2mqtt", "Zigbee2MQTT"),
        ("zigbee2mqtt-garasje", "Zigbee2MQTT garasje"),
        ("home/z2m", "Zigbee2MQTT home/z2m"),
        ("Zigbee2MQTT/attic", "Zigbee2MQTT attic"),
    ],
)
def test_bridges_are_called_by_their_base_topic(base: str, name: str) -> None:
    assert bridge_name(base) == name


def test_the_information_of_the_tests_is_that_of_a_bridge() -> None:
    assert INFO["zigbee_herdsman"]
