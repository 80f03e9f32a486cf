"""May this be done? One answer, with the reason when it may not.

Everything that could cut the branch that Home Assistant sits on is decided here,
before anything is sent: own guest, impact, lock, quorum and rights.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from .const import Importance
from .proxmox.models import (
    Guest,
    GuestCommand,
    GuestState,
    GuestType,
    NodeCommand,
)
from .proxmox.source import ProxmoxSource
from .source import RadioSource

# What takes a running guest away from those who use it.
_CUTTING: Final = frozenset(
    {
        GuestCommand.SHUTDOWN,
        GuestCommand.STOP,
        GuestCommand.REBOOT,
        GuestCommand.RESET,
        GuestCommand.SUSPEND,
        GuestCommand.HIBERNATE,
    }
)
_POWERED_OFF: Final = frozenset({GuestState.STOPPED, GuestState.HIBERNATED})
# What a paused guest cannot hear, or would fail at.
_DEAF_WHILE_PAUSED: Final = frozenset(
    {GuestCommand.START, GuestCommand.SHUTDOWN, GuestCommand.REBOOT}
)
# Containers cannot be reset, and suspending them is an experiment of Proxmox VE.
_VM_ONLY: Final = frozenset(
    {GuestCommand.RESET, GuestCommand.SUSPEND, GuestCommand.HIBERNATE}
)


class Reason(StrEnum):
    """Why something is refused; also the key of the sentence that says so."""

    UNKNOWN_GUEST = "refused_unknown_guest"
    UNKNOWN_NODE = "refused_unknown_node"
    NODE_OFFLINE = "refused_node_offline"
    PRIVILEGE = "refused_privilege"
    NO_QUORUM = "refused_no_quorum"
    LOCKED = "refused_locked"
    OWN_GUEST = "refused_own_guest"
    OWN_GUEST_NEVER = "refused_own_guest_never"
    OWN_GUEST_UNKNOWN = "refused_own_guest_unknown"
    OWN_NODE = "refused_own_node"
    IMPACT = "refused_impact"
    NOT_RUNNING = "refused_not_running"
    PAUSED = "refused_paused"
    CONTAINER = "refused_container"
    NO_SNAPSHOTS = "refused_no_snapshots"
    UNKNOWN_SNAPSHOT = "refused_unknown_snapshot"
    NO_BACKUP_STORAGE = "refused_no_backup_storage"
    RADIO_OFFLINE = "refused_radio_offline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A no, with what its sentence names."""

    reason: Reason
    placeholders: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What the user said in so many words.

    confirm_self: it may take Home Assistant itself down.
    allow_impact: it may take down what is marked critical.
    """

    confirm_self: bool = False
    allow_impact: bool = False


def title(guest: Guest) -> str:
    """Return how a person calls the guest."""
    return f"{guest.name} ({guest.vmid})" if guest.name else str(guest.vmid)


def check_guest(
    source: ProxmoxSource, guest: Guest, *privileges: str
) -> Refusal | None:
    """Say why no command at all may go to the guest, None if one may.

    Any one of the privileges is enough.
    """
    named = {"guest": title(guest)}
    if guest.unreachable_since is not None:
        return Refusal(
            reason=Reason.NODE_OFFLINE, placeholders={**named, "node": guest.node}
        )
    path = f"/vms/{guest.vmid}"
    if not any(source.allows(path, privilege) for privilege in privileges):
        return Refusal(
            reason=Reason.PRIVILEGE,
            placeholders={**named, "privilege": " | ".join(privileges), "path": path},
        )
    if source.has_lost_quorum:
        return Refusal(reason=Reason.NO_QUORUM)
    # Hibernated guests carry the lock "suspended" until they start again.
    if guest.lock and guest.lock != "suspended":
        return Refusal(reason=Reason.LOCKED, placeholders={**named, "lock": guest.lock})
    return None


def check_guest_command(
    source: ProxmoxSource, guest: Guest, command: GuestCommand, consent: Consent
) -> Refusal | None:
    """Say why a power command may not go to the guest, None if it may."""
    named = {"guest": title(guest)}
    if command in _VM_ONLY and guest.type is GuestType.CONTAINER:
        return Refusal(reason=Reason.CONTAINER, placeholders=named)
    if refusal := check_guest(source, guest, "VM.PowerMgmt"):
        return refusal
    # Its memory is written to a disk of the guest.
    if command is GuestCommand.HIBERNATE and (
        refusal := check_guest(source, guest, "VM.Config.Disk")
    ):
        return refusal
    if guest.state is GuestState.PAUSED and command in _DEAF_WHILE_PAUSED:
        return Refusal(reason=Reason.PAUSED, placeholders=named)
    if command is GuestCommand.RESUME and guest.state is GuestState.STOPPED:
        return Refusal(reason=Reason.NOT_RUNNING, placeholders=named)
    if command not in _CUTTING:
        return None
    if guest.state in _POWERED_OFF:
        return Refusal(reason=Reason.NOT_RUNNING, placeholders=named)
    return check_cutting(source, guest, consent)


def check_migration(
    source: ProxmoxSource, guest: Guest, node: str, consent: Consent
) -> Refusal | None:
    """Say why the guest may not move to the node, None if it may."""
    if refusal := check_guest(source, guest, "VM.Migrate"):
        return refusal
    target = source.node(node)
    if target is None:
        return Refusal(reason=Reason.UNKNOWN_NODE, placeholders={"node": node})
    if not target.online:
        return Refusal(
            reason=Reason.NODE_OFFLINE,
            placeholders={"guest": title(guest), "node": node},
        )
    # A running container is stopped here and started there.
    if guest.type is GuestType.CONTAINER and guest.state is GuestState.RUNNING:
        return check_cutting(source, guest, consent)
    return None


def check_cutting(
    source: ProxmoxSource, guest: Guest, consent: Consent
) -> Refusal | None:
    """Say why the running guest may not be taken away, None if it may."""
    named = {"guest": title(guest)}
    if not consent.confirm_self:
        if source.is_own_guest(guest.vmid):
            return Refusal(reason=Reason.OWN_GUEST, placeholders=named)
        if not source.own_guest.is_certain:
            return Refusal(reason=Reason.OWN_GUEST_UNKNOWN, placeholders=named)
    return _check_impact(source, [guest], consent, title(guest))


def check_rollback(
    source: ProxmoxSource, guest: Guest, consent: Consent
) -> Refusal | None:
    """Say why the guest may not be rolled back; the own guest never may."""
    if refusal := check_guest(source, guest, "VM.Snapshot.Rollback", "VM.Snapshot"):
        return refusal
    if source.is_own_guest(guest.vmid):
        return Refusal(
            reason=Reason.OWN_GUEST_NEVER, placeholders={"guest": title(guest)}
        )
    return check_cutting(source, guest, consent)


def check_radio(source: RadioSource, key: str) -> Refusal | None:
    """Say why no command may go to the radio, None if one may."""
    if source.is_reachable(key):
        return None
    return Refusal(
        reason=Reason.RADIO_OFFLINE,
        placeholders={"radio": source.device_name(key) or source.entry.title},
    )


def check_node_command(
    source: ProxmoxSource, name: str, command: NodeCommand, consent: Consent
) -> Refusal | None:
    """Say why a command may not go to the node, None if it may."""
    node = source.node(name)
    if node is None:
        return Refusal(reason=Reason.UNKNOWN_NODE, placeholders={"node": name})
    if not node.online and command is not NodeCommand.WAKE:
        return Refusal(
            reason=Reason.NODE_OFFLINE, placeholders={"guest": name, "node": name}
        )
    if refusal := _check_node_rights(source, name, command):
        return refusal
    match command:
        case NodeCommand.REBOOT | NodeCommand.SHUTDOWN:
            return _check_node_power(source, name, consent)
        case NodeCommand.STOP_ALL | NodeCommand.SUSPEND_ALL:
            if not source.own_guest.is_certain and not consent.confirm_self:
                return Refusal(
                    reason=Reason.OWN_GUEST_UNKNOWN, placeholders={"guest": name}
                )
            # The own guest is never among those that are stopped.
            stopped = [
                guest
                for guest in source.running_on(name)
                if not source.is_own_guest(guest.vmid)
            ]
            return _check_impact(source, stopped, consent, name)
    return None


def _check_node_rights(
    source: ProxmoxSource, name: str, command: NodeCommand
) -> Refusal | None:
    path, privilege = f"/nodes/{name}", "Sys.PowerMgmt"
    for_guests = command in (
        NodeCommand.START_ALL,
        NodeCommand.STOP_ALL,
        NodeCommand.SUSPEND_ALL,
    )
    if for_guests:
        path, privilege = "/vms", "VM.PowerMgmt"
    if source.allows(path, privilege):
        if for_guests and source.has_lost_quorum:
            return Refusal(reason=Reason.NO_QUORUM)
        return None
    return Refusal(
        reason=Reason.PRIVILEGE,
        placeholders={"guest": name, "privilege": privilege, "path": path},
    )


def _check_node_power(
    source: ProxmoxSource, name: str, consent: Consent
) -> Refusal | None:
    if not consent.confirm_self:
        if source.own_node == name:
            return Refusal(reason=Reason.OWN_NODE, placeholders={"node": name})
        if not source.own_guest.is_certain:
            return Refusal(
                reason=Reason.OWN_GUEST_UNKNOWN, placeholders={"guest": name}
            )
    return _check_impact(source, source.running_on(name), consent, name)


def _check_impact(
    source: ProxmoxSource, guests: Iterable[Guest], consent: Consent, what: str
) -> Refusal | None:
    if consent.allow_impact:
        return None
    critical = [
        title(guest)
        for guest in guests
        if source.importance(guest) is Importance.CRITICAL
    ]
    if not critical:
        return None
    return Refusal(
        reason=Reason.IMPACT,
        placeholders={"guest": what, "critical": ", ".join(critical)},
    )
