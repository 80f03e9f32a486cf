"""The actions: what an automation or a person can ask for beyond the entities.

Each names its devices. Several are worked on side by side and all are brought to
their end; an error then names each one that failed, with its reason.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, Final

from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv, service
from homeassistant.util.json import JsonObjectType, JsonValueType
import probatio

from .const import DOMAIN
from .guard import Consent
from .operations import (
    Options,
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
from .proxmox import keys
from .proxmox.devices import key_of
from .proxmox.models import Backup, GuestCommand, NodeCommand, Snapshot
from .proxmox.source import ProxmoxSource


class Action(StrEnum):
    """The names of the actions."""

    START_GUEST = "start_guest"
    SHUTDOWN_GUEST = "shutdown_guest"
    STOP_GUEST = "stop_guest"
    RESTART_GUEST = "restart_guest"
    SUSPEND_GUEST = "suspend_guest"
    RESUME_GUEST = "resume_guest"
    MIGRATE_GUEST = "migrate_guest"
    CREATE_SNAPSHOT = "create_snapshot"
    DELETE_SNAPSHOT = "delete_snapshot"
    ROLLBACK_SNAPSHOT = "rollback_snapshot"
    LIST_SNAPSHOTS = "list_snapshots"
    CREATE_BACKUP = "create_backup"
    LIST_BACKUPS = "list_backups"
    WAKE_NODE = "wake_node"
    REBOOT_NODE = "reboot_node"
    SHUTDOWN_NODE = "shutdown_node"


class Field(StrEnum):
    """The names of their fields."""

    DEVICE_ID = "device_id"
    WAIT = "wait"
    TIMEOUT = "timeout"
    CONFIRM_SELF = "confirm_self"
    ALLOW_IMPACT = "allow_impact"
    TO_DISK = "to_disk"
    NODE = "node"
    SNAPSHOT = "snapshot"
    DESCRIPTION = "description"
    WITH_MEMORY = "with_memory"
    KEEP = "keep"
    START = "start"
    STORAGE = "storage"
    MODE = "mode"
    NOTES = "notes"
    PROTECTED = "protected"


class TargetKind(StrEnum):
    """What an action is for, as the first part of the item's key."""

    GUEST = "guest"
    NODE = "node"


# The sentence for a device of another kind.
_WRONG_KIND: Final = {TargetKind.GUEST: "not_a_guest", TargetKind.NODE: "not_a_node"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """One device of a call, as the operations know it."""

    source: ProxmoxSource
    key: str
    name: str

    @property
    def vmid(self) -> int:
        return keys.vmid_of(self.key)

    @property
    def node(self) -> str:
        return keys.node_of(self.key)


type _Handler = Callable[[_Target, ServiceCall], Awaitable[JsonObjectType]]
type _Fields = Mapping[probatio.Marker, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spec:
    """What an action is made of.

    fields: what it takes besides its devices.
    is_query: it only reads, so everybody may use it.
    """

    kind: TargetKind
    handler: _Handler
    fields: _Fields = field(default_factory=dict)
    is_query: bool = False

    @property
    def schema(self) -> probatio.Schema:
        """What a call may say."""
        devices = probatio.All(cv.ensure_list, [cv.string], probatio.Length(min=1))
        return probatio.Schema(
            {probatio.Required(Field.DEVICE_ID): devices, **self.fields}
        )


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions; those that change something are for administrators."""
    for action, spec in _SPECS.items():
        handler = partial(_async_handle, spec)
        if spec.is_query:
            hass.services.async_register(
                DOMAIN, action, handler, spec.schema, SupportsResponse.ONLY
            )
        else:
            service.async_register_admin_service(
                hass, DOMAIN, action, handler, spec.schema, SupportsResponse.OPTIONAL
            )


async def _async_handle(spec: _Spec, call: ServiceCall) -> ServiceResponse:
    """Work on all devices side by side; nothing starts while one does not fit."""
    targets = [
        _target(call.hass, device_id, spec.kind)
        for device_id in dict.fromkeys(call.data[Field.DEVICE_ID])
    ]
    results = await asyncio.gather(
        *(spec.handler(target, call) for target in targets), return_exceptions=True
    )
    reports: list[JsonValueType] = []
    errors: dict[str, HomeAssistantError] = {}
    for target, result in zip(targets, results, strict=True):
        if isinstance(result, HomeAssistantError):
            errors[target.name] = result
        elif isinstance(result, BaseException):
            raise result
        else:
            reports.append(result)
    if errors:
        raise _failure(errors, [target.name for target in targets])
    return {"results": reports}


def _failure(
    errors: Mapping[str, HomeAssistantError], names: Sequence[str]
) -> HomeAssistantError:
    """Return the one error as it is, and several things' errors as one sentence."""
    if len(names) == 1:
        return next(iter(errors.values()))
    refusals = all(isinstance(err, ServiceValidationError) for err in errors.values())
    kind = ServiceValidationError if refusals else HomeAssistantError
    return kind(
        translation_domain=DOMAIN,
        translation_key="some_failed",
        translation_placeholders={
            "failed": "\n".join(f"{name}: {err}" for name, err in errors.items()),
            "done": ", ".join(name for name in names if name not in errors) or "-",
        },
    )


def _target(hass: HomeAssistant, device_id: str, kind: TargetKind) -> _Target:
    device, entry = service.async_get_device_and_config_entry(
        hass, DOMAIN, device_id, include_child_devices=False
    )
    name = device.name_by_user or device.name or device_id
    key = key_of(device)
    if (
        key is None
        or keys.kind_of(key) != kind
        or not isinstance(entry.runtime_data, ProxmoxSource)
    ):
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key=_WRONG_KIND[kind],
            translation_placeholders={"device": name},
        )
    return _Target(source=entry.runtime_data, key=key, name=name)


def _options(call: ServiceCall) -> Options:
    data = call.data
    return Options(
        consent=Consent(
            confirm_self=data.get(Field.CONFIRM_SELF, False),
            allow_impact=data.get(Field.ALLOW_IMPACT, False),
        ),
        wait=data.get(Field.WAIT, True),
        timeout=data.get(Field.TIMEOUT),
        context=call.context,
    )


def _guest_report(target: _Target, **more: JsonValueType) -> JsonObjectType:
    return {"guest": target.name, "vmid": target.vmid, **more}


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
        target.source, target.vmid, command, _options(call)
    )
    return _guest_report(target, **_outcome(outcome))


