"""The snapshots of a guest."""

from dataclasses import dataclass
from typing import Final

from homeassistant.util import dt as dt_util

from ..guard import Reason, Refusal, check_guest, check_rollback, title
from ..proxmox import keys
from ..proxmox.models import Guest, GuestType, Snapshot
from ..proxmox.source import ProxmoxSource
from .core import (
    Options,
    Outcome,
    async_finish,
    async_fresh_guest,
    audited,
    refreshing,
    refuse,
    refused,
    translated,
)

# Our own snapshots carry this at the start of their description, so that only they
# are ever pruned. Nobody would begin a description of their own like that.
SNAPSHOT_MARK: Final = "Proxmox Homelab, taken by Home Assistant"

_SNAPSHOT_SECONDS: Final = 30 * 60


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
    name = name or f"ha_{dt_util.now():%Y%m%d_%H%M%S}"
    key = keys.guest_key(vmid)
    async with audited(source, key, "create_snapshot", options) as audit:
        guest = await async_fresh_guest(source, vmid)
        refuse(check_guest(source, guest, "VM.Snapshot"))
        async with refreshing(source, guest):
            await _async_require_feasible(source, guest)
            upid = await source.client.create_snapshot(
                guest.ref,
                name,
                description=": ".join(filter(None, (SNAPSHOT_MARK, description))),
                with_memory=with_memory and guest.type is GuestType.VM,
            )
            outcome = audit.ended(
                await async_finish(source, upid, options, _SNAPSHOT_SECONDS)
            )
            pruned: tuple[str, ...] = ()
            # Nothing old goes before the new one is known to be there.
            if keep is not None and options.wait:
                pruned = await _async_prune(source, guest, keep)
            await _async_refresh_snapshots(source, guest)
    return SnapshotOutcome(name=name, outcome=outcome, pruned=pruned)


async def _async_require_feasible(source: ProxmoxSource, guest: Guest) -> None:
    if not await source.client.snapshot_feasible(guest.ref):
        raise refused(
            Refusal(reason=Reason.NO_SNAPSHOTS, placeholders={"guest": title(guest)})
        )


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
    key = keys.guest_key(vmid)
    async with audited(source, key, "delete_snapshot", options) as audit:
        guest = await async_fresh_guest(source, vmid)
        refuse(check_guest(source, guest, "VM.Snapshot"))
        async with refreshing(source, guest):
            await _async_require_snapshot(source, guest, name)
            upid = await source.client.delete_snapshot(guest.ref, name)
            outcome = await async_finish(source, upid, options, _SNAPSHOT_SECONDS)
            await _async_refresh_snapshots(source, guest)
        return audit.ended(outcome)


async def async_rollback_snapshot(
    source: ProxmoxSource, vmid: int, name: str, options: Options, *, start: bool
) -> Outcome:
    """Put the guest back to a snapshot; what came after it is lost."""
    key = keys.guest_key(vmid)
    async with audited(source, key, "rollback_snapshot", options) as audit:
        guest = await async_fresh_guest(source, vmid)
        refuse(check_rollback(source, guest, options.consent))
        async with refreshing(source, guest):
            await _async_require_snapshot(source, guest, name)
            upid = await source.client.rollback_snapshot(guest.ref, name, start=start)
            outcome = await async_finish(source, upid, options, _SNAPSHOT_SECONDS)
        return audit.ended(outcome)


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
