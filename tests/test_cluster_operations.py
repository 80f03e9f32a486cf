"""What a command does in a cluster: moving, and guests of the HA manager."""

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.proxmox_homelab.const import DOMAIN
from custom_components.proxmox_homelab.operations import guests
from custom_components.proxmox_homelab.services import Action
from lab import Lab, LabSettings

from .actions import async_act, fails, sent, written
from .common import async_set_up, device, entity_id, entry_data, source_of, state

MOVABLE, MOVABLE_VM, MANAGED = "guest/114", "guest/115", "guest/102"

pytestmark = pytest.mark.parametrize("lab", ["cluster"], indirect=True)


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at guests of the HA manager in the rhythm of the lab."""
    monkeypatch.setattr(guests, "_HA_POLL_SECONDS", 0.02)


# --- moving ---------------------------------------------------------------------


@pytest.mark.parametrize("key", [MOVABLE, MOVABLE_VM])
async def test_moving_a_guest(hass: HomeAssistant, lab: Lab, key: str) -> None:
    entry = await async_set_up(hass, lab)
    there = device(hass, entry, key)
    (result,) = await async_act(
        hass, entry, Action.MIGRATE_GUEST, key, node=device(hass, entry, "node/pve2").id
    )
    assert result["exit_status"] == "OK"
    assert result["node"] == "pve2"
    # Shown at once, not only with the next list.
    assert state(hass, "sensor", key, "status").attributes["node"] == "pve2"
    assert state(hass, "sensor", key, "status").state == "running"
    await source_of(entry).resources.async_refresh()
    assert state(hass, "sensor", key, "status").attributes["node"] == "pve2"
    moved = device(hass, entry, key)
    assert moved.id == there.id
    assert moved.via_device_id == device(hass, entry, "node/pve2").id


async def test_a_move_that_nobody_waits_for(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    (result,) = await async_act(
        hass,
        entry,
        Action.MIGRATE_GUEST,
        MOVABLE_VM,
        node=device(hass, entry, "node/pve2").id,
        wait=False,
    )
    assert ":qmigrate:" in result["task"]
    assert result["exit_status"] == "running"


async def test_a_guest_that_is_there_already(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    lab.pve.requests.clear()
    (result,) = await async_act(
        hass,
        entry,
        Action.MIGRATE_GUEST,
        MOVABLE,
        node=device(hass, entry, "node/pve3").id,
    )
    assert result["exit_status"] == "already"
    assert written(lab) == []


async def test_a_move_that_fails_tells_the_reason_of_its_log(
    hass: HomeAssistant, lab: Lab
) -> None:
    entry = await async_set_up(hass, lab)
    with fails("task_failed") as found:
        await async_act(
            hass,
            entry,
            Action.MIGRATE_GUEST,
            "guest/111",
            node=device(hass, entry, "node/pve2").id,
        )
    assert "cannot migrate local bind mount point" in str(found.value)
    assert state(hass, "sensor", "guest/111", "status").attributes["node"] == "pve3"


async def test_a_move_to_a_node_that_is_off(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    lab.pve.faults.node_dead("pve2")
    await source_of(entry).resources.async_refresh()
    lab.pve.requests.clear()
    with fails("refused_node_offline", ServiceValidationError) as found:
        await async_act(
            hass,
            entry,
            Action.MIGRATE_GUEST,
            MOVABLE,
            node=device(hass, entry, "node/pve2").id,
        )
    assert "pve2 is offline" in str(found.value)
    assert written(lab) == []


async def test_a_move_to_what_is_no_node(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    with fails("not_a_node", ServiceValidationError):
        await async_act(
            hass,
            entry,
            Action.MIGRATE_GUEST,
            MOVABLE,
            node=device(hass, entry, MOVABLE_VM).id,
        )


# --- guests of the HA manager ---------------------------------------------------


async def test_a_managed_guest_is_followed_to_its_real_state(
    hass: HomeAssistant, lab: Lab
) -> None:
    entry = await async_set_up(hass, lab)
    (result,) = await async_act(hass, entry, Action.SHUTDOWN_GUEST, MANAGED)
    assert ":hastop:" in result["task"]
    assert state(hass, "sensor", MANAGED, "status").state == "stopped"
    (result,) = await async_act(hass, entry, Action.START_GUEST, MANAGED)
    assert ":hastart:" in result["task"]
    assert state(hass, "sensor", MANAGED, "status").state == "running"


async def test_a_managed_guest_is_followed_to_its_new_node(
    hass: HomeAssistant, lab: Lab
) -> None:
    entry = await async_set_up(hass, lab)
    (result,) = await async_act(
        hass,
        entry,
        Action.MIGRATE_GUEST,
        MANAGED,
        node=device(hass, entry, "node/pve3").id,
    )
    assert ":hamigrate:" in result["task"]
    assert state(hass, "sensor", MANAGED, "status").attributes["node"] == "pve3"


async def test_a_manager_that_does_nothing(
    hass: HomeAssistant, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guests, "_HA_SECONDS", -1000)
    entry = await async_set_up(hass, lab)
    with fails("task_timeout"):
        await async_act(hass, entry, Action.STOP_GUEST, MANAGED)


# --- what stands in the way -----------------------------------------------------


async def test_a_storage_that_cannot_make_snapshots(
    hass: HomeAssistant, lab: Lab
) -> None:
    entry = await async_set_up(hass, lab)
    lab.pve.requests.clear()
    with fails("refused_no_snapshots", ServiceValidationError):
        await async_act(hass, entry, Action.CREATE_SNAPSHOT, "guest/110")
    assert written(lab) == []


@pytest.mark.parametrize("action", [Action.SHUTDOWN_GUEST, Action.RESTART_GUEST])
async def test_a_paused_guest(hass: HomeAssistant, lab: Lab, action: str) -> None:
    entry = await async_set_up(hass, lab)
    with fails("refused_paused", ServiceValidationError):
        await async_act(hass, entry, action, "guest/103")
    (result,) = await async_act(hass, entry, Action.RESUME_GUEST, "guest/103")
    assert result["exit_status"] == "OK"
    assert state(hass, "sensor", "guest/103", "status").state == "running"


async def test_a_guest_on_a_node_that_is_off(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    lab.pve.faults.node_dead("pve3")
    await source_of(entry).resources.async_refresh()
    with fails("refused_node_offline", ServiceValidationError) as found:
        await async_act(hass, entry, Action.SHUTDOWN_GUEST, MOVABLE)
    assert "movable (114) cannot be reached: the node pve3" in str(found.value)


async def test_a_cluster_without_quorum(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    for node in ("pve2", "pve3"):
        lab.pve.faults.node_dead(node)
    lab.pve.requests.clear()
    # Not known yet: the cluster itself says so.
    with fails("no_quorum"):
        await async_act(hass, entry, Action.START_GUEST, "guest/104")
    await source_of(entry).cluster.async_refresh()
    lab.pve.requests.clear()
    with fails("refused_no_quorum", ServiceValidationError):
        await async_act(hass, entry, Action.START_GUEST, "guest/104")
    assert written(lab) == []


async def test_a_node_takes_its_critical_guests_down(
    hass: HomeAssistant, lab: Lab
) -> None:
    lab.pve.cluster.guests[114].config["tags"] = "critical"
    entry = await async_set_up(hass, lab)
    lab.pve.requests.clear()
    with fails("refused_impact", ServiceValidationError) as found:
        await async_act(hass, entry, Action.SHUTDOWN_NODE, "node/pve3")
    assert "movable (114)" in str(found.value)
    assert written(lab) == []
    (result,) = await async_act(
        hass, entry, Action.SHUTDOWN_NODE, "node/pve3", allow_impact=True
    )
    assert result["node"] == "pve3"
    assert sent(lab) == [("POST", "status")]


async def test_waking_a_node(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    lab.pve.cluster.node_off("pve3")
    await source_of(entry).resources.async_refresh()
    lab.pve.requests.clear()
    (result,) = await async_act(hass, entry, Action.WAKE_NODE, "node/pve3")
    assert result["exit_status"] == "OK"
    assert sent(lab) == [("POST", "wakeonlan")]


async def test_the_guests_of_the_manager_are_left_to_it_by_the_plan(
    hass: HomeAssistant, lab: Lab
) -> None:
    entry = await async_set_up(hass, lab)
    lab.pve.requests.clear()
    await async_act(
        hass,
        entry,
        Action.SHUTDOWN_NODE,
        "node/pve1",
        confirm_self=True,
        allow_impact=True,
    )
    asked = {path.split("/")[-3] for _, path in written(lab) if "shutdown" in path}
    assert "101" not in asked
    assert "113" in asked
    assert "100" not in asked


# --- another cluster ------------------------------------------------------------


async def test_a_node_of_another_cluster(
    hass: HomeAssistant, lab: Lab, own_host: object
) -> None:
    entry = await async_set_up(hass, lab)
    async with Lab("house", settings=LabSettings()) as house:
        other = MockConfigEntry(
            domain=DOMAIN, unique_id="the-house", data=entry_data(house)
        )
        other.add_to_hass(hass)
        await hass.config_entries.async_setup(other.entry_id)
        with fails("other_cluster", ServiceValidationError):
            await async_act(
                hass,
                entry,
                Action.MIGRATE_GUEST,
                MOVABLE,
                node=device(hass, other, "node/pve-core").id,
            )
        await hass.config_entries.async_unload(other.entry_id)


async def test_a_switch_of_a_managed_guest(hass: HomeAssistant, lab: Lab) -> None:
    await async_set_up(hass, lab)
    await hass.services.async_call(
        "switch",
        "turn_off",
        {"entity_id": entity_id(hass, "switch", MANAGED, "power")},
        blocking=True,
    )
    assert state(hass, "switch", MANAGED, "power").state == "off"
