"""The entities of VMs and containers."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from homeassistant.components.button import ButtonDeviceClass
from homeassistant.components.sensor import SensorDeviceClass, SensorStateClass
from homeassistant.components.switch import SwitchDeviceClass
from homeassistant.const import EntityCategory

from ...const import Importance
from ...entity import (
    HomelabButtonDescription,
    HomelabSelectDescription,
    HomelabSensorDescription,
    HomelabSwitchDescription,
)
from ...rows import COMMAND, ON_REQUEST
from .. import keys
from ..backups import GuestBackups
from ..coordinator import Section
from ..models import Guest, GuestCommand, GuestInside, GuestJob, GuestState, GuestType
from .common import POWER, POWER_ON_REQUEST, percent_row, share, size_row

if TYPE_CHECKING:
    from ..source import ProxmoxSource

# What the status sensor says instead of a state from before the node went off.
NODE_OFFLINE: Final = "node_offline"

_POWERED_OFF: Final = frozenset({GuestState.STOPPED, GuestState.HIBERNATED})


def _is_vm(source: ProxmoxSource, key: str) -> bool:
    guest = source.guest(keys.vmid_of(key))
    return guest is not None and guest.type is GuestType.VM


def _is_container(source: ProxmoxSource, key: str) -> bool:
    guest = source.guest(keys.vmid_of(key))
    return guest is not None and guest.type is GuestType.CONTAINER


def _may_power(source: ProxmoxSource, key: str) -> bool:
    """Power is for every guest but the own one, once it is known which that is."""
    vmid = keys.vmid_of(key)
    return (
        source.is_own_guest_settled
        and not source.is_own_guest(vmid)
        and source.allows(f"/vms/{vmid}", "VM.PowerMgmt")
    )


def _may_power_vm(source: ProxmoxSource, key: str) -> bool:
    return _is_vm(source, key) and _may_power(source, key)


def _may_hibernate(source: ProxmoxSource, key: str) -> bool:
    return _may_power_vm(source, key) and source.allows(
        f"/vms/{keys.vmid_of(key)}", "VM.Config.Disk"
    )


def _may_snapshot(source: ProxmoxSource, key: str) -> bool:
    return source.allows(f"/vms/{keys.vmid_of(key)}", "VM.Snapshot")


def _may_back_up(source: ProxmoxSource, key: str) -> bool:
    return source.allows(f"/vms/{keys.vmid_of(key)}", "VM.Backup")


def _status(guest: Guest) -> str | None:
    return NODE_OFFLINE if guest.unreachable_since is not None else guest.state


def _status_attributes(guest: Guest) -> Mapping[str, Any]:
    attributes: dict[str, Any] = {
        "vmid": guest.vmid,
        "node": guest.node,
        "tags": list(guest.tags),
        "lock": guest.lock,
    }
    if guest.unreachable_since is not None:
        attributes["since"] = guest.unreachable_since.isoformat()
    return attributes


def _is_powered(guest: Guest) -> bool | None:
    return None if guest.state is None else guest.state not in _POWERED_OFF


def _host_cpu(source: ProxmoxSource, guest: Guest) -> float | None:
    node = source.node(guest.node)
    if node is None or not node.cpu_count:
        return None
    if guest.cpu_percent is None or guest.cpu_count is None:
        return None
    return round(guest.cpu_percent * guest.cpu_count / node.cpu_count, 1)


def _address(inside: GuestInside) -> str | None:
    return next(iter(inside.addresses), None)


def _last_backup(backups: GuestBackups) -> datetime | None:
    return backups.last.created_at if backups.last else None


def _last_backup_attributes(backups: GuestBackups) -> Mapping[str, Any]:
    last = backups.last
    return {
        "backups": backups.count,
        "storage": last.storage if last else None,
        "protected": last.protected if last else None,
        "verified": last.verified if last else None,
    }


def _importance(source: ProxmoxSource, guest: Guest) -> str:
    return source.importance(guest)


def _set_importance(source: ProxmoxSource, key: str, option: str) -> None:
    source.async_set_importance(keys.vmid_of(key), Importance(option))


_GUEST: Final[dict[str, Any]] = {"section": Section.RESOURCES, "kind": "guest"}
_COUNTER: Final = SensorStateClass.TOTAL_INCREASING

SENSORS = (
    HomelabSensorDescription(
        key="status",
        device_class=SensorDeviceClass.ENUM,
        options=[*GuestState, NODE_OFFLINE],
        value_fn=_status,
        attributes_fn=_status_attributes,
        always_available=True,
        **_GUEST,
    ),
    percent_row(key="cpu", value_fn=lambda guest: guest.cpu_percent, **_GUEST),
    percent_row(
        key="memory",
        value_fn=lambda guest: share(guest.memory_used, guest.memory_total),
        **_GUEST,
    ),
    HomelabSensorDescription(
        key="last_backup",
        section=Section.BACKUPS,
        kind="guest",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=_last_backup,
        attributes_fn=_last_backup_attributes,
    ),
    HomelabSensorDescription(
        key="started",
        device_class=SensorDeviceClass.UPTIME,
        value_fn=lambda guest: guest.started_at,
        **ON_REQUEST,
        **_GUEST,
    ),
    percent_row(key="host_cpu", source_fn=_host_cpu, **ON_REQUEST, **_GUEST),
    size_row(
        key="memory_host",
        value_fn=lambda guest: guest.memory_host,
        exists_fn=_is_vm,
        **_GUEST,
    ),
    percent_row(
        key="disk",
        value_fn=lambda guest: share(guest.disk_used, guest.disk_total),
        exists_fn=_is_container,
        **ON_REQUEST,
        **_GUEST,
    ),
    # The list always says 0 for the disk of a VM: only its agent knows.
    percent_row(
        key="disk",
        section=Section.INSIDE,
        kind="guest",
        value_fn=lambda inside: share(inside.disk_used, inside.disk_total),
        attributes_fn=lambda inside: {"mount_point": inside.disk_mount},
        exists_fn=_is_vm,
        **ON_REQUEST,
    ),
    HomelabSensorDescription(
        key="address",
        section=Section.INSIDE,
        kind="guest",
        value_fn=_address,
        attributes_fn=lambda inside: {"addresses": list(inside.addresses)},
        **ON_REQUEST,
    ),
    size_row(
        key="network_in",
        state_class=_COUNTER,
        value_fn=lambda guest: guest.network_in,
        **_GUEST,
    ),
    size_row(
        key="network_out",
        state_class=_COUNTER,
        value_fn=lambda guest: guest.network_out,
        **_GUEST,
    ),
    size_row(
        key="disk_read",
        state_class=_COUNTER,
        value_fn=lambda guest: guest.disk_read,
        **_GUEST,
    ),
    size_row(
        key="disk_written",
        state_class=_COUNTER,
        value_fn=lambda guest: guest.disk_written,
        **_GUEST,
    ),
    HomelabSensorDescription(
        key="snapshots",
        section=Section.SNAPSHOTS,
        kind="guest",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=len,
        **ON_REQUEST,
    ),
    HomelabSensorDescription(
        key="ha_state",
        value_fn=lambda guest: guest.ha_state,
        exists_fn=lambda source, key: source.is_cluster,
        **ON_REQUEST,
        **_GUEST,
    ),
)

SWITCHES = (
    HomelabSwitchDescription(
        key="power",
        # The power switch is the guest itself, so it carries the guest's name.
        name=None,
        device_class=SwitchDeviceClass.SWITCH,
        value_fn=_is_powered,
        on_command=GuestCommand.START,
        off_command=GuestCommand.SHUTDOWN,
        exists_fn=_may_power,
        **POWER,
        **_GUEST,
    ),
)

BUTTONS = (
    HomelabButtonDescription(
        key="restart",
        device_class=ButtonDeviceClass.RESTART,
        command=GuestCommand.REBOOT,
        exists_fn=_may_power,
        **POWER,
        **_GUEST,
    ),
    HomelabButtonDescription(
        key="snapshot",
        command=GuestJob.SNAPSHOT,
        exists_fn=_may_snapshot,
        **COMMAND,
        **_GUEST,
    ),
    HomelabButtonDescription(
        key="back_up",
        command=GuestJob.BACKUP,
        exists_fn=_may_back_up,
        **COMMAND,
        **_GUEST,
    ),
    HomelabButtonDescription(
        key="stop",
        command=GuestCommand.STOP,
        exists_fn=_may_power,
        **POWER_ON_REQUEST,
        **_GUEST,
    ),
    HomelabButtonDescription(
        key="reset",
        command=GuestCommand.RESET,
        exists_fn=_may_power_vm,
        **POWER_ON_REQUEST,
        **_GUEST,
    ),
    HomelabButtonDescription(
        key="pause",
        command=GuestCommand.SUSPEND,
        exists_fn=_may_power_vm,
        **POWER_ON_REQUEST,
        **_GUEST,
    ),
    HomelabButtonDescription(
        key="resume",
        command=GuestCommand.RESUME,
        exists_fn=_may_power_vm,
        **POWER_ON_REQUEST,
        **_GUEST,
    ),
    HomelabButtonDescription(
        key="hibernate",
        command=GuestCommand.HIBERNATE,
        exists_fn=_may_hibernate,
        **POWER_ON_REQUEST,
        **_GUEST,
    ),
)

SELECTS = (
    HomelabSelectDescription(
        key="importance",
        options=list(Importance),
        current_fn=_importance,
        select_fn=_set_importance,
        **COMMAND,
        **_GUEST,
    ),
)