async def _async_suspend(target: _Target, call: ServiceCall) -> JsonObjectType:
    to_disk = call.data[Field.TO_DISK]
    command = GuestCommand.HIBERNATE if to_disk else GuestCommand.SUSPEND
    return await _async_power(command, target, call)


async def _async_migrate(target: _Target, call: ServiceCall) -> JsonObjectType:
    node = _target(call.hass, call.data[Field.NODE], TargetKind.NODE)
    if node.source is not target.source:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="other_cluster",
            translation_placeholders={"guest": target.name, "node": node.name},
        )
    outcome = await async_migrate(target.source, target.vmid, node.node, _options(call))
    return _guest_report(target, node=node.node, **_outcome(outcome))


async def _async_create_snapshot(target: _Target, call: ServiceCall) -> JsonObjectType:
    taken = await async_create_snapshot(
        target.source,
        target.vmid,
        _options(call),
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
        target.source, target.vmid, name, _options(call)
    )
    return _guest_report(target, snapshot=name, **_outcome(outcome))


async def _async_rollback(target: _Target, call: ServiceCall) -> JsonObjectType:
    name = call.data[Field.SNAPSHOT]
    outcome = await async_rollback_snapshot(
        target.source,
        target.vmid,
        name,
        _options(call),
        start=call.data[Field.START],
    )
    return _guest_report(target, snapshot=name, **_outcome(outcome))


async def _async_list_snapshots(target: _Target, call: ServiceCall) -> JsonObjectType:
    found = await async_list_snapshots(target.source, target.vmid)
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
        target.vmid,
        _options(call),
        storage=call.data.get(Field.STORAGE),
        mode=call.data[Field.MODE],
        notes=call.data.get(Field.NOTES),
        protected=call.data[Field.PROTECTED],
    )
    return _guest_report(target, **_outcome(outcome))


async def _async_list_backups(target: _Target, call: ServiceCall) -> JsonObjectType:
    found = await async_list_backups(target.source, target.vmid)
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
        target.source, target.node, command, _options(call)
    )
    return {"node": target.node, **_outcome(outcome)}


_WAIT: Final[_Fields] = {probatio.Optional(Field.WAIT, default=True): cv.boolean}
_TIMEOUT: Final[_Fields] = {
    probatio.Optional(Field.TIMEOUT): probatio.All(
        probatio.Coerce(int), probatio.Range(min=10, max=7200)
    )
}
_CONSENT: Final[_Fields] = {
    probatio.Optional(Field.CONFIRM_SELF, default=False): cv.boolean,
    probatio.Optional(Field.ALLOW_IMPACT, default=False): cv.boolean,
}
# What Proxmox VE takes for a name, and "current" is what it calls the present.
_SNAPSHOT_NAME: Final = probatio.All(
    cv.string,
    probatio.Match(r"^(?!current$)[A-Za-z][A-Za-z0-9_-]{1,39}$"),
)
_SNAPSHOT: Final[_Fields] = {probatio.Required(Field.SNAPSHOT): _SNAPSHOT_NAME}

_guest = partial(_Spec, kind=TargetKind.GUEST)
_node = partial(_Spec, kind=TargetKind.NODE)

_SPECS: Final[Mapping[Action, _Spec]] = {
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
