"""The actions, as an automation or a person calls them."""

from pathlib import Path
from typing import Any

from homeassistant.core import Context, HomeAssistant, SupportsResponse
from homeassistant.exceptions import (
    ServiceValidationError,
    Unauthorized,
)
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util
import probatio
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockUser,
)
import yaml

from custom_components.proxmox_homelab import services
from custom_components.proxmox_homelab.const import DOMAIN
from custom_components.proxmox_homelab.services import SPECS, Action
from lab import Lab

from .actions import async_act, fails, written
from .common import async_set_up, device, state

GUEST, VM, CONTAINER, STOPPED = "guest/103", "guest/200", "guest/108", "guest/111"
NODE = "node/pve-core"

SERVICES_YAML = Path(services.__file__).parent.with_suffix(".yaml")
QUERIES = {Action.LIST_SNAPSHOTS, Action.LIST_BACKUPS}


# --- who may, and for what ----------------------------------------------------


async def test_the_actions_are_there_without_an_entry(
    hass: HomeAssistant, lab: Lab
) -> None:
    entry = await async_set_up(hass, lab)
    await hass.config_entries.async_remove(entry.entry_id)
    registered = hass.services.async_services_for_domain(DOMAIN)
    assert set(registered) == set(Action)
    for action, service in registered.items():
        only = action in QUERIES or action == Action.ZIGBEE_NETWORK_MAP
        expected = SupportsResponse.ONLY if only else SupportsResponse.OPTIONAL
        assert service.supports_response is expected


@pytest.mark.parametrize("action", sorted(set(Action) - QUERIES))
async def test_what_changes_something_is_for_administrators(
    hass: HomeAssistant, lab: Lab, hass_read_only_user: MockUser, action: str
) -> None:
    entry = await async_set_up(hass, lab)
    lab.pve.requests.clear()
    more: dict[str, Any] = {
        Action.MIGRATE_GUEST: {"node": device(hass, entry, NODE).id},
        Action.DELETE_SNAPSHOT: {"snapshot": "before"},
        Action.ROLLBACK_SNAPSHOT: {"snapshot": "before"},
    }.get(Action(action), {})
    with pytest.raises(Unauthorized):
        await async_act(
            hass,
            entry,
            action,
            NODE if action.endswith("_node") else VM,
            context=Context(user_id=hass_read_only_user.id),
            **more,
        )
    assert written(lab) == []


@pytest.mark.parametrize("action", sorted(QUERIES))
async def test_everybody_may_look(
    hass: HomeAssistant, lab: Lab, hass_read_only_user: MockUser, action: str
) -> None:
    entry = await async_set_up(hass, lab)
    context = Context(user_id=hass_read_only_user.id)
    (result,) = await async_act(hass, entry, action, VM, context=context)
    assert result["vmid"] == 200


@pytest.mark.parametrize(
    ("action", "key", "sentence"),
    [
        (Action.START_GUEST, NODE, "not_a_guest"),
        (Action.SHUTDOWN_GUEST, "cluster", "not_a_guest"),
        (Action.LIST_BACKUPS, "storage/pve-core/local", "not_a_guest"),
        (Action.WAKE_NODE, VM, "not_a_node"),
    ],
)
async def test_a_device_of_another_kind(
    hass: HomeAssistant, lab: Lab, action: str, key: str, sentence: str
) -> None:
    entry = await async_set_up(hass, lab)
    with fails(sentence, ServiceValidationError):
        await async_act(hass, entry, action, key)


async def test_a_device_of_another_integration(
    hass: HomeAssistant, lab: Lab, device_registry: dr.DeviceRegistry
) -> None:
    await async_set_up(hass, lab)
    other = MockConfigEntry(domain="other")
    other.add_to_hass(hass)
    foreign = device_registry.async_get_or_create(
        config_entry_id=other.entry_id, identifiers={("other", "lamp")}
    )
    for device_id in (foreign.id, "no-such-device"):
        with pytest.raises(ServiceValidationError):
            await hass.services.async_call(
                DOMAIN, Action.START_GUEST, {"device_id": device_id}, blocking=True
            )


