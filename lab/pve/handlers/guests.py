"""Guests: lists, state, configuration. Paths of VMs and containers side by side."""

import re

from lab.pve import snapshots
from lab.pve.api import ApiRequest, Router, failed, permission_denied
from lab.pve.figures import (
    Row,
    guest_cpu,
    guest_disk,
    guest_memory,
    host_memory,
)
from lab.pve.guests import Guest, GuestState, Kind

router = Router()

_CONFIG_PRIVILEGES = {
    "tags": "VM.Config.Options",
    "description": "VM.Config.Options",
    "onboot": "VM.Config.Options",
    "startup": "VM.Config.Options",
    "name": "VM.Config.Options",
    "hostname": "VM.Config.Network",
    "agent": "VM.Config.Options",
    "protection": "VM.Config.Options",
    "cores": "VM.Config.CPU",
    "sockets": "VM.Config.CPU",
    "cpulimit": "VM.Config.CPU",
    "memory": "VM.Config.Memory",
    "swap": "VM.Config.Memory",
}
_USB = re.compile(r"usb\d+")
_LXC_DEVICE = re.compile(r"dev\d+")


def find(request: ApiRequest) -> Guest:
    """Return the guest of a path."""
    kind: Kind = "lxc" if "/lxc/" in request.template else "qemu"
    return request.cluster.guest(request.path["node"], kind, int(request.path["vmid"]))


@router.handle("GET", "/nodes/{node}/qemu")
async def list_vms(request: ApiRequest) -> object:
    """Return the VMs of a node; only `full` tells a paused one from a running one."""
    return [
        _state(request, guest, full=request.flag("full"))
        for guest in _visible(request, "qemu")
    ]


@router.handle("GET", "/nodes/{node}/lxc")
async def list_containers(request: ApiRequest) -> object:
    """Return the containers of a node."""
    return [_state(request, guest, full=False) for guest in _visible(request, "lxc")]


def _visible(request: ApiRequest, kind: Kind) -> list[Guest]:
    request.cluster.statistics.latest()
    return [
        guest
        for guest in request.cluster.guests_on(request.path["node"])
        if guest.kind == kind and request.allowed(f"/vms/{guest.vmid}", "VM.Audit")
    ]


def _state(request: ApiRequest, guest: Guest, *, full: bool) -> Row:
    """Return a guest as its node sees it now."""
    figures = guest.figures
    row: Row = {
        "vmid": guest.vmid,
        "name": guest.name,
        "status": "running" if guest.alive else "stopped",
        "uptime": request.cluster.statistics.uptime(guest.started),
        "cpu": guest_cpu(guest),
        "cpus": guest.cores,
        "mem": guest_memory(guest),
        "maxmem": guest.memory,
        "disk": guest_disk(guest),
        "maxdisk": guest.disk_size,
        "netin": figures.netin if guest.alive else 0,
        "netout": figures.netout if guest.alive else 0,
        "diskread": figures.diskread if guest.alive else 0,
        "diskwrite": figures.diskwrite if guest.alive else 0,
    }
    if guest.pid is not None:
        row["pid"] = guest.pid
    if guest.template:
        row["template"] = 1
    if guest.lock is not None:
        row["lock"] = guest.lock
    if tags := guest.config.get("tags"):
        row["tags"] = tags
    if request.major >= 9:
        row |= _pressure(guest)
    if guest.is_vm:
        row |= _vm_state(request, guest, full=full)
    else:
        row |= {"type": "lxc", "maxswap": guest.swap, "swap": 0}
    return row


def _pressure(guest: Guest) -> Row:
    """Return the pressure stall averages: numbers for a VM, texts for a container."""
    names = ("cpusome", "iofull", "iosome", "memoryfull", "memorysome")
    if guest.is_vm:
        return {f"pressure{name}": 0 for name in (*names, "cpufull")}
    return {f"pressure{name}": "0.00" for name in names}


