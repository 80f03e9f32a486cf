"""What the entities say, those on request included."""

from datetime import timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from lab import Lab
from lab.pve.guests import Snapshot

from .common import (
    async_pass_time,
    async_poll,
    async_press,
    async_set_up,
    async_switch,
    device,
    entity_id,
    has_entity,
    source_of,
    state,
)

everything = pytest.mark.usefixtures("all_entities_enabled")
cluster = pytest.mark.parametrize("lab", ["cluster"], indirect=True)


@everything
async def test_a_container_with_all_its_entities(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    shown = {
        row: state(hass, "sensor", "guest/105", row).state
        for row in (
            "status",
            "cpu",
            "memory",
            "disk",
            "host_cpu",
            "address",
            "snapshots",
        )
    }
    assert shown == {
        "status": "running",
        "cpu": "38.0",
        "memory": "66.0",
        "disk": "71.0",
        "host_cpu": "12.7",
        "address": "10.12.0.105",
        "snapshots": "0",
    }
    assert state(hass, "select", "guest/105", "importance").state == "normal"
    there = device(hass, entry, "guest/105")
    assert there.model == "Container"
    assert there.model_id == "105"
    assert there.configuration_url == (
        f"https://127.0.0.1:{lab.pve.port}/#v1:0:=lxc%2F105"
    )
    assert ("mac", "bc:24:11:00:00:69") in there.connections
    assert there.via_device_id == device(hass, entry, "node/pve-core").id


@everything
async def test_a_vm_tells_its_disk_by_its_agent(hass: HomeAssistant, lab: Lab) -> None:
    await async_set_up(hass, lab)
    disk = state(hass, "sensor", "guest/103", "disk")
    assert float(disk.state) == pytest.approx(100 * 31 / 98, abs=0.2)
    assert disk.attributes["mount_point"] == "/mnt/data"
    windows = state(hass, "sensor", "guest/200", "disk")
    assert float(windows.state) == pytest.approx(100 * 71 / 99, abs=0.2)
    assert state(hass, "sensor", "guest/103", "snapshots").state == "1"


@everything
@cluster
async def test_a_vm_without_an_agent_has_no_disk(hass: HomeAssistant, lab: Lab) -> None:
    await async_set_up(hass, lab)
    assert state(hass, "sensor", "guest/107", "disk").state == "unavailable"
    assert state(hass, "sensor", "guest/108", "disk").state == "unavailable"


@everything
async def test_a_stopped_guest_uses_nothing(hass: HomeAssistant, lab: Lab) -> None:
    await async_set_up(hass, lab)
    for row in ("cpu", "memory", "disk", "started", "network_in"):
        assert state(hass, "sensor", "guest/111", row).state == "unknown", row


async def test_the_own_guest_and_its_node_have_no_power(
    hass: HomeAssistant, lab: Lab
) -> None:
    await async_set_up(hass, lab)
    for platform, row in (
        ("switch", "power"),
        ("button", "restart"),
        ("button", "stop"),
        ("button", "reset"),
        ("button", "pause"),
        ("button", "hibernate"),
    ):
        assert not has_entity(hass, platform, "guest/103", row)
        assert has_entity(hass, platform, "guest/200", row) or row == "hibernate"
    assert has_entity(hass, "button", "guest/103", "snapshot")
    assert not has_entity(hass, "button", "node/pve-core", "restart")
    assert not has_entity(hass, "button", "node/pve-core", "shutdown")


@everything
async def test_the_node_with_all_its_entities(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    assert state(hass, "sensor", "node/pve-core", "root_disk").state == "15.2"
    assert state(hass, "sensor", "node/pve-core", "io_delay").state == "0.4"
    assert float(state(hass, "sensor", "node/pve-core", "load").state) > 0
    received = state(hass, "sensor", "node/pve-core", "traffic_in")
    assert received.attributes["unit_of_measurement"] == "MB/s"
    assert float(received.state) == pytest.approx(1.0073, abs=0.001)
    sent = state(hass, "sensor", "node/pve-core", "traffic_out")
    assert float(sent.state) == pytest.approx(0.50365, abs=0.001)
    assert "6.8.12-4-pve" in state(hass, "sensor", "node/pve-core", "kernel").state
    assert state(hass, "sensor", "node/pve-core", "subscription").state == "notfound"
    expires = state(hass, "sensor", "node/pve-core", "certificate_expires").state
    assert dt_util.parse_datetime(expires, raise_on_error=True) > dt_util.utcnow()
    assert "9.2.11" in (device(hass, entry, "node/pve-core").sw_version or "")


async def test_packages_are_an_update_with_their_list_as_notes(
    hass: HomeAssistant, lab: Lab, hass_ws_client: WebSocketGenerator
) -> None:
    await async_set_up(hass, lab)
    update = state(hass, "update", "node/pve-core", "packages")
    assert update.state == "on"
    assert update.attributes["installed_version"] == "9.2.11"
    assert update.attributes["latest_version"] == "9.2.12"
    client = await hass_ws_client(hass)
    await client.send_json_auto_id(
        {
            "type": "update/release_notes",
            "entity_id": entity_id(hass, "update", "node/pve-core", "packages"),
        }
    )
    notes = (await client.receive_json())["result"]
    assert "| openssl | 3.5.5-1~deb13u1 | 3.5.5-1~deb13u2 |" in notes


async def test_a_node_without_updates_is_up_to_date(
    hass: HomeAssistant, lab: Lab
) -> None:
    lab.pve.cluster.nodes["pve-core"].packages.clear()
    await async_set_up(hass, lab)
    assert state(hass, "update", "node/pve-core", "packages").state == "off"


@cluster
async def test_disks_by_their_serial_number_or_wwn(
    hass: HomeAssistant, lab: Lab
) -> None:
    await async_set_up(hass, lab)
    failing = state(hass, "binary_sensor", "disk/pve2/2131E5B6A002", "disk_problem")
    assert failing.state == "on"
    sas = state(hass, "binary_sensor", "disk/pve2/ZC1A2B3C", "disk_problem")
    assert sas.state == "off"
    virtual = state(
        hass, "binary_sensor", "disk/pve3/0x5000c500a1b2c3d4", "disk_problem"
    )
    assert virtual.state == "unknown"
    life = state(hass, "sensor", "disk/pve2/2131E5B6A002", "remaining_life")
    assert life.state == "4"
    assert not has_entity(hass, "sensor", "disk/pve2/ZC1A2B3C", "remaining_life")


@cluster
async def test_a_cluster_knows_its_quorum_and_a_host_has_none(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    await async_set_up(hass, lab)
    assert state(hass, "binary_sensor", "cluster", "quorum_problem").state == "off"
    lab.pve.faults.node_dead("pve2")
    lab.pve.faults.node_dead("pve3")
    await async_pass_time(hass, freezer, 61)
    assert state(hass, "binary_sensor", "cluster", "quorum_problem").state == "on"


async def test_a_host_has_no_quorum(hass: HomeAssistant, lab: Lab) -> None:
    await async_set_up(hass, lab)
    assert not has_entity(hass, "binary_sensor", "cluster", "quorum_problem")


async def test_backups_are_watched(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    await async_set_up(hass, lab)
    assert state(hass, "binary_sensor", "cluster", "backup_problem").state == "off"
    last = state(hass, "sensor", "guest/106", "last_backup")
    taken = dt_util.parse_datetime(last.state, raise_on_error=True)
    assert dt_util.utcnow() - taken < timedelta(hours=10)
    assert last.attributes["storage"] == "s11"
    assert last.attributes["backups"] == 3
    assert state(hass, "sensor", "guest/111", "last_backup").state == "unknown"

    # Nobody backs anything up for nine days.
    await async_pass_time(hass, freezer, 9 * 24 * 3600)
    problem = state(hass, "binary_sensor", "cluster", "backup_problem")
    assert problem.state == "on"
    assert 106 in problem.attributes["stale"]


async def test_backups_that_may_not_be_seen_are_unknown(
    hass: HomeAssistant, lab: Lab
) -> None:
    await async_set_up(hass, lab, access="monitor")
    assert state(hass, "sensor", "guest/106", "last_backup").state == "unavailable"


async def test_a_storage_fills(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    await async_set_up(hass, lab)
    for share, expected, level in (
        (0.84, "off", None),
        (0.86, "on", "warning"),
        (0.93, "on", "critical"),
    ):
        lab.pve.cluster.fill("local-lvm", share)
        await async_poll(hass, freezer)
        problem = state(
            hass, "binary_sensor", "storage/pve-core/local-lvm", "storage_problem"
        )
        assert (problem.state, problem.attributes["level"]) == (expected, level)

    for space in lab.pve.cluster.storages["s11"].distinct_spaces():
        space.active = False
    await async_poll(hass, freezer)
    problem = state(hass, "binary_sensor", "storage/s11", "storage_problem")
    assert (problem.state, problem.attributes["level"]) == ("on", "inactive")
    assert state(hass, "sensor", "storage/s11", "used_share").state == "unknown"


@everything
async def test_when_a_storage_will_be_full(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    await async_set_up(hass, lab)
    row = ("sensor", "storage/s11", "days_until_full")
    assert state(hass, *row).state == "unknown"
    for hour in range(1, 13):
        lab.pve.cluster.fill("s11", 0.524 + hour / 100)
        await async_pass_time(hass, freezer, 3600)
    # 1 % an hour with 35.6 % left, as of the last sample or the one before.
    assert 1.4 < float(state(hass, *row).state) < 1.8


@everything
async def test_importance_is_chosen_or_comes_from_a_tag(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    entry = await async_set_up(hass, lab)
    lab.pve.cluster.guests[109].config["tags"] = "critical"
    lab.pve.cluster.guests[110].config["tags"] = "nice-to-have"
    await async_poll(hass, freezer)
    assert state(hass, "select", "guest/109", "importance").state == "critical"
    assert state(hass, "select", "guest/110", "importance").state == "nice_to_have"

    await hass.services.async_call(
        "select",
        "select_option",
        {
            "entity_id": entity_id(hass, "select", "guest/110", "importance"),
            "option": "critical",
        },
        blocking=True,
    )
    assert state(hass, "select", "guest/110", "importance").state == "critical"
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state(hass, "select", "guest/110", "importance").state == "critical"


async def test_whatever_cuts_power_is_out_of_reach_of_areas_and_voice(
    hass: HomeAssistant, lab: Lab
) -> None:
    entry = await async_set_up(hass, lab)
    found = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    acting = [one for one in found if one.domain in ("switch", "button")]
    assert acting
    assert {one.entity_category for one in acting} == {EntityCategory.CONFIG}


async def test_power_shows_its_result_at_once(hass: HomeAssistant, lab: Lab) -> None:
    await async_set_up(hass, lab)
    await async_switch(hass, "guest/108", "power", on=False)
    assert state(hass, "switch", "guest/108", "power").state == "off"
    await async_switch(hass, "guest/108", "power", on=True)
    assert state(hass, "switch", "guest/108", "power").state == "on"
    started = lab.pve.cluster.guests[108].started
    await async_press(hass, "guest/108", "restart")
    assert lab.pve.cluster.guests[108].started != started
    assert state(hass, "sensor", "guest/108", "status").state == "running"


async def test_a_stale_list_does_not_undo_what_a_command_did(
    hass: HomeAssistant, lab: Lab
) -> None:
    source = source_of(await async_set_up(hass, lab))
    # From now on the list is as old as pvestatd leaves it.
    statistics = lab.pve.cluster.statistics
    statistics.latest = lambda: None  # type: ignore[method-assign]
    await async_switch(hass, "guest/108", "power", on=False)
    await source.resources.async_refresh()
    assert state(hass, "switch", "guest/108", "power").state == "off"
    statistics.refresh()
    await source.resources.async_refresh()
    assert state(hass, "switch", "guest/108", "power").state == "off"


@everything
async def test_buttons_for_snapshot_and_backup(hass: HomeAssistant, lab: Lab) -> None:
    await async_set_up(hass, lab)
    await async_press(hass, "guest/106", "snapshot")
    taken: list[Snapshot] = list(lab.pve.cluster.guests[106].snapshots.values())
    assert len(taken) == 1
    assert "Home Assistant" in taken[0].description
    assert state(hass, "sensor", "guest/106", "snapshots").state == "1"

    await async_press(hass, "guest/106", "back_up")
    backups = state(hass, "sensor", "guest/106", "last_backup").attributes["backups"]
    assert backups == 4
    lab.pve.cluster.guests[106].lock = None


@everything
@cluster
async def test_replication_and_high_availability(hass: HomeAssistant, lab: Lab) -> None:
    await async_set_up(hass, lab)
    row = ("binary_sensor", "node/pve1", "replication_problem")
    assert state(hass, *row).state == "off"
    assert state(hass, "sensor", "guest/101", "ha_state").state == "started"
    assert state(hass, "sensor", "guest/103", "ha_state").state == "unknown"


@everything
@cluster
async def test_a_failed_replication_is_a_problem(hass: HomeAssistant, lab: Lab) -> None:
    job = lab.pve.cluster.replications[0]
    job.failures, job.error = 2, "command 'zfs send' failed"
    await async_set_up(hass, lab)
    problem = state(hass, "binary_sensor", "node/pve1", "replication_problem")
    assert problem.state == "on"
    assert problem.attributes["failed"] == ["113-0"]
