"""What can be done to a guest."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import Final

from homeassistant.util import dt as dt_util

from ..const import CONF_SHUTDOWN_TIMEOUT, DEFAULT_SHUTDOWN_TIMEOUT
from ..errors import HomelabError, TaskTimeoutError
from ..guard import (
    Reason,
    Refusal,
    check_cutting,
    check_guest,
    check_guest_command,
    check_rollback,
    title,
)
from ..proxmox import keys
from ..proxmox.models import (
    Backup,
    Guest,
    GuestCommand,
    GuestJob,
    GuestState,
    GuestType,
    Snapshot,
)
from ..proxmox.source import ProxmoxSource
from .core import (
    ALREADY,
    Options,
    Outcome,
    async_finish,
    async_fresh_guest,
    refuse,
    refused,
    translated,
)

# Our own snapshots carry this at the start of their description, so that only they
# are ever pruned.
SNAPSHOT_MARK: Final = "Home Assistant"

_START_SECONDS: Final = 120
_SNAPSHOT_SECONDS: Final = 30 * 60
_MIGRATION_SECONDS: Final = 2 * 3600
_BACKUP_SECONDS: Final = 12 * 3600
# The HA manager acts in cycles of 10 s, on two nodes after each other.
_HA_SECONDS: Final = 180
_HA_POLL_SECONDS: Final = 2

_RUNNING: Final = frozenset({GuestState.RUNNING})
_STOPPED: Final = frozenset({GuestState.STOPPED})
_HELD: Final = frozenset({GuestState.PAUSED, GuestState.SUSPENDED})

# What a command is meant to lead to; in that state it has nothing to do.
_TARGETS: Final = {
    GuestCommand.START: _RUNNING,
    GuestCommand.RESUME: _RUNNING,
    GuestCommand.SHUTDOWN: _STOPPED,
    GuestCommand.STOP: _STOPPED,
    GuestCommand.SUSPEND: _HELD,
    GuestCommand.HIBERNATE: frozenset({GuestState.HIBERNATED}),
}


async def async_guest_power(
    source: ProxmoxSource, vmid: int, command: GuestCommand, options: Options
) -> Outcome:
    """Carry out a power command and follow it to the state it is meant to lead to."""
    guest = await async_fresh_guest(source, vmid)
    target = _TARGETS.get(command)
    if target is not None and guest.state in target and guest.unreachable_since is None:
        return ALREADY
    refuse(check_guest_command(source, guest, command, options.consent))
    timeout = options.timeout or source.entry.options.get(
        CONF_SHUTDOWN_TIMEOUT, DEFAULT_SHUTDOWN_TIMEOUT
    )
    graceful = command in (GuestCommand.SHUTDOWN, GuestCommand.REBOOT)
    async with _refreshing(source, guest):
        upid = await source.client.guest_command(
            guest.ref, command, timeout=timeout if graceful else None
        )
        deadline = timeout + 30 if graceful else _START_SECONDS
        outcome = await async_finish(source, upid, options, deadline)
        if guest.ha_state and target is not None and options.wait:
            await _async_follow_ha(source, guest, target)
    return outcome


async def _async_follow_ha(
    source: ProxmoxSource, guest: Guest, target: frozenset[GuestState]
) -> None:
    """Wait for the real state: the task of an HA-managed guest ends at once."""
    until = monotonic() + _HA_SECONDS
    while monotonic() < until:
        fresh = await source.async_refresh_guest(guest)
        if fresh.state in target:
            return
        await asyncio.sleep(_HA_POLL_SECONDS)
    raise TaskTimeoutError(
        f"HA manager did not act on guest {guest.vmid}", seconds=str(_HA_SECONDS)
    )


async def async_migrate(
    source: ProxmoxSource, vmid: int, node: str, options: Options
) -> Outcome:
    """Move the guest to another node: a running VM live, a container by restart."""
    guest = await async_fresh_guest(source, vmid)
    if guest.node == node:
        return ALREADY
    refuse(check_guest(source, guest, "VM.Migrate"))
    target = source.node(node)
    if target is None:
        raise refused(Refusal(reason=Reason.UNKNOWN_NODE, placeholders={"node": node}))
    if not target.online:
        raise refused(
            Refusal(
                reason=Reason.NODE_OFFLINE,
                placeholders={"guest": title(guest), "node": node},
            )
        )
    running = guest.state is GuestState.RUNNING
    if running and guest.type is GuestType.CONTAINER:
        refuse(check_cutting(source, guest, options.consent))
    async with translated(source):
        upid = await source.client.migrate_guest(guest.ref, node, online=running)
        outcome = await async_finish(source, upid, options, _MIGRATION_SECONDS)
        await source.resources.async_refresh()
    return outcome


# --- snapshots -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotOutcome:
    """What came of a snapshot: its name, and which older ones of ours went."""

    name: str
    outcome: Outcome
    pruned: tuple[str, ...] = ()


async def async_list_snapshots(
    source: ProxmoxSource, vmid: int
) -> tuple[Snapshot, ...]:
    """Return the snapshots of the guest, oldest first."""
    guest = await async_fresh_guest(source, vmid)
    async with translated(source):
        found = await source.client.snapshots(guest.ref)
    never = dt_util.utc_from_timestamp(0)
    return tuple(sorted(found, key=lambda snapshot: snapshot.created_at or never))


async def async_create_snapshot(
    source: ProxmoxSource,
    vmid: int,
    options: Options,
    *,
    name: str | None = None,
    description: str = "",
    with_memory: bool = False,
    keep: int | None = None,
) -> SnapshotOutcome:
    """Take a snapshot and prune our own older ones down to `keep`.

    Only snapshots that this integration took are pruned, and only after the new
    one is there.
    """
    guest = await async_fresh_guest(source, vmid)
    refuse(check_guest(source, guest, "VM.Snapshot"))
    name = name or f"ha_{dt_util.now():%Y%m%d_%H%M%S}"
    text = f"{SNAPSHOT_MARK}: {description}" if description else SNAPSHOT_MARK
    async with _refreshing(source, guest):
        if not await source.client.snapshot_feasible(guest.ref):
            raise refused(
                Refusal(
                    reason=Reason.NO_SNAPSHOTS, placeholders={"guest": title(guest)}
                )
            )
        upid = await source.client.create_snapshot(
            guest.ref,
            name,
            description=text,
            with_memory=with_memory and guest.type is GuestType.VM,
        )
        # Pruning needs to know that the new one is there.
        outcome = await async_finish(source, upid, options, _SNAPSHOT_SECONDS)
        pruned: tuple[str, ...] = ()
        if keep is not None and options.wait:
            pruned = await _async_prune(source, guest, keep)
        await _async_refresh_snapshots(source, guest)
    return SnapshotOutcome(name=name, outcome=outcome, pruned=pruned)


async def _async_prune(
    source: ProxmoxSource, guest: Guest, keep: int
) -> tuple[str, ...]:
    ours = sorted(
        (snapshot.created_at, snapshot.name)
        for snapshot in await source.client.snapshots(guest.ref)
        if snapshot.created_at is not None
        and snapshot.description.startswith(SNAPSHOT_MARK)
    )
    pruned = [name for _, name in ours[: max(0, len(ours) - keep)]]
    for name in pruned:
        upid = await source.client.delete_snapshot(guest.ref, name)
        await source.client.wait_for_task(upid, deadline_seconds=_SNAPSHOT_SECONDS)
    return tuple(pruned)


async def async_delete_snapshot(
    source: ProxmoxSource, vmid: int, name: str, options: Options
) -> Outcome:
    """Delete a snapshot."""
    guest = await async_fresh_guest(source, vmid)
    refuse(check_guest(source, guest, "VM.Snapshot"))
    async with _refreshing(source, guest):
        await _async_require_snapshot(source, guest, name)
        upid = await source.client.delete_snapshot(guest.ref, name)
        outcome = await async_finish(source, upid, options, _SNAPSHOT_SECONDS)
        await _async_refresh_snapshots(source, guest)
    return outcome


async def async_rollback_snapshot(
    source: ProxmoxSource, vmid: int, name: str, options: Options, *, start: bool
) -> Outcome:
    """Put the guest back to a snapshot; what came after it is lost."""
    guest = await async_fresh_guest(source, vmid)
    refuse(check_rollback(source, guest, options.consent))
    async with _refreshing(source, guest):
        await _async_require_snapshot(source, guest, name)
        upid = await source.client.rollback_snapshot(guest.ref, name, start=start)
        return await async_finish(source, upid, options, _SNAPSHOT_SECONDS)


async def _async_require_snapshot(
    source: ProxmoxSource, guest: Guest, name: str
) -> None:
    names = {snapshot.name for snapshot in await source.client.snapshots(guest.ref)}
    if name not in names:
        raise refused(
            Refusal(
                reason=Reason.UNKNOWN_SNAPSHOT,
                placeholders={
                    "guest": title(guest),
                    "snapshot": name,
                    "snapshots": ", ".join(sorted(names)) or "-",
                },
            )
        )


async def _async_refresh_snapshots(source: ProxmoxSource, guest: Guest) -> None:
    key = keys.guest_key(guest.vmid)
    if source.snapshots.has_item_listeners(key):
        await source.snapshots.async_refresh_part(key)


# --- backups ---------------------------------------------------------------------


async def async_create_backup(
    source: ProxmoxSource,
    vmid: int,
    options: Options,
    *,
    storage: str | None = None,
    mode: str = "snapshot",
    notes: str | None = None,
    protected: bool = False,
) -> Outcome:
    """Back the guest up; nothing older is ever pruned by it."""
    guest = await async_fresh_guest(source, vmid)
    refuse(check_guest(source, guest, "VM.Backup"))
    if mode != "snapshot" and guest.state is GuestState.RUNNING:
        refuse(check_cutting(source, guest, options.consent))
    storage = storage or _backup_storage(source, guest)
    if storage is None:
        raise refused(
            Refusal(
                reason=Reason.NO_BACKUP_STORAGE, placeholders={"guest": title(guest)}
            )
        )
    async with _refreshing(source, guest):
        upid = await source.client.create_backup(
            guest.ref,
            storage,
            mode=mode,
            notes=notes or f"{{{{guestname}}}}, {SNAPSHOT_MARK}",
            protected=protected,
        )
        outcome = await async_finish(source, upid, options, _BACKUP_SECONDS)
        if options.wait:
            await source.backups.async_refresh_all()
    return outcome


def _backup_storage(source: ProxmoxSource, guest: Guest) -> str | None:
    """Return where the guest's last backup lies, else a storage for backups."""
    last = source.backups.last_backup(guest.vmid)
    if last is not None:
        return last.storage
    usable = [
        storage
        for storage in source.resources.storages().values()
        if "backup" in storage.content
        and storage.available
        and storage.node in (None, guest.node)
        and source.allows(f"/storage/{storage.name}", "Datastore.AllocateSpace")
    ]
    # A shared one outlives the node.
    usable.sort(key=lambda storage: (storage.node is not None, storage.name))
    return usable[0].name if usable else None


async def async_list_backups(source: ProxmoxSource, vmid: int) -> tuple[Backup, ...]:
    """Return the backups of the guest on all storages, newest first."""
    await async_fresh_guest(source, vmid)
    async with translated(source):
        await source.backups.async_refresh_all()
    return source.backups.of_guest(vmid)


# --- shared ------------------------------------------------------------------------


async def async_guest_job(
    source: ProxmoxSource, vmid: int, job: GuestJob, options: Options
) -> Outcome:
    """Carry out a job with its defaults."""
    if job is GuestJob.BACKUP:
        return await async_create_backup(source, vmid, options)
    return (await async_create_snapshot(source, vmid, options)).outcome


@asynccontextmanager
async def _refreshing(source: ProxmoxSource, guest: Guest) -> AsyncGenerator[None]:
    """Translate errors, and show how the guest is afterwards, however it went."""
    try:
        async with translated(source):
            yield
    finally:
        # What went wrong is told by the command itself or by the next poll.
        with suppress(HomelabError):
            await source.async_refresh_guest(guest)
