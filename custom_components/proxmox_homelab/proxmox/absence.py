"""Telling what is gone from what is only not shown.

A row is missing from the list when its guest was deleted, and also when a privilege
was lost, when the storage was disabled, or when the node went off.
"""

from typing import TYPE_CHECKING, Final

from ..errors import HomelabError, NotFoundError
from ..keys import kind_of
from . import keys
from .models import GuestRef, GuestType, Node

if TYPE_CHECKING:
    from .coordinator import Item
    from .source import ProxmoxSource

# A row has to be missing in that many complete lists before it may be gone.
_LISTS_TO_BE_GONE: Final = 2
# A lost privilege makes a thousand rows disappear at once: they are asked in turn.
_ASKED_PER_LIST: Final = 3
# After a "no", that many lists go by before the cluster is asked again.
_LISTS_TO_ASK_AGAIN: Final = 30


async def async_confirm_gone(source: ProxmoxSource, data: dict[str, Item]) -> None:
    """Drop from `data`, and from the devices, what the cluster says it has no more.

    Two complete lists of a quorate cluster with all nodes online are the first
    condition, a direct question is the second.
    """
    nodes = [item for item in data.values() if isinstance(item, Node)]
    if not source.is_quorate or not all(node.online for node in nodes):
        return
    missing = source.resources.missing
    _drop_left_out(source, data)
    for key in source.devices.known_keys() - data.keys():
        if kind_of(key) != "disk":
            missing.setdefault(key, _LISTS_TO_BE_GONE)
    due = [key for key, lists in missing.items() if lists >= _LISTS_TO_BE_GONE]
    for key in due[:_ASKED_PER_LIST]:
        if await _async_is_gone(source, key):
            data.pop(key, None)
            del missing[key]
            source.devices.async_remove(key)
        else:
            missing[key] = _LISTS_TO_BE_GONE - _LISTS_TO_ASK_AGAIN


def _drop_left_out(source: ProxmoxSource, data: dict[str, Item]) -> None:
    """Drop the devices of guests that the user left out since the last start."""
    if source.resources.resources is None:
        return
    for vmid in source.resources.resources.guests:
        key = keys.guest_key(vmid)
        if key not in data:
            source.devices.async_remove(key)


async def _async_is_gone(source: ProxmoxSource, key: str) -> bool:
    try:
        match kind_of(key):
            case "guest":
                return await _async_is_guest_gone(source, keys.vmid_of(key))
            case "node":
                status = await source.client.cluster_status()
                return keys.node_of(key) not in {m.name for m in status.members}
            case "storage":
                # The list would show it if the access still may see it.
                await source.permissions.async_refresh()
                path = f"/storage/{key.rpartition('/')[2]}"
                return source.permissions.last_update_success and source.allows(
                    path, "Datastore.Audit"
                )
    except HomelabError:
        return False
    return False


async def _async_is_guest_gone(source: ProxmoxSource, vmid: int) -> bool:
    """Ask for the guest itself: "does not exist" differs from "not allowed"."""
    guest = source.guest(vmid)
    node = guest.node if guest else source.online_node()
    if node is None:
        return False
    for kind in (guest.type,) if guest else GuestType:
        try:
            await source.client.guest_config(GuestRef(vmid=vmid, type=kind, node=node))
        except NotFoundError:
            continue
        return False
    return True
