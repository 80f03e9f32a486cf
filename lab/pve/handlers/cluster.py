"""``/cluster``, ``/nodes``, ``/pools`` and ``/storage``: what is about the whole."""

from lab.pve import migration
from lab.pve.api import ApiRequest, Router, failed
from lab.pve.backups import included
from lab.pve.ha import HaResource
from lab.pve.resources import ZONE, guest_row, node_row, storage_rows, zone_rows

router = Router()


@router.handle("GET", "/cluster/resources")
async def resources(request: ApiRequest) -> object:
    """Everything that the caller may see, as pvestatd said it last."""
    cluster = request.cluster
    cluster.statistics.latest()
    wanted = request.text("type")
    rows: list[dict[str, object]] = []
    if wanted in ("", "node"):
        rows += [
            node_row(
                cluster, name, audit=request.allowed(f"/nodes/{name}", "Sys.Audit")
            )
            for name in cluster.nodes
        ]
    if wanted in ("", "vm"):
        rows += [
            guest_row(cluster, guest)
            for guest in cluster.guests.values()
            if request.allowed(f"/vms/{guest.vmid}", "VM.Audit")
        ]
    if wanted in ("", "storage"):
        rows += [
            row
            for row in storage_rows(cluster)
            if request.allowed(
                f"/storage/{row['storage']}",
                "Datastore.Audit",
                "Datastore.AllocateSpace",
                any=True,
            )
        ]
    if wanted == "":
        rows += [
            {"id": f"/pool/{pool}", "type": "pool", "pool": pool}
            for pool in cluster.pools
            if request.allowed(f"/pool/{pool}", "Pool.Audit")
        ]
    if wanted in ("", "sdn") and request.allowed(f"/sdn/zones/{ZONE}", "SDN.Audit"):
        rows += zone_rows(cluster)
    return rows


@router.handle("GET", "/cluster/status")
async def status(request: ApiRequest) -> object:
    """Quorum and members; a single host has no row of type cluster."""
    cluster = request.cluster
    rows: list[dict[str, object]] = []
    if cluster.name is not None:
        rows.append(
            {
                "type": "cluster",
                "id": "cluster",
                "name": cluster.name,
                "nodes": len(cluster.nodes),
                "quorate": int(cluster.quorate),
                "version": len(cluster.nodes),
            }
        )
    rows += [
        {
            "type": "node",
            "id": f"node/{node.name}",
            "name": node.name,
            "ip": node.address,
            "online": int(node.online),
            "local": int(node.name == request.node),
            "nodeid": node.id if cluster.name else 0,
            "level": "",
        }
        for node in cluster.nodes.values()
    ]
    return rows


@router.handle("GET", "/nodes")
async def nodes(request: ApiRequest) -> object:
    """The members with the fingerprints of their certificates."""
    cluster = request.cluster
    cluster.statistics.latest()
    return [
        {
            **node_row(
                cluster, name, audit=request.allowed(f"/nodes/{name}", "Sys.Audit")
            ),
            "ssl_fingerprint": cluster.tls.fingerprint(name),
        }
        for name in cluster.nodes
    ]


@router.handle("GET", "/cluster/config/nodes")
async def config_nodes(request: ApiRequest) -> object:
    """The members as corosync knows them."""
    return [{"node": name} for name in request.cluster.nodes]


@router.handle("GET", "/cluster/nextid")
async def next_id(request: ApiRequest) -> object:
    """The first free vmid, as a string."""
    return next(str(i) for i in range(100, 10**6) if i not in request.cluster.guests)


@router.handle("GET", "/cluster/options")
async def options(request: ApiRequest) -> object:
    """The options of the datacenter."""
    return {"keyboard": "no", "mac_prefix": "BC:24:11"}


@router.handle("GET", "/cluster/backup")
async def jobs(request: ApiRequest) -> object:
    """The backup jobs."""
    return request.cluster.jobs


@router.handle("GET", "/cluster/backup-info/not-backed-up")
async def not_backed_up(request: ApiRequest) -> object:
    """The guests in no job; a disabled job counts as cover."""
    cluster = request.cluster
    covered: set[int] = set()
    for job in cluster.jobs:
        covered |= included(cluster, job)
    return [
        {"vmid": guest.vmid, "name": guest.name, "type": guest.kind}
        for guest in cluster.guests.values()
        if guest.vmid not in covered
        and request.allowed(f"/vms/{guest.vmid}", "VM.Audit")
    ]