def _vm_state(request: ApiRequest, guest: Guest, *, full: bool) -> Row:
    row: Row = {}
    if request.major >= 9:
        row["memhost"] = host_memory(guest)
    if full:
        row["qmpstatus"] = guest.state.value
        if guest.alive:
            row |= {"running-machine": "pc-q35-10.1+pve0", "running-qemu": "10.1.2"}
    return row


@router.handle("GET", "/nodes/{node}/qemu/{vmid}")
@router.handle("GET", "/nodes/{node}/lxc/{vmid}")
async def guest_index(request: ApiRequest) -> object:
    """Return what there is below a guest."""
    find(request)
    names = ("config", "status", "snapshot", "rrddata", "migrate", "pending")
    return [{"subdir": name} for name in names]


@router.handle("GET", "/nodes/{node}/qemu/{vmid}/status/current")
@router.handle("GET", "/nodes/{node}/lxc/{vmid}/status/current")
async def current(request: ApiRequest) -> object:
    """Return the state of a guest at this moment."""
    guest = find(request)
    row = _state(request, guest, full=True)
    resource = request.cluster.ha.resources.get(guest.vmid)
    row["ha"] = (
        {"managed": 0}
        if resource is None
        else {"managed": 1, "state": resource.requested}
    )
    if guest.is_vm and guest.agent_enabled:
        row["agent"] = 1
    return row


@router.handle("GET", "/nodes/{node}/qemu/{vmid}/config")
@router.handle("GET", "/nodes/{node}/lxc/{vmid}/config")
async def config(request: ApiRequest) -> object:
    """Return the configuration, or what it was at a snapshot."""
    guest = find(request)
    found = dict(guest.config)
    if request.has("snapshot"):
        name = request.text("snapshot")
        if name not in guest.snapshots:
            raise failed(f"snapshot '{name}' does not exist")
        found = dict(guest.snapshots[name].config)
    found["digest"] = guest.digest()
    if guest.is_vm:
        # A property string since 8.1, so it comes as a text.
        found["memory"] = str(found.get("memory", 512))
    if guest.lock is not None:
        found["lock"] = guest.lock
    if guest.template:
        found["template"] = 1
    if guest.snapshot_parent is not None:
        found["parent"] = guest.snapshot_parent
    return found


@router.handle("PUT", "/nodes/{node}/qemu/{vmid}/config")
@router.handle("POST", "/nodes/{node}/qemu/{vmid}/config")
@router.handle("PUT", "/nodes/{node}/lxc/{vmid}/config")
async def change_config(request: ApiRequest) -> object:
    """Change the configuration at once; the asynchronous form answers with a task."""
    guest = find(request)
    request.cluster.check_quorum()
    changes = {
        name: value
        for name, value in request.params.items()
        if name not in ("node", "vmid", "delete", "digest", "skiplock", "revert")
    }
    removed = request.items("delete")
    for name, value in changes.items():
        _check_change(request, guest, name, str(value))
    for name in removed:
        _check_change(request, guest, name, str(guest.config.get(name, "")))
    if request.has("digest") and request.text("digest") != guest.digest():
        raise failed("detected modified configuration - file changed by other user?")
    guest.check_lock()
    for name in removed:
        guest.config.pop(name, None)
    for name, value in changes.items():
        guest.config[name] = int(value) if isinstance(value, bool) else _plain(value)
    if request.method != "POST":
        return None
    return request.cluster.tasks.record(
        guest.node,
        "qmconfig",
        str(guest.vmid),
        started=request.cluster.clock(),
        seconds=0,
        user=request.identity.name,
    ).upid


def _plain(value: object) -> str | int | float:
    return value if isinstance(value, int | float) else str(value)


