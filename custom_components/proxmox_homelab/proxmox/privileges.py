"""What each feature needs, and what each level of access grants: the one table.

The set-up, the commands to copy, the page that says what an access allows and
`docs/privileges.md` are all made from it. Facts: API schema of Proxmox VE 8.4 and 9.2,
`AccessControl.pm`; 9.0 replaced VM.Monitor by the VM.GuestAgent privileges.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .models import Permissions

ACCESS_USER: Final = "homeassistant@pve"
TOKEN_NAME: Final = "homelab"
_AGENT_VERSION: Final = 9


class AccessLevel(StrEnum):
    """How much the integration may do; each level includes those before it."""

    MONITOR = "monitor"
    CONTROL = "control"
    EVERYTHING = "everything"

    def includes(self, other: AccessLevel) -> bool:
        """Say whether this level allows what `other` allows."""
        order = list(AccessLevel)
        return order.index(other) <= order.index(self)


class Feature(StrEnum):
    """What the integration can do, as far as it depends on privileges."""

    GUESTS = "guests"
    NODES = "nodes"
    STORAGES = "storages"
    CLUSTER = "cluster"
    TASKS = "tasks"
    DISKS = "disks"
    GUEST_AGENT = "guest_agent"
    BACKUP_COVERAGE = "backup_coverage"
    GUEST_POWER = "guest_power"
    SNAPSHOTS = "snapshots"
    ROLLBACK = "rollback"
    BACKUPS = "backups"
    MIGRATION = "migration"
    HIBERNATION = "hibernation"
    NODE_POWER = "node_power"
    UPDATES = "updates"
    USB_LIST = "usb_list"
    USB_MAPPING = "usb_mapping"


@dataclass(frozen=True, slots=True)
class Need:
    """A privilege on a path; any one of `privileges` is enough, the first is asked."""

    path: str
    privileges: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What a feature needs: all of `needs`, or of `needs_before_9` on 8.x."""

    level: AccessLevel
    what: str
    needs: tuple[Need, ...]
    needs_before_9: tuple[Need, ...] | None = None

    def of(self, major: int) -> tuple[Need, ...]:
        """Return the needs for a major version; an unknown one is the newest."""
        if self.needs_before_9 is not None and 0 < major < _AGENT_VERSION:
            return self.needs_before_9
        return self.needs


def _need(path: str, *privileges: str) -> Need:
    return Need(path, privileges)