@router.handle("GET", "/cluster/ha/status/current")
async def ha_status(request: ApiRequest) -> object:
    """Quorum, and the state of every service."""
    cluster = request.cluster
    rows: list[dict[str, object]] = [
        {
            "id": "quorum",
            "type": "quorum",
            "quorate": int(cluster.quorate),
            "status": "OK" if cluster.quorate else "No quorum on node!",
            "node": request.node,
        }
    ]
    rows += [
        {
            "id": f"service:{resource.sid}",
            "type": "service",
            "sid": resource.sid,
            "state": resource.state,
            "request_state": resource.requested,
            "node": cluster.guests[resource.vmid].node,
        }
        for resource in cluster.ha.resources.values()
    ]
    return rows


@router.handle("GET", "/cluster/ha/resources")
async def ha_resources(request: ApiRequest) -> object:
    """What the HA manager looks after."""
    return [_ha_row(resource) for resource in request.cluster.ha.resources.values()]


def _ha_row(resource: HaResource) -> dict[str, object]:
    return {
        "sid": resource.sid,
        "type": resource.sid.partition(":")[0],
        "state": resource.requested,
        "max_restart": resource.max_restart,
        "max_relocate": resource.max_relocate,
    }


def _ha_resource(request: ApiRequest) -> HaResource:
    """Return the resource of a path, named ``vm:101`` or ``101``."""
    sid = request.text("sid")
    for resource in request.cluster.ha.resources.values():
        if sid in (resource.sid, str(resource.vmid)):
            return resource
    raise failed(f"no such resource '{sid}'")


@router.handle("GET", "/cluster/ha/resources/{sid}")
async def ha_resource(request: ApiRequest) -> object:
    """One resource."""
    return _ha_row(_ha_resource(request))


@router.handle("POST", "/cluster/ha/resources/{sid}/migrate")
@router.handle("POST", "/cluster/ha/resources/{sid}/relocate")
async def ha_migrate(request: ApiRequest) -> object:
    """Ask the manager to move a guest; there is no task for the wish itself."""
    cluster, resource = request.cluster, _ha_resource(request)
    cluster.check_quorum()
    target = cluster.node(request.text("node")).name
    relocate = request.template.endswith("/relocate")
    guest = cluster.guests[resource.vmid]
    migration.want_move(cluster, guest, target, relocate=relocate)
    if request.major < 9:
        return None
    return {"sid": resource.sid, "requested-node": target}


@router.handle("GET", "/cluster/replication")
async def replication(request: ApiRequest) -> object:
    """The configured replication jobs."""
    cluster = request.cluster
    return [
        {
            "id": job.id,
            "guest": job.vmid,
            "jobnum": int(job.id.rpartition("-")[2]),
            "source": cluster.guests[job.vmid].node,
            "target": job.target,
            "type": "local",
            "schedule": "*/15",
        }
        for job in cluster.replications
        if request.allowed(f"/vms/{job.vmid}", "VM.Audit")
    ]


@router.handle("GET", "/cluster/mapping/usb")
async def usb_mappings(request: ApiRequest) -> object:
    """The USB mappings."""
    return [
        {"id": name, "map": entries}
        for name, entries in request.cluster.usb_mappings.items()
        if request.allowed(
            f"/mapping/usb/{name}", "Mapping.Audit", "Mapping.Use", any=True
        )
    ]


@router.handle("GET", "/cluster/mapping/usb/{id}")
async def usb_mapping(request: ApiRequest) -> object:
    """One USB mapping."""
    name = request.text("id")
    if name not in request.cluster.usb_mappings:
        raise failed(f"USB mapping '{name}' not found")
    return {"id": name, "map": request.cluster.usb_mappings[name]}


@router.handle("GET", "/pools")
async def pools(request: ApiRequest) -> object:
    """The pools that the caller may see, or one of them with its members."""
    if request.has("poolid"):
        name = request.text("poolid")
        request.require(f"/pool/{name}", "Pool.Audit")
        return [{"poolid": name, "members": _members(request, name)}]
    return [
        {"poolid": pool}
        for pool in request.cluster.pools
        if request.allowed(f"/pool/{pool}", "Pool.Audit")
    ]


@router.handle("GET", "/pools/{poolid}")
async def pool_members(request: ApiRequest) -> object:
    """The members of a pool."""
    return {"members": _members(request, request.text("poolid"))}


def _members(request: ApiRequest, pool: str) -> list[dict[str, object]]:
    cluster = request.cluster
    if pool not in cluster.pools:
        raise failed(f"no such pool '{pool}'")
    cluster.statistics.latest()
    wanted = request.text("type")
    return [
        guest_row(cluster, cluster.guests[vmid])
        for vmid in sorted(cluster.pools[pool])
        if wanted in ("", cluster.guests[vmid].kind)
    ]


@router.handle("GET", "/storage")
async def storages(request: ApiRequest) -> object:
    """The configured storages."""
    return [
        storage.configuration()
        for storage in request.cluster.storages.values()
        if request.allowed(f"/storage/{storage.id}", "Datastore.Audit")
    ]
