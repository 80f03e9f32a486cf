"""The backups of a guest."""

from typing import Final

from ..guard import Reason, Refusal, check_cutting, check_guest, title
from ..proxmox import keys
from ..proxmox.models import Backup, Guest, GuestState
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

_BACKUP_SECONDS: Final = 12 * 3600
# Filled in by Proxmox VE.
_NOTES: Final = "{{guestname}}, Home Assistant"


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
    key = keys.guest_key(vmid)
    async with audited(source, key, "create_backup", options) as audit:
        guest = await async_fresh_guest(source, vmid)
        refuse(check_guest(source, guest, "VM.Backup"))
        if mode != "snapshot" and guest.state is GuestState.RUNNING:
            refuse(check_cutting(source, guest, options.consent))
        storage = storage or _backup_storage(source, guest)
        if storage is None:
            raise refused(
                Refusal(
                    reason=Reason.NO_BACKUP_STORAGE,
                    placeholders={"guest": title(guest)},
                )
            )
        async with refreshing(source, guest):
            upid = await source.client.create_backup(
                guest.ref,
                storage,
                mode=mode,
                notes=notes or _NOTES,
                protected=protected,
            )
            outcome = await async_finish(source, upid, options, _BACKUP_SECONDS)
            if options.wait:
                await source.backups.async_refresh_all()
        return audit.ended(outcome)


def _backup_storage(source: ProxmoxSource, guest: Guest) -> str | None:
    """Return where the guest's last backup lies, else a storage for backups."""
    usable = [
        storage
        for storage in source.resources.storages().values()
        if "backup" in storage.content
        and storage.available
        and storage.node in (None, guest.node)
        and source.allows(f"/storage/{storage.name}", "Datastore.AllocateSpace")
    ]
    last = source.backups.last_backup(guest.vmid)
    if last is not None and last.storage in {storage.name for storage in usable}:
        return last.storage
    # A shared one outlives the node.
    usable.sort(key=lambda storage: (storage.node is not None, storage.name))
    return usable[0].name if usable else None


async def async_list_backups(source: ProxmoxSource, vmid: int) -> tuple[Backup, ...]:
    """Return the backups of the guest on all storages, newest first."""
    await async_fresh_guest(source, vmid)
    async with translated(source):
        await source.backups.async_refresh_all()
    return source.backups.of_guest(vmid)
