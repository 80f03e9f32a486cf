"""A gateway in Home Assistant: what a user sees of it, whatever happens to it."""

from datetime import datetime, timedelta
import logging
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)

from custom_components.proxmox_homelab.const import (
    DOMAIN,
    EVENT_COMMAND,
    RadioCommand,
)
from custom_components.proxmox_homelab.deconz import coordinator
from custom_components.proxmox_homelab.errors import NotFoundError
from custom_components.proxmox_homelab.system_health import _async_info
from lab import Lab
from lab.deconz import Answer, DeconzGateway
from tests import common

from .common import (
    ITEM,
    KEY,
    Clock,
    async_listening,
    async_set_up,
    device,
    eventually,
    later,
    shown,
    source_of,
    state,
)

ROWS = {
    ("binary_sensor", "connected"),
    ("binary_sensor", "radio_problem"),
    ("sensor", "devices"),
    ("sensor", "devices_offline"),
    ("switch", "permit_join"),
}
OFF_ROWS = {
    ("sensor", "permit_join_ends"),
    ("sensor", "channel"),
    ("sensor", "firmware"),
    ("sensor", "version"),
}


def reads(gateway: DeconzGateway) -> int:
    """Return how often everything was read."""
    return gateway.requests.count("GET /api/<key>")


async def poll(hass: HomeAssistant, gateway: DeconzGateway) -> None:
    """Let the configuration be polled once."""
    before = gateway.requests.count("GET /api/<key>/config")
    await later(hass, 31)
    await eventually(
        hass, lambda: gateway.requests.count("GET /api/<key>/config") > before
    )


async def switch(hass: HomeAssistant, *, on: bool) -> None:
    await common.async_switch(hass, ITEM, "permit_join", on=on)


# --- what there is ------------------------------------------------------------------


async def test_a_gateway_is_one_device(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: DeconzGateway
) -> None:
    found = device(hass, entry)
    assert found.name == "Phoscon-GW"
    assert (found.manufacturer, found.model) == ("dresden elektronik", "deCONZ gateway")
    assert (found.model_id, found.sw_version) == ("ConBee II", "2.28.1")
    assert found.hw_version == "0x26780700"
    assert found.configuration_url == f"http://{gateway.host}:{gateway.port}"
    assert found.connections == {("mac", "bc:24:11:00:00:6e")}
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert len(devices) == 1


