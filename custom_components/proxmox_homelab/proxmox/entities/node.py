"""The entities of nodes and their disks."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from homeassistant.components.binary_sensor import BinarySensorDeviceClass
from homeassistant.components.button import ButtonDeviceClass
from homeassistant.components.sensor import SensorDeviceClass, SensorStateClass
from homeassistant.const import EntityCategory, UnitOfDataRate

from ...entity import (
    HomelabBinarySensorDescription,
    HomelabButtonDescription,
    HomelabSensorDescription,
    HomelabUpdateDescription,
)
from ...rows import COMMAND, ON_REQUEST
from .. import keys
from ..coordinator import Section
from ..details import NodeCare
from ..models import Node, NodeCommand, NodeDetail, PackageUpdate
from .common import POWER_ON_REQUEST, percent_row, share

if TYPE_CHECKING:
    from ..source import ProxmoxSource


def _may_power(source: ProxmoxSource, key: str) -> bool:
    """Power is for every node but the own guest's, once that one is known."""
    name = keys.node_of(key)
    return (
        source.is_own_guest_settled
        and source.own_node != name
        and source.allows(f"/nodes/{name}", "Sys.PowerMgmt")
    )


def _may_wake(source: ProxmoxSource, key: str) -> bool:
    # Another node sends the packet, so a single host cannot be woken.
    return source.is_cluster and source.allows(
        f"/nodes/{keys.node_of(key)}", "Sys.PowerMgmt"
    )


def _may_command_guests(source: ProxmoxSource, key: str) -> bool:
    return source.is_own_guest_settled and source.allows("/vms", "VM.PowerMgmt")


def _may_read(source: ProxmoxSource, key: str) -> bool:
    return source.allows(f"/nodes/{keys.node_of(key)}", "Sys.Audit")


def _may_read_packages(source: ProxmoxSource, key: str) -> bool:
    return source.allows(f"/nodes/{keys.node_of(key)}", "Sys.Modify")


def _is_cluster(source: ProxmoxSource, key: str) -> bool:
    return source.is_cluster


def _since(node: Node) -> Mapping[str, Any]:
    if node.unreachable_since is None:
        return {}
    return {"since": node.unreachable_since.isoformat()}


def _load(detail: NodeDetail) -> float | None:
    return detail.load[0] if detail.load else None


def _load_attributes(detail: NodeDetail) -> Mapping[str, Any]:
    if detail.load is None:
        return {}
    return {"5_minutes": detail.load[1], "15_minutes": detail.load[2]}


def _certificate_end(care: NodeCare) -> datetime | None:
    ends = [c.expires_at for c in care.certificates or () if c.expires_at is not None]
    return min(ends, default=None)


def _replication_problem(care: NodeCare) -> bool | None:
    if care.replications is None:
        return None
    return any(job.failures or job.error for job in care.replications)


def _failed_jobs(care: NodeCare) -> Mapping[str, Any]:
    jobs = care.replications or ()
    return {"failed": [job.job for job in jobs if job.failures or job.error]}


def _installed(
    source: ProxmoxSource, key: str, updates: tuple[PackageUpdate, ...]
) -> str | None:
    manager = next((u for u in updates if u.package == "pve-manager"), None)
    return (
        (manager and manager.old_version)
        or source.devices.node_version(keys.node_of(key))
        or source.version.version
    )


def _latest(
    source: ProxmoxSource, key: str, updates: tuple[PackageUpdate, ...]
) -> str | None:
    """Return the version after the update; any package counts as one."""
    installed = _installed(source, key, updates)
    if not updates:
        return installed
    manager = next((u.version for u in updates if u.package == "pve-manager"), None)
    return manager or f"{installed} + {len(updates)}"


def _release_notes(source: ProxmoxSource, updates: tuple[PackageUpdate, ...]) -> str:
    rows = [
        f"| {u.package} | {u.old_version or '-'} | {u.version} |"
        for u in sorted(updates, key=lambda u: u.package)
    ]
    return "\n".join(("| | | |", "|---|---|---|", *rows))


_NODE: Final[dict[str, Any]] = {"section": Section.RESOURCES, "kind": "node"}
_DETAIL: Final[dict[str, Any]] = {
    "section": Section.NODES,
    "kind": "node",
    "exists_fn": _may_read,
}
_CARE: Final[dict[str, Any]] = {
    "section": Section.CARE,
    "kind": "node",
    "exists_fn": _may_read,
}


