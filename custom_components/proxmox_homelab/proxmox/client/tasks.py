"""Following tasks to their end."""

import asyncio
from time import monotonic
from typing import Final

from ...errors import (
    CannotConnectError,
    CertificateError,
    HomelabError,
    NodeUnreachableError,
    TaskFailedError,
    TaskTimeoutError,
)
from ...values import required_mapping
from ..models import Task, TaskOutcome, TaskResult
from ..parse import parse_log, parse_tasks, parse_upid
from ..parse.tasks import outcome_of
from ..parse.values import text
from ..transport import DEFAULT_SECONDS
from .base import Calls

# Many tasks end within a second, so that the first looks come quickly.
_FIRST_PAUSE_SECONDS: Final = 0.1
_PAUSE_GROWTH: Final = 1.5
_LOG_TAIL: Final = 10
_LOG_PAGE: Final = 500
_LOG_PAGES: Final = 20
# Exit statuses that only say that the log has the reason.
_VAGUE: Final = ("migration aborted", "migration problems", "job errors")
_ERROR_MARK: Final = "ERROR:"


class TaskCalls(Calls):
    """Calls about tasks."""

    async def tasks(self) -> tuple[Task, ...]:
        """Return the recent tasks of all nodes, newest first.

        Empty without Sys.Audit on /, even for own tasks. Source: `GET /cluster/tasks`,
        about 25 per node.
        """
        return parse_tasks(await self._api.cluster.tasks.get())

    async def wait_for_task(
        self, upid: str, *, deadline_seconds: float, poll_seconds: float = 1.0
    ) -> TaskResult:
        """Wait until the task has ended and return how, with the end of its log.

        A node or cluster that does not answer meanwhile is waited for. Raises
        `TaskFailedError` when the task failed and `TaskTimeoutError` when it had not
        ended after `deadline_seconds`; it may go on there. Own tasks need no privilege.
        """
        task = parse_upid(upid)
        began = monotonic()
        pause = min(_FIRST_PAUSE_SECONDS, poll_seconds)
        while True:
            left = began + deadline_seconds - monotonic()
            exit_status = await self._exit_status(task, left)
            if exit_status is not None:
                return await self._ended(task, exit_status, monotonic() - began)
            if left <= 0:
                raise TaskTimeoutError(
                    f"{upid} goes on after {deadline_seconds} s",
                    seconds=f"{deadline_seconds:g}",
                )
            await asyncio.sleep(max(0.0, min(pause, left)))
            pause = min(pause * _PAUSE_GROWTH, poll_seconds)

    async def _exit_status(self, task: Task, left: float) -> str | None:
        """Return how the task ended, None while it runs or cannot be asked."""
        status = self._node(task.node).tasks(task.upid).status
        try:
            answer = await status.within(max(1.0, min(DEFAULT_SECONDS, left))).get()
        except CertificateError:
            raise
        except CannotConnectError, NodeUnreachableError:
            return None
        row = required_mapping(answer, task.upid)
        if row.get("status") != "stopped":
            return None
        return text(row.get("exitstatus")) or "unexpected status"

    async def _ended(self, task: Task, exit_status: str, seconds: float) -> TaskResult:
        log = await self._log_tail(task)
        outcome = outcome_of(exit_status)
        if outcome is TaskOutcome.FAILED:
            reason = _reason(exit_status, log)
            raise TaskFailedError(f"{task.upid}: {reason}", exit_status=reason, log=log)
        return TaskResult(
            upid=task.upid,
            outcome=outcome,
            exit_status=exit_status,
            seconds=seconds,
            log=log,
        )

    async def _log_tail(self, task: Task) -> tuple[str, ...]:
        """Return the last lines; the API only counts from the first one."""
        log = self._node(task.node).tasks(task.upid).log
        tail: tuple[str, ...] = ()
        try:
            for page in range(_LOG_PAGES):
                answer = await log.get(start=page * _LOG_PAGE, limit=_LOG_PAGE)
                lines = parse_log(answer)
                tail = (*tail, *lines)[-_LOG_TAIL:]
                if len(answer) < _LOG_PAGE:
                    break
        except HomelabError:
            # How the task ended is known; its log is a courtesy.
            return tail
        return tail


def _reason(exit_status: str, log: tuple[str, ...]) -> str:
    """Return why a task failed: of some only the log tells."""
    if exit_status in _VAGUE:
        for line in reversed(log):
            _, mark, found = line.partition(_ERROR_MARK)
            if mark and found.strip() not in ("", exit_status):
                return found.strip()
    return exit_status
