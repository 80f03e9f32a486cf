"""`/cluster/resources`, the one answer that tells nearly everything.

It comes every 10 s with a row per node, guest and storage, so this is the path where
speed counts: a row whose figures did not change gives the same object as before,
and the loop is left to others after every slice of rows.
"""

import asyncio
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, Final

from ..models import Guest, GuestState, GuestType, Node, Resources, Storage
from .values import (
    Row,
    flag,
    integer,
    number,
    rows,
    share_of,
    tags,
    text,
    whole_mib,
)

# Some 0.6 ms of work.
_SLICE_ROWS: Final = 100
# The list is up to 12 s old, and so is the uptime in it.
_START_JITTER: Final = timedelta(seconds=30)
# Capacity matters more finely for a storage, because it fills over months.
_STORAGE_BITS: Final = 14

# The QMP run states of a VM and the two states of a container.
_STATES: Final = {
    "running": GuestState.RUNNING,
    "stopped": GuestState.STOPPED,
    "paused": GuestState.PAUSED,
    "debug": GuestState.PAUSED,
    "watchdog": GuestState.PAUSED,
    "save-vm": GuestState.PAUSED,
    "restore-vm": GuestState.PAUSED,
    "suspended": GuestState.SUSPENDED,
    "prelaunch": GuestState.STARTING,
    "inmigrate": GuestState.MIGRATING,
    "postmigrate": GuestState.MIGRATING,
    "finish-migrate": GuestState.MIGRATING,
    "shutdown": GuestState.SHUTTING_DOWN,
    "io-error": GuestState.IO_ERROR,
    "internal-error": GuestState.INTERNAL_ERROR,
    "guest-panicked": GuestState.INTERNAL_ERROR,
}


class _Reuse[ModelT]:
    """Makes models, or gives back the previous one when nothing differs.

    All fields are read at once in C, which is what makes comparing cheap.
    """

    def __init__(self, model: type[ModelT], *, without: frozenset[str]) -> None:
        """Compare all fields but `without`, which this floor does not fill."""
        self._model = model
        self._names = [
            field.name
            for field in fields(model)  # type: ignore[arg-type]
            if field.name not in without
        ]
        self._values: Callable[[ModelT], tuple[Any, ...]] = attrgetter(*self._names)

    def __call__(self, previous: ModelT | None, *values: Any) -> ModelT:
        """Return the model of `values`, given in the order of its fields."""
        if previous is not None and self._values(previous) == values:
            return previous
        return self._model(**dict(zip(self._names, values, strict=True)))


_UNREACHABLE: Final = frozenset({"unreachable_since"})
_guest: Final = _Reuse(Guest, without=_UNREACHABLE)
_node: Final = _Reuse(Node, without=_UNREACHABLE)
_storage: Final = _Reuse(Storage, without=_UNREACHABLE)


async def parse_resources(
    data: Any, previous: Resources | None, now: datetime | None = None
) -> Resources:
    """Return the models of `/cluster/resources`, reusing those of `previous`.

    Percentages are rounded to 0.1; used sizes to about a thousandth of the total;
    traffic counters down to MiB. Rows of other types are ignored.
    """
    now = now or datetime.now(UTC)
    before = previous or Resources(nodes={}, guests={}, storages={})
    found = Resources(nodes={}, guests={}, storages={})
    templates = 0
    shares: dict[tuple[str | None, str], list[Row]] = {}
    for index, row in enumerate(rows(data, "/cluster/resources"), 1):
        match row.get("type"):
            case "qemu" | "lxc" if flag(row.get("template")):
                templates += 1
            case "qemu" | "lxc":
                _add_guest(found, before, row, now)
            case "node":
                _add_node(found, before, row, now)
            case "storage":
                _collect_storage(shares, row)
        if index % _SLICE_ROWS == 0:
            await asyncio.sleep(0)
    for key, group in shares.items():
        found.storages[key] = _merge_storage(before.storages.get(key), key, group)
    return replace(found, templates=templates)


def _add_node(found: Resources, before: Resources, row: Row, now: datetime) -> None:
    name = text(row.get("node"))
    if name is None:
        return
    previous = before.nodes.get(name)
    status = row.get("status")
    memory_total = integer(row.get("maxmem"))
    root_total = integer(row.get("maxdisk"))
    found.nodes[name] = _node(
        previous,
        name,
        {"online": True, "offline": False}.get(status) if status else None,
        _percent(row.get("cpu")),
        number(row.get("maxcpu")),
        share_of(row.get("mem"), memory_total),
        memory_total,
        share_of(row.get("disk"), root_total),
        root_total,
        _started_at(row.get("uptime"), previous, now),
        text(row.get("hastate")),
    )