def _rate_row(**row: Any) -> HomelabSensorDescription:
    """Return a row on request for bytes per second, shown in MB/s."""
    return HomelabSensorDescription(
        section=Section.TRAFFIC,
        kind="node",
        exists_fn=_may_read,
        device_class=SensorDeviceClass.DATA_RATE,
        native_unit_of_measurement=UnitOfDataRate.BYTES_PER_SECOND,
        suggested_unit_of_measurement=UnitOfDataRate.MEGABYTES_PER_SECOND,
        suggested_display_precision=2,
        state_class=SensorStateClass.MEASUREMENT,
        **ON_REQUEST,
        **row,
    )


SENSORS = (
    percent_row(key="cpu", value_fn=lambda node: node.cpu_percent, **_NODE),
    percent_row(
        key="memory",
        value_fn=lambda node: share(node.memory_used, node.memory_total),
        **_NODE,
    ),
    percent_row(
        key="root_disk",
        value_fn=lambda node: share(node.root_used, node.root_total),
        **_NODE,
    ),
    HomelabSensorDescription(
        key="started",
        device_class=SensorDeviceClass.UPTIME,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda node: node.started_at,
        **_NODE,
    ),
    HomelabSensorDescription(
        key="load",
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=2,
        value_fn=_load,
        attributes_fn=_load_attributes,
        **ON_REQUEST,
        **_DETAIL,
    ),
    percent_row(
        key="io_delay",
        value_fn=lambda detail: detail.io_wait_percent,
        **ON_REQUEST,
        **_DETAIL,
    ),
    percent_row(
        key="swap",
        value_fn=lambda detail: share(detail.swap_used, detail.swap_total),
        **ON_REQUEST,
        **_DETAIL,
    ),
    _rate_row(key="traffic_in", value_fn=lambda traffic: traffic.received),
    _rate_row(key="traffic_out", value_fn=lambda traffic: traffic.sent),
    HomelabSensorDescription(
        key="kernel",
        value_fn=lambda detail: detail.kernel,
        **ON_REQUEST,
        **_DETAIL,
    ),
    HomelabSensorDescription(
        key="certificate_expires",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=_certificate_end,
        **ON_REQUEST,
        **_CARE,
    ),
    HomelabSensorDescription(
        key="subscription",
        value_fn=lambda care: care.subscription and care.subscription.status,
        **ON_REQUEST,
        **_CARE,
    ),
    percent_row(
        key="remaining_life",
        decimals=0,
        section=Section.DISKS,
        kind="disk",
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda disk: disk.remaining_life_percent,
        exists_fn=lambda source, key: (
            source.disks.disk(key).remaining_life_percent is not None
        ),
    ),
)

BINARY_SENSORS = (
    HomelabBinarySensorDescription(
        key="online",
        device_class=BinarySensorDeviceClass.CONNECTIVITY,
        value_fn=lambda node: node.online,
        attributes_fn=_since,
        always_available=True,
        **_NODE,
    ),
    HomelabBinarySensorDescription(
        key="replication_problem",
        device_class=BinarySensorDeviceClass.PROBLEM,
        value_fn=_replication_problem,
        attributes_fn=_failed_jobs,
        **{**_CARE, "exists_fn": _is_cluster},
        **ON_REQUEST,
    ),
    HomelabBinarySensorDescription(
        key="disk_problem",
        section=Section.DISKS,
        kind="disk",
        device_class=BinarySensorDeviceClass.PROBLEM,
        entity_category=EntityCategory.DIAGNOSTIC,
        # A verdict, from which "unknown" has to be told apart.
        value_fn=lambda disk: None if disk.healthy is None else not disk.healthy,
    ),
)

BUTTONS = (
    HomelabButtonDescription(
        key="restart",
        device_class=ButtonDeviceClass.RESTART,
        command=NodeCommand.REBOOT,
        exists_fn=_may_power,
        **POWER_ON_REQUEST,
        **_NODE,
    ),
    HomelabButtonDescription(
        key="shutdown",
        command=NodeCommand.SHUTDOWN,
        exists_fn=_may_power,
        **POWER_ON_REQUEST,
        **_NODE,
    ),
    HomelabButtonDescription(
        key="wake",
        command=NodeCommand.WAKE,
        exists_fn=_may_wake,
        always_available=True,
        **COMMAND,
        **_NODE,
    ),
    *(
        HomelabButtonDescription(
            key=command.value,
            command=command,
            exists_fn=_may_command_guests,
            **COMMAND,
            **_NODE,
        )
        for command in (
            NodeCommand.START_ALL,
            NodeCommand.STOP_ALL,
            NodeCommand.SUSPEND_ALL,
        )
    ),
)

UPDATES = (
    HomelabUpdateDescription(
        key="packages",
        section=Section.PACKAGES,
        kind="node",
        entity_category=EntityCategory.DIAGNOSTIC,
        installed_fn=_installed,
        latest_fn=_latest,
        notes_fn=_release_notes,
        exists_fn=_may_read_packages,
    ),
)
