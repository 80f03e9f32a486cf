"""The one door for commands: for entities, actions, repairs and healing alike.

A command names its thing by reference. It is refused with a reason before anything
is sent, followed to the end of its task, and what it changed is shown at once.
"""

from enum import StrEnum

from ..proxmox import keys
from ..proxmox.models import GuestCommand, GuestJob, NodeCommand
from ..proxmox.source import ProxmoxSource
from ..source import Source
from .core import Options, Outcome
from .guests import async_guest_job, async_guest_power
from .nodes import async_node_power

__all__ = ["Options", "Outcome", "async_execute"]


async def async_execute(source: Source, key: str, command: StrEnum) -> Outcome:
    """Carry out the command of a switch or a button on the item `key`."""
    options = Options()
    if not isinstance(source, ProxmoxSource):
        raise TypeError(source)
    match command:
        case GuestCommand():
            return await async_guest_power(source, keys.vmid_of(key), command, options)
        case GuestJob():
            return await async_guest_job(source, keys.vmid_of(key), command, options)
        case NodeCommand():
            return await async_node_power(source, keys.node_of(key), command, options)
    raise ValueError(command)
