"""The keys of a cluster's items.

A guest's key never holds its node, because guests move; a local storage's key
does, because every node may have a storage of that name.
"""

from typing import Final

from ..keys import kind_of
from .models import Storage

CLUSTER: Final = "cluster"


def node_key(name: str) -> str:
    """Return the key of a node."""
    return f"node/{name}"


def guest_key(vmid: int) -> str:
    """Return the key of a guest."""
    return f"guest/{vmid}"


def storage_key(storage: Storage) -> str:
    """Return the key of a storage, which names the node of a local one."""
    if storage.node is None:
        return f"storage/{storage.name}"
    return f"storage/{storage.node}/{storage.name}"


def disk_key(node: str, identity: str) -> str:
    """Return the key of a disk by its serial number or WWN."""
    return f"disk/{node}/{identity}"


def vmid_of(key: str) -> int:
    """Return the vmid in the key of a guest."""
    return int(key.removeprefix("guest/"))


def node_of(key: str) -> str:
    """Return the node's name in the key of a node."""
    return key.removeprefix("node/")


def parent_of(key: str) -> str:
    """Return the key whose reachability decides: a disk's is that of its node."""
    if kind_of(key) == "disk":
        return node_key(key.split("/")[1])
    return key
