"""Tasks: everything that takes time on a node, with UPID, log and an end.

The forms are those of pve-common (UPID.pm, RESTEnvironment.pm): a log that ends in
``TASK OK``, ``TASK WARNINGS: n`` or ``TASK ERROR: text``, and the exit status
without the word.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
import contextlib
from dataclasses import dataclass, field
import itertools
import re
import time

from lab.pve.api import ApiError, Identity

RECENT_PER_NODE = 25
"""How many finished tasks of a node the cluster's list shows."""
ROOT = "root@pam"

_UPID = re.compile(
    r"UPID:(?P<node>[\w.-]+):(?P<pid>[0-9A-Fa-f]{8}):(?P<pstart>[0-9A-Fa-f]{8,9})"
    r":(?P<start>[0-9A-Fa-f]{8}):(?P<type>[^:\s]+):(?P<id>[^:\s]*):(?P<user>[^:\s]+):",
    re.ASCII,
)


class TaskError(Exception):
    """Ends a task with an error; its text is the exit status."""


@dataclass(slots=True, kw_only=True, eq=False)
class Task:
    """One task. Times are seconds since the epoch; `id` is often a vmid."""

    node: str
    type: str
    id: str
    user: str
    pid: int
    pstart: int
    started: int
    ended: int | None = None
    exit_status: str | None = None
    log: list[str] = field(default_factory=list)
    warnings: int = 0

    @property
    def upid(self) -> str:
        """The name of the task, fixed at its start."""
        return (
            f"UPID:{self.node}:{self.pid:08X}:{self.pstart:08X}:{self.started:08X}"
            f":{self.type}:{self.id}:{self.user}:"
        )

    @property
    def running(self) -> bool:
        """Whether the task has not ended."""
        return self.exit_status is None

    @property
    def failed(self) -> bool:
        """Whether the task has ended badly; warnings are no failure."""
        return self.exit_status is not None and not (
            self.exit_status == "OK" or self.exit_status.startswith("WARNINGS: ")
        )

    def say(self, *lines: str) -> None:
        """Write to the log."""
        self.log += lines

    def warn(self, text: str) -> None:
        """Write a warning to the log; it makes the end ``WARNINGS: n``."""
        self.warnings += 1
        self.log.append(f"WARN: {text}")

    def end(self, exit_status: str, when: float) -> None:
        """End the task, once."""
        if not self.running:
            return
        self.ended = int(when)
        self.exit_status = exit_status
        self.log.append(_last_line(exit_status))

    def belongs_to(self, identity: Identity) -> bool:
        """Say whether it is the caller's own.

        A token owns what it started itself, a user also what its tokens started.
        """
        if identity.tokenid is not None:
            return self.user == identity.name
        return self.user.partition("!")[0] == identity.userid

    def row(self) -> dict[str, object]:
        """The fields that every list of tasks shows."""
        return {
            "upid": self.upid,
            "node": self.node,
            "pid": self.pid,
            "pstart": self.pstart,
            "starttime": self.started,
            "type": self.type,
            "id": self.id,
            "user": self.user,
        }


def _last_line(exit_status: str) -> str:
    if exit_status == "OK" or exit_status.startswith("WARNINGS: "):
        return f"TASK {exit_status}"
    return f"TASK ERROR: {exit_status}"


type Work = Callable[[Task], Awaitable[None]]


class Tasks:
    """All tasks of the cluster, oldest first."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._tasks: dict[str, Task] = {}
        self._pids = itertools.count(1200)
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._background: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[Task]:
        """Every task, oldest first."""
        return iter(self._tasks.values())

    def find(self, upid: str) -> Task | None:
        """The task of this name."""
        return self._tasks.get(upid)

    def run(self, node: str, kind: str, name: str, user: str, work: Work) -> Task:
        """Start a task on a node; `work` raises `TaskError` to end it badly."""
        task = self._add(node, kind, name, user, int(self._clock()))
        job = asyncio.create_task(self._work(task, work), name=task.upid)
        self._jobs[task.upid] = job
        job.add_done_callback(lambda _: self._jobs.pop(task.upid, None))
        return task

    def record(
        self,
        node: str,
        kind: str,
        name: str,
        *,
        started: float,
        seconds: float,
        user: str = ROOT,
        exit_status: str = "OK",
        log: Iterable[str] = (),
    ) -> Task:
        """Enter a task of the past."""
        task = self._add(node, kind, name, user, int(started))
        task.say(*log)
        task.end(exit_status, started + seconds)
        return task

    def later(self, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        """Let something happen by itself that is no task, such as the HA manager."""

        async def wait() -> None:
            await asyncio.sleep(seconds)
            await work()

        job = asyncio.create_task(wait())
        self._background.add(job)
        job.add_done_callback(self._background.discard)

    async def wait(self, task: Task) -> None:
        """Return when a task has ended."""
        if (job := self._jobs.get(task.upid)) is not None:
            await asyncio.wait({job})

    def abort(self, task: Task, exit_status: str = "interrupted by signal") -> None:
        """End a running task from outside."""
        job = self._jobs.get(task.upid)
        task.end(exit_status, self._clock())
        if job is not None:
            job.cancel()

    def die_with(self, node: str) -> None:
        """End all running tasks of a node as its crash does."""
        for task in [task for task in self if task.node == node and task.running]:
            self.abort(task, "unexpected status")

    def recent(self) -> list[Task]:
        """What `/cluster/tasks` shows: running ones and the newest of each node."""
        shown: list[Task] = []
        counts: dict[str, int] = {}
        for task in reversed(self._tasks.values()):
            if counts.get(task.node, 0) < RECENT_PER_NODE or task.running:
                counts[task.node] = counts.get(task.node, 0) + 1
                shown.append(task)
        return sorted(shown, key=lambda task: task.started, reverse=True)

    async def close(self) -> None:
        """Stop everything that still runs."""
        jobs = [*self._jobs.values(), *self._background]
        for job in jobs:
            job.cancel()
        if jobs:
            await asyncio.wait(jobs)

    def _add(self, node: str, kind: str, name: str, user: str, started: int) -> Task:
        pid = next(self._pids)
        task = Task(
            node=node,
            type=kind,
            id=name,
            user=user,
            pid=pid,
            # Clock ticks since the boot of the node; nothing reads more into it.
            pstart=0x01000000 + pid * 100,
            started=started,
        )
        self._tasks[task.upid] = task
        return task

    async def _work(self, task: Task, work: Work) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            try:
                await work(task)
            except TaskError as error:
                task.end(str(error), self._clock())
            except ApiError as error:
                task.end(error.reason, self._clock())
            else:
                ok = f"WARNINGS: {task.warnings}" if task.warnings else "OK"
                task.end(ok, self._clock())


def is_upid(text: str) -> bool:
    """Whether a text has the form of a UPID."""
    return _UPID.fullmatch(text) is not None
