"""What guests are told to do, as tasks that take their time.

The sentences are those of qemu-server, pve-container and pve-ha-manager.
"""

import contextlib
from typing import TYPE_CHECKING

from lab.pve.guests import Guest, GuestState
from lab.pve.tasks import Task, TaskError, Work

if TYPE_CHECKING:
    from lab.pve.cluster import Cluster

START_SECONDS = 3.0
STOP_SECONDS = 1.0
SHUTDOWN_SECONDS = 4.0
SUSPEND_SECONDS = 1.0
HIBERNATE_SECONDS = 6.0
VM_TIMEOUT = 180.0
CONTAINER_TIMEOUT = 60.0


def _run(cluster: Cluster, guest: Guest, user: str, kind: str, work: Work) -> Task:
    return cluster.tasks.run(
        guest.node, guest.task_prefix + kind, str(guest.vmid), user, work
    )


def _check_alive(guest: Guest) -> None:
    if not guest.alive:
        raise TaskError(f"{guest.word} {guest.vmid} not running")


def start_guest(cluster: Cluster, guest: Guest, user: str) -> Task:
    """Start a guest, by the HA manager if that looks after it."""
    if cluster.ha.manages(guest.vmid):
        return cluster.ha.request(guest, user, started=True)
    return start(cluster, guest, user)


def start(cluster: Cluster, guest: Guest, user: str) -> Task:
    """Start a stopped guest; a hibernated one wakes."""

    async def work(task: Task) -> None:
        async with cluster.config_lock(guest):
            if guest.template:
                raise TaskError("you can't start a vm if it's a template")
            if guest.lock != "suspended":
                guest.check_lock()
            if guest.alive:
                raise TaskError(f"{guest.word} {guest.vmid} already running")
            await _begin(cluster, guest, task)

    return _run(cluster, guest, user, "start", work)


async def _begin(cluster: Cluster, guest: Guest, task: Task) -> None:
    await cluster.pass_time(START_SECONDS)
    if guest.start_error is not None:
        raise TaskError(guest.start_error)
    for warning in guest.start_warnings:
        task.warn(warning)
    guest.lock = None
    guest.begin(cluster.clock(), cluster.next_pid())


def stop(
    cluster: Cluster, guest: Guest, user: str, *, overrule_shutdown: bool = False
) -> Task:
    """Pull the plug; behind a shutdown that is under way unless that is overruled.

    Only VMs wait for each other's commands: the lock of a container is given back as
    soon as its task runs. What is stopped already is fine.
    """

    async def work(task: Task) -> None:
        if overrule_shutdown:
            _abort_shutdowns(cluster, guest, task)
        async with _lock_of_vm(cluster, guest):
            if not guest.alive:
                return
            guest.check_lock()
            await cluster.pass_time(STOP_SECONDS)
            guest.halt()

    return _run(cluster, guest, user, "stop", work)


def _lock_of_vm(
    cluster: Cluster, guest: Guest
) -> contextlib.AbstractAsyncContextManager[object]:
    return cluster.config_lock(guest) if guest.is_vm else contextlib.nullcontext()


def _abort_shutdowns(cluster: Cluster, guest: Guest, task: Task) -> None:
    kind = f"{guest.task_prefix}shutdown"
    for other in cluster.tasks:
        if other.running and other.type == kind and other.id == str(guest.vmid):
            cluster.tasks.abort(other)
            task.say(f"overruled {kind} task: {other.upid}")


def shutdown_guest(
    cluster: Cluster, guest: Guest, user: str, *, timeout: float | None, force: bool
) -> Task:
    """Shut a guest down, by the HA manager if that looks after it."""
    if cluster.ha.manages(guest.vmid):
        return cluster.ha.request(
            guest, user, started=False, timeout=timeout, force=force
        )
    return shutdown(cluster, guest, user, timeout=timeout, force=force)


def shutdown(
    cluster: Cluster, guest: Guest, user: str, *, timeout: float | None, force: bool
) -> Task:
    """Ask the guest to shut down, and kill it after the time-out if forced."""

    async def work(task: Task) -> None:
        async with _lock_of_vm(cluster, guest):
            if not guest.alive:
                return
            guest.check_lock()
            await power_down(cluster, guest, task, timeout=timeout, force=force)

    return _run(cluster, guest, user, "shutdown", work)


async def power_down(
    cluster: Cluster, guest: Guest, task: Task, *, timeout: float | None, force: bool
) -> None:
    """Let a running guest shut down within a task.

    A VM whose processors stand still, paused or after an error, hears nothing of it.
    """
    process = guest.pid
    if guest.state is GuestState.PAUSED:
        if not force:
            raise TaskError("VM is paused - cannot shutdown")
        await cluster.pass_time(STOP_SECONDS)
    elif guest.ignores_shutdown or guest.state is not GuestState.RUNNING:
        default = VM_TIMEOUT if guest.is_vm else CONTAINER_TIMEOUT
        await cluster.pass_time(default if timeout is None else timeout)
        if guest.pid == process and not force:
            raise TaskError("VM quit/powerdown failed - got timeout")
        task.say("VM quit/powerdown failed - terminating now with SIGTERM")
    else:
        await cluster.pass_time(SHUTDOWN_SECONDS)
    # What was killed and started again meanwhile is another process.
    if guest.pid == process:
        guest.halt()


def reboot(cluster: Cluster, guest: Guest, user: str, *, timeout: float | None) -> Task:
    """Shut down and start again."""

    async def work(task: Task) -> None:
        async with cluster.config_lock(guest):
            guest.check_lock()
            _check_alive(guest)
            await power_down(cluster, guest, task, timeout=timeout, force=False)
            await _begin(cluster, guest, task)

    return _run(cluster, guest, user, "reboot", work)


def reset(cluster: Cluster, guest: Guest, user: str) -> Task:
    """Press the reset button of a VM."""

    async def work(task: Task) -> None:
        guest.check_lock()
        _check_alive(guest)
        await cluster.pass_time(STOP_SECONDS)
        guest.begin(cluster.clock(), cluster.next_pid())

    return _run(cluster, guest, user, "reset", work)


def pause(cluster: Cluster, guest: Guest, user: str) -> Task:
    """Pause a VM, freeze a container."""

    async def work(task: Task) -> None:
        guest.check_lock()
        _check_alive(guest)
        await cluster.pass_time(SUSPEND_SECONDS)
        guest.state = GuestState.PAUSED

    kind = "pause" if guest.is_vm else "suspend"
    return _run(cluster, guest, user, kind, work)


def hibernate(cluster: Cluster, guest: Guest, user: str) -> Task:
    """Put a VM to sleep on its disk."""

    async def work(task: Task) -> None:
        async with cluster.config_lock(guest):
            guest.check_lock()
            _check_alive(guest)
            if cluster.ha.manages(guest.vmid):
                raise TaskError("VM is managed by HA - cannot suspend to disk")
            guest.lock = "suspending"
            await cluster.pass_time(HIBERNATE_SECONDS)
            guest.halt()
            guest.lock = "suspended"

    return _run(cluster, guest, user, "suspend", work)


def resume(cluster: Cluster, guest: Guest, user: str) -> Task:
    """Let a paused guest go on."""
    if guest.lock == "suspended":
        return start(cluster, guest, user)

    async def work(task: Task) -> None:
        _check_alive(guest)
        await cluster.pass_time(SUSPEND_SECONDS)
        guest.state = GuestState.RUNNING

    return _run(cluster, guest, user, "resume", work)