async def test_the_entities_are_those_of_the_page(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    prefix = f"the-lab_{ITEM}_"
    found = {
        (entity.domain, entity.unique_id.removeprefix(prefix)): entity
        for entity in entities
    }
    assert {row for row, entity in found.items() if not entity.disabled} == ROWS
    assert {row for row, entity in found.items() if entity.disabled} == OFF_ROWS


@pytest.mark.usefixtures("all_entities_enabled")
async def test_what_a_healthy_gateway_shows(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert shown(hass, "binary_sensor", "connected") == "on"
    assert shown(hass, "binary_sensor", "radio_problem") == "off"
    assert shown(hass, "sensor", "devices") == "4"
    assert shown(hass, "sensor", "devices_offline") == "0"
    assert shown(hass, "switch", "permit_join") == "off"
    assert shown(hass, "sensor", "channel") == "15"
    assert shown(hass, "sensor", "firmware") == "0x26780700"
    assert shown(hass, "sensor", "version") == "2.28.1"


@pytest.mark.usefixtures("all_entities_enabled")
async def test_a_stick_of_the_future_on_an_odd_channel_is_shown(
    hass: HomeAssistant, gateway: DeconzGateway, impatient: None
) -> None:
    knows = gateway.gateway
    knows.device_name, knows.channel = "ConBee IV", 13
    knows.extra = {"rfconnected": None, "brand_new": [{"deep": 1}], "fwversion": 7}
    entry = await async_set_up(hass, gateway)
    assert device(hass, entry).model_id == "ConBee IV"
    assert shown(hass, "sensor", "channel") == "13"
    assert shown(hass, "sensor", "firmware") == "unknown"
    assert shown(hass, "binary_sensor", "radio_problem") == "unknown"


async def test_a_new_name_of_the_gateway_is_followed(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: DeconzGateway
) -> None:
    gateway.gateway.name = "Cellar"
    await poll(hass, gateway)
    await eventually(hass, lambda: device(hass, entry).name == "Cellar")


# --- the radio ----------------------------------------------------------------------


async def test_a_lost_stick_is_a_radio_problem_until_it_is_back(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: DeconzGateway
) -> None:
    gateway.gateway.stick = False
    await poll(hass, gateway)
    await eventually(
        hass, lambda: shown(hass, "binary_sensor", "radio_problem") == "on"
    )
    problem = state(hass, "binary_sensor", "radio_problem")
    assert problem.attributes["reason"] == "not_connected"
    assert shown(hass, "binary_sensor", "connected") == "on"
    gateway.gateway.stick = True
    await poll(hass, gateway)
    await eventually(
        hass, lambda: shown(hass, "binary_sensor", "radio_problem") == "off"
    )
    problem = state(hass, "binary_sensor", "radio_problem")
    assert problem.attributes["reason"] is None


# --- devices ------------------------------------------------------------------------


async def test_a_device_that_stops_answering_is_told_at_once(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: DeconzGateway
) -> None:
    before = reads(gateway)
    await gateway.set_reachable("Motion", reachable=False)
    await eventually(hass, lambda: shown(hass, "sensor", "devices_offline") == "1")
    assert state(hass, "sensor", "devices_offline").attributes["devices"] == ["Motion"]
    await gateway.set_reachable("Motion", reachable=True)
    await eventually(hass, lambda: shown(hass, "sensor", "devices_offline") == "0")
    assert reads(gateway) == before


async def test_devices_come_and_go(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: DeconzGateway
) -> None:
    await gateway.add_device("Button", "remote")
    await eventually(hass, lambda: shown(hass, "sensor", "devices") == "5")
    await gateway.remove_device("Lamp")
    await eventually(hass, lambda: shown(hass, "sensor", "devices") == "4")


async def test_a_device_is_called_what_it_was_renamed_to(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: DeconzGateway
) -> None:
    (collection, number), *_ = gateway.gateway.devices["Lamp"].entries
    await gateway.tell("changed", collection, number, attr={"name": "Garden"})
    await gateway.set_reachable("Lamp", reachable=False)
    await eventually(
        hass,
        lambda: (
            state(hass, "sensor", "devices_offline").attributes["devices"] == ["Garden"]
        ),
    )


async def test_what_the_gateway_does_not_list_is_looked_for_once(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: DeconzGateway
) -> None:
    before = reads(gateway)
    for _ in range(3):
        await gateway.tell("changed", "sensors", "999", state={"presence": True})
        await gateway.push("nonsense")
    await gateway.set_reachable("Lamp", reachable=False)
    await eventually(hass, lambda: shown(hass, "sensor", "devices_offline") == "1")
    await later(hass, 11)
    assert reads(gateway) == before + 1


async def test_no_more_than_so_many_unlisted_parts_are_looked_for(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    gateway: DeconzGateway,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(coordinator, "_MOST_UNLISTED", 0)
    before = reads(gateway)
    await gateway.tell("changed", "sensors", "999", state={"presence": True})
    await gateway.set_reachable("Lamp", reachable=False)
    await eventually(hass, lambda: shown(hass, "sensor", "devices_offline") == "1")
    assert reads(gateway) == before


# --- events that do not come --------------------------------------------------------


async def test_what_was_missed_is_read_when_the_websocket_is_back(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: DeconzGateway
) -> None:
    await gateway.close_websocket()
    gateway.gateway.set_reachable("Lamp", reachable=False)
    await gateway.open_websocket()
    await eventually(hass, lambda: shown(hass, "sensor", "devices_offline") == "1")
    await async_listening(hass, entry)
    assert shown(hass, "binary_sensor", "connected") == "on"


async def test_a_silent_websocket_is_left_and_opened_anew(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: DeconzGateway
) -> None:
    gateway.set_speaking(speaking=False)
    await eventually(hass, lambda: not source_of(entry).network.listening)
    gateway.set_speaking(speaking=True)
    await async_listening(hass, entry)


async def test_without_a_websocket_the_devices_are_polled_every_minute(
    hass: HomeAssistant, gateway: DeconzGateway, impatient: None
) -> None:
    await gateway.close_websocket()
    await async_set_up(hass, gateway)
    assert shown(hass, "sensor", "devices") == "4"
    gateway.gateway.set_reachable("Lamp", reachable=False)
    await later(hass, 62)
    await eventually(hass, lambda: shown(hass, "sensor", "devices_offline") == "1")


async def test_a_gateway_that_names_no_websocket_is_polled(
    hass: HomeAssistant, gateway: DeconzGateway, impatient: None
) -> None:
    gateway.gateway.extra = {"websocketport": None}
    entry = await async_set_up(hass, gateway)
    assert entry.state is ConfigEntryState.LOADED
    assert shown(hass, "sensor", "devices") == "4"
    assert gateway.listeners == 0


# --- a gateway that is away ---------------------------------------------------------


async def test_a_gateway_that_stops_is_missed_at_once_and_comes_back_by_itself(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: DeconzGateway
) -> None:
    await gateway.stop()
    await eventually(hass, lambda: shown(hass, "binary_sensor", "connected") == "off")
    for platform, row in ROWS - {("binary_sensor", "connected")}:
        assert shown(hass, platform, row) == "unavailable"
    await gateway.start()
    await later(hass, 31)
    await eventually(hass, lambda: shown(hass, "binary_sensor", "connected") == "on")
    await eventually(hass, lambda: shown(hass, "sensor", "devices") == "4")
    assert shown(hass, "binary_sensor", "radio_problem") == "off"


async def test_devices_come_back_with_a_gateway_without_a_websocket(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: DeconzGateway
) -> None:
    await gateway.stop()
    await eventually(hass, lambda: shown(hass, "sensor", "devices") == "unavailable")
    await gateway.start()
    await gateway.close_websocket()
    await later(hass, 31)
    await eventually(hass, lambda: shown(hass, "sensor", "devices") == "4")


async def test_a_gateway_that_hangs_is_missed(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: DeconzGateway
) -> None:
    gateway.set_hanging(hanging=True)
    await eventually(hass, lambda: shown(hass, "binary_sensor", "connected") == "off")
    gateway.set_hanging(hanging=False)
    await later(hass, 31)
    await eventually(hass, lambda: shown(hass, "sensor", "devices") == "4")


@pytest.mark.parametrize("answer", [Answer.HTML, Answer.TRUNCATED, Answer.GARBAGE])
async def test_another_server_in_its_place_is_no_gateway(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    gateway: DeconzGateway,
    answer: Answer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    gateway.faults.answer = answer
    await poll(hass, gateway)
    await eventually(hass, lambda: shown(hass, "binary_sensor", "connected") == "off")
    loud = [record for record in caplog.records if record.levelno > logging.DEBUG]
    assert [record for record in loud if record.exc_info] == []
    assert KEY not in caplog.text


async def test_a_gateway_that_is_busy_for_a_moment_is_not_missed(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: DeconzGateway
) -> None:
    gateway.faults.answer = Answer.BUSY
    await poll(hass, gateway)
    await poll(hass, gateway)
    assert shown(hass, "binary_sensor", "connected") == "on"
    await poll(hass, gateway)
    await eventually(hass, lambda: shown(hass, "binary_sensor", "connected") == "off")
    gateway.faults.answer = None
    await poll(hass, gateway)
    await eventually(hass, lambda: shown(hass, "binary_sensor", "connected") == "on")


@pytest.mark.parametrize("strangers", [True, False])
async def test_a_deleted_key_asks_for_a_new_one(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    gateway: DeconzGateway,
    *,
    strangers: bool,
) -> None:
    gateway.faults.tells_strangers = strangers
    gateway.gateway.keys.clear()
    await poll(hass, gateway)
    await eventually(hass, hass.config_entries.flow.async_progress)
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["context"]["source"] == SOURCE_REAUTH


# --- permit join --------------------------------------------------------------------


async def test_devices_may_join_until_the_gateway_closes_its_network(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: DeconzGateway, clock: Clock
) -> None:
    gateway.gateway.network_open_seconds = 180
    await poll(hass, gateway)
    began = dt_util.utcnow()
    await switch(hass, on=True)
    opened = state(hass, "switch", "permit_join")
    ends_at = opened.attributes["ends_at"]
    until = datetime.fromisoformat(ends_at)
    assert opened.state == "on"
    assert abs(until - began - timedelta(seconds=180)) < timedelta(seconds=5)
    await poll(hass, gateway)
    assert state(hass, "switch", "permit_join").attributes["ends_at"] == ends_at
    clock.now += 181
    await later(hass, 182)
    await eventually(hass, lambda: shown(hass, "switch", "permit_join") == "off")
    assert state(hass, "switch", "permit_join").attributes["ends_at"] is None


async def test_the_network_is_closed_early_and_stays_shown_as_closed(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: DeconzGateway, clock: Clock
) -> None:
    await switch(hass, on=True)
    await switch(hass, on=False)
    assert gateway.gateway.permit_join_left != (0, 0)
    assert shown(hass, "switch", "permit_join") == "off"
    clock.now += 2
    await later(hass, 3)
    assert shown(hass, "switch", "permit_join") == "off"


async def test_a_network_that_somebody_else_opened_shows(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: DeconzGateway
) -> None:
    gateway.gateway.permit_join(60)
    await poll(hass, gateway)
    await eventually(hass, lambda: shown(hass, "switch", "permit_join") == "on")


async def test_a_network_that_is_open_for_ever_has_no_end(
    hass: HomeAssistant, gateway: DeconzGateway, impatient: None
) -> None:
    gateway.gateway.extra = {"permitjoin": 255}
    await async_set_up(hass, gateway)
    opened = state(hass, "switch", "permit_join")
    assert (opened.state, opened.attributes["ends_at"]) == ("on", None)


async def test_a_gateway_that_does_not_tell_leaves_it_unknown(
    hass: HomeAssistant, gateway: DeconzGateway, impatient: None
) -> None:
    gateway.gateway.extra = {"permitjoin": None}
    await async_set_up(hass, gateway)
    assert shown(hass, "switch", "permit_join") == "unknown"


async def test_an_action_opens_the_network_and_says_for_how_long(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: DeconzGateway
) -> None:
    async def act(duration: int) -> Any:
        answer: Any = await hass.services.async_call(
            DOMAIN,
            "permit_join",
            {"device_id": [device(hass, entry).id], "duration": duration},
            blocking=True,
            return_response=True,
        )
        (result,) = answer["results"]
        return result

    assert (await act(30))["duration"] == 60
    assert gateway.gateway.permit_join_left == (60, 0)
    assert (await act(0))["duration"] == 0


async def test_a_command_leaves_a_trace(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    events = async_capture_events(hass, EVENT_COMMAND)
    await switch(hass, on=True)
    assert events[0].data["command"] == "permit_join"
    assert events[0].data["result"] == "done"


async def test_a_command_to_a_gateway_that_is_away_is_refused(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: DeconzGateway
) -> None:
    await gateway.stop()
    await eventually(hass, lambda: shown(hass, "binary_sensor", "connected") == "off")
    with pytest.raises(ServiceValidationError, match="is offline"):
        await hass.services.async_call(
            DOMAIN,
            "permit_join",
            {"device_id": [device(hass, entry).id]},
            blocking=True,
        )


@pytest.mark.parametrize(
    ("answer", "key"),
    [(Answer.BUSY, "command_refused"), (Answer.HTML, "protocol_error")],
)
async def test_a_command_that_fails_says_why(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    gateway: DeconzGateway,
    answer: Answer,
    key: str,
) -> None:
    gateway.faults.answer = answer
    with pytest.raises(HomeAssistantError) as raised:
        await switch(hass, on=True)
    assert raised.value.translation_key == key
    assert shown(hass, "switch", "permit_join") == "off"


async def test_a_command_with_a_deleted_key_asks_for_a_new_one(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: DeconzGateway
) -> None:
    gateway.gateway.keys.clear()
    with pytest.raises(HomeAssistantError):
        await switch(hass, on=True)
    assert len(hass.config_entries.flow.async_progress()) == 1


async def test_other_commands_are_not_for_a_gateway(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    with pytest.raises(NotFoundError):
        await source_of(entry).async_command(ITEM, RadioCommand.SOFT_RESET, {})
    with pytest.raises(ServiceValidationError):
        await hass.services.async_call(
            DOMAIN,
            "check_coordinator",
            {"device_id": [device(hass, entry).id]},
            blocking=True,
        )


# --- the life of an entry -----------------------------------------------------------


async def test_a_start_without_the_gateway_is_tried_again(
    hass: HomeAssistant, gateway: DeconzGateway, impatient: None
) -> None:
    await gateway.stop()
    entry = await async_set_up(hass, gateway)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.reason is not None
    assert "Phoscon-GW" in entry.reason
    await gateway.start()
    await later(hass, 12)
    await eventually(hass, lambda: entry.state is ConfigEntryState.LOADED)


async def test_a_start_with_a_deleted_key_asks_for_a_new_one(
    hass: HomeAssistant, gateway: DeconzGateway, impatient: None
) -> None:
    gateway.gateway.keys.clear()
    entry = await async_set_up(hass, gateway)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["context"]["source"] == SOURCE_REAUTH


async def test_a_start_in_which_only_the_devices_fail_goes_on(
    hass: HomeAssistant, gateway: DeconzGateway, impatient: None
) -> None:
    gateway.gateway.sensors["7"] = {"name": "x" * 9_000_000}
    await gateway.close_websocket()
    entry = await async_set_up(hass, gateway)
    assert entry.state is ConfigEntryState.LOADED
    assert shown(hass, "binary_sensor", "radio_problem") == "off"
    assert shown(hass, "sensor", "devices") == "unavailable"


async def test_an_unloaded_entry_leaves_nothing_behind_and_can_be_loaded_again(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: DeconzGateway
) -> None:
    await switch(hass, on=True)
    await hass.config_entries.async_unload(entry.entry_id)
    await eventually(hass, lambda: gateway.listeners == 0)
    assert entry.state is ConfigEntryState.NOT_LOADED
    asked = len(gateway.requests)
    await later(hass, 700)
    assert len(gateway.requests) == asked
    await hass.config_entries.async_setup(entry.entry_id)
    await async_listening(hass, entry)
    assert shown(hass, "sensor", "devices") == "4"


async def test_a_removed_entry_takes_its_device_along(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: DeconzGateway
) -> None:
    await hass.config_entries.async_remove(entry.entry_id)
    assert not common.has_device(hass, entry, ITEM)
    await eventually(hass, lambda: gateway.listeners == 0)


async def test_the_device_of_a_gateway_that_is_there_cannot_be_deleted(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert not source_of(entry).may_remove_device(device(hass, entry))


async def test_a_cluster_beside_it_never_notices(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: DeconzGateway, lab: Lab
) -> None:
    cluster = MockConfigEntry(
        domain=DOMAIN, title="house", unique_id="house", data=common.entry_data(lab)
    )
    cluster.add_to_hass(hass)
    await hass.config_entries.async_setup(cluster.entry_id)
    await gateway.stop()
    await eventually(hass, lambda: shown(hass, "binary_sensor", "connected") == "off")
    assert cluster.state is ConfigEntryState.LOADED
    assert cluster.runtime_data.is_connected
    assert (await _async_info(hass))["reachable"] == "1/2"
    await hass.config_entries.async_unload(cluster.entry_id)
