"""``/nodes/{node}/storage``: space and contents."""

from lab.pve.api import ApiRequest, Router, failed
from lab.pve.storages import Space, Storage, Volume
from lab.pve.tasks import Task, TaskError

router = Router()
_DELETE_SECONDS = 1.0


def _storage(request: ApiRequest) -> Storage:
    return request.cluster.storage(request.text("node"), request.text("storage"))


def _row(storage: Storage, space: Space) -> dict[str, object]:
    row: dict[str, object] = {
        "storage": storage.id,
        "type": storage.type,
        "content": storage.content_text,
        "shared": int(storage.shared),
        "enabled": int(storage.enabled),
        "active": int(space.active),
    }
    if space.active:
        row |= {
            "total": space.total,
            "used": space.used,
            "avail": space.available,
            "used_fraction": space.used / space.total if space.total else 0,
        }
    return row


@router.handle("GET", "/nodes/{node}/storage")
async def listing(request: ApiRequest) -> object:
    """The storages of a node."""
    node = request.text("node")
    return [
        _row(storage, space)
        for storage in request.cluster.storages.values()
        if (space := storage.space(node)) is not None
        and request.allowed(
            f"/storage/{storage.id}",
            "Datastore.Audit",
            "Datastore.AllocateSpace",
            any=True,
        )
    ]


@router.handle("GET", "/nodes/{node}/storage/{storage}/status")
async def status(request: ApiRequest) -> object:
    """The state of one storage."""
    storage = _storage(request)
    return _row(storage, storage.spaces[request.text("node")])


@router.handle("GET", "/nodes/{node}/storage/{storage}/content")
async def content(request: ApiRequest) -> object:
    """The contents that the caller may see; backups hide without further rights."""
    storage = _storage(request)
    space = storage.spaces[request.text("node")]
    if not space.active:
        raise failed(f"storage '{storage.id}' is not online")
    kind, vmid = request.text("content"), request.integer("vmid")
    return [
        volume.row()
        for volume in space.volumes.values()
        if kind in ("", volume.content)
        and vmid in (0, volume.vmid)
        and _may_see(request, storage, volume)
    ]


def _may_see(request: ApiRequest, storage: Storage, volume: Volume) -> bool:
    path = f"/storage/{storage.id}"
    if request.allowed(path, "Datastore.Allocate") or volume.content != "backup":
        return True
    return request.allowed(path, "Datastore.AllocateSpace") and request.allowed(
        f"/vms/{volume.vmid}", "VM.Backup"
    )


_VOLUME = "/nodes/{node}/storage/{storage}/content/{volume}"


def _volume(request: ApiRequest) -> tuple[Space, Volume]:
    """Return a volume that the caller may use, and where it is."""
    storage = _storage(request)
    space = storage.spaces[request.text("node")]
    text = request.text("volume")
    volid = text if ":" in text else f"{storage.id}:{text}"
    volume = space.volumes.get(volid)
    if volume is None:
        raise failed(f"volume '{volid}' does not exist")
    path = f"/storage/{storage.id}"
    if not _may_see(request, storage, volume):
        request.require(path, "Datastore.AllocateSpace")
        request.require(f"/vms/{volume.vmid}", "VM.Backup")
    return space, volume


@router.handle("GET", _VOLUME)
async def volume_attributes(request: ApiRequest) -> object:
    """A volume, here with all lines of its notes."""
    _, volume = _volume(request)
    row: dict[str, object] = {
        "path": f"/mnt/pve/{volume.volid.partition(':')[0]}/{volume.name}",
        "size": volume.size,
        "used": volume.size,
        "format": volume.format,
    }
    if volume.notes:
        row["notes"] = volume.notes
    if volume.protected:
        row["protected"] = 1
    return row


@router.handle("PUT", _VOLUME)
async def change_volume(request: ApiRequest) -> object:
    """Change notes and protection."""
    _, volume = _volume(request)
    request.cluster.check_quorum()
    volume.notes = request.text("notes", volume.notes)
    volume.protected = request.flag("protected", volume.protected)
    return None


@router.handle("DELETE", _VOLUME)
async def delete_volume(request: ApiRequest) -> object:
    """Delete a volume; with `delay` the answer waits for the end of the task."""
    cluster = request.cluster
    space, volume = _volume(request)
    storage = request.text("storage")
    owner = "" if volume.vmid is None else f"{volume.vmid}@"

    async def work(task: Task) -> None:
        await cluster.pass_time(_DELETE_SECONDS)
        if volume.protected:
            raise TaskError(
                f"cannot remove protected volume '{volume.name}' on '{storage}'"
            )
        space.remove(volume.volid)
        task.say(f"Removed volume '{volume.volid}'")

    task = cluster.tasks.run(
        request.text("node"), "imgdel", owner + storage, request.identity.name, work
    )
    if not request.has("delay"):
        return task.upid
    await cluster.tasks.wait(task)
    if task.exit_status != "OK":
        raise failed(f"{task.exit_status}")
    return None
