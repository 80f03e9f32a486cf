"""Moving guests between nodes."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lab.pve import power
from lab.pve.guests import Guest
from lab.pve.tasks import ROOT, Task, TaskError

if TYPE_CHECKING:
    from lab.pve.cluster import Cluster

OFFLINE_SECONDS = 4.0
ONLINE_SECONDS = 10.0
COPY_SECONDS = 12.0


def local_volumes(cluster: Cluster, guest: Guest) -> list[tuple[str, int]]:
    """Return volume id and size of the disks on storages that are not shared."""
    return [
        (text.partition(",")[0], guest.disk_size)
        for _, text in guest.volumes()
        if not text.startswith("/")
        and (storage := cluster.storages.get(text.partition(":")[0])) is not None
        and not storage.shared
    ]


def missing_storages(cluster: Cluster, guest: Guest, target: str) -> list[str]:
    """Return the storages of a guest that the target does not have."""
    return sorted(
        name
        for name in guest.storages()
        if (storage := cluster.storages.get(name)) is None
        or storage.space(target) is None
    )


def migrate(
    cluster: Cluster,
    guest: Guest,
    user: str,
    target: str,
    *,
    online: bool = False,
    restart: bool = False,
    with_local_disks: bool = False,
) -> Task:
    """Move a guest; the reason of a failure stands in the log only."""

    async def work(task: Task) -> None:
        log = _logger(cluster, task)
        log(f"starting migration of {guest.word} {guest.vmid} to node '{target}'")
        try:
            async with cluster.config_lock(guest):
                guest.check_lock()
                refusal = _refusal(
                    cluster, guest, target, online=online, local_disks=with_local_disks
                )
                if refusal is not None:
                    raise _RefusedError(refusal)
                await _move(cluster, guest, task, target, restart=restart)
        except _RefusedError as refused:
            log(f"ERROR: migration aborted (duration 00:00:01): {refused}")
            raise TaskError("migration aborted") from None
        log("migration finished successfully (duration 00:00:10)")

    # One m for a VM, unlike the types of its other tasks.
    kind = "qmigrate" if guest.is_vm else "vzmigrate"
    return cluster.tasks.run(guest.node, kind, str(guest.vmid), user, work)


class _RefusedError(Exception):
    """Why a guest cannot be moved."""


def _logger(cluster: Cluster, task: Task) -> Callable[[str], None]:
    def log(text: str) -> None:
        now = datetime.fromtimestamp(cluster.clock(), UTC)
        task.say(f"{now:%Y-%m-%d %H:%M:%S} {text}")

    return log


def _refusal(
    cluster: Cluster, guest: Guest, target: str, *, online: bool, local_disks: bool
) -> str | None:
    if guest.migration_error is not None:
        return guest.migration_error
    if not cluster.nodes[target].online:
        address = cluster.nodes[target].lan_address
        return (
            f"Can't connect to destination address using public key"
            f" (ssh: connect to host {address} port 22: No route to host)"
        )
    if not guest.is_vm:
        return _container_refusal(cluster, guest, target, online=online)
    if guest.alive and (devices := guest.local_devices()):
        return f"can't migrate VM which uses local devices: {', '.join(devices)}"
    if missing := missing_storages(cluster, guest, target):
        return f"storage '{missing[0]}' is not available on node '{target}'"
    local = local_volumes(cluster, guest)
    if guest.alive and local and not local_disks:
        return (
            f"can't migrate local disk '{local[0][0]}': can't live migrate attached"
            " local disks without with-local-disks option"
        )
    return None


def _container_refusal(
    cluster: Cluster, guest: Guest, target: str, *, online: bool
) -> str | None:
    if guest.alive and online:
        return "lxc live migration is currently not implemented"
    if mounts := guest.bind_mounts():
        return (
            f"cannot migrate local bind mount point '{mounts[0]}': mount point is not"
            " marked as shared"
        )
    if missing := missing_storages(cluster, guest, target):
        return f"storage '{missing[0]}' is not available on node '{target}'"
    return None


async def _move(
    cluster: Cluster, guest: Guest, task: Task, target: str, *, restart: bool
) -> None:
    was_alive = guest.alive
    guest.lock = "migrate"
    try:
        if was_alive and restart:
            await power.power_down(cluster, guest, task, timeout=180.0, force=False)
        if local_volumes(cluster, guest):
            await cluster.pass_time(COPY_SECONDS)
        await cluster.pass_time(ONLINE_SECONDS if guest.alive else OFFLINE_SECONDS)
        guest.node = target
        if was_alive and restart:
            guest.begin(cluster.clock(), cluster.next_pid())
    finally:
        guest.lock = None


def migrate_by_ha(
    cluster: Cluster, guest: Guest, user: str, target: str, *, relocate: bool = False
) -> Task:
    """Ask the HA manager to move a guest; the task ends at once."""

    async def work(task: Task) -> None:
        task.say(f"Requesting HA migration for {guest.sid} to node {target}")
        want_move(cluster, guest, target, relocate=relocate)

    return cluster.tasks.run(guest.node, "hamigrate", str(guest.vmid), user, work)


def want_move(
    cluster: Cluster, guest: Guest, target: str, *, relocate: bool = False
) -> None:
    """Write down where the HA manager shall move a guest to.

    A relocation stops and starts it, as every move of a container does.
    """
    cluster.ha.resources[guest.vmid].state = "relocate" if relocate else "migrate"
    offline = relocate or not guest.is_vm

    async def move() -> None:
        moved = migrate(
            cluster,
            guest,
            ROOT,
            target,
            online=guest.alive and not offline,
            restart=offline,
        )
        await cluster.tasks.wait(moved)
        resource = cluster.ha.resources.get(guest.vmid)
        if resource is not None:
            resource.state = resource.requested

    cluster.tasks.later(cluster.settings.scaled(10.0), move)