FEATURES: Final[Mapping[Feature, Requirement]] = {
    Feature.GUESTS: Requirement(
        level=AccessLevel.MONITOR,
        what="VMs and containers: state, figures, configuration, snapshots (list)",
        needs=(_need("/vms", "VM.Audit"),),
    ),
    Feature.NODES: Requirement(
        level=AccessLevel.MONITOR,
        what="Nodes: processor, memory, load, versions",
        needs=(_need("/nodes", "Sys.Audit"),),
    ),
    Feature.STORAGES: Requirement(
        level=AccessLevel.MONITOR,
        what="Storages: state and capacity",
        needs=(_need("/storage", "Datastore.Audit", "Datastore.AllocateSpace"),),
    ),
    Feature.CLUSTER: Requirement(
        level=AccessLevel.MONITOR,
        what="Cluster: quorum, members, high availability",
        needs=(_need("/", "Sys.Audit"),),
    ),
    Feature.TASKS: Requirement(
        level=AccessLevel.MONITOR,
        what="Tasks that others started, to show their effect at once",
        needs=(_need("/", "Sys.Audit"),),
    ),
    Feature.DISKS: Requirement(
        level=AccessLevel.MONITOR,
        what="Disks of the nodes and their health",
        needs=(_need("/nodes", "Sys.Audit"),),
    ),
    Feature.GUEST_AGENT: Requirement(
        level=AccessLevel.MONITOR,
        what="Addresses and disk usage of VMs, told by their guest agent",
        needs=(_need("/vms", "VM.GuestAgent.Audit", "VM.GuestAgent.Unrestricted"),),
        needs_before_9=(_need("/vms", "VM.Monitor"),),
    ),
    Feature.BACKUP_COVERAGE: Requirement(
        level=AccessLevel.MONITOR,
        what="Guests that no backup job covers",
        needs=(_need("/", "Sys.Audit"), _need("/vms", "VM.Audit")),
    ),
    Feature.GUEST_POWER: Requirement(
        level=AccessLevel.CONTROL,
        what="Start, shut down, stop, restart, pause and resume guests",
        needs=(_need("/vms", "VM.PowerMgmt"),),
    ),
    Feature.SNAPSHOTS: Requirement(
        level=AccessLevel.CONTROL,
        what="Create and delete snapshots",
        needs=(_need("/vms", "VM.Snapshot"),),
    ),
    Feature.ROLLBACK: Requirement(
        level=AccessLevel.CONTROL,
        what="Roll back to a snapshot",
        needs=(_need("/vms", "VM.Snapshot.Rollback", "VM.Snapshot"),),
    ),
    Feature.BACKUPS: Requirement(
        level=AccessLevel.CONTROL,
        what="Back up now, and see the backups there are (even to see them)",
        needs=(
            _need("/vms", "VM.Backup"),
            _need("/storage", "Datastore.AllocateSpace"),
        ),
    ),
    Feature.MIGRATION: Requirement(
        level=AccessLevel.CONTROL,
        what="Move guests to another node",
        needs=(_need("/vms", "VM.Migrate"),),
    ),
    Feature.HIBERNATION: Requirement(
        level=AccessLevel.EVERYTHING,
        what="Hibernate VMs (suspend to disk)",
        needs=(
            _need("/vms", "VM.PowerMgmt"),
            _need("/vms", "VM.Config.Disk"),
            _need("/storage", "Datastore.AllocateSpace"),
        ),
    ),
    Feature.NODE_POWER: Requirement(
        level=AccessLevel.EVERYTHING,
        what="Reboot, shut down and wake nodes",
        needs=(_need("/nodes", "Sys.PowerMgmt"),),
    ),
    Feature.UPDATES: Requirement(
        level=AccessLevel.EVERYTHING,
        what="Packages that a node could update (even to see them)",
        needs=(_need("/nodes", "Sys.Modify"),),
    ),
    Feature.USB_LIST: Requirement(
        level=AccessLevel.EVERYTHING,
        what="USB devices of the nodes (even to see them)",
        needs=(_need("/", "Sys.Modify"),),
    ),
    Feature.USB_MAPPING: Requirement(
        level=AccessLevel.EVERYTHING,
        what="Attach mapped USB devices to VMs",
        needs=(
            _need("/vms", "VM.Config.HWType"),
            _need("/mapping/usb", "Mapping.Use"),
        ),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role of our own, with its privileges in alphabetical order."""

    name: str
    privileges: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acl:
    """Roles on a path, for a user and its token alike."""

    path: str
    roles: tuple[str, ...]
    propagate: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPlan:
    """What has to exist for a level of access."""

    roles: tuple[Role, ...]
    acls: tuple[Acl, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureStatus:
    """Whether an access allows a feature.

    missing: the first privilege that is not held, and `path` where.
    limited_to: the paths that it is held on, when that is not everywhere.
    """

    allowed: bool
    missing: str | None = None
    path: str | None = None
    limited_to: tuple[str, ...] = ()


_MONITOR_ROLE: Final = "HomelabMonitor"
# One role per path below the root, so that each holds only what fits there.
_ROLE_NAMES: Final = {
    (AccessLevel.CONTROL, "/vms"): "HomelabControl",
    (AccessLevel.CONTROL, "/storage"): "HomelabBackup",
    (AccessLevel.EVERYTHING, "/vms"): "HomelabConfigure",
    (AccessLevel.EVERYTHING, "/nodes"): "HomelabNodes",
    (AccessLevel.EVERYTHING, "/mapping/usb"): "HomelabUsb",
    (AccessLevel.EVERYTHING, "/"): "HomelabHosts",
}
# What every part of the monitor level has beside what the features name.
_ALSO_MONITOR: Final = ("Mapping.Audit", "Pool.Audit")


def grants(level: AccessLevel, major: int) -> AccessPlan:
    """Return the roles and ACLs of a level for a major version.

    Rights on a deeper path replace the inherited ones, so the monitor role stands on
    each of them again. A writing right on the root itself does not propagate: below
    it are the accesses themselves.
    """
    by_role: dict[str, set[str]] = {_MONITOR_ROLE: set(_ALSO_MONITOR)}
    by_path: dict[str, dict[str, None]] = {"/": {_MONITOR_ROLE: None}}
    granted = by_role[_MONITOR_ROLE]
    for requirement in FEATURES.values():
        if not level.includes(requirement.level):
            continue
        for need in requirement.of(major):
            if requirement.level is AccessLevel.MONITOR:
                granted.add(need.privileges[0])
                continue
            name = _role_for(need, major)
            by_role.setdefault(name, set()).add(need.privileges[0])
            roles = by_path.setdefault(need.path, {_MONITOR_ROLE: None})
            roles[name] = None
    return AccessPlan(
        roles=tuple(
            Role(name=name, privileges=tuple(sorted(privileges)))
            for name, privileges in by_role.items()
        ),
        acls=tuple(_acls(by_path)),
    )


def _role_for(need: Need, major: int) -> str:
    """Return the role that grants a need: that of the lowest level which has it."""
    return next(
        _ROLE_NAMES[requirement.level, need.path]
        for requirement in FEATURES.values()
        if requirement.level is not AccessLevel.MONITOR
        and need in requirement.of(major)
    )


def _acls(by_path: Mapping[str, Mapping[str, None]]) -> list[Acl]:
    found = []
    for path, names in sorted(by_path.items()):
        if path != "/":
            found.append(Acl(path=path, roles=tuple(names)))
            continue
        found.append(Acl(path=path, roles=(_MONITOR_ROLE,)))
        if here_only := tuple(name for name in names if name != _MONITOR_ROLE):
            found.append(Acl(path=path, roles=here_only, propagate=False))
    return found


def pveum_block(level: AccessLevel, major: int) -> str:
    """Return the commands that make a token with a level, to run as root on a node."""
    plan = grants(level, major)
    token = f"{ACCESS_USER}!{TOKEN_NAME}"
    lines = [
        f'pveum role add {role.name} --privs "{" ".join(role.privileges)}"'
        for role in plan.roles
    ]
    lines += [
        f'pveum user add {ACCESS_USER} --comment "Home Assistant"',
        f"pveum user token add {ACCESS_USER} {TOKEN_NAME} --privsep 1",
    ]
    lines += [
        f"pveum acl modify {acl.path} --users {ACCESS_USER} --tokens '{token}'"
        f" --roles {','.join(acl.roles)}{'' if acl.propagate else ' --propagate 0'}"
        for acl in plan.acls
    ]
    return "\n".join(lines)


def evaluate(permissions: Permissions, major: int) -> dict[Feature, FeatureStatus]:
    """Return what an access allows, feature by feature.

    A right on some guests, nodes or storages only allows the feature for them.
    """
    return {
        feature: _status(permissions, requirement.of(major))
        for feature, requirement in FEATURES.items()
    }


def shortfall(
    permissions: Permissions, level: AccessLevel, major: int
) -> tuple[Need, ...]:
    """Return the needs of a level that an access does not fulfil everywhere."""
    return tuple(
        need
        for requirement in FEATURES.values()
        if level.includes(requirement.level)
        for need in requirement.of(major)
        if not _is_held(permissions, need)
    )


def _is_held(permissions: Permissions, need: Need) -> bool:
    return any(permissions.allows(need.path, name) for name in need.privileges)


def _status(permissions: Permissions, needs: tuple[Need, ...]) -> FeatureStatus:
    limited: set[str] = set()
    for need in needs:
        if _is_held(permissions, need):
            continue
        below = _paths_below(permissions, need)
        if not below:
            return FeatureStatus(
                allowed=False, missing=need.privileges[0], path=need.path
            )
        limited |= below
    return FeatureStatus(allowed=True, limited_to=tuple(sorted(limited)))


def _paths_below(permissions: Permissions, need: Need) -> set[str]:
    prefix = f"{need.path.rstrip('/')}/"
    if prefix == "/":
        return set()
    return {
        path
        for path, held in permissions.paths.items()
        if path.startswith(prefix) and any(name in held for name in need.privileges)
    }
