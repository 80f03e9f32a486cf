"""The one door for commands: for entities, actions, repairs and healing alike.

A command names its thing by reference. It is refused with a reason before anything
is sent, followed to the end of its task, what it changed is shown at once, and an
event tells what came of it.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, cast

from homeassistant.core import Context

from ..const import RadioCommand
from ..proxmox import keys
from ..proxmox.models import GuestCommand, GuestJob, NodeCommand
from ..proxmox.source import ProxmoxSource
from ..source import RadioSource, Source
from .backups import async_create_backup, async_list_backups
from .core import Options, Outcome, Verdict
from .guests import async_guest_power, async_migrate
from .nodes import async_node_power
from .radios import async_radio_command
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
    "async_radio_command",
    "async_rollback_snapshot",
]


async def async_execute(
    source: Source,
    key: str,
    command: StrEnum,
    context: Context | None,
    arguments: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Carry out the command of a switch, button or select on the item `key`."""
    options = Options(context=context)
    if isinstance(command, RadioCommand):
        radio = cast(RadioSource, source)
        await async_radio_command(radio, key, command, options, arguments)
    else:
        await _async_execute_proxmox(cast(ProxmoxSource, source), key, command, options)


async def _async_execute_proxmox(
    source: ProxmoxSource, key: str, command: StrEnum, options: Options
) -> None:
    match command:
        case GuestCommand():
            await async_guest_power(source, keys.vmid_of(key), command, options)
        case GuestJob.SNAPSHOT:
            await async_create_snapshot(source, keys.vmid_of(key), options)
        case GuestJob.BACKUP:
            await async_create_backup(source, keys.vmid_of(key), options)
        case NodeCommand():
            await async_node_power(source, keys.node_of(key), command, options)
        case _:
            raise ValueError(command)
