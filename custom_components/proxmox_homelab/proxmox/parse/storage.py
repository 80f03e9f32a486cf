"""Backups on a storage, and which guests no job covers."""

import re
from typing import Any, Final

from ..models import Backup, BackupCoverage
from .values import Row, flag, instant, integer, rows, text

# vzdump files on a directory, and snapshots on a Proxmox Backup Server.
_GUEST_OF_VOLUME: Final = re.compile(
    r"(?:vzdump-(?:qemu|lxc|openvz)-|backup/(?:vm|ct)/)(?P<vmid>\d+)[-/]"
)


def parse_backups(data: Any, storage: str) -> tuple[Backup, ...]:
    """Return the backups of `GET /nodes/{node}/storage/{storage}/content`."""
    return tuple(
        Backup(
            volume=volume,
            storage=storage,
            vmid=vmid,
            created_at=instant(row.get("ctime")),
            size=integer(row.get("size", row.get("approximate-size"))),
            notes=text(row.get("notes")) or "",
            protected=flag(row.get("protected")),
            encrypted=text(row.get("encrypted")) not in (None, "0"),
            verified=_verified(row),
        )
        for row in rows(data, f"content of {storage}")
        if row.get("content", "backup") == "backup"
        and (volume := text(row.get("volid")))
        and (vmid := _vmid(row, volume)) is not None
    )


def _vmid(row: Row, volume: str) -> int | None:
    vmid = integer(row.get("vmid"))
    if vmid is None and (match := _GUEST_OF_VOLUME.search(volume)):
        return int(match["vmid"])
    return vmid


def _verified(row: Row) -> bool | None:
    verification = row.get("verification")
    state = verification.get("state") if isinstance(verification, dict) else None
    return None if state is None else state == "ok"


def parse_coverage(data: Any) -> BackupCoverage:
    """Return the guests that are in no backup job."""
    vmids = (integer(row.get("vmid")) for row in rows(data, "not-backed-up"))
    return BackupCoverage(uncovered=frozenset(vmid for vmid in vmids if vmid))
