"""Scenarios: a house or a data centre as a short description in YAML.

Sizes are written as people do (`6G`, `512M`), shares in percent. See
`scenarios/house.yaml` and `scenarios/cluster.yaml` for every key.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from lab.pve.backups import make_volume
from lab.pve.cluster import Cluster, Replication
from lab.pve.guests import Figures, Guest, GuestState, Inside, Snapshot
from lab.pve.nodes import Disk, Node, Package, UsbDevice
from lab.pve.storages import Space, Storage
from lab.radios import SECTIONS
from lab.reading import ScenarioError, check_keys, expand, place, size

__all__ = ["FOLDER", "ScenarioError", "fill", "load"]

FOLDER = Path(__file__).parent / "scenarios"

_MIB = 1024**2
_DAY = 86400
_HOUR = 3600

_SECTIONS = (
    "name nodes storages guests jobs backups replications usb_mappings access "
    + " ".join(SECTIONS)
)
_NODE_KEYS = (
    "name lan_address memory up_days kernel mac cpu threads wakeonlan root root_used"
    " disks usb packages"
)
_STORAGE_KEYS = "id type content shared nodes total used keep"
_GUEST_KEYS = (
    "vmid kind name node state lock template pool cpu mem disk_used rate self up_hours"
    " ignores_shutdown start_warnings snapshots ha cores memory onboot os agent"
    " agent_running address mac storage disk description tags config filesystems"
)


def load(name: str) -> dict[str, Any]:
    """Return the description of a scenario, by name or by the path of a file."""
    path = Path(name) if name.endswith((".yaml", ".yml")) else FOLDER / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(found.stem for found in FOLDER.glob("*.yaml")))
        raise ScenarioError(f"there is no scenario {name}; there are {known}, large")
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ScenarioError(f"{path.name} is no YAML: {error}") from error
    if not isinstance(found, dict) or not found.get("nodes"):
        raise ScenarioError(f"{path.name} describes no nodes")
    with place(path.name):
        check_keys(found, _SECTIONS)
        names = [node["name"] for node in found["nodes"]]
        if len(set(names)) < len(names):
            raise ScenarioError("two nodes have one name")
    return found


def fill(
    cluster: Cluster, found: Mapping[str, Any], addresses: Mapping[str, str]
) -> None:
    """Put everything of a description into an empty cluster."""
    now = cluster.clock()
    for number, node in enumerate(found["nodes"], 1):
        with place(f"node {node['name']}"):
            _add_node(cluster, node, number, addresses[node["name"]], now)
    for storage in found.get("storages", ()):
        with place(f"storage {storage.get('id', '?')}"):
            _add_storage(cluster, storage)
    for entry in found.get("guests", ()):
        with place(f"guest {entry.get('vmid', '?')}"):
            for guest in expand(entry):
                _add_guest(cluster, guest, now)
    cluster.usb_mappings |= found.get("usb_mappings", {})
    cluster.jobs += [dict(job) for job in found.get("jobs", ())]
    for backups in found.get("backups", ()):
        with place("backups"):
            _add_backups(cluster, backups, now)
    for job in found.get("replications", ()):
        with place("replications"):
            _add_replication(cluster, job, now)


def _add_replication(cluster: Cluster, found: Mapping[str, Any], now: float) -> None:
    guest = cluster.guests[found["vmid"]]
    cluster.replications.append(
        Replication(
            id=f"{guest.vmid}-0",
            vmid=guest.vmid,
            target=cluster.nodes[found["target"]].name,
            last_sync=int(now - found.get("minutes_ago", 10) * 60),
            failures=found.get("failures", 0),
            error=found.get("error"),
        )
    )


def _add_node(
    cluster: Cluster, found: Mapping[str, Any], number: int, address: str, now: float
) -> None:
    check_keys(found, _NODE_KEYS)
    name = found["name"]
    cluster.nodes[name] = Node(
        name=name,
        id=number,
        address=address,
        lan_address=found.get("lan_address", f"192.168.1.{10 + number}"),
        memory=size(found.get("memory", "32G")),
        started=now - found.get("up_days", 12) * _DAY,
        kernel=found.get("kernel", "6.17.2-1-pve"),
        mac=found.get("mac", ""),
        cpu=found.get("cpu", 6) / 100,
        threads=found.get("threads", 12),
        cores=found.get("threads", 12) // 2,
        wakeonlan=found.get("wakeonlan"),
        root_total=size(found.get("root", "94G")),
        root_used=int(
            size(found.get("root", "94G")) * found.get("root_used", 15.2) / 100
        ),
        disks=[
            Disk(**{**disk, "size": size(disk["size"])})
            for disk in found.get("disks", ())
        ],
        usb=[UsbDevice(**device) for device in found.get("usb", ())],
        packages=[Package(**package) for package in found.get("packages", ())],
    )


def _add_storage(cluster: Cluster, found: Mapping[str, Any]) -> None:
    check_keys(found, _STORAGE_KEYS)
    shared = bool(found.get("shared", False))
    names = found.get("nodes") or list(cluster.nodes)
    total, used = size(found["total"]), found.get("used", 30) / 100
    one = Space(total=total, used=int(total * used))
    spaces = {
        name: one if shared else Space(total=total, used=int(total * used))
        for name in names
    }
    cluster.storages[found["id"]] = Storage(
        id=found["id"],
        type=found["type"],
        content=tuple(found["content"]),
        spaces=spaces,
        shared=shared,
        restricted="nodes" in found,
        keep=found.get("keep"),
    )


def _add_guest(cluster: Cluster, found: Mapping[str, Any], now: float) -> None:
    check_keys(found, _GUEST_KEYS)
    vmid = int(found["vmid"])
    if vmid in cluster.guests:
        raise ScenarioError(f"there are two guests {vmid}")
    if found["node"] not in cluster.nodes:
        raise ScenarioError(f"{found['node']} is no node")
    guest = Guest(
        vmid=vmid,
        kind="qemu" if found.get("kind") == "vm" else "lxc",
        node=found["node"],
        config=_config(cluster, found, vmid),
        lock=found.get("lock"),
        template=bool(found.get("template", False)),
        pool=found.get("pool"),
        figures=Figures(
            cpu=found.get("cpu", 2) / 100,
            mem=found.get("mem", 40) / 100,
            disk=found.get("disk_used", 30) / 100,
            rate=found.get("rate", 0),
        ),
        inside=_inside(found),
        ignores_shutdown=bool(found.get("ignores_shutdown", False)),
        start_warnings=tuple(found.get("start_warnings", ())),
        is_self=bool(found.get("self", False)),
    )
    state = GuestState(found.get("state", "running"))
    if state is not GuestState.STOPPED and not guest.template:
        guest.begin(now - found.get("up_hours", 200) * _HOUR, cluster.next_pid())
        guest.state = state
    for snapshot in found.get("snapshots", ()):
        _add_snapshot(guest, snapshot, now)
    if guest.is_self:
        _make_self(cluster, guest)
    cluster.guests[vmid] = guest
    if guest.pool is not None:
        cluster.pools.setdefault(guest.pool, set()).add(vmid)
    if found.get("ha"):
        cluster.ha.add(guest)


def _config(cluster: Cluster, found: Mapping[str, Any], vmid: int) -> dict[str, Any]:
    is_vm = found.get("kind") == "vm"
    storage = found.get("storage", "local-lvm")
    if storage not in cluster.storages:
        raise ScenarioError(f"{storage} is no storage")
    disk = f"{storage}:vm-{vmid}-disk-0,size={found.get('disk', '8G')}"
    mac = found.get("mac", f"BC:24:11:00:{vmid // 256:02X}:{vmid % 256:02X}")
    address = found.get("address")
    config: dict[str, Any] = {
        "cores": found.get("cores", 1),
        "memory": size(found.get("memory", "512M")) // _MIB,
        "onboot": int(found.get("onboot", True)),
        "ostype": found.get("os", "l26" if is_vm else "debian"),
    }
    if is_vm:
        # Since 8.x the memory of a VM is a property string.
        config["memory"] = str(config["memory"])
        config |= {
            "name": found["name"],
            "scsi0": disk,
            "net0": f"virtio={mac},bridge=vmbr0",
            "smbios1": f"uuid=00000000-0000-4000-8000-{vmid:012d}",
            "agent": str(int(found.get("agent", True))),
            "boot": "order=scsi0",
        }
    else:
        ip = f"{address}/24" if address else "dhcp"
        config |= {
            "hostname": found["name"],
            "rootfs": disk,
            "net0": f"name=eth0,bridge=vmbr0,hwaddr={mac},ip={ip},type=veth",
            "swap": 512,
            "unprivileged": 1,
        }
    if found.get("description"):
        config["description"] = found["description"]
    if found.get("tags"):
        config["tags"] = ";".join(found["tags"])
    return config | dict(found.get("config", {}))


def _inside(found: Mapping[str, Any]) -> Inside:
    address = found.get("address")
    return Inside(
        addresses=(address,) if address else (),
        filesystems=tuple(
            (mount, kind, size(used), size(total))
            for mount, kind, used, total in found.get("filesystems", ())
        ),
        agent_running=bool(found.get("agent_running", True)),
    )


def _add_snapshot(guest: Guest, found: Mapping[str, Any], now: float) -> None:
    guest.snapshots[found["name"]] = Snapshot(
        name=found["name"],
        taken=int(now - found.get("days_ago", 1) * _DAY),
        description=found.get("description", ""),
        parent=guest.snapshot_parent,
        vmstate=bool(found.get("vmstate", False)),
        config=dict(guest.config),
    )
    guest.snapshot_parent = found["name"]


def _make_self(cluster: Cluster, guest: Guest) -> None:
    """Give the guest what the host that looks at the lab will recognise."""
    settings = cluster.settings
    if settings.self_mac:
        net = str(guest.config["net0"])
        old = guest.macs[0]
        guest.config["net0"] = net.replace(old, settings.self_mac.upper())
    if settings.self_smbios:
        guest.config["smbios1"] = f"uuid={settings.self_smbios}"
    if settings.self_addresses:
        guest.inside.addresses = settings.self_addresses


def _add_backups(cluster: Cluster, found: Mapping[str, Any], now: float) -> None:
    storage = cluster.storages[found["storage"]]
    left_out = set(found.get("except", ()))
    for guest in _chosen(cluster, found.get("guests")):
        if guest.vmid in left_out or guest.template:
            continue
        space = storage.space(guest.node)
        for day in range(found.get("days", 3)):
            when = now - found.get("hours_ago", 8) * _HOUR - day * _DAY - guest.vmid
            volume = make_volume(storage, guest, when)
            if space is not None:
                space.volumes[volume.volid] = volume


def _chosen(cluster: Cluster, vmids: Iterable[int] | None) -> Iterable[Guest]:
    if vmids is None:
        return list(cluster.guests.values())
    return [cluster.guests[vmid] for vmid in vmids]
