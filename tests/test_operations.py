"""What a command does on the cluster, and what it never does."""

from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import pytest

from custom_components.proxmox_homelab.operations import async_execute, guests
from custom_components.proxmox_homelab.operations.snapshots import SNAPSHOT_MARK
from custom_components.proxmox_homelab.proxmox.models import GuestCommand
from custom_components.proxmox_homelab.services import Action
from lab import Lab

from .actions import async_act, fails, sent, written
from .common import (
    async_press,
    async_set_up,
    async_switch,
    source_of,
    state,
)

OWN, VM, CONTAINER, STOPPED = "guest/103", "guest/200", "guest/108", "guest/111"
NODE = "node/pve-core"


# --- how a task ends ----------------------------------------------------------


async def test_a_guest_that_will_not_go_is_left_running(
    hass: HomeAssistant, lab: Lab
) -> None:
    lab.pve.cluster.guests[200].ignores_shutdown = True
    entry = await async_set_up(hass, lab)
    with fails("task_failed") as found:
        await async_act(hass, entry, Action.SHUTDOWN_GUEST, VM, timeout=10)
    assert "timeout" in str(found.value)
    assert "TASK ERROR" in str(found.value)
    assert ("POST", "stop") not in sent(lab)
    assert state(hass, "sensor", VM, "status").state == "running"


async def test_the_reason_of_a_failed_start_is_told(
    hass: HomeAssistant, lab: Lab
) -> None:
    lab.pve.cluster.guests[111].start_error = "no such logical volume pve/vm-111"
    entry = await async_set_up(hass, lab)
    with fails("task_failed") as found:
        await async_act(hass, entry, Action.START_GUEST, STOPPED)
    assert "no such logical volume pve/vm-111" in str(found.value)
    assert state(hass, "sensor", STOPPED, "status").state == "stopped"


async def test_a_start_with_warnings_is_a_success(
    hass: HomeAssistant, lab: Lab
) -> None:
    lab.pve.cluster.guests[111].start_warnings = ("old kernel",)
    entry = await async_set_up(hass, lab)
    (result,) = await async_act(hass, entry, Action.START_GUEST, STOPPED)
    assert result["exit_status"] == "WARNINGS: 1"
    assert "WARN: old kernel" in result["log"]


async def test_a_task_that_outlasts_its_deadline(
    hass: HomeAssistant, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guests, "_START_SECONDS", 0)
    entry = await async_set_up(hass, lab)
    with fails("task_timeout") as found:
        await async_act(hass, entry, Action.START_GUEST, STOPPED)
    assert "after 0 s" in str(found.value)


@pytest.mark.parametrize(
    ("action", "key", "more", "path"),
    [
        (Action.START_GUEST, STOPPED, {}, "/nodes/*/lxc/111/status/start"),
        (Action.STOP_GUEST, CONTAINER, {}, "/nodes/*/lxc/108/status/stop"),
        (Action.RESTART_GUEST, VM, {}, "/nodes/*/qemu/200/status/reboot"),
        (Action.SUSPEND_GUEST, VM, {}, "/nodes/*/qemu/200/status/suspend"),
        (Action.CREATE_SNAPSHOT, VM, {}, "/nodes/*/qemu/200/snapshot"),
        (Action.CREATE_BACKUP, VM, {}, "/nodes/*/vzdump"),
    ],
)
async def test_what_the_cluster_refuses_is_told(
    hass: HomeAssistant,
    lab: Lab,
    action: str,
    key: str,
    more: dict[str, Any],
    path: str,
) -> None:
    entry = await async_set_up(hass, lab)
    lab.pve.faults.fail("POST", path, 500, "something is odd")
    with fails("command_refused") as found:
        await async_act(hass, entry, action, key, **more)
    assert str(found.value) == "pve-core refused: something is odd"


