"""What is asked node by node or guest by guest, beyond the list."""

from typing import Any

from ...values import required_mapping
from ..models import NodeDetail, NodeTraffic, Snapshot
from .values import flag, instant, integer, number, rows, share_of, text


def parse_node_detail(data: Any, node: str) -> NodeDetail:
    """Return the figures of `GET /nodes/{node}/status`; loads come as strings."""
    row = required_mapping(data, f"status of {node}")
    memory, swap = _part(row, "memory"), _part(row, "swap")
    swap_total = integer(swap.get("total"))
    wait = number(row.get("wait"))
    return NodeDetail(
        name=node,
        io_wait_percent=None if wait is None else round(wait * 100, 1),
        load=_load(row.get("loadavg")),
        swap_used=share_of(swap.get("used"), swap_total),
        swap_total=swap_total,
        memory_available=share_of(
            memory.get("available"), integer(memory.get("total"))
        ),
        kernel=_kernel(row),
        pve_version=_manager_version(row.get("pveversion")),
        cpu_model=text(_part(row, "cpuinfo").get("model")),
    )


def parse_node_traffic(data: Any, node: str) -> NodeTraffic:
    """Return the traffic of the newest point that has any.

    The point of the minute that is under way has no figures yet.
    """
    points = [
        row
        for row in rows(data, f"history of {node}")
        if number(row.get("netin")) is not None
    ]
    if not points:
        return NodeTraffic()
    newest = max(points, key=lambda row: number(row.get("time")) or 0)
    return NodeTraffic(
        received=_whole(newest.get("netin")), sent=_whole(newest.get("netout"))
    )


def _whole(value: object) -> float | None:
    found = number(value)
    return None if found is None else round(found)


def _part(row: Any, name: str) -> dict[str, Any]:
    part = row.get(name)
    return part if isinstance(part, dict) else {}


def _load(value: object) -> tuple[float, float, float] | None:
    if not isinstance(value, list) or len(value) < 3:
        return None
    one, five, fifteen = (number(part) for part in value[:3])
    if one is None or five is None or fifteen is None:
        return None
    return (one, five, fifteen)


def _kernel(row: Any) -> str | None:
    """Return the release: an own key since 8.x, in `kversion` before."""
    release = text(_part(row, "current-kernel").get("release"))
    if release is None and (sentence := text(row.get("kversion"))):
        parts = sentence.split()
        return parts[1] if len(parts) > 1 else sentence
    return release


def _manager_version(value: object) -> str | None:
    """Return "9.2.11" of "pve-manager/9.2.11/0a1b2c3d4e5f6a7b"."""
    full = text(value)
    if full is None:
        return None
    parts = full.split("/")
    return parts[1] if len(parts) > 1 else full


def parse_snapshots(data: Any) -> tuple[Snapshot, ...]:
    """Return the snapshots, oldest first, without the pseudo row `current`."""
    found = [
        Snapshot(
            name=name,
            created_at=instant(row.get("snaptime")),
            description=(text(row.get("description")) or ""),
            with_memory=flag(row.get("vmstate")),
            parent=text(row.get("parent")),
        )
        for row in rows(data, "snapshots")
        if (name := text(row.get("name"))) and name != "current"
    ]
    found.sort(key=lambda item: item.created_at.timestamp() if item.created_at else 0)
    return tuple(found)
