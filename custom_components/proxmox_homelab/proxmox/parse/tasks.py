"""Tasks: their lists, their ends and their logs."""

from datetime import UTC, datetime
from typing import Any, Final

from ..models import Task, TaskOutcome
from ..paths import match_upid
from .values import instant, integer, rows, text

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_ACTIVE: Final = "RUNNING"


def parse_upid(upid: str) -> Task:
    """Return the task that a UPID names; raise `ProtocolError` when it is none."""
    match = match_upid(upid)
    started = instant(int(match["starttime"], 16))
    return Task(
        upid=upid,
        node=match["node"],
        type=match["type"],
        id=match["id"],
        user=match["user"],
        started_at=started or _EPOCH,
    )


def parse_tasks(data: Any) -> tuple[Task, ...]:
    """Return the tasks of a list, newest first; running ones have no end."""
    found = []
    for row in rows(data, "tasks"):
        upid, started = text(row.get("upid")), instant(row.get("starttime"))
        if upid is None or started is None:
            continue
        status = text(row.get("status"))
        ended = instant(row.get("endtime"))
        if ended is None and status in (None, _ACTIVE):
            exit_status = None
        else:
            # A task that died with its node has an end and no word about it.
            exit_status = status or "unexpected status"
        found.append(
            Task(
                upid=upid,
                node=text(row.get("node")) or "",
                type=text(row.get("type")) or "",
                id=text(row.get("id")) or "",
                user=text(row.get("user")) or "",
                started_at=started,
                ended_at=ended,
                outcome=outcome_of(exit_status),
                exit_status=exit_status,
            )
        )
    found.sort(key=lambda task: task.started_at, reverse=True)
    return tuple(found)


def outcome_of(exit_status: str | None) -> TaskOutcome:
    """Return how a task ended: None is not yet, "WARNINGS: n" is a success."""
    if exit_status is None:
        return TaskOutcome.RUNNING
    if exit_status == "OK":
        return TaskOutcome.OK
    if exit_status.startswith("WARNINGS"):
        return TaskOutcome.WARNINGS
    return TaskOutcome.FAILED


def parse_log(data: Any) -> tuple[str, ...]:
    """Return the lines of a log in their order, without empty ones."""
    numbered = sorted(
        (integer(row.get("n")) or 0, line)
        for row in rows(data, "log")
        if (line := text(row.get("t"))) and line != "no content"
    )
    return tuple(line for _, line in numbered)
