"""Snapshots of guests."""

from typing import TYPE_CHECKING

from lab.pve.guests import Guest, Snapshot
from lab.pve.tasks import Task, TaskError

if TYPE_CHECKING:
    from lab.pve.cluster import Cluster

SNAPSHOT_SECONDS = 3.0
SNAPSHOT_WITH_MEMORY_SECONDS = 12.0
ROLLBACK_SECONDS = 6.0
_LINEAR = frozenset({"zfspool"})


def feasible(cluster: Cluster, guest: Guest) -> bool:
    """Whether every disk of a guest can have snapshots."""
    if guest.bind_mounts():
        return False
    for _, text in guest.volumes():
        name, _, rest = text.partition(":")
        storage = cluster.storages.get(name)
        image = "qcow2" if ".qcow2" in rest else "raw"
        if storage is None or not storage.can_snapshot(
            image, container=not guest.is_vm
        ):
            return False
    return True


def create(
    cluster: Cluster,
    guest: Guest,
    user: str,
    name: str,
    *,
    description: str = "",
    vmstate: bool = False,
) -> Task:
    """Take a snapshot."""

    async def work(task: Task) -> None:
        async with cluster.config_lock(guest):
            guest.check_lock()
            if not feasible(cluster, guest):
                raise TaskError("snapshot feature is not available")
            if name in guest.snapshots:
                raise TaskError(f"snapshot name '{name}' already used")
            guest.lock = "snapshot"
            try:
                with_memory = vmstate and guest.alive
                await cluster.pass_time(
                    SNAPSHOT_WITH_MEMORY_SECONDS if with_memory else SNAPSHOT_SECONDS
                )
            finally:
                guest.lock = None
            for key, _ in guest.volumes():
                task.say(f"snapshotting '{key}'")
            guest.snapshots[name] = Snapshot(
                name=name,
                taken=int(cluster.clock()),
                description=description,
                parent=guest.snapshot_parent,
                vmstate=with_memory,
                config=dict(guest.config),
            )
            guest.snapshot_parent = name

    kind = f"{guest.task_prefix}snapshot"
    return cluster.tasks.run(guest.node, kind, str(guest.vmid), user, work)


def _find(guest: Guest, name: str) -> Snapshot:
    if name not in guest.snapshots:
        raise TaskError(f"snapshot '{name}' does not exist")
    return guest.snapshots[name]


def delete(
    cluster: Cluster, guest: Guest, user: str, name: str, *, force: bool = False
) -> Task:
    """Delete a snapshot; its children get its parent."""

    async def work(task: Task) -> None:
        async with cluster.config_lock(guest):
            if not force:
                guest.check_lock()
            snapshot = _find(guest, name)
            guest.lock = "snapshot-delete"
            try:
                await cluster.pass_time(SNAPSHOT_SECONDS)
            finally:
                guest.lock = None
            del guest.snapshots[name]
            for other in guest.snapshots.values():
                if other.parent == name:
                    other.parent = snapshot.parent
            if guest.snapshot_parent == name:
                guest.snapshot_parent = snapshot.parent

    kind = f"{guest.task_prefix}delsnapshot"
    return cluster.tasks.run(guest.node, kind, str(guest.vmid), user, work)


def rollback(
    cluster: Cluster, guest: Guest, user: str, name: str, *, start: bool = False
) -> Task:
    """Go back to a snapshot; the guest stops, and one with memory starts again."""

    async def work(task: Task) -> None:
        async with cluster.config_lock(guest):
            guest.check_lock()
            snapshot = _find(guest, name)
            _check_newest(cluster, guest, snapshot)
            guest.halt()
            guest.lock = "rollback"
            try:
                await cluster.pass_time(ROLLBACK_SECONDS)
            finally:
                guest.lock = None
            guest.config = dict(snapshot.config)
            guest.snapshot_parent = name
            if start or snapshot.vmstate:
                guest.begin(cluster.clock(), cluster.next_pid())

    kind = f"{guest.task_prefix}rollback"
    return cluster.tasks.run(guest.node, kind, str(guest.vmid), user, work)


def _check_newest(cluster: Cluster, guest: Guest, snapshot: Snapshot) -> None:
    """ZFS can only go back to the newest snapshot."""
    newest = max(guest.snapshots.values(), key=lambda other: other.taken)
    for _, text in guest.volumes():
        storage, _, rest = text.partition(":")
        if cluster.storages[storage].type in _LINEAR and newest is not snapshot:
            volume = rest.partition(",")[0]
            raise TaskError(
                f"can't rollback, '{snapshot.name}' is not most recent snapshot on"
                f" '{volume}'"
            )
