"""Commands to guests: what the server checks before it makes a task."""

from lab.pve import migration, power, snapshots
from lab.pve.api import ApiRequest, Router, failed, parameter_error, permission_denied
from lab.pve.figures import Row
from lab.pve.guests import Guest
from lab.pve.handlers.guests import find, is_paused

router = Router()


def _guest(request: ApiRequest) -> Guest:
    guest = find(request)
    request.cluster.check_quorum()
    if request.flag("skiplock") and not request.identity.is_root:
        raise parameter_error(skiplock="Only root may use this option.")
    return guest


def _require_running(guest: Guest) -> None:
    if not guest.alive:
        raise failed(f"{guest.word} {guest.vmid} not running")


def _timeout(request: ApiRequest) -> float | None:
    return float(request.integer("timeout")) if request.has("timeout") else None


@router.handle("GET", "/nodes/{node}/qemu/{vmid}/status")
@router.handle("GET", "/nodes/{node}/lxc/{vmid}/status")
async def index(request: ApiRequest) -> object:
    """Return the commands."""
    find(request)
    names = ("current", "start", "stop", "reboot", "shutdown", "suspend", "resume")
    return [{"subdir": name} for name in names]


@router.handle("POST", "/nodes/{node}/qemu/{vmid}/status/start")
@router.handle("POST", "/nodes/{node}/lxc/{vmid}/status/start")
async def start(request: ApiRequest) -> object:
    """Start; for a container that runs the answer is already the error."""
    guest = _guest(request)
    if not guest.is_vm and guest.alive:
        raise failed(f"CT {guest.vmid} already running")
    return power.start_guest(request.cluster, guest, request.identity.name).upid


@router.handle("POST", "/nodes/{node}/qemu/{vmid}/status/stop")
@router.handle("POST", "/nodes/{node}/lxc/{vmid}/status/stop")
async def stop(request: ApiRequest) -> object:
    """Switch off."""
    guest = _guest(request)
    cluster, user = request.cluster, request.identity.name
    if not guest.is_vm:
        _require_running(guest)
    if cluster.ha.manages(guest.vmid):
        if request.flag("overrule-shutdown"):
            raise parameter_error(
                **{"overrule-shutdown": "not supported for HA managed guests"}
            )
        return cluster.ha.request(
            guest, user, started=False, timeout=0.0, force=True
        ).upid
    return power.stop(
        cluster, guest, user, overrule_shutdown=request.flag("overrule-shutdown")
    ).upid


@router.handle("POST", "/nodes/{node}/qemu/{vmid}/status/shutdown")
@router.handle("POST", "/nodes/{node}/lxc/{vmid}/status/shutdown")
async def shutdown(request: ApiRequest) -> object:
    """Shut down, or kill after the time-out with `forceStop`."""
    guest = _guest(request)
    cluster, user = request.cluster, request.identity.name
    force, timeout = request.flag("forceStop"), _timeout(request)
    if not guest.is_vm:
        _require_running(guest)
    elif is_paused(guest) and not force:
        raise failed("VM is paused - cannot shutdown")
    return power.shutdown_guest(cluster, guest, user, timeout=timeout, force=force).upid


@router.handle("POST", "/nodes/{node}/qemu/{vmid}/status/reboot")
@router.handle("POST", "/nodes/{node}/lxc/{vmid}/status/reboot")
async def reboot(request: ApiRequest) -> object:
    """Shut down and start again; for an HA guest, too, without its manager."""
    guest = _guest(request)
    if is_paused(guest):
        raise failed("VM is paused - cannot shutdown")
    if not guest.alive:
        raise failed(f"VM {guest.vmid} not running")
    return power.reboot(
        request.cluster, guest, request.identity.name, timeout=_timeout(request)
    ).upid


@router.handle("POST", "/nodes/{node}/qemu/{vmid}/status/reset")
async def reset(request: ApiRequest) -> object:
    """Press reset."""
    guest = _guest(request)
    _require_running(guest)
    return power.reset(request.cluster, guest, request.identity.name).upid


@router.handle("POST", "/nodes/{node}/qemu/{vmid}/status/suspend")
@router.handle("POST", "/nodes/{node}/lxc/{vmid}/status/suspend")
async def suspend(request: ApiRequest) -> object:
    """Pause, or hibernate a VM with `todisk`."""
    guest = _guest(request)
    _require_running(guest)
    if not request.flag("todisk"):
        return power.pause(request.cluster, guest, request.identity.name).upid
    request.require(f"/vms/{guest.vmid}", "VM.Config.Disk")
    target = request.text("statestorage") or min(guest.storages(), default="local")
    request.require(f"/storage/{target}", "Datastore.AllocateSpace")
    if request.cluster.ha.manages(guest.vmid):
        raise failed("Cannot suspend HA managed VM to disk")
    if devices := guest.local_devices():
        raise failed(f"cannot suspend VM to disk with {devices[0]} passed through")
    return power.hibernate(request.cluster, guest, request.identity.name).upid


@router.handle("POST", "/nodes/{node}/qemu/{vmid}/status/resume")
@router.handle("POST", "/nodes/{node}/lxc/{vmid}/status/resume")
async def resume(request: ApiRequest) -> object:
    """Go on after a pause or a hibernation."""
    guest = _guest(request)
    if guest.lock != "suspended":
        _require_running(guest)
    return power.resume(request.cluster, guest, request.identity.name).upid


# Snapshots


