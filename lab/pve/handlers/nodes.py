"""``/nodes/{node}``: system, hardware, packages, certificates, power."""

from cryptography import x509

from lab.pve import bulk, power
from lab.pve.api import ApiRequest, Router, failed, permission_denied
from lab.pve.cluster import Replication
from lab.pve.nodes import Node
from lab.pve.tasks import Task

router = Router()

_VERSIONS = {"8.4": "8.4.5", "9.2": "9.2.11"}


def _node(request: ApiRequest) -> Node:
    return request.cluster.node(request.text("node"))


@router.handle("GET", "/nodes/{node}/status")
async def status(request: ApiRequest) -> object:
    """Load, memory, kernel and version; the load comes as strings."""
    cluster, node = request.cluster, _node(request)
    cluster.statistics.latest()
    figures = cluster.statistics.node(node.name) or {}
    share = figures.get("cpu", 0.0)
    load = float(share) * node.threads if isinstance(share, int | float) else 0.0
    used = figures.get("mem", 0)
    used = used if isinstance(used, int) else 0
    return {
        "cpu": share,
        "wait": node.io_wait,
        "loadavg": [f"{load * factor:.2f}" for factor in (1.0, 0.9, 0.8)],
        "uptime": figures.get("uptime", 0),
        "kversion": f"Linux {node.kernel} #1 SMP PREEMPT_DYNAMIC",
        "pveversion": f"pve-manager/{_VERSIONS[request.version]}/1a2b3c4d5e6f7a8b",
        "cpuinfo": {
            "model": node.cpu_model,
            "sockets": node.sockets,
            "cores": node.cores,
            "cpus": node.threads,
            "hvm": "1",
        },
        "memory": {
            "total": node.memory,
            "used": used,
            "free": node.memory - used,
            "available": node.memory - used,
        },
        "swap": {"total": node.swap, "used": node.swap // 50, "free": node.swap},
        "rootfs": {
            "total": node.root_total,
            "used": node.root_used,
            "avail": node.root_total - node.root_used,
            "free": node.root_total - node.root_used,
        },
    }


@router.handle("POST", "/nodes/{node}/status")
async def command(request: ApiRequest) -> object:
    """Reboot or shut down; for this there is no task."""
    reboot = request.text("command") == "reboot"
    bulk.command_node(request.cluster, _node(request).name, reboot=reboot)
    return None


@router.handle("POST", "/nodes/{node}/wakeonlan")
async def wake(request: ApiRequest) -> object:
    """Send the magic packet; the contacted node does that."""
    node = _node(request)
    if node.wakeonlan is None:
        raise failed(f"No wake on LAN MAC address defined for '{node.name}'!")
    if node.name == request.node:
        raise failed(f"'{node.name}' is local node, cannot wake my self!")
    if not node.powered:

        async def boot() -> None:
            request.cluster.node_on(node.name)

        request.cluster.tasks.later(request.cluster.settings.scaled(30.0), boot)
    return node.wakeonlan


def _named(request: ApiRequest) -> list[int]:
    """Return the guests that a command for all is meant for, none meaning all."""
    vmids = [int(text) for text in request.items("vms")]
    if not request.allowed("/", "VM.PowerMgmt"):
        for vmid in vmids:
            request.require(f"/vms/{vmid}", "VM.PowerMgmt")
        if not vmids:
            raise permission_denied("/, VM.PowerMgmt")
    request.cluster.check_quorum()
    return vmids


@router.handle("POST", "/nodes/{node}/startall")
async def start_all(request: ApiRequest) -> object:
    """Start the guests that start at boot, of all or of the named ones."""
    return bulk.start_all(
        request.cluster,
        request.text("node"),
        request.identity.name,
        _named(request),
        force=request.flag("force"),
    ).upid


@router.handle("POST", "/nodes/{node}/stopall")
async def stop_all(request: ApiRequest) -> object:
    """Shut guests down, and kill after the time-out what does not go."""
    return bulk.stop_all(
        request.cluster,
        request.text("node"),
        request.identity.name,
        _named(request),
        timeout=request.integer("timeout", int(power.VM_TIMEOUT)),
        force=request.flag("force-stop", default=True),
    ).upid


@router.handle("POST", "/nodes/{node}/suspendall")
async def suspend_all(request: ApiRequest) -> object:
    """Hibernate VMs."""
    return bulk.suspend_all(
        request.cluster, request.text("node"), request.identity.name, _named(request)
    ).upid


@router.handle("GET", "/nodes/{node}/apt/update")
async def packages(request: ApiRequest) -> object:
    """The packages that could be updated."""
    return [package.row() for package in _node(request).packages]


@router.handle("POST", "/nodes/{node}/apt/update")
async def refresh_packages(request: ApiRequest) -> object:
    """Read the lists of packages anew."""

    async def work(task: Task) -> None:
        await request.cluster.pass_time(4.0)

    node = request.text("node")
    return request.cluster.tasks.run(
        node, "aptupdate", "", request.identity.name, work
    ).upid


@router.handle("GET", "/nodes/{node}/disks/list")
async def disks(request: ApiRequest) -> object:
    """The disks; SMART is read unless it is to be skipped."""
    with_smart = not request.flag("skipsmart")
    return [disk.row(with_smart=with_smart) for disk in _node(request).disks]


@router.handle("GET", "/nodes/{node}/disks/smart")
async def smart(request: ApiRequest) -> object:
    """The SMART values of a disk: a table for ATA, text for NVMe."""
    wanted = request.text("disk")
    for disk in _node(request).disks:
        if disk.devpath == wanted:
            return disk.smart(health_only=request.flag("healthonly"))
    raise failed(f"disk '{wanted}' not found")


@router.handle("GET", "/nodes/{node}/hardware/usb")
async def usb(request: ApiRequest) -> object:
    """The USB devices of the host."""
    return [device.row() for device in _node(request).usb]


@router.handle("GET", "/nodes/{node}/certificates/info")
async def certificates(request: ApiRequest) -> object:
    """The certificate authority of the cluster and the certificate of the node."""
    tls = request.cluster.tls
    node = _node(request).name
    return [
        _certificate("pve-root-ca.pem", tls.ca_pem, tls.ca_fingerprint),
        _certificate("pve-ssl.pem", tls.certificate_pem(node), tls.fingerprint(node)),
    ]


def _certificate(filename: str, pem: str, fingerprint: str) -> dict[str, object]:
    parsed = x509.load_pem_x509_certificate(pem.encode())
    return {
        "filename": filename,
        "fingerprint": fingerprint,
        "subject": parsed.subject.rfc4514_string(),
        "issuer": parsed.issuer.rfc4514_string(),
        "notbefore": int(parsed.not_valid_before_utc.timestamp()),
        "notafter": int(parsed.not_valid_after_utc.timestamp()),
        "pem": pem,
    }


@router.handle("GET", "/nodes/{node}/subscription")
async def subscription(request: ApiRequest) -> object:
    """The subscription."""
    return {"status": _node(request).subscription, "message": "There is no key"}


@router.handle("GET", "/nodes/{node}/replication")
async def replication(request: ApiRequest) -> object:
    """The replication jobs of the guests on this node."""
    cluster = request.cluster
    return [
        _replication_row(request, job)
        for job in cluster.replications
        if cluster.guests[job.vmid].node == request.text("node")
        and request.allowed(f"/vms/{job.vmid}", "VM.Audit")
    ]


def _replication_row(request: ApiRequest, job: Replication) -> dict[str, object]:
    guest = request.cluster.guests[job.vmid]
    row: dict[str, object] = {
        "id": job.id,
        "guest": job.vmid,
        "source": guest.node,
        "target": job.target,
        "type": "local",
        "vmtype": guest.kind,
        "last_sync": job.last_sync,
        "fail_count": job.failures,
        "duration": 4.2,
    }
    if job.error is not None:
        row["error"] = job.error
    return row


@router.handle("GET", "/nodes/{node}/netstat")
async def netstat(request: ApiRequest) -> object:
    """The traffic per interface of a guest."""
    return [
        {
            "vmid": str(guest.vmid),
            "dev": "net0",
            "in": str(guest.figures.netin),
            "out": str(guest.figures.netout),
        }
        for guest in request.cluster.guests_on(request.text("node"))
        if guest.alive
    ]


@router.handle("GET", "/nodes/{node}/version")
async def version(request: ApiRequest) -> object:
    """The version of this node."""
    full = _VERSIONS[request.version]
    return {"version": full, "release": request.version, "repoid": "1a2b3c4d5e6f7a8b"}


@router.handle("GET", "/nodes/{node}/config")
async def config(request: ApiRequest) -> object:
    """The configuration of the node."""
    node = _node(request)
    found: dict[str, object] = {"description": node.description}
    if node.wakeonlan is not None:
        found["wakeonlan"] = node.wakeonlan
    return found