def _add_guest(found: Resources, before: Resources, row: Row, now: datetime) -> None:
    vmid, node = integer(row.get("vmid")), row.get("node")
    if vmid is None or not isinstance(node, str):
        return
    rest = dict(row)
    uptime = rest.pop("uptime", None)
    previous = before.guests.get(vmid)
    found.rows[vmid] = rest
    found.guests[vmid] = (
        previous
        if previous is not None
        and rest == before.rows.get(vmid)
        and previous.started_at == _started_at(uptime, previous, now)
        else _parse_guest(previous, vmid, node, row, now)
    )


def _parse_guest(
    previous: Guest | None, vmid: int, node: str, row: Row, now: datetime
) -> Guest:
    get = row.get
    kind = GuestType.VM if get("type") == "qemu" else GuestType.CONTAINER
    lock = get("lock")
    state = guest_state(get("status"), lock)
    alive = state is not None and state not in _POWERED_OFF
    memory_total = integer(get("maxmem"))
    disk_total = integer(get("maxdisk")) or None
    return _guest(
        previous,
        vmid,
        kind,
        node,
        text(get("name")),
        state,
        False,
        text(lock),
        tags(get("tags")),
        text(get("pool")),
        text(get("hastate")),
        _percent(get("cpu")) if alive else None,
        number(get("maxcpu")),
        share_of(get("mem"), memory_total) if alive else None,
        memory_total,
        share_of(get("memhost"), memory_total and memory_total * 2) if alive else None,
        # A VM always says 0 here, and so does a container that is off.
        share_of(get("disk"), disk_total)
        if alive and kind is GuestType.CONTAINER
        else None,
        disk_total,
        whole_mib(get("netin")) if alive else None,
        whole_mib(get("netout")) if alive else None,
        whole_mib(get("diskread")) if alive else None,
        whole_mib(get("diskwrite")) if alive else None,
        _started_at(get("uptime"), previous, now) if alive else None,
    )


_POWERED_OFF: Final = frozenset({GuestState.STOPPED, GuestState.HIBERNATED})


def guest_state(status: object, lock: object) -> GuestState | None:
    """Return the state for a status word and a lock, None for an unknown word."""
    state = _STATES.get(status) if isinstance(status, str) else None
    if state is GuestState.STOPPED and lock == "suspended":
        return GuestState.HIBERNATED
    return state


def parse_current_status(data: Row, guest: Guest) -> Guest:
    """Return `guest` as `.../status/current` says it is at this moment.

    There `qmpstatus` tells what `status` hides, a paused VM for one. What only the
    list knows (pool, disk of a VM) stays as it is in `guest`.
    """
    row = {
        **data,
        "type": guest.type.value,
        "status": data.get("qmpstatus") or data.get("status"),
        "maxcpu": data.get("cpus", guest.cpu_count),
        "pool": guest.pool,
        "hastate": _ha_state(data.get("ha")),
    }
    fresh = _parse_guest(guest, guest.vmid, guest.node, row, datetime.now(UTC))
    return replace(fresh, template=guest.template)


def _ha_state(value: object) -> str | None:
    if isinstance(value, dict) and flag(value.get("managed")):
        return text(value.get("state")) or "unknown"
    return None


def _percent(fraction: object) -> float | None:
    found = number(fraction)
    return None if found is None else round(found * 100, 1)


def _started_at(
    uptime: object, previous: Guest | Node | None, now: datetime
) -> datetime | None:
    seconds = number(uptime)
    if not seconds:
        return None
    started = now.replace(microsecond=0) - timedelta(seconds=round(seconds))
    if previous is not None and (before := previous.started_at) is not None:
        return before if abs(started - before) <= _START_JITTER else started
    return started


def _collect_storage(shares: dict[tuple[str | None, str], list[Row]], row: Row) -> None:
    name, node = text(row.get("storage")), text(row.get("node"))
    if name is not None and node is not None:
        owner = None if flag(row.get("shared")) else node
        shares.setdefault((owner, name), []).append(row)


def _merge_storage(
    previous: Storage | None, key: tuple[str | None, str], group: list[Row]
) -> Storage:
    """Return one storage for its rows: one when local, one per node when shared."""
    best = next((row for row in group if row.get("status") == "available"), group[0])
    states = {row.get("status") for row in group}
    available = "available" in states
    total = integer(best.get("maxdisk")) or None
    known = available and total is not None
    return _storage(
        previous,
        key[1],
        key[0],
        tuple(sorted(str(row["node"]) for row in group)),
        available if states & {"available", "unknown"} else None,
        share_of(best.get("disk"), total, _STORAGE_BITS) if known else None,
        total if known else None,
        tuple(sorted(tags(best.get("content")))),
        text(best.get("plugintype")),
    )
