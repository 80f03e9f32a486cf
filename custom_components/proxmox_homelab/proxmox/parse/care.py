"""What a node needs somebody to think of: packages, disks, certificates and more."""

from datetime import UTC, datetime
from typing import Any

from ...values import required_mapping
from ..models import Certificate, Disk, PackageUpdate, Replication, Subscription
from .values import Row, instant, integer, number, rows, text


def parse_updates(data: Any) -> tuple[PackageUpdate, ...]:
    """Return the packages that a node could update, by name."""
    found = [
        PackageUpdate(
            package=package,
            version=text(row.get("Version")) or "",
            old_version=text(row.get("OldVersion")),
            title=text(row.get("Title")) or "",
            origin=text(row.get("Origin")),
        )
        for row in rows(data, "packages")
        if (package := text(row.get("Package")))
    ]
    return tuple(sorted(found, key=lambda update: update.package))


def parse_certificates(data: Any) -> tuple[Certificate, ...]:
    """Return the certificates of a node."""
    return tuple(
        Certificate(
            filename=filename,
            fingerprint=text(row.get("fingerprint")) or "",
            subject=text(row.get("subject")) or "",
            expires_at=instant(row.get("notafter")),
        )
        for row in rows(data, "certificates")
        if (filename := text(row.get("filename")))
    )


def parse_subscription(data: Any) -> Subscription:
    """Return the subscription; the due date is a day."""
    row = required_mapping(data, "subscription")
    return Subscription(
        status=(text(row.get("status")) or "unknown").lower(),
        level=text(row.get("level")),
        due_at=_day(row.get("nextduedate")),
    )


def _day(value: object) -> datetime | None:
    try:
        return datetime.strptime(str(value), "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def parse_disks(data: Any, node: str) -> tuple[Disk, ...]:
    """Return the whole disks of a node; device names may change, identities not."""
    return tuple(
        _disk(row, node, device)
        for row in rows(data, f"disks of {node}")
        if (device := text(row.get("devpath"))) and not row.get("parent")
    )


def _disk(row: Row, node: str, device: str) -> Disk:
    serial, wwn = _known(row.get("serial")), _known(row.get("wwn"))
    return Disk(
        node=node,
        identity=serial or wwn or device,
        device=device,
        model=_known(row.get("model")),
        serial=serial,
        size=integer(row.get("size")),
        kind=_known(row.get("type")),
        used_for=text(row.get("used")),
        healthy=_healthy(row.get("health")),
        remaining_life_percent=number(row.get("wearout")),
    )


def _known(value: object) -> str | None:
    found = text(value)
    return None if found is None or found.lower() == "unknown" else found


def _healthy(value: object) -> bool | None:
    """Return the verdict: ATA says PASSED, SAS says OK."""
    word = text(value)
    if word is None or word.upper() in ("UNKNOWN", "N/A"):
        return None
    return word.upper() in ("PASSED", "OK")


def parse_replications(data: Any) -> tuple[Replication, ...]:
    """Return the replication jobs of a node's guests."""
    return tuple(
        Replication(
            job=job,
            guest=guest,
            target=text(row.get("target")) or "",
            last_sync_at=instant(row.get("last_sync")),
            failures=integer(row.get("fail_count")) or 0,
            error=text(row.get("error")),
        )
        for row in rows(data, "replication")
        if (job := text(row.get("id"))) and (guest := integer(row.get("guest")))
    )
