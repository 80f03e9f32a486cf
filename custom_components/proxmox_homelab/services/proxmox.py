"""The actions on guests and nodes of a Proxmox VE cluster."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Final

from homeassistant.core import ServiceCall
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.util.json import JsonObjectType, JsonValueType
import probatio

from ..const import DOMAIN
from ..operations import (
    Outcome,
    async_create_backup,
    async_create_snapshot,
    async_delete_snapshot,
    async_guest_power,
    async_list_backups,
    async_list_snapshots,
    async_migrate,
    async_node_power,
    async_rollback_snapshot,
)
from ..proxmox import keys
from ..proxmox.models import Backup, GuestCommand, NodeCommand, Snapshot
from ..proxmox.source import ProxmoxSource
from .core import Fields, Spec, Target, options_of, target_of
from .names import Action, Field, WrongKind

type _Target = Target[ProxmoxSource]


def _guest_report(target: _Target, **more: JsonValueType) -> JsonObjectType:
    return {"guest": target.name, "vmid": keys.vmid_of(target.key), **more}


def _outcome(outcome: Outcome) -> JsonObjectType:
    return {
        "task": outcome.task,
        "exit_status": outcome.exit_status,
        "seconds": outcome.seconds,
        "log": list(outcome.log),
    }


def _time(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


async def _async_power(
    command: GuestCommand, target: _Target, call: ServiceCall
) -> JsonObjectType:
    outcome = await async_guest_power(
        target.source, keys.vmid_of(target.key), command, options_of(call)
    )
    return _guest_report(target, **_outcome(outcome))


async def _async_suspend(target: _Target, call: ServiceCall) -> JsonObjectType:
    to_disk = call.data[Field.TO_DISK]
    command = GuestCommand.HIBERNATE if to_disk else GuestCommand.SUSPEND
    return await _async_power(command, target, call)


async def _async_migrate(target: _Target, call: ServiceCall) -> JsonObjectType:
    node = target_of(call.hass, call.data[Field.NODE], _node(handler=_async_migrate))
    if node.source is not target.source:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="other_cluster",
            translation_placeholders={"guest": target.name, "node": node.name},
        )
    outcome = await async_migrate(
        target.source,
        keys.vmid_of(target.key),
        keys.node_of(node.key),
        options_of(call),
    )
    return _guest_report(target, node=keys.node_of(node.key), **_outcome(outcome))


async def _async_create_snapshot(target: _Target, call: ServiceCall) -> JsonObjectType:
    taken = await async_create_snapshot(
        target.source,
        keys.vmid_of(target.key),
        options_of(call),
        name=call.data.get(Field.SNAPSHOT),
        description=call.data[Field.DESCRIPTION],
        with_memory=call.data[Field.WITH_MEMORY],
        keep=call.data.get(Field.KEEP),
    )
    return _guest_report(
        target,
        snapshot=taken.name,
        pruned=list(taken.pruned),
        **_outcome(taken.outcome),
    )


async def _async_delete_snapshot(target: _Target, call: ServiceCall) -> JsonObjectType:
    name = call.data[Field.SNAPSHOT]
    outcome = await async_delete_snapshot(
        target.source, keys.vmid_of(target.key), name, options_of(call)
    )
    return _guest_report(target, snapshot=name, **_outcome(outcome))


async def _async_rollback(target: _Target, call: ServiceCall) -> JsonObjectType:
    name = call.data[Field.SNAPSHOT]
    outcome = await async_rollback_snapshot(
        target.source,
        keys.vmid_of(target.key),
        name,
        options_of(call),
        start=call.data[Field.START],
    )
    return _guest_report(target, snapshot=name, **_outcome(outcome))


async def _async_list_snapshots(target: _Target, call: ServiceCall) -> JsonObjectType:
    found = await async_list_snapshots(target.source, keys.vmid_of(target.key))
    return _guest_report(target, snapshots=[_snapshot(item) for item in found])


def _snapshot(snapshot: Snapshot) -> JsonObjectType:
    return {
        "name": snapshot.name,
        "created": _time(snapshot.created_at),
        "description": snapshot.description,
        "with_memory": snapshot.with_memory,
        "parent": snapshot.parent,
    }


async def _async_create_backup(target: _Target, call: ServiceCall) -> JsonObjectType:
    outcome = await async_create_backup(
        target.source,
        keys.vmid_of(target.key),
        options_of(call),
        storage=call.data.get(Field.STORAGE),
        mode=call.data[Field.MODE],
        notes=call.data.get(Field.NOTES),
        protected=call.data[Field.PROTECTED],
    )
    return _guest_report(target, **_outcome(outcome))


async def _async_list_backups(target: _Target, call: ServiceCall) -> JsonObjectType:
    found = await async_list_backups(target.source, keys.vmid_of(target.key))
    return _guest_report(target, backups=[_backup(item) for item in found])


def _backup(backup: Backup) -> JsonObjectType:
    return {
        "volume": backup.volume,
        "storage": backup.storage,
        "created": _time(backup.created_at),
        "size": backup.size,
        "notes": backup.notes,
        "protected": backup.protected,
        "encrypted": backup.encrypted,
        "verified": backup.verified,
    }


async def _async_node(
    command: NodeCommand, target: _Target, call: ServiceCall
) -> JsonObjectType:
    outcome = await async_node_power(
        target.source, keys.node_of(target.key), command, options_of(call)
    )
    return {"node": keys.node_of(target.key), **_outcome(outcome)}


_WAIT: Final[Fields] = {probatio.Optional(Field.WAIT, default=True): cv.boolean}
_TIMEOUT: Final[Fields] = {
    probatio.Optional(Field.TIMEOUT): probatio.All(
        probatio.Coerce(int), probatio.Range(min=10, max=7200)
    )
}
_CONSENT: Final[Fields] = {
    probatio.Optional(Field.CONFIRM_SELF, default=False): cv.boolean,
    probatio.Optional(Field.ALLOW_IMPACT, default=False): cv.boolean,
}
# What Proxmox VE takes for a name, and "current" is what it calls the present.
_SNAPSHOT_NAME: Final = probatio.All(
    cv.string,
    probatio.Match(r"^(?!current$)[A-Za-z][A-Za-z0-9_-]{1,39}$"),
)
_SNAPSHOT: Final[Fields] = {probatio.Required(Field.SNAPSHOT): _SNAPSHOT_NAME}

_guest = partial(Spec, kinds=frozenset({"guest"}), wrong_kind=WrongKind.GUEST)
_node = partial(Spec, kinds=frozenset({"node"}), wrong_kind=WrongKind.NODE)

SPECS: Final[Mapping[Action, Spec]] = {
    Action.START_GUEST: _guest(
        handler=partial(_async_power, GuestCommand.START), fields=_WAIT
    ),
    Action.SHUTDOWN_GUEST: _guest(
        handler=partial(_async_power, GuestCommand.SHUTDOWN),
        fields={**_TIMEOUT, **_WAIT, **_CONSENT},
    ),
    Action.STOP_GUEST: _guest(
        handler=partial(_async_power, GuestCommand.STOP), fields={**_WAIT, **_CONSENT}
    ),
    Action.RESTART_GUEST: _guest(
        handler=partial(_async_power, GuestCommand.REBOOT),
        fields={**_TIMEOUT, **_WAIT, **_CONSENT},
    ),
    Action.SUSPEND_GUEST: _guest(
        handler=_async_suspend,
        fields={
            probatio.Optional(Field.TO_DISK, default=False): cv.boolean,
            **_WAIT,
            **_CONSENT,
        },
    ),
    Action.RESUME_GUEST: _guest(
        handler=partial(_async_power, GuestCommand.RESUME), fields=_WAIT
    ),
    Action.MIGRATE_GUEST: _guest(
        handler=_async_migrate,
        fields={probatio.Required(Field.NODE): cv.string, **_WAIT, **_CONSENT},
    ),
    Action.CREATE_SNAPSHOT: _guest(
        handler=_async_create_snapshot,
        fields={
            probatio.Optional(Field.SNAPSHOT): _SNAPSHOT_NAME,
            probatio.Optional(Field.DESCRIPTION, default=""): cv.string,
            probatio.Optional(Field.WITH_MEMORY, default=False): cv.boolean,
            probatio.Optional(Field.KEEP): probatio.All(
                probatio.Coerce(int), probatio.Range(min=1)
            ),
            **_WAIT,
        },
    ),
    Action.DELETE_SNAPSHOT: _guest(
        handler=_async_delete_snapshot, fields={**_SNAPSHOT, **_WAIT}
    ),
    Action.ROLLBACK_SNAPSHOT: _guest(
        handler=_async_rollback,
        fields={
            **_SNAPSHOT,
            probatio.Optional(Field.START, default=False): cv.boolean,
            **_WAIT,
            **_CONSENT,
        },
    ),
    Action.LIST_SNAPSHOTS: _guest(handler=_async_list_snapshots, is_query=True),
    Action.CREATE_BACKUP: _guest(
        handler=_async_create_backup,
        fields={
            probatio.Optional(Field.STORAGE): cv.string,
            probatio.Optional(Field.MODE, default="snapshot"): probatio.In(
                ("snapshot", "suspend", "stop")
            ),
            probatio.Optional(Field.NOTES): cv.string,
            probatio.Optional(Field.PROTECTED, default=False): cv.boolean,
            **_WAIT,
            **_CONSENT,
        },
    ),
    Action.LIST_BACKUPS: _guest(handler=_async_list_backups, is_query=True),
    Action.WAKE_NODE: _node(handler=partial(_async_node, NodeCommand.WAKE)),
    Action.REBOOT_NODE: _node(
        handler=partial(_async_node, NodeCommand.REBOOT),
        fields={**_TIMEOUT, **_CONSENT},
    ),
    Action.SHUTDOWN_NODE: _node(
        handler=partial(_async_node, NodeCommand.SHUTDOWN),
        fields={**_TIMEOUT, **_CONSENT},
    ),
}
