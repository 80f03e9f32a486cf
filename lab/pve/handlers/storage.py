"""``/nodes/{node}/storage`` and ``/nodes/{node}/vzdump``: space, contents, backups."""

from lab.pve.api import ApiRequest, Router, failed
from lab.pve.backups import BackupRequest, run
from lab.pve.guests import Guest
from lab.pve.storages import Space, Storage, Volume

router = Router()


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


@router.handle("POST", "/nodes/{node}/vzdump")
async def vzdump(request: ApiRequest) -> object:
    """Back up guests of this node; for guests elsewhere nothing is done at all."""
    cluster, node = request.cluster, request.text("node")
    chosen = [int(text) for text in request.items("vmid")]
    for vmid in chosen:
        request.require(f"/vms/{vmid}", "VM.Backup")
    guests = [
        guest
        for vmid in chosen
        if (guest := cluster.guests.get(vmid)) is not None and guest.node == node
    ]
    # Done silently, as the real server does it, before anything else is looked at.
    if not guests:
        return "OK"
    cluster.check_quorum()
    name = request.text("storage", "local")
    storage = cluster.storage(node, name)
    request.require(f"/storage/{name}", "Datastore.AllocateSpace")
    if "backup" not in storage.content:
        raise failed(f"storage '{name}' does not support backups")
    return _run(request, node, guests, name)


def _run(request: ApiRequest, node: str, guests: list[Guest], storage: str) -> str:
    wanted = BackupRequest(
        storage=storage,
        mode=request.text("mode", "snapshot"),
        compress=request.text("compress", "0"),
        notes_template=request.text("notes-template"),
        protected=request.flag("protected"),
        remove=request.flag("remove", default=True),
    )
    return run(request.cluster, node, guests, request.identity.name, wanted).upid


@router.handle("DELETE", "/nodes/{node}/storage/{storage}/content/{volume}")
async def delete(request: ApiRequest) -> object:
    """Delete a volume; a protected one stays."""
    storage = _storage(request)
    space = storage.spaces[request.text("node")]
    text = request.text("volume")
    volid = text if ":" in text else f"{storage.id}:{text}"
    volume = space.volumes.get(volid)
    if volume is None or not _may_see(request, storage, volume):
        raise failed(f"volume '{volid}' does not exist")
    if volume.protected:
        raise failed(f"can't remove protected volume '{volid}'")
    space.remove(volid)
    return None