async def test_an_entry_that_is_not_loaded(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(ServiceValidationError):
        await async_act(hass, entry, Action.START_GUEST, STOPPED)


@pytest.mark.parametrize(
    ("action", "data"),
    [
        (Action.START_GUEST, {"device_id": []}),
        (Action.START_GUEST, {}),
        (Action.SHUTDOWN_GUEST, {"device_id": "x", "timeout": 1}),
        (Action.SHUTDOWN_GUEST, {"device_id": "x", "force": True}),
        (Action.CREATE_SNAPSHOT, {"device_id": "x", "snapshot": "current"}),
        (Action.CREATE_SNAPSHOT, {"device_id": "x", "snapshot": "1st"}),
        (Action.CREATE_SNAPSHOT, {"device_id": "x", "snapshot": "a" * 41}),
        (Action.CREATE_SNAPSHOT, {"device_id": "x", "keep": 0}),
        (Action.DELETE_SNAPSHOT, {"device_id": "x"}),
        (Action.CREATE_BACKUP, {"device_id": "x", "mode": "fast"}),
        (Action.MIGRATE_GUEST, {"device_id": "x"}),
    ],
)
async def test_what_a_call_may_not_say(
    hass: HomeAssistant, lab: Lab, action: str, data: dict[str, Any]
) -> None:
    await async_set_up(hass, lab)
    with pytest.raises(probatio.Invalid):
        await hass.services.async_call(DOMAIN, action, data, blocking=True)


@pytest.mark.parametrize("kind", ["guest", "node"])
async def test_the_devices_on_offer_are_those_that_fit(
    hass: HomeAssistant, lab: Lab, kind: str
) -> None:
    """The page filters by model, which therefore has to be the one of the device."""
    entry = await async_set_up(hass, lab)
    described = yaml.safe_load(SERVICES_YAML.read_text(encoding="utf-8"))
    wanted: set[str] = set()
    for action, service in described.items():
        if SPECS[Action(action)].kinds == {kind}:
            selector = service["fields"]["device_id"]["selector"]["device"]
            wanted |= {offer["model"] for offer in selector["filter"]}
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert wanted == {
        found.model
        for found in devices
        for domain, key in found.identifiers
        if domain == DOMAIN and key.startswith(f"{kind}/")
    }


# --- power --------------------------------------------------------------------


async def test_starting_reports_the_task(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    assert state(hass, "sensor", STOPPED, "status").state == "stopped"
    (result,) = await async_act(hass, entry, Action.START_GUEST, STOPPED)
    assert result["guest"] == "zigbee2mqtt-garasje"
    assert result["vmid"] == 111
    assert result["task"].startswith("UPID:pve-core:")
    assert result["exit_status"] == "OK"
    assert result["seconds"] >= 0
    assert result["log"][-1] == "TASK OK"
    assert state(hass, "sensor", STOPPED, "status").state == "running"


async def test_an_action_without_a_response(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    answer = await hass.services.async_call(
        DOMAIN,
        Action.START_GUEST,
        {"device_id": device(hass, entry, STOPPED).id},
        blocking=True,
    )
    assert answer is None
    assert state(hass, "sensor", STOPPED, "status").state == "running"


@pytest.mark.parametrize(
    ("action", "key", "data", "after"),
    [
        (Action.SHUTDOWN_GUEST, VM, {}, "stopped"),
        (Action.SHUTDOWN_GUEST, CONTAINER, {}, "stopped"),
        (Action.STOP_GUEST, VM, {}, "stopped"),
        (Action.STOP_GUEST, CONTAINER, {}, "stopped"),
        (Action.RESTART_GUEST, VM, {}, "running"),
        (Action.RESTART_GUEST, CONTAINER, {}, "running"),
        (Action.SUSPEND_GUEST, VM, {}, "paused"),
        (Action.SUSPEND_GUEST, VM, {"to_disk": True}, "hibernated"),
    ],
)
async def test_taking_a_guest_away(
    hass: HomeAssistant,
    lab: Lab,
    action: str,
    key: str,
    data: dict[str, Any],
    after: str,
) -> None:
    entry = await async_set_up(hass, lab)
    (result,) = await async_act(hass, entry, action, key, **data)
    assert result["exit_status"] == "OK"
    assert state(hass, "sensor", key, "status").state == after


@pytest.mark.parametrize("to_disk", [False, True])
async def test_going_on_after_a_suspension(
    hass: HomeAssistant, lab: Lab, to_disk: bool
) -> None:
    entry = await async_set_up(hass, lab)
    await async_act(hass, entry, Action.SUSPEND_GUEST, VM, to_disk=to_disk)
    await async_act(hass, entry, Action.RESUME_GUEST, VM)
    assert state(hass, "sensor", VM, "status").state == "running"


@pytest.mark.parametrize(
    ("action", "key", "data"),
    [
        (Action.START_GUEST, VM, {}),
        (Action.RESUME_GUEST, VM, {}),
        (Action.SHUTDOWN_GUEST, STOPPED, {}),
        (Action.STOP_GUEST, STOPPED, {}),
        (Action.WAKE_NODE, NODE, {}),
    ],
)
async def test_what_is_so_already_is_a_success(
    hass: HomeAssistant, lab: Lab, action: str, key: str, data: dict[str, Any]
) -> None:
    entry = await async_set_up(hass, lab)
    lab.pve.requests.clear()
    (result,) = await async_act(hass, entry, action, key, **data)
    assert result["exit_status"] == "already"
    assert result["task"] is None
    assert written(lab) == []


async def test_not_waiting(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    (result,) = await async_act(
        hass, entry, Action.SHUTDOWN_GUEST, CONTAINER, wait=False
    )
    assert result["exit_status"] == "running"
    assert result["task"].startswith("UPID:")


async def test_the_time_that_a_guest_gets(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    lab.pve.requests.clear()
    await async_act(hass, entry, Action.SHUTDOWN_GUEST, CONTAINER, timeout=33)
    await async_act(hass, entry, Action.RESTART_GUEST, VM)
    sent = [r.params for r in lab.pve.requests if r.method == "POST"]
    assert [int(str(params["timeout"])) for params in sent] == [33, 180]


# --- several at once ----------------------------------------------------------


async def test_several_devices_side_by_side(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    results = await async_act(
        hass, entry, Action.START_GUEST, STOPPED, "guest/113", STOPPED
    )
    assert [(r["vmid"], r["exit_status"]) for r in results] == [
        (111, "OK"),
        (113, "OK"),
    ]


async def test_one_refusal_does_not_hide_the_others(
    hass: HomeAssistant, lab: Lab
) -> None:
    entry = await async_set_up(hass, lab)
    with fails("some_failed", ServiceValidationError) as found:
        await async_act(hass, entry, Action.SHUTDOWN_GUEST, GUEST, CONTAINER)
    sentence = str(found.value)
    assert "homeassistant: Home Assistant runs in homeassistant (103)" in sentence
    assert "Done: grafana" in sentence
    assert state(hass, "sensor", CONTAINER, "status").state == "stopped"


async def test_a_failure_among_refusals(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    lab.pve.faults.fail("POST", "/nodes/*/lxc/108/status/shutdown", 500, "no luck")
    with fails("some_failed") as found:
        await async_act(hass, entry, Action.SHUTDOWN_GUEST, GUEST, CONTAINER)
    assert "grafana: pve-core refused: no luck" in str(found.value)
    assert "Done: -" in str(found.value)


async def test_nothing_starts_while_one_device_does_not_fit(
    hass: HomeAssistant, lab: Lab
) -> None:
    entry = await async_set_up(hass, lab)
    lab.pve.requests.clear()
    with fails("not_a_guest", ServiceValidationError):
        await async_act(hass, entry, Action.SHUTDOWN_GUEST, CONTAINER, NODE)
    assert written(lab) == []


# --- snapshots and backups ----------------------------------------------------


async def test_the_life_of_a_snapshot(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    (made,) = await async_act(
        hass,
        entry,
        Action.CREATE_SNAPSHOT,
        VM,
        snapshot="before_update",
        description="the big one",
        with_memory=True,
    )
    assert made["snapshot"] == "before_update"
    assert made["pruned"] == []
    (listed,) = await async_act(hass, entry, Action.LIST_SNAPSHOTS, VM)
    (found,) = (s for s in listed["snapshots"] if s["name"] == "before_update")
    assert found["description"].endswith(": the big one")
    assert found["with_memory"] is True
    assert dt_util.parse_datetime(found["created"], raise_on_error=True).tzinfo
    (back,) = await async_act(
        hass, entry, Action.ROLLBACK_SNAPSHOT, VM, snapshot="before_update", start=True
    )
    assert back["exit_status"] == "OK"
    (gone,) = await async_act(
        hass, entry, Action.DELETE_SNAPSHOT, VM, snapshot="before_update"
    )
    assert gone["exit_status"] == "OK"
    (listed,) = await async_act(hass, entry, Action.LIST_SNAPSHOTS, VM)
    assert "before_update" not in {s["name"] for s in listed["snapshots"]}


async def test_a_backup_is_reported_and_listed(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    (before,) = await async_act(hass, entry, Action.LIST_BACKUPS, CONTAINER)
    (made,) = await async_act(
        hass,
        entry,
        Action.CREATE_BACKUP,
        CONTAINER,
        notes="by hand",
        protected=True,
    )
    assert made["exit_status"] == "OK"
    (after,) = await async_act(hass, entry, Action.LIST_BACKUPS, CONTAINER)
    assert len(after["backups"]) == len(before["backups"]) + 1
    newest = after["backups"][0]
    assert newest["notes"] == "by hand"
    assert newest["protected"] is True
    assert newest["size"] > 0
    assert dt_util.parse_datetime(newest["created"], raise_on_error=True).tzinfo


# --- moving -------------------------------------------------------------------