def _check_change(request: ApiRequest, guest: Guest, name: str, value: str) -> None:
    path = f"/vms/{guest.vmid}"
    if not guest.is_vm and _LXC_DEVICE.fullmatch(name):
        if not request.identity.is_root:
            raise failed("configuring device passthrough is only allowed for root@pam")
    elif _USB.fullmatch(name):
        _check_usb(request, path, value)
    elif (privilege := _CONFIG_PRIVILEGES.get(name)) is not None:
        request.require(path, privilege)
        if name == "startup":
            request.require("/", "Sys.Modify")
    elif not request.identity.is_root:
        raise permission_denied(f"{path}, VM.Config.{name.rstrip('0123456789')}")


def _check_usb(request: ApiRequest, path: str, value: str) -> None:
    parts = dict(part.partition("=")[::2] for part in value.split(",") if "=" in part)
    if (mapping := parts.get("mapping")) is not None:
        request.require(path, "VM.Config.HWType")
        request.require(f"/mapping/usb/{mapping}", "Mapping.Use")
        if mapping not in request.cluster.usb_mappings:
            raise failed(f"USB device mapping not found for '{mapping}'")
    elif value.startswith("spice"):
        request.require(path, "VM.Config.HWType")
    elif not request.identity.is_root:
        raise failed("only root can set 'usb' config for real devices")


@router.handle("GET", "/nodes/{node}/qemu/{vmid}/pending")
@router.handle("GET", "/nodes/{node}/lxc/{vmid}/pending")
async def pending(request: ApiRequest) -> object:
    """Return the configuration key by key; in the lab every change is immediate."""
    guest = find(request)
    return [
        {"key": key, "value": value}
        for key, value in {**guest.config, "digest": guest.digest()}.items()
        if isinstance(value, str | int | float)
    ]


@router.handle("GET", "/nodes/{node}/qemu/{vmid}/feature")
@router.handle("GET", "/nodes/{node}/lxc/{vmid}/feature")
async def feature(request: ApiRequest) -> object:
    """Return whether a guest can be snapshotted, cloned or copied."""
    guest = find(request)
    possible = request.text("feature") != "snapshot" or snapshots.feasible(
        request.cluster, guest
    )
    row: Row = {"hasFeature": int(possible)}
    if guest.is_vm:
        row["nodes"] = list(request.cluster.nodes)
    return row


@router.handle("GET", "/nodes/{node}/lxc/{vmid}/interfaces")
async def interfaces(request: ApiRequest) -> object:
    """Return the addresses of a container; null when it is stopped."""
    guest = find(request)
    if not guest.alive:
        return None
    found = [_interface("lo", "00:00:00:00:00:00", ("127.0.0.1/8", "::1/128"))]
    for number, mac in enumerate(guest.macs):
        addresses = guest.inside.addresses if number == 0 else ()
        with_link_local = (
            *(f"{text}/24" for text in addresses),
            f"{_link_local(mac)}/64",
        )
        found.append(_interface(f"eth{number}", mac, with_link_local))
    return found


def _link_local(mac: str) -> str:
    parts = [int(part, 16) for part in mac.split(":")]
    parts[0] ^= 2
    a, b, c, d, e, f = parts
    return f"fe80::{a:02x}{b:02x}:{c:02x}ff:fe{d:02x}:{e:02x}{f:02x}"


def _interface(name: str, mac: str, addresses: tuple[str, ...]) -> Row:
    row: Row = {"name": name, "hwaddr": mac.lower(), "hardware-address": mac.lower()}
    listed = []
    for text in addresses:
        address, _, prefix = text.partition("/")
        family = "inet6" if ":" in address else "inet"
        row[family] = text
        listed.append(
            {
                "ip-address": address,
                "ip-address-type": family,
                "prefix": prefix,
            }
        )
    row["ip-addresses"] = listed
    return row


def is_paused(guest: Guest) -> bool:
    """Whether a VM is in a state that takes no orderly shutdown."""
    return guest.state in (GuestState.PAUSED, GuestState.SUSPENDED)
