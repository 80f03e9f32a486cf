"""Backups: vzdump, the jobs, and who is in none of them."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from lab.pve import power
from lab.pve.guests import Guest
from lab.pve.storages import Space, Storage, Volume
from lab.pve.tasks import Task, TaskError

if TYPE_CHECKING:
    from lab.pve.cluster import Cluster

BACKUP_SECONDS = 9.0
_EXTENSIONS = {"zstd": ".zst", "gzip": ".gz", "lzo": ".lzo"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupRequest:
    """What a vzdump is asked to do; `keep` limits the backups of a guest after it."""

    storage: str
    mode: str = "snapshot"
    compress: str = "0"
    notes_template: str = ""
    protected: bool = False
    remove: bool = True
    keep: int | None = None


def run(
    cluster: Cluster,
    node: str,
    guests: Sequence[Guest],
    user: str,
    wanted: BackupRequest,
    *,
    missing: Sequence[int] = (),
) -> Task:
    """Back up guests of a node, one after another and one vzdump at a time.

    `missing` are wanted guests that there are not; they fail.
    """
    wanted_ids = [*(guest.vmid for guest in guests), *missing]

    async def work(task: Task) -> None:
        lock = cluster.backup_locks.setdefault(node, asyncio.Lock())
        if lock.locked():
            task.say("INFO: trying to get global lock - waiting...")
        async with lock:
            vmids = " ".join(map(str, wanted_ids))
            task.say(f"INFO: starting new backup job: vzdump {vmids}")
            results = [await _back_up(cluster, guest, task, wanted) for guest in guests]
            for vmid in missing:
                text = f"unable to find VM '{vmid}'"
                task.say(f"ERROR: Backup of VM {vmid} failed - {text}")
        if missing or not all(results):
            task.say("INFO: Backup job finished with errors")
            raise TaskError("job errors")
        task.say("INFO: Backup job finished successfully")

    name = str(wanted_ids[0]) if len(wanted_ids) == 1 else ""
    return cluster.tasks.run(node, "vzdump", name, user, work)


async def _back_up(
    cluster: Cluster, guest: Guest, task: Task, wanted: BackupRequest
) -> bool:
    """Back up one guest and say whether that worked; the log holds the reason."""
    task.say(f"INFO: Starting Backup of VM {guest.vmid} ({guest.kind})")
    problem = await _problem_of(cluster, guest, task, wanted)
    if problem is not None:
        task.say(f"ERROR: Backup of VM {guest.vmid} failed - {problem}")
        return False
    task.say(f"INFO: Finished Backup of VM {guest.vmid} (00:00:09)")
    return True


async def _problem_of(
    cluster: Cluster, guest: Guest, task: Task, wanted: BackupRequest
) -> str | None:
    if guest.lock is not None:
        return f"{guest.word} is locked ({guest.lock})"
    storage = cluster.storages[wanted.storage]
    space = storage.space(guest.node)
    if space is None or not space.active:
        return f"storage '{storage.id}' is not online"
    guest.lock = "backup"
    try:
        restart = wanted.mode == "stop" and guest.alive
        if restart:
            guest.lock = None
            await power.power_down(cluster, guest, task, timeout=600.0, force=False)
            guest.lock = "backup"
        await cluster.pass_time(BACKUP_SECONDS)
        if restart:
            guest.begin(cluster.clock(), cluster.next_pid())
    finally:
        guest.lock = None
    if guest.backup_error is not None:
        return guest.backup_error
    return _store(cluster, guest, storage, space, task, wanted)


def _store(
    cluster: Cluster,
    guest: Guest,
    storage: Storage,
    space: Space,
    task: Task,
    wanted: BackupRequest,
) -> str | None:
    when = cluster.clock()
    # Names hold seconds, and the lab is faster than that.
    while make_volume(storage, guest, when, compress=wanted.compress).volid in (
        space.volumes
    ):
        when += 1
    volume = make_volume(
        storage,
        guest,
        when,
        compress=wanted.compress,
        notes=_notes(cluster, guest, wanted.notes_template),
        protected=wanted.protected,
    )
    try:
        space.add(volume)
    except OSError as error:
        return f"job failed with err -28 - {error}"
    task.say(f"INFO: creating vzdump archive '{volume.volid}'")
    if wanted.remove:
        keep = wanted.keep if wanted.keep is not None else storage.keep
        for removed in prune(space, guest.vmid, keep):
            task.say(f"INFO: removing backup '{removed}'")
    return None


def make_volume(
    storage: Storage,
    guest: Guest,
    when: float,
    *,
    compress: str = "zstd",
    notes: str = "",
    protected: bool = False,
) -> Volume:
    """Return the archive of a guest as it would lie in a storage."""
    size = int(guest.disk_size * guest.figures.disk * 0.5) or 64 * 1024**2
    local = datetime.fromtimestamp(when)  # noqa: DTZ006 - the name holds local time
    if storage.type == "pbs":
        kind = "vm" if guest.is_vm else "ct"
        name = f"backup/{kind}/{guest.vmid}/{local:%Y-%m-%dT%H:%M:%SZ}"
        form = f"pbs-{kind}"
    else:
        kind = "vma" if guest.is_vm else "tar"
        form = kind + _EXTENSIONS.get(compress, "")
        name = (
            f"backup/vzdump-{guest.kind}-{guest.vmid}-{local:%Y_%m_%d-%H_%M_%S}.{form}"
        )
    return Volume(
        volid=f"{storage.id}:{name}",
        content="backup",
        format=form,
        size=size,
        made=int(when),
        vmid=guest.vmid,
        notes=notes,
        protected=protected,
        verification="ok" if storage.type == "pbs" else None,
    )


def _notes(cluster: Cluster, guest: Guest, template: str) -> str:
    values = {
        "cluster": cluster.name or "standalone node",
        "guestname": guest.name,
        "node": guest.node,
        "vmid": str(guest.vmid),
    }
    for name, value in values.items():
        template = template.replace(f"{{{{{name}}}}}", value)
    return template.replace("\\n", "\n").replace("\\\\", "\\")


def prune(space: Space, vmid: int, keep: int | None) -> list[str]:
    """Remove all but the newest backups of a guest; protected ones stay."""
    if keep is None:
        return []
    found = [
        volume
        for volume in space.volumes.values()
        if volume.vmid == vmid and volume.content == "backup" and not volume.protected
    ]
    found.sort(key=lambda volume: volume.made, reverse=True)
    for volume in found[keep:]:
        space.remove(volume.volid)
    return [volume.volid for volume in found[keep:]]


def included(cluster: Cluster, job: dict[str, object]) -> set[int]:
    """Return the guests that a job covers; as the real server, enabled or not."""
    if job.get("all"):
        excluded = _vmids(job.get("exclude"))
        chosen: Iterable[int] = (
            vmid
            for vmid, guest in cluster.guests.items()
            if vmid not in excluded and job.get("node") in (None, guest.node)
        )
    elif (pool := job.get("pool")) is not None:
        chosen = (vmid for vmid, guest in cluster.guests.items() if guest.pool == pool)
    else:
        chosen = _vmids(job.get("vmid"))
    return set(chosen) & set(cluster.guests)


def _vmids(value: object) -> set[int]:
    return {int(part) for part in str(value or "").split(",") if part.strip()}