@router.handle("GET", "/nodes/{node}/qemu/{vmid}/snapshot")
@router.handle("GET", "/nodes/{node}/lxc/{vmid}/snapshot")
async def list_snapshots(request: ApiRequest) -> object:
    """Return the snapshots and the pseudo entry `current`."""
    guest = find(request)
    rows: list[Row] = []
    for snapshot in guest.snapshots.values():
        row: Row = {
            "name": snapshot.name,
            "description": snapshot.description,
            "snaptime": snapshot.taken,
        }
        if guest.is_vm:
            row["vmstate"] = int(snapshot.vmstate)
        if snapshot.parent is not None:
            row["parent"] = snapshot.parent
        rows.append(row)
    now: Row = {
        "name": "current",
        "description": "You are here!",
        "digest": guest.digest(),
        "running": int(guest.alive),
    }
    if guest.snapshot_parent is not None:
        now["parent"] = guest.snapshot_parent
    return [*rows, now]


@router.handle("POST", "/nodes/{node}/qemu/{vmid}/snapshot")
@router.handle("POST", "/nodes/{node}/lxc/{vmid}/snapshot")
async def create_snapshot(request: ApiRequest) -> object:
    """Take a snapshot."""
    guest = _guest(request)
    name = request.text("snapname")
    if name in ("current", "pending"):
        raise failed(f"unable to use snapshot name '{name}' (reserved name)")
    return snapshots.create(
        request.cluster,
        guest,
        request.identity.name,
        name,
        description=request.text("description"),
        vmstate=request.flag("vmstate"),
    ).upid


@router.handle("DELETE", "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}")
@router.handle("DELETE", "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}")
async def delete_snapshot(request: ApiRequest) -> object:
    """Delete a snapshot."""
    guest = _guest(request)
    return snapshots.delete(
        request.cluster,
        guest,
        request.identity.name,
        request.text("snapname"),
        force=request.flag("force"),
    ).upid


@router.handle("POST", "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/rollback")
@router.handle("POST", "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/rollback")
async def rollback(request: ApiRequest) -> object:
    """Go back to a snapshot."""
    guest = _guest(request)
    return snapshots.rollback(
        request.cluster,
        guest,
        request.identity.name,
        request.text("snapname"),
        start=request.flag("start"),
    ).upid


def _snapshot_name(guest: Guest, name: str) -> str:
    if name not in guest.snapshots:
        raise failed(f"snapshot '{name}' does not exist")
    return name


@router.handle("GET", "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config")
@router.handle("GET", "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config")
async def snapshot_config(request: ApiRequest) -> object:
    """Return the configuration at a snapshot."""
    guest = find(request)
    snapshot = guest.snapshots[_snapshot_name(guest, request.text("snapname"))]
    return {
        **snapshot.config,
        "snaptime": snapshot.taken,
        "description": snapshot.description,
    }


@router.handle("PUT", "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config")
@router.handle("PUT", "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config")
async def describe_snapshot(request: ApiRequest) -> object:
    """Change the description of a snapshot."""
    guest = _guest(request)
    snapshot = guest.snapshots[_snapshot_name(guest, request.text("snapname"))]
    snapshot.description = request.text("description", snapshot.description)
    return None


# Migration


@router.handle("GET", "/nodes/{node}/qemu/{vmid}/migrate")
@router.handle("GET", "/nodes/{node}/lxc/{vmid}/migrate")
async def migration_preconditions(request: ApiRequest) -> object:
    """Return where a guest could go and what is in the way."""
    guest = find(request)
    cluster = request.cluster
    others = [name for name in cluster.nodes if name != guest.node]
    refused = {
        name: {"unavailable_storages": missing}
        for name in others
        if (missing := migration.missing_storages(cluster, guest, name))
    }
    row: Row = {
        "running": int(guest.alive),
        "local_disks": [
            {"volid": volid, "size": size, "cdrom": 0, "is_unused": 0}
            for volid, size in migration.local_volumes(cluster, guest)
        ],
        "local_resources": guest.local_devices(),
        "mapped-resources": [],
        "not_allowed_nodes": refused,
    }
    allowed = "allowed_nodes" if guest.is_vm else "allowed-nodes"
    row[allowed] = [name for name in others if name not in refused]
    return row


@router.handle("POST", "/nodes/{node}/qemu/{vmid}/migrate")
@router.handle("POST", "/nodes/{node}/lxc/{vmid}/migrate")
async def migrate(request: ApiRequest) -> object:
    """Move to another node; a running guest only when asked so."""
    guest = _guest(request)
    cluster, user = request.cluster, request.identity.name
    target = cluster.node(request.text("target")).name
    if target == guest.node:
        raise parameter_error(target="target is local node.")
    if request.flag("force") and not request.identity.is_root:
        raise parameter_error(force="Only root may use this option.")
    if request.has("migration_type") and not request.identity.is_root:
        raise permission_denied("user != root@pam")
    guest.check_lock()
    online, restart = request.flag("online"), request.flag("restart")
    if guest.alive and guest.is_vm and not online:
        raise failed("Can't migrate running VM without --online")
    if guest.alive and not guest.is_vm and not (online or restart):
        raise failed("Can't migrate running container without --online or --restart")
    if cluster.ha.manages(guest.vmid):
        return migration.migrate_by_ha(cluster, guest, user, target).upid
    return migration.migrate(
        cluster,
        guest,
        user,
        target,
        online=online,
        restart=restart,
        with_local_disks=request.flag("with-local-disks"),
    ).upid
