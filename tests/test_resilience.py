"""One dead path never blanks another, nothing is lost by it, and it heals itself."""

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest

from custom_components.proxmox_homelab.proxmox.coordinator import Section
from lab import Lab
from lab.pve.guests import GuestState

from .common import (
    async_pass_time,
    async_poll,
    async_set_up,
    device,
    entity_id,
    has_device,
    has_entity,
    source_of,
    state,
)

cluster = pytest.mark.parametrize("lab", ["cluster"], indirect=True)


def _ids(hass: HomeAssistant, entry_id: str) -> set[str]:
    registry = er.async_get(hass)
    return {
        found.entity_id
        for found in er.async_entries_for_config_entry(registry, entry_id)
    }


@cluster
async def test_a_node_that_is_off_keeps_its_guests(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    entry = await async_set_up(hass, lab)
    before = _ids(hass, entry.entry_id)
    lab.pve.faults.node_dead("pve3")
    await async_poll(hass, freezer, 3)

    assert state(hass, "binary_sensor", "node/pve3", "online").state == "off"
    assert "since" in state(hass, "binary_sensor", "node/pve3", "online").attributes
    assert state(hass, "switch", "guest/114", "power").state == "unavailable"
    status = state(hass, "sensor", "guest/114", "status")
    assert status.state == "node_offline"
    assert status.attributes["since"]
    assert state(hass, "sensor", "storage/pve3/local", "used_share").state == (
        "unavailable"
    )
    assert state(hass, "switch", "guest/102", "power").state == "on"
    assert state(hass, "sensor", "storage/pve2/local", "used_share").state == "20.0"
    assert _ids(hass, entry.entry_id) == before

    lab.pve.faults.node_alive("pve3")
    await async_poll(hass, freezer, 2)
    assert state(hass, "binary_sensor", "node/pve3", "online").state == "on"
    assert state(hass, "switch", "guest/114", "power").state == "on"


@cluster
async def test_guests_of_a_silent_node_keep_their_names(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    entry = await async_set_up(hass, lab)
    lab.pve.faults.node_dead("pve3")
    await async_poll(hass, freezer)
    freezer.tick(400)
    await async_poll(hass, freezer)
    assert device(hass, entry, "guest/114").name == "movable"
    assert state(hass, "sensor", "guest/114", "status").state == "node_offline"

    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert device(hass, entry, "guest/114").name == "movable"


@cluster
async def test_the_contacted_member_may_die(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    await async_set_up(hass, lab)
    lab.pve.faults.node_dead("pve1")
    await async_poll(hass, freezer, 2)
    assert state(hass, "binary_sensor", "node/pve1", "online").state == "off"
    assert state(hass, "switch", "guest/102", "power").state == "on"


@cluster
async def test_a_migrated_guest_stays_the_same_guest(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    entry = await async_set_up(hass, lab)
    before = _ids(hass, entry.entry_id)
    there = device(hass, entry, "guest/114")
    lab.pve.cluster.move(114, "pve1")
    await async_poll(hass, freezer)
    moved = device(hass, entry, "guest/114")
    assert moved.id == there.id
    assert moved.via_device_id == device(hass, entry, "node/pve1").id
    assert state(hass, "sensor", "guest/114", "status").attributes["node"] == "pve1"
    assert _ids(hass, entry.entry_id) == before


async def test_a_rename_follows_and_the_users_name_wins(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    entry = await async_set_up(hass, lab)
    lab.pve.cluster.rename(108, "grafana-new")
    await async_poll(hass, freezer)
    renamed = device(hass, entry, "guest/108")
    assert renamed.name == "grafana-new"
    assert entity_id(hass, "switch", "guest/108", "power") == "switch.grafana"

    dr.async_get(hass).async_update_device(renamed.id, name_by_user="Pictures")
    lab.pve.cluster.rename(108, "grafana-newer")
    await async_poll(hass, freezer)
    assert device(hass, entry, "guest/108").name_by_user == "Pictures"


@cluster
async def test_storages_of_the_same_name_are_kept_apart(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    await async_set_up(hass, lab)
    lab.pve.cluster.fill("local", 0.95, node="pve2")
    await async_poll(hass, freezer)
    shares = {
        node: state(hass, "sensor", f"storage/{node}/local", "used_share").state
        for node in ("pve1", "pve2", "pve3")
    }
    assert shares == {"pve1": "20.0", "pve2": "95.0", "pve3": "20.0"}
    problem = state(hass, "binary_sensor", "storage/pve2/local", "storage_problem")
    assert problem.state == "on"
    assert problem.attributes["level"] == "critical"


async def test_a_deleted_guest_goes_after_two_lists(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    entry = await async_set_up(hass, lab)
    lab.pve.cluster.delete_guest(108)
    await async_poll(hass, freezer)
    assert has_device(hass, entry, "guest/108")
    assert state(hass, "switch", "guest/108", "power").state == "unavailable"
    await async_poll(hass, freezer, 2)
    assert not has_device(hass, entry, "guest/108")
    assert not has_entity(hass, "switch", "guest/108", "power")


async def test_a_guest_deleted_while_home_assistant_was_off_goes_too(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    entry = await async_set_up(hass, lab)
    await hass.config_entries.async_unload(entry.entry_id)
    lab.pve.cluster.delete_guest(108)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    await async_poll(hass, freezer, 3)
    assert not has_device(hass, entry, "guest/108")
    assert has_device(hass, entry, "guest/107")


async def test_a_lost_privilege_removes_nothing(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    entry = await async_set_up(hass, lab)
    before = _ids(hass, entry.entry_id)
    token = lab.pve.tokens["everything"].partition("=")[0]
    lab.pve.access.grant("/vms", "NoAccess", tokens=[token])
    lab.pve.access.revoke(
        "/vms", ["PVEAuditor", "LabAgent", "LabControl"], tokens=[token]
    )
    await async_poll(hass, freezer, 6)
    assert state(hass, "switch", "guest/106", "power").state == "unavailable"
    assert state(hass, "sensor", "storage/s11", "used_share").state == "52.4"
    assert _ids(hass, entry.entry_id) == before

    lab.pve.access.revoke("/vms", "NoAccess", tokens=[token])
    lab.pve.access.grant("/vms", ["PVEAuditor", "LabControl"], tokens=[token])
    await async_poll(hass, freezer, 2)
    assert state(hass, "switch", "guest/106", "power").state == "on"


async def test_a_new_guest_appears_by_itself(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    entry = await async_set_up(hass, lab)
    guest = lab.pve.cluster.guests.pop(108)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    await async_poll(hass, freezer, 3)
    assert not has_device(hass, entry, "guest/108")
    lab.pve.cluster.guests[108] = guest
    await async_poll(hass, freezer)
    assert state(hass, "switch", "guest/108", "power").state == "on"


@pytest.mark.parametrize(
    ("path", "section"),
    [
        ("/cluster/tasks", Section.TASKS),
        ("/nodes/*/config", Section.CONFIGS),
        ("/nodes/*/storage/*/content", Section.BACKUPS),
        ("/nodes/*/apt/update", Section.PACKAGES),
        ("/nodes/*/disks/list", Section.DISKS),
        ("/nodes/*/status", Section.NODES),
    ],
)
@pytest.mark.parametrize("kind", ["error", "html", "cut", "unreachable"])
async def test_a_path_that_fails_concerns_only_what_it_feeds(
    hass: HomeAssistant,
    lab: Lab,
    freezer: FrozenDateTimeFactory,
    path: str,
    section: Section,
    kind: str,
) -> None:
    faults = lab.pve.faults
    match kind:
        case "error":
            faults.fail("GET", path, 500, "something broke")
        case "html":
            faults.html(path)
        case "cut":
            faults.cut(path)
        case "unreachable":
            faults.fail("GET", path, 595, "No route to host")
    entry = await async_set_up(hass, lab)
    sections = source_of(entry).coordinators
    failing = {name for name, found in sections.items() if found.last_error}
    assert failing <= {section}
    assert state(hass, "sensor", "guest/106", "status").state == "running"
    assert state(hass, "sensor", "node/pve-core", "cpu").state != "unavailable"
    assert state(hass, "sensor", "storage/s11", "used_share").state == "52.4"

    faults.clear()
    await async_pass_time(hass, freezer, 24 * 3600 + 60)
    await async_pass_time(hass, freezer, 3600)
    assert not sections[section].last_error


async def test_the_list_may_fail_for_a_while(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    entry = await async_set_up(hass, lab)
    before = _ids(hass, entry.entry_id)
    lab.pve.faults.fail("GET", "/cluster/resources", 500, "got timeout")
    await async_poll(hass, freezer, 2)
    assert state(hass, "sensor", "guest/106", "status").state == "unavailable"
    lab.pve.faults.clear()
    await async_poll(hass, freezer, 2)
    assert state(hass, "sensor", "guest/106", "status").state == "running"
    assert _ids(hass, entry.entry_id) == before


async def test_an_unknown_status_is_unknown(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    await async_set_up(hass, lab)
    lab.pve.cluster.set_state(200, GuestState.PRELAUNCH)
    await async_poll(hass, freezer)
    assert state(hass, "sensor", "guest/200", "status").state == "starting"
    lab.pve.faults.fail(
        "GET",
        "/cluster/resources",
        200,
        "OK",
        body='{"data":[{"id":"node/pve-core","type":"node","node":"pve-core",'
        '"status":"online"},{"id":"lxc/106","type":"lxc","vmid":"106",'
        '"node":"pve-core","status":"dreaming","name":"emqx","cpu":"0.5",'
        '"maxcpu":"2","mem":"1073741824","maxmem":"2147483648"}]}',
    )
    await async_poll(hass, freezer)
    assert state(hass, "sensor", "guest/106", "status").state == "unknown"
    assert state(hass, "switch", "guest/106", "power").state == "unknown"


@cluster
async def test_states_that_are_neither_on_nor_off(
    hass: HomeAssistant, lab: Lab
) -> None:
    await async_set_up(hass, lab)
    shown = {
        vmid: state(hass, "sensor", f"guest/{vmid}", "status").state
        for vmid in (103, 104, 105)
    }
    assert shown == {103: "paused", 104: "hibernated", 105: "io_error"}
    assert state(hass, "switch", "guest/103", "power").state == "on"
    assert state(hass, "switch", "guest/104", "power").state == "off"


async def test_what_others_do_is_revealed_by_their_tasks(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    await async_set_up(hass, lab)
    source = lab.pve.cluster
    await async_pass_time(hass, freezer, 31)
    lab.pve.requests.clear()
    source.tasks.record("pve-core", "vzstart", "108", started=source.clock(), seconds=1)
    await async_pass_time(hass, freezer, 31)
    asked = {record.path for record in lab.pve.requests}
    assert "/nodes/pve-core/lxc/108/status/current" in asked
    assert "/nodes/pve-core/lxc/108/config" in asked
