"""Storages: their size, their state per node, and what is in them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_IMAGE_TYPES = frozenset({"lvm", "lvmthin", "zfspool", "rbd", "iscsi", "iscsidirect"})
_NO_SNAPSHOTS = frozenset({"lvm", "iscsi", "iscsidirect"})
_RAW_ON_FILES = frozenset({"dir", "nfs", "cifs", "cephfs"})


@dataclass(slots=True, kw_only=True)
class Volume:
    """Something in a storage; `made` is seconds since the epoch."""

    volid: str
    content: str
    format: str
    size: int
    made: int
    vmid: int | None = None
    notes: str = ""
    protected: bool = False
    verification: str | None = None
    encrypted: bool = False

    @property
    def name(self) -> str:
        """The part of the id after the storage."""
        return self.volid.partition(":")[2]

    def row(self) -> dict[str, object]:
        """The row of a list of contents."""
        row: dict[str, object] = {
            "volid": self.volid,
            "content": self.content,
            "format": self.format,
            "size": self.size,
            "ctime": self.made,
        }
        if self.vmid is not None:
            row["vmid"] = self.vmid
        if self.content == "backup":
            is_container = self.format == "pbs-ct" or "-lxc-" in self.name
            row["subtype"] = "lxc" if is_container else "qemu"
        if self.notes:
            row["notes"] = self.notes.partition("\n")[0]
        if self.protected:
            row["protected"] = 1
        if self.encrypted:
            row["encrypted"] = "1"
        if self.verification is not None:
            row["verification"] = {"state": self.verification, "upid": ""}
        return row


@dataclass(slots=True, kw_only=True)
class Space:
    """A storage on one node, or a shared one: bytes, state and contents."""

    total: int
    used: int
    active: bool = True
    volumes: dict[str, Volume] = field(default_factory=dict)

    @property
    def available(self) -> int:
        """The free bytes."""
        return max(0, self.total - self.used)

    def add(self, volume: Volume) -> None:
        """Put a volume in; `OSError` when it does not fit."""
        if volume.size > self.available:
            raise OSError("No space left on device")
        self.volumes[volume.volid] = volume
        self.used += volume.size

    def remove(self, volid: str) -> None:
        """Take a volume out."""
        self.used = max(0, self.used - self.volumes.pop(volid).size)


@dataclass(slots=True, kw_only=True, eq=False)
class Storage:
    """A storage of the cluster.

    `spaces` has an entry per node, and the same object for each when it is shared.
    `keep` is how many backups per guest its retention leaves, None for all.
    """

    id: str
    type: str
    content: tuple[str, ...]
    spaces: Mapping[str, Space]
    shared: bool = False
    restricted: bool = False
    enabled: bool = True
    keep: int | None = None
    details: dict[str, object] = field(default_factory=dict)

    @property
    def content_text(self) -> str:
        """The contents as the API lists them."""
        return ",".join(self.content)

    def space(self, node: str) -> Space | None:
        """The storage as a node sees it, None where it is not."""
        return self.spaces.get(node)

    def distinct_spaces(self) -> Iterator[Space]:
        """Each space once."""
        yield from {id(space): space for space in self.spaces.values()}.values()

    def can_snapshot(self, image_format: str, *, container: bool) -> bool:
        """Whether disks on this storage can have snapshots."""
        if self.type in _NO_SNAPSHOTS:
            return False
        if self.type in _RAW_ON_FILES:
            return image_format == "qcow2" and not container
        return True

    @property
    def image_format(self) -> str:
        """The format of a disk on this storage when nothing else is said."""
        return "raw" if self.type in _IMAGE_TYPES else "qcow2"

    def configuration(self) -> dict[str, object]:
        """The entry in the configuration of the datacenter."""
        entry: dict[str, object] = {
            "storage": self.id,
            "type": self.type,
            "content": self.content_text,
            **self.details,
        }
        if self.shared:
            entry["shared"] = 1
        if self.restricted:
            entry["nodes"] = ",".join(self.spaces)
        if not self.enabled:
            entry["disable"] = 1
        if self.keep is not None:
            entry["prune-backups"] = f"keep-last={self.keep}"
        return entry
