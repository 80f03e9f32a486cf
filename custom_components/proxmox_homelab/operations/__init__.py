"""The one door for commands: for entities, actions, repairs and healing alike.

A command names its thing by reference. It is refused with a reason before anything
is sent, followed to the end of its task, what it changed is shown at once, and an
event tells what came of it.
"""

from enum import StrEnum

from homeassistant.core import Context

from ..proxmox import keys
from ..proxmox.models import GuestCommand, GuestJob, NodeCommand
from ..proxmox.source import ProxmoxSource
from ..source import Source
from .backups import async_create_backup, async_list_backups
from .core import Options, Outcome, Verdict
from .guests import async_guest_power, async_migrate
from .nodes import async_node_power
from .snapshots import (
    SnapshotOutcome,
    async_create_snapshot,
    async_delete_snapshot,
    async_list_snapshots,
    async_rollback_snapshot,
)

__all__ = [
    "Options",
    "Outcome",
    "SnapshotOutcome",
    "Verdict",
    "async_create_backup",
    "async_create_snapshot",
    "async_delete_snapshot",
    "async_execute",
    "async_guest_power",
    "async_list_backups",
    "async_list_snapshots",
    "async_migrate",
    "async_node_power",
    "async_rollback_snapshot",
]


async def async_execute(
    source: Source, key: str, command: StrEnum, context: Context | None
) -> Outcome:
    """Carry out the command of a switch or a button on the item `key`."""
    options = Options(context=context)
    if not isinstance(source, ProxmoxSource):
        raise TypeError(source)
    match command:
        case GuestCommand():
            return await async_guest_power(source, keys.vmid_of(key), command, options)
        case GuestJob.SNAPSHOT:
            taken = await async_create_snapshot(source, keys.vmid_of(key), options)
            return taken.outcome
        case GuestJob.BACKUP:
            return await async_create_backup(source, keys.vmid_of(key), options)
        case NodeCommand():
            return await async_node_power(source, keys.node_of(key), command, options)
    raise ValueError(command)
