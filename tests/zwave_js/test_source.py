"""The Z-Wave JS source in Home Assistant, against a server on loopback."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
import json
from pathlib import Path

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE, EntityCategory
from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_time_changed,
)

from custom_components.proxmox_homelab.const import EVENT_COMMAND, RadioCommand
from custom_components.proxmox_homelab.diagnostics import (
    async_get_config_entry_diagnostics,
    async_get_device_diagnostics,
)
from custom_components.proxmox_homelab.errors import CannotConnectError, HomelabError
from custom_components.proxmox_homelab.zwave_js import link
from custom_components.proxmox_homelab.zwave_js.client import connection, ui
from custom_components.proxmox_homelab.zwave_js.errors import (
    DriverNotReadyError,
    OtherNetworkError,
)
from lab import Lab
from lab.zwave import ControllerStatus, NodeStatus, ZwaveServer

from ..common import (
    async_press,
    async_set_up as async_set_up_proxmox,
    device,
    entity_id,
    has_entity,
    state,
)
from .common import KEY, async_set_up, entry_for, until, zwave_source

everything = pytest.mark.usefixtures("all_entities_enabled")


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "RETRY_SECONDS", 0.02)


async def pass_time(hass: HomeAssistant, seconds: float) -> None:
    """Let what is due within so many seconds be due now.

    The clock is not stopped: the server and its client live by it.
    """
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
    await hass.async_block_till_done()


def shown(hass: HomeAssistant, platform: str, row: str) -> str:
    """Return a state."""
    return state(hass, platform, KEY, row).state


def reason(hass: HomeAssistant) -> str | None:
    """Return why there is a radio problem, None without one."""
    found = state(hass, "binary_sensor", KEY, "radio_problem")
    assert (found.state == "on") is (found.attributes["reason"] is not None)
    return found.attributes["reason"]


def _is(server: ZwaveServer, status: ControllerStatus) -> bool:
    return server.network.status is status


def is_connected(hass: HomeAssistant) -> bool:
    """Say whether the server is shown as connected."""
    return shown(hass, "binary_sensor", "connected") == "on"


def is_linked(entry: MockConfigEntry) -> bool:
    """Say whether there is a connection right now, shown or not."""
    return zwave_source(entry).radio._lost is None


async def until_lost(
    hass: HomeAssistant, entry: MockConfigEntry, why: type[HomelabError]
) -> None:
    """Wait until the last try to connect ended like this."""
    radio = zwave_source(entry).radio
    await until(hass, lambda: type(radio._lost) is why)


# --- what is shown -----------------------------------------------------------------


async def test_what_is_enabled_from_the_start(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    entry = await async_set_up(hass, server)
    assert entry.state is ConfigEntryState.LOADED
    enabled = {
        found.unique_id.removeprefix(f"the-lab_{KEY}_")
        for found in er.async_entries_for_config_entry(
            er.async_get(hass), entry.entry_id
        )
        if found.disabled_by is None
    }
    assert enabled == {"connected", "radio_problem", "nodes", "nodes_dead"}
    assert is_connected(hass)
    assert reason(hass) is None
    assert shown(hass, "sensor", "nodes") == "3"
    dead = state(hass, "sensor", KEY, "nodes_dead")
    assert (dead.state, dead.attributes["devices"]) == ("0", [])
    there = device(hass, entry, KEY)
    assert there.name == "garage"
    assert there.manufacturer == "Zooz"
    assert (there.model, there.model_id) == ("Z-Wave JS server", "ZST39 LR")
    assert (there.sw_version, there.hw_version) == ("15.29.0", "7.22")
    assert there.configuration_url is None


@everything
async def test_everything(hass: HomeAssistant, server: ZwaveServer) -> None:
    server.network.counters.nak = 3
    server.network.counters.timeout_ack = 4
    await async_set_up(hass, server)
    rows = {
        "nodes_asleep": "1",
        "inclusion": "idle",
        "frames_refused": "3",
        "frame_collisions": "0",
        "timeouts_ack": "4",
        "timeouts_response": "0",
        "timeouts_callback": "0",
        "messages_dropped_received": "0",
        "messages_dropped_sent": "0",
        "noise_channel_0": "-92",
        "noise_channel_1": "-95",
        "noise_channel_2": "-101",
        "zwave_js_server_version": "3.10.2",
        "zwave_js_driver_version": "15.29.0",
    }
    assert {row: shown(hass, "sensor", row) for row in rows} == rows
    assert not has_entity(hass, "sensor", KEY, "noise_channel_3")
    noise = state(hass, "sensor", KEY, "noise_channel_0")
    assert noise.attributes["unit_of_measurement"] == "dBm"
    reset = er.async_get(hass).async_get(entity_id(hass, "button", KEY, "soft_reset"))
    assert reset is not None
    assert reset.entity_category is EntityCategory.CONFIG


@everything
async def test_nodes_die_sleep_come_and_go(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    await async_set_up(hass, server)
    server.kill_node(2)
    server.kill_node(4)
    await until(hass, lambda: shown(hass, "sensor", "nodes_dead") == "2")
    dead = state(hass, "sensor", KEY, "nodes_dead")
    assert dead.attributes["devices"] == ["Plug", "Node 4"]
    server.revive_node(2)
    server.set_node(4, NodeStatus.ASLEEP)
    await until(hass, lambda: shown(hass, "sensor", "nodes_dead") == "0")
    assert shown(hass, "sensor", "nodes_asleep") == "1"
    server.set_node(4, NodeStatus.AWAKE)
    await until(hass, lambda: shown(hass, "sensor", "nodes_asleep") == "0")
    server.actions["node_added"]({"node": 9})
    await until(hass, lambda: shown(hass, "sensor", "nodes") == "4")
    server.driver.remove_node(2)
    await until(hass, lambda: shown(hass, "sensor", "nodes") == "3")


@everything
async def test_an_inclusion_that_somebody_else_began(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    await async_set_up(hass, server)
    server.actions["begin_inclusion"]({})
    await until(hass, lambda: shown(hass, "sensor", "inclusion") == "including")
    server.actions["stop_inclusion"]({})
    await until(hass, lambda: shown(hass, "sensor", "inclusion") == "idle")


@everything
async def test_noise_that_is_measured_only_later_gets_its_entities(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    server.network.heard = False
    await async_set_up(hass, server)
    await until(hass, lambda: has_entity(hass, "sensor", KEY, "noise_channel_2"))
    await until(hass, lambda: shown(hass, "sensor", "noise_channel_2") == "-101")


async def test_statistics_write_no_state_when_nothing_shown_has_changed(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    entry = await async_set_up(hass, server)
    changes: list[Event] = async_capture_events(hass, "state_changed")
    nodes = state(hass, "sensor", KEY, "nodes")
    section = zwave_source(entry).network

    def received() -> int:
        statistics = section.network and section.network.controller.statistics
        return (statistics and statistics.received) or 0

    await until(hass, lambda: received() > 68)
    assert changes == []
    after = state(hass, "sensor", KEY, "nodes")
    assert after.last_reported == nodes.last_reported


async def test_garbage_changes_nothing(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    await async_set_up(hass, server)
    server.garbage()
    server.kill_node(3)
    await until(hass, lambda: shown(hass, "sensor", "nodes_dead") == "1")
    assert is_connected(hass)
    assert reason(hass) is None


# --- the stick ---------------------------------------------------------------------


async def test_a_hung_stick_stays_a_problem_until_it_says_something(
    hass: HomeAssistant, server: ZwaveServer, caplog: pytest.LogCaptureFixture
) -> None:
    await async_set_up(hass, server)
    await until(hass, lambda: server.network.counters.received > 65)
    server.driver.mute()
    await until(hass, lambda: reason(hass) == "unresponsive")
    changes = async_capture_events(hass, "state_changed")
    # The driver calls it ready again, and unresponsive, and ready ...
    for status in (ControllerStatus.READY, ControllerStatus.UNRESPONSIVE) * 2:
        await until(hass, partial(_is, server, status))
    assert changes == []
    assert is_connected(hass)
    server.driver.unmute()
    await until(hass, lambda: reason(hass) is None)
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("noise", [[], [-92]])
async def test_a_stick_that_hangs_already_is_found_at_the_start(
    hass: HomeAssistant, server: ZwaveServer, noise: list[int]
) -> None:
    server.network.noise = noise
    server.driver.mute()
    await async_set_up(hass, server)
    await until(hass, lambda: reason(hass) == "unresponsive")


async def test_a_stick_that_nobody_talks_to_is_asked_now_and_then(
    hass: HomeAssistant, server: ZwaveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "CHECK_SECONDS", 0.2)
    monkeypatch.setattr(link, "RECHECK_SECONDS", 0.05)
    server.network.noise = []
    await async_set_up(hass, server)
    server.driver.mute()
    await until(hass, lambda: reason(hass) == "unresponsive")
    server.driver.unmute()
    await until(hass, lambda: reason(hass) is None)


def test_a_hung_stick_is_found_in_less_than_11_minutes() -> None:
    # The last question before it hangs, the next one, and the driver's patience.
    assert link.CHECK_SECONDS + connection.COMMAND_SECONDS < 11 * 60


async def test_a_status_that_no_event_told_is_found_by_asking(
    hass: HomeAssistant, server: ZwaveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(link, "RECHECK_SECONDS", 0.05)
    await async_set_up(hass, server)
    server.network.status = ControllerStatus.JAMMED
    await until(hass, lambda: reason(hass) == "jammed")


async def test_a_jam_is_over_when_none_follows(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    entry = await async_set_up(hass, server)
    radio = zwave_source(entry).radio
    server.driver.jam()
    await until(hass, lambda: reason(hass) == "jammed")
    server.driver.unjam()
    await until(hass, lambda: radio._cancel_jam is not None)
    await pass_time(hass, 100)
    server.driver.jam()
    await until(hass, lambda: radio._cancel_jam is None)
    server.driver.unjam()
    await until(hass, lambda: radio._cancel_jam is not None)
    await pass_time(hass, 110)
    assert reason(hass) == "jammed"
    await pass_time(hass, 121)
    assert reason(hass) is None


# --- the server goes away ----------------------------------------------------------


async def test_a_server_that_is_away_for_8_seconds_is_no_alarm(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    entry = await async_set_up(hass, server)
    changes = async_capture_events(hass, "state_changed")
    await server.stop()
    await until(hass, lambda: not is_linked(entry))
    await pass_time(hass, 8)
    await server.start()
    await until(hass, lambda: is_linked(entry))
    await pass_time(hass, 30)
    assert changes == []
    server.kill_node(3)
    await until(hass, lambda: shown(hass, "sensor", "nodes_dead") == "1")


async def test_a_server_that_is_away_for_20_seconds_is_an_alarm(
    hass: HomeAssistant,
    server: ZwaveServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    entry = await async_set_up(hass, server)
    await server.stop()
    await until(hass, lambda: not is_linked(entry))
    await pass_time(hass, 20)
    assert not is_connected(hass)
    assert reason(hass) == "no_connection"
    assert shown(hass, "sensor", "nodes") == STATE_UNAVAILABLE
    assert not zwave_source(entry).is_connected
    server.network.nodes.pop(3)
    await server.start()
    await until(hass, lambda: is_connected(hass))
    assert reason(hass) is None
    assert shown(hass, "sensor", "nodes") == "2"
    assert caplog.text.count("Error fetching") <= 1
    assert "Traceback" not in caplog.text


async def test_a_link_to_the_stick_that_is_lost_for_20_seconds_is_an_alarm(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    entry = await async_set_up(hass, server)
    server.driver.lose_link()
    await until(hass, lambda: not is_linked(entry))
    # The driver gives up after 12.5 s and is away for another 9.3 s or more.
    await pass_time(hass, 9.1)
    assert not is_connected(hass)
    server.driver.restore_link()
    await until(hass, lambda: is_connected(hass))


async def test_a_server_without_its_stick_says_so(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    entry = await async_set_up(hass, server)
    server.manners.driver_not_ready = True
    server.cut_clients()
    await until_lost(hass, entry, DriverNotReadyError)
    await pass_time(hass, 10)
    assert reason(hass) == "driver_failed"
    await server.stop()
    await until_lost(hass, entry, CannotConnectError)
    assert reason(hass) == "driver_failed"
    server.manners.driver_not_ready = False
    await server.start()
    await until(hass, lambda: is_connected(hass))


async def test_another_stick_in_the_server(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    entry = await async_set_up(hass, server)
    server.network.home_id = 77
    server.cut_clients()
    await until_lost(hass, entry, OtherNetworkError)
    await pass_time(hass, 10)
    assert reason(hass) == "other_network"
    server.network.home_id = 3237998146
    await until(hass, lambda: is_connected(hass))


async def test_what_is_wrong_with_an_absent_server_may_change(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    entry = await async_set_up(hass, server)
    await server.stop()
    await until(hass, lambda: not is_linked(entry))
    await pass_time(hass, 10)
    assert reason(hass) == "no_connection"
    server.network.home_id = 77
    await server.start()
    await until(hass, lambda: reason(hass) == "other_network")


async def test_a_driver_that_begins_anew_is_asked_for_its_state(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    entry = await async_set_up(hass, server)
    first = zwave_source(entry)._link.connection
    server.network.nodes.pop(2)
    server.clients.emit({"source": "driver", "event": "driver ready"})
    await until(hass, lambda: zwave_source(entry)._link.connection not in (None, first))
    assert shown(hass, "sensor", "nodes") == "2"
    assert is_connected(hass)


async def test_a_thousand_tries_leave_nothing_behind(
    hass: HomeAssistant, server: ZwaveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    def at_once() -> Iterator[float]:
        nonlocal tries
        while True:
            tries += 1
            yield 0

    def held() -> tuple[int, int]:
        return len(asyncio.all_tasks()), len(list(Path("/proc/self/fd").iterdir()))

    monkeypatch.setattr(link, "retry_delays", at_once)
    entry = await async_set_up(hass, server)
    tasks, files = held()
    await server.stop()
    await until(hass, lambda: tries > 1000)
    await server.start()
    await until(hass, lambda: is_linked(entry))
    await until(hass, lambda: held()[0] <= tasks and held()[1] <= files)


async def test_the_tries_get_rarer_and_are_never_in_step() -> None:
    delays = link.retry_delays(lambda: 0.5)
    quick = [next(delays) for _ in range(450)]
    assert quick[:3] == [0.02] * 3
    assert sum(quick) == pytest.approx(9)
    slow = [next(delays) for _ in range(20)]
    assert slow == sorted(slow)
    assert slow[-1] == 15
    assert next(link.retry_delays(lambda: 0.0)) < next(link.retry_delays(lambda: 1.0))


# --- the life of an entry ----------------------------------------------------------


async def test_a_start_without_the_server_is_tried_again(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    await server.stop()
    entry = await async_set_up(hass, server)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.reason == (
        "garage does not answer. Check that it is running and that its address is"
        " still right"
    )
    await server.start()
    await pass_time(hass, 15)
    await until(hass, lambda: entry.state is ConfigEntryState.LOADED)
    assert is_connected(hass)


async def test_why_it_cannot_start_is_said(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    server.set_schema(25)
    entry = await async_set_up(hass, server)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.reason is not None
    assert "version 25 of its protocol, and at least 32" in entry.reason
    server.set_schema(50)
    server.network.home_id = 77
    await hass.config_entries.async_reload(entry.entry_id)
    assert "its stick was exchanged" in (entry.reason or "")
    server.manners.driver_not_ready = True
    await hass.config_entries.async_reload(entry.entry_id)
    assert "does not have its Z-Wave stick" in (entry.reason or "")


async def test_unloading_hangs_up_and_reloading_is_the_same_again(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    entry = await async_set_up(hass, server)
    ids = {found.unique_id for found in er.async_get(hass).entities.values()}
    assert len(server.clients.connected) == 1
    await hass.config_entries.async_unload(entry.entry_id)
    await until(hass, lambda: not server.clients.connected)
    assert shown(hass, "sensor", "nodes") == STATE_UNAVAILABLE
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert shown(hass, "sensor", "nodes") == "3"
    assert {found.unique_id for found in er.async_get(hass).entities.values()} == ids
    await hass.config_entries.async_remove(entry.entry_id)
    await until(hass, lambda: not server.clients.connected)
    assert not er.async_get(hass).entities
    assert not dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)


async def test_unloading_while_the_server_is_away_leaves_nothing_behind(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    entry = await async_set_up(hass, server)
    await server.stop()
    await until(hass, lambda: not is_linked(entry))
    await hass.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED


async def test_other_kinds_of_entries_do_not_notice(
    hass: HomeAssistant,
    lab: Lab,
    server: ZwaveServer,
) -> None:
    cluster = await async_set_up_proxmox(hass, lab)
    entry = entry_for(hass, server)
    hass.config_entries.async_update_entry(entry, unique_id="another")
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    before = state(hass, "sensor", "cluster", "vms_running").last_updated
    await server.stop()
    await until(hass, lambda: not is_linked(entry))
    await pass_time(hass, 10)
    assert not zwave_source(entry).is_connected
    assert cluster.state is ConfigEntryState.LOADED
    there = state(hass, "sensor", "cluster", "vms_running")
    assert (there.state, there.last_updated) == ("2", before)


# --- commands ----------------------------------------------------------------------


@everything
async def test_the_stick_is_restarted_and_never_emptied(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    await async_set_up(hass, server)
    events = async_capture_events(hass, EVENT_COMMAND)
    await async_press(hass, KEY, "soft_reset")
    assert [event.data["command"] for event in events] == ["soft_reset"]
    sent = {command.name for command in server.commands}
    assert "driver.soft_reset" in sent
    assert "driver.hard_reset" not in sent


@everything
async def test_a_stick_that_hangs_does_not_restart(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    await async_set_up(hass, server)
    server.driver.mute()
    with pytest.raises(HomeAssistantError) as found:
        await async_press(hass, KEY, "soft_reset")
    assert found.value.translation_key == "command_timeout"


@everything
async def test_nothing_can_be_asked_of_a_server_that_is_away(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    entry = await async_set_up(hass, server)
    await server.stop()
    await until(hass, lambda: not is_linked(entry))
    with pytest.raises(HomeAssistantError) as found:
        await async_press(hass, KEY, "soft_reset")
    assert found.value.translation_key == "cannot_connect"
    await pass_time(hass, 10)
    source = zwave_source(entry)
    assert not source.is_reachable(KEY)
    assert shown(hass, "button", "soft_reset") == STATE_UNAVAILABLE


async def test_a_command_that_the_server_does_not_have(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    entry = await async_set_up(hass, server)
    with pytest.raises(ValueError, match="permit_join"):
        await zwave_source(entry).async_command(KEY, RadioCommand.PERMIT_JOIN, {})


# --- zwave-js-ui -------------------------------------------------------------------


async def test_the_health_of_the_user_interface(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    entry = await async_set_up(hass, server, with_ui=True)
    await until(
        hass, lambda: shown(hass, "binary_sensor", "zwave_js_ui_healthy") == "on"
    )
    there = device(hass, entry, KEY)
    assert there.sw_version == "15.29.0 (Z-Wave JS UI 11.22.2.cd01655)"
    assert there.configuration_url == server.ui_url
    server.driver.lose_link()
    await until(hass, lambda: not is_linked(entry))
    await pass_time(hass, 10)
    await until(
        hass, lambda: shown(hass, "binary_sensor", "zwave_js_ui_healthy") == "off"
    )
    # The web side is there and the driver is not: so much is known now.
    assert reason(hass) == "driver_failed"
    server.driver.restore_link()
    await until(hass, lambda: is_connected(hass))
    await pass_time(hass, 61)
    await until(
        hass, lambda: shown(hass, "binary_sensor", "zwave_js_ui_healthy") == "on"
    )


async def test_a_user_interface_that_does_not_answer(
    hass: HomeAssistant, server: ZwaveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ui, "REQUEST_SECONDS", 0.1)
    entry = entry_for(hass, server, with_ui=True)
    server.ui.hung = True
    await hass.config_entries.async_setup(entry.entry_id)
    await until(
        hass, lambda: shown(hass, "binary_sensor", "zwave_js_ui_healthy") == "off"
    )
    assert device(hass, entry, KEY).sw_version == "15.29.0"
    assert reason(hass) is None


# --- diagnostics -------------------------------------------------------------------


async def test_diagnostics_tell_no_identity_and_no_address(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    entry = await async_set_up(hass, server, with_ui=True)
    there = await async_get_config_entry_diagnostics(hass, entry)
    assert there["data"]["kind"] == "zwave_js"
    assert (there["schema"], there["nodes"]) == (44, 4)
    assert there["radio"] == {"connected": True, "problem": None}
    assert there["sections"]["network"]["healthy"]
    item = await async_get_device_diagnostics(hass, entry, device(hass, entry, KEY))
    assert item["kind"] == "zwave"
    assert item["item"]["network"]["nodes"]["2"]["name"] == "Plug"
    text = json.dumps([there, item])
    assert "3237998146" not in text
    assert "127.0.0.1" not in text