async def test_a_lock_that_came_in_between(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    lab.pve.faults.fail("POST", "/nodes/*/lxc/111/*", 500, "CT is locked (backup)")
    with fails("guest_locked") as found:
        await async_act(hass, entry, Action.START_GUEST, STOPPED)
    assert "(backup)" in str(found.value)


async def test_a_token_that_was_revoked_asks_for_a_new_one(
    hass: HomeAssistant, lab: Lab
) -> None:
    entry = await async_set_up(hass, lab)
    lab.pve.faults.revoke_token(lab.pve.tokens["everything"])
    with fails("invalid_auth"):
        await async_act(hass, entry, Action.START_GUEST, STOPPED)
    flows = hass.config_entries.flow.async_progress()
    assert [flow["context"]["source"] for flow in flows] == [SOURCE_REAUTH]


async def test_a_guest_that_is_gone(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    del lab.pve.cluster.guests[111]
    with fails("not_found"):
        await async_act(hass, entry, Action.START_GUEST, STOPPED)


async def test_a_guest_that_nobody_knows(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    with fails("refused_unknown_guest", ServiceValidationError) as found:
        await async_execute(source_of(entry), "guest/999", GuestCommand.START, None)
    assert "999" in str(found.value)


# --- refusals, before anything is sent ----------------------------------------


async def test_a_guest_that_another_job_locks(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    # The list does not know of it yet: the guest itself is asked.
    lab.pve.cluster.guests[200].lock = "backup"
    lab.pve.requests.clear()
    with fails("refused_locked", ServiceValidationError) as found:
        await async_act(hass, entry, Action.SHUTDOWN_GUEST, VM)
    assert "win11-admin (200) is locked" in str(found.value)
    assert written(lab) == []


async def test_a_guest_that_is_critical_by_its_tag(
    hass: HomeAssistant, lab: Lab
) -> None:
    lab.pve.cluster.guests[108].config["tags"] = "critical;monitoring"
    entry = await async_set_up(hass, lab)
    lab.pve.requests.clear()
    with fails("refused_impact", ServiceValidationError) as found:
        await async_act(hass, entry, Action.SHUTDOWN_GUEST, CONTAINER)
    assert "grafana (108)" in str(found.value)
    assert written(lab) == []
    (result,) = await async_act(
        hass, entry, Action.SHUTDOWN_GUEST, CONTAINER, allow_impact=True
    )
    assert result["exit_status"] == "OK"


@pytest.mark.usefixtures("all_entities_enabled")
async def test_a_guest_that_is_critical_by_choice(
    hass: HomeAssistant, lab: Lab
) -> None:
    await async_set_up(hass, lab)
    await hass.services.async_call(
        "select",
        "select_option",
        {
            "entity_id": state(hass, "select", CONTAINER, "importance").entity_id,
            "option": "critical",
        },
        blocking=True,
    )
    lab.pve.requests.clear()
    with fails("refused_impact", ServiceValidationError):
        await async_switch(hass, CONTAINER, "power", on=False)
    assert written(lab) == []


@pytest.mark.parametrize(
    ("action", "key", "more"),
    [
        (Action.START_GUEST, STOPPED, {}),
        (Action.SHUTDOWN_GUEST, VM, {}),
        (Action.CREATE_SNAPSHOT, VM, {}),
        (Action.CREATE_BACKUP, VM, {}),
        (Action.SHUTDOWN_NODE, NODE, {}),
    ],
)
async def test_with_rights_to_look_nothing_is_ever_sent(
    hass: HomeAssistant, lab: Lab, action: str, key: str, more: dict[str, Any]
) -> None:
    entry = await async_set_up(hass, lab, access="monitor")
    lab.pve.requests.clear()
    with fails("refused_privilege", ServiceValidationError) as found:
        await async_act(hass, entry, action, key, **more)
    assert "lacks the privilege" in str(found.value)
    assert written(lab) == []


async def test_the_own_guest_is_protected(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    lab.pve.requests.clear()
    for action in (
        Action.SHUTDOWN_GUEST,
        Action.STOP_GUEST,
        Action.RESTART_GUEST,
        Action.SUSPEND_GUEST,
    ):
        with fails("refused_own_guest", ServiceValidationError):
            await async_act(hass, entry, action, OWN, allow_impact=True)
    with fails("refused_own_guest_never", ServiceValidationError):
        await async_act(
            hass,
            entry,
            Action.ROLLBACK_SNAPSHOT,
            OWN,
            snapshot="before",
            confirm_self=True,
            allow_impact=True,
        )
    assert written(lab) == []


async def test_the_own_guest_goes_when_it_is_confirmed(
    hass: HomeAssistant, lab: Lab
) -> None:
    entry = await async_set_up(hass, lab)
    (result,) = await async_act(
        hass, entry, Action.RESTART_GUEST, OWN, confirm_self=True
    )
    assert result["exit_status"] == "OK"


async def test_the_own_guest_may_be_saved(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    (result,) = await async_act(hass, entry, Action.CREATE_SNAPSHOT, OWN)
    assert result["exit_status"] == "OK"
    (result,) = await async_act(hass, entry, Action.CREATE_BACKUP, OWN)
    assert result["exit_status"] == "OK"
    with fails("refused_own_guest", ServiceValidationError):
        await async_act(hass, entry, Action.CREATE_BACKUP, OWN, mode="stop")


# --- snapshots and backups ----------------------------------------------------


async def test_pruning_touches_only_our_own_snapshots(
    hass: HomeAssistant, lab: Lab
) -> None:
    entry = await async_set_up(hass, lab)
    guest = lab.pve.cluster.guests[200]
    before = set(guest.snapshots)
    source = source_of(entry)
    own = source.guest(200)
    assert own is not None
    upid = await source.client.create_snapshot(
        own.ref, "ha_by_hand", "Home Assistant before the update"
    )
    await source.client.wait_for_task(upid, deadline_seconds=10, poll_seconds=0.02)
    made = []
    for count in range(3):
        # Two snapshots of one second would have no order.
        for snapshot in guest.snapshots.values():
            snapshot.taken -= 60
        (result,) = await async_act(
            hass, entry, Action.CREATE_SNAPSHOT, VM, snapshot=f"ours_{count}", keep=2
        )
        made.append(result)
    assert [result["pruned"] for result in made] == [[], [], ["ours_0"]]
    assert set(guest.snapshots) == before | {"ha_by_hand", "ours_1", "ours_2"}
    assert guest.snapshots["ours_2"].description.startswith(SNAPSHOT_MARK)


async def test_nothing_is_pruned_when_the_new_one_fails(
    hass: HomeAssistant, lab: Lab
) -> None:
    entry = await async_set_up(hass, lab)
    await async_act(hass, entry, Action.CREATE_SNAPSHOT, VM, snapshot="ours")
    lab.pve.requests.clear()
    lab.pve.faults.fail("POST", "/nodes/*/qemu/200/snapshot", 500, "no space")
    with fails("command_refused"):
        await async_act(hass, entry, Action.CREATE_SNAPSHOT, VM, keep=1)
    assert "ours" in lab.pve.cluster.guests[200].snapshots
    assert "DELETE" not in {method for method, _ in written(lab)}


async def test_a_container_that_cannot_have_snapshots_is_not_tried(
    hass: HomeAssistant, lab: Lab
) -> None:
    lab.pve.cluster.guests[108].config["mp0"] = "/mnt/media,mp=/media"
    entry = await async_set_up(hass, lab)
    lab.pve.requests.clear()
    with fails("refused_no_snapshots", ServiceValidationError) as found:
        await async_act(hass, entry, Action.CREATE_SNAPSHOT, CONTAINER)
    assert "grafana (108)" in str(found.value)
    assert written(lab) == []


@pytest.mark.parametrize("action", [Action.DELETE_SNAPSHOT, Action.ROLLBACK_SNAPSHOT])
async def test_a_snapshot_that_is_not_there(
    hass: HomeAssistant, lab: Lab, action: str
) -> None:
    entry = await async_set_up(hass, lab)
    await async_act(hass, entry, Action.CREATE_SNAPSHOT, VM, snapshot="there")
    lab.pve.requests.clear()
    with fails("refused_unknown_snapshot", ServiceValidationError) as found:
        await async_act(hass, entry, action, VM, snapshot="not_there")
    assert "there" in str(found.value).rpartition("It has:")[2]
    assert written(lab) == []


async def test_a_backup_never_prunes(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    for storage in lab.pve.cluster.storages.values():
        storage.keep = 1
    (before,) = await async_act(hass, entry, Action.LIST_BACKUPS, CONTAINER)
    lab.pve.requests.clear()
    for _ in range(2):
        await async_act(hass, entry, Action.CREATE_BACKUP, CONTAINER)
    calls = [r.params for r in lab.pve.requests if r.path.endswith("/vzdump")]
    assert [str(params["remove"]) for params in calls] == ["0", "0"]
    assert not any("prune-backups" in params for params in calls)
    (after,) = await async_act(hass, entry, Action.LIST_BACKUPS, CONTAINER)
    assert len(after["backups"]) >= len(before["backups"]) + 1


async def test_a_backup_that_fails_says_why(hass: HomeAssistant, lab: Lab) -> None:
    lab.pve.cluster.guests[108].backup_error = "command 'tar' failed"
    entry = await async_set_up(hass, lab)
    with fails("task_failed") as found:
        await async_act(hass, entry, Action.CREATE_BACKUP, CONTAINER)
    assert "tar" in str(found.value)


async def test_there_is_nowhere_to_back_up_to(hass: HomeAssistant, lab: Lab) -> None:
    for storage in lab.pve.cluster.storages.values():
        storage.content = tuple(c for c in storage.content if c != "backup")
    entry = await async_set_up(hass, lab)
    lab.pve.requests.clear()
    with fails("refused_no_backup_storage", ServiceValidationError):
        await async_act(hass, entry, Action.CREATE_BACKUP, CONTAINER)
    assert written(lab) == []


# --- switches and buttons -----------------------------------------------------


async def test_the_switch_is_graceful(hass: HomeAssistant, lab: Lab) -> None:
    await async_set_up(hass, lab)
    lab.pve.requests.clear()
    await async_switch(hass, CONTAINER, "power", on=False)
    assert sent(lab) == [("POST", "shutdown")]
    assert state(hass, "switch", CONTAINER, "power").state == "off"
    await async_switch(hass, CONTAINER, "power", on=True)
    assert sent(lab)[-1] == ("POST", "start")
    assert state(hass, "switch", CONTAINER, "power").state == "on"


@pytest.mark.usefixtures("all_entities_enabled")
@pytest.mark.parametrize(
    ("key", "row", "word"),
    [
        (VM, "restart", "reboot"),
        (VM, "stop", "stop"),
        (VM, "reset", "reset"),
        (VM, "pause", "suspend"),
        (VM, "hibernate", "suspend"),
        (VM, "snapshot", "snapshot"),
        (CONTAINER, "back_up", "vzdump"),
    ],
)
async def test_a_button_is_its_command(
    hass: HomeAssistant, lab: Lab, key: str, row: str, word: str
) -> None:
    await async_set_up(hass, lab)
    lab.pve.requests.clear()
    await async_press(hass, key, row)
    assert sent(lab) == [("POST", word)]


async def test_a_command_that_nobody_knows(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    with pytest.raises(ValueError, match="start_guest"):
        await async_execute(source_of(entry), VM, Action.START_GUEST, None)
