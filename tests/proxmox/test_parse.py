"""Everything else that the API says, with the oddities that were seen."""

from datetime import UTC, datetime
from typing import Any

import pytest

from custom_components.proxmox_homelab.errors import ProtocolError
from custom_components.proxmox_homelab.proxmox import parse
from custom_components.proxmox_homelab.proxmox.models import (
    GuestType,
    NodeTraffic,
    TaskOutcome,
)

GIB = 1 << 30
MIB = 1 << 20
UPID = "UPID:pve1:0004A2B1:03C4D5E6:690F1A2B:qmstart:103:root@pam!lab:"


# --- the cluster -------------------------------------------------------------------


def test_version() -> None:
    version = parse.parse_version({"release": "9.2", "version": "9.2.11"})
    assert version.major == 9
    assert parse.parse_version({}).major == 0


def test_cluster_status() -> None:
    status = parse.parse_cluster_status(
        [
            {"type": "cluster", "name": "home", "quorate": 1, "nodes": 2},
            {"type": "node", "name": "pve2", "online": 0, "ip": "10.0.0.2"},
            {"type": "node", "name": "pve1", "online": "1", "ip": "10.0.0.1"},
        ]
    )
    assert (status.name, status.quorate) == ("home", True)
    assert [(m.name, m.online, m.address) for m in status.members] == [
        ("pve1", True, "10.0.0.1"),
        ("pve2", False, "10.0.0.2"),
    ]


def test_a_single_host_is_quorate_without_a_name() -> None:
    status = parse.parse_cluster_status([{"type": "node", "name": "pve", "online": 1}])
    assert (status.name, status.quorate, len(status.members)) == (None, True, 1)


def test_permissions() -> None:
    permissions = parse.parse_permissions(
        {"/": {"Sys.Audit": 1, "Sys.Modify": 0}, "/vms/100": {}, "/odd": None}
    )
    assert permissions.allows("/", "Sys.Modify")
    assert permissions.allows("/nodes/pve1", "Sys.Audit")
    assert not permissions.allows("/nodes/pve1", "Sys.Modify")
    assert not permissions.allows("/vms/100", "Sys.Audit")


# --- nodes -------------------------------------------------------------------------


def test_node_detail() -> None:
    detail = parse.parse_node_detail(
        {
            "wait": 0.0123,
            "loadavg": ["0.50", "0.40", "0.30"],
            "memory": {"total": 32 * GIB, "available": 20 * GIB},
            "swap": {"total": 8 * GIB, "used": GIB},
            "current-kernel": {"release": "6.17.2-1-pve"},
            "pveversion": "pve-manager/9.2.11/0a1b2c3d",
            "cpuinfo": {"model": "N100"},
        },
        "pve1",
    )
    assert detail.io_wait_percent == 1.2
    assert detail.load == (0.5, 0.4, 0.3)
    assert (detail.swap_used, detail.swap_total) == (GIB, 8 * GIB)
    assert detail.memory_available == 20 * GIB
    assert (detail.kernel, detail.pve_version) == ("6.17.2-1-pve", "9.2.11")
    assert detail.cpu_model == "N100"


def test_node_detail_of_older_versions() -> None:
    detail = parse.parse_node_detail(
        {
            "kversion": "Linux 5.15.149-1-pve #1 SMP PVE",
            "pveversion": "7.4",
            "loadavg": ["x", "y", "z"],
        },
        "pve1",
    )
    assert (detail.kernel, detail.pve_version) == ("5.15.149-1-pve", "7.4")
    assert detail.load is None


@pytest.mark.parametrize("loadavg", [None, [], ["1", "2"]])
def test_a_node_without_load(loadavg: object) -> None:
    detail = parse.parse_node_detail({"loadavg": loadavg, "kversion": "Linux"}, "pve1")
    assert (detail.load, detail.kernel, detail.pve_version) == (None, "Linux", None)


def test_the_traffic_of_a_node_is_that_of_the_last_minute_with_figures() -> None:
    traffic = parse.parse_node_traffic(
        [
            {"time": 120, "netin": "2048.4", "netout": 1024.6},
            {"time": 60, "netin": 1.0, "netout": 1.0},
            {"time": 180},
        ],
        "pve1",
    )
    assert traffic == NodeTraffic(received=2048, sent=1025)
    assert parse.parse_node_traffic([{"time": 180}], "pve1") == NodeTraffic()


def test_packages() -> None:
    updates = parse.parse_updates(
        [
            {
                "Package": "qemu-server",
                "Version": "9.2.6",
                "OldVersion": "9.2.5",
                "Title": "Qemu Server Tools",
                "Origin": "Proxmox",
            },
            {"Package": "bash", "Version": "5.3"},
            {"Version": "nameless"},
        ]
    )
    assert [(u.package, u.old_version) for u in updates] == [
        ("bash", None),
        ("qemu-server", "9.2.5"),
    ]


def test_certificates() -> None:
    (certificate,) = parse.parse_certificates(
        [
            {
                "filename": "pve-ssl.pem",
                "fingerprint": "AA:BB",
                "notafter": 1_900_000_000,
            },
            {"fingerprint": "nameless"},
        ]
    )
    assert certificate.fingerprint == "AA:BB"
    assert certificate.expires_at == datetime.fromtimestamp(1_900_000_000, UTC)


def test_subscription() -> None:
    active = parse.parse_subscription(
        {"status": "active", "level": "c", "nextduedate": "2027-03-01"}
    )
    assert active.due_at == datetime(2027, 3, 1, tzinfo=UTC)
    none = parse.parse_subscription({"status": "notfound", "nextduedate": None})
    assert (none.status, none.level, none.due_at) == ("notfound", None, None)


@pytest.mark.parametrize(
    ("health", "healthy"),
    [
        ("PASSED", True),
        ("OK", True),
        ("FAILED!", False),
        ("UNKNOWN", None),
        (None, None),
    ],
)
def test_the_verdict_on_a_disk(health: str | None, healthy: bool | None) -> None:
    (disk,) = parse.parse_disks([{"devpath": "/dev/sda", "health": health}], "pve1")
    assert disk.healthy is healthy


@pytest.mark.parametrize(
    ("row", "identity"),
    [
        ({"serial": "S1", "wwn": "0x5"}, "S1"),
        ({"serial": "unknown", "wwn": "0x5"}, "0x5"),
        ({"serial": "", "wwn": "unknown"}, "/dev/sda"),
    ],
)
def test_a_disk_is_known_by_what_does_not_change(
    row: dict[str, Any], identity: str
) -> None:
    (disk,) = parse.parse_disks([{"devpath": "/dev/sda", **row}], "pve1")
    assert disk.identity == identity


def test_disks() -> None:
    (disk,) = parse.parse_disks(
        [
            {
                "devpath": "/dev/nvme0n1",
                "model": "SSD 990",
                "serial": "S6",
                "size": "1000204886016",
                "type": "nvme",
                "used": "ZFS",
                "wearout": 97,
            },
            {"devpath": "/dev/nvme0n1p1", "parent": "/dev/nvme0n1"},
        ],
        "pve1",
    )
    assert (disk.kind, disk.used_for, disk.size) == ("nvme", "ZFS", 1_000_204_886_016)
    assert disk.remaining_life_percent == 97
    (hdd,) = parse.parse_disks([{"devpath": "/dev/sdb", "wearout": "N/A"}], "pve1")
    assert hdd.remaining_life_percent is None


def test_replication() -> None:
    (job,) = parse.parse_replications(
        [
            {
                "id": "100-0",
                "guest": "100",
                "target": "pve2",
                "last_sync": 1_900_000_000,
                "fail_count": 2,
                "error": "command failed",
            },
            {"id": "orphan"},
        ]
    )
    assert (job.guest, job.failures, job.error) == (100, 2, "command failed")


# --- guests ------------------------------------------------------------------------


def test_config_of_a_vm() -> None:
    config = parse.parse_config(
        {
            "name": "haos",
            "cores": 2,
            "sockets": 2,
            "memory": "current=4096",
            "onboot": 1,
            "startup": "order=1,up=30",
            "description": "The house\n",
            "tags": "prod",
            "ostype": "l26",
            "agent": "1,fstrim_cloned_disks=1",
            "smbios1": "uuid=AAAAAAAA-0000-4000-8000-000000000001,manufacturer=x",
            "net0": "virtio=BC:24:11:5E:1F:03,bridge=vmbr0,firewall=1",
            "ipconfig0": "ip=192.0.2.5/24,gw=192.0.2.1,ip6=auto",
            "scsi0": "local-zfs:vm-103-disk-1,size=32G,ssd=1",
            "efidisk0": "local-zfs:vm-103-disk-0,size=1M",
            "ide2": "local:iso/haos.iso,media=cdrom",
            "ide0": "none,media=cdrom",
            "usb0": "host=10c4:ea60,usb3=1",
            "usb1": "mapping=zigbee",
            "hostpci0": "0000:00:02.0",
            "serial0": "socket",
            "unused0": "local-zfs:vm-103-disk-9",
        },
        103,
        GuestType.VM,
    )
    assert (config.cores, config.memory) == (4, 4 * GIB)
    assert config.onboot
    assert config.agent_enabled
    assert config.description == "The house"
    assert config.smbios_uuid == "aaaaaaaa-0000-4000-8000-000000000001"
    assert config.macs == ("bc:24:11:5e:1f:03",)
    assert config.addresses == ("192.0.2.5",)
    assert config.volumes == ("local-zfs:vm-103-disk-0", "local-zfs:vm-103-disk-1")
    assert config.passthrough == (
        ("hostpci0", "0000:00:02.0"),
        ("usb0", "host=10c4:ea60,usb3=1"),
        ("usb1", "mapping=zigbee"),
    )


def test_config_of_a_container() -> None:
    config = parse.parse_config(
        {
            "hostname": "mqtt",
            "cores": 1,
            "memory": 512,
            "net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=192.0.2.9/24,"
            "ip6=2001:db8::9/64",
            "net1": "name=eth1,bridge=vmbr1,hwaddr=BC:24:11:00:00:02,ip=dhcp",
            "rootfs": "local-zfs:subvol-111-disk-0,size=8G",
            "mp0": "/mnt/media,mp=/media",
            "mp1": "volume=local-zfs:subvol-111-disk-1,mp=/data",
            "dev0": "/dev/ttyACM0,gid=20",
            "lxc": [
                ["lxc.cgroup2.devices.allow", "c 188:* rwm"],
                ["lxc.mount.entry", "/dev/ttyUSB0 dev/ttyUSB0 none bind"],
                ["lxc.apparmor.profile", "unconfined"],
                "odd",
            ],
        },
        111,
        GuestType.CONTAINER,
    )
    assert (config.cores, config.memory) == (1, 512 * MIB)
    assert config.macs == ("bc:24:11:00:00:01", "bc:24:11:00:00:02")
    assert config.addresses == ("192.0.2.9", "2001:db8::9")
    assert config.volumes == (
        "local-zfs:subvol-111-disk-1",
        "local-zfs:subvol-111-disk-0",
    )
    assert config.bind_mounts == ("/mnt/media",)
    assert [key for key, _ in config.passthrough] == [
        "dev0",
        "lxc.cgroup2.devices.allow",
        "lxc.mount.entry",
    ]
    assert not config.agent_enabled


@pytest.mark.parametrize(
    ("row", "kind", "cores"),
    [
        ({}, GuestType.VM, 1),
        ({"sockets": 2}, GuestType.VM, 2),
        ({}, GuestType.CONTAINER, None),
        ({"cpulimit": "0.5"}, GuestType.CONTAINER, 0.5),
        ({"cpulimit": "0"}, GuestType.CONTAINER, None),
    ],
)
def test_cores(row: dict[str, Any], kind: GuestType, cores: float | None) -> None:
    assert parse.parse_config(row, 1, kind).cores == cores


@pytest.mark.parametrize(
    ("agent", "enabled"),
    [
        ("1", True),
        (1, True),
        ("enabled=1,type=virtio", True),
        ("0", False),
        ("enabled=0", False),
        ("type=isa", False),
    ],
)
def test_whether_the_agent_is_enabled(agent: object, enabled: bool) -> None:
    config = parse.parse_config({"agent": agent}, 1, GuestType.VM)
    assert config.agent_enabled is enabled


INTERFACES = {
    "result": [
        {
            "name": "lo",
            "hardware-address": "00:00:00:00:00:00",
            "ip-addresses": [{"ip-address": "127.0.0.1", "ip-address-type": "ipv4"}],
        },
        {
            "name": "enp1s0",
            "hardware-address": "BC:24:11:5E:1F:03",
            "ip-addresses": [
                {"ip-address": "192.0.2.5"},
                {"ip-address": "fe80::1"},
                {"ip-address": "2001:db8::5"},
            ],
        },
        {"name": "docker0"},
    ]
}


def filesystem(mount: str, used: int | None, total: int | None) -> dict[str, Any]:
    return {"mountpoint": mount, "used-bytes": used, "total-bytes": total}


@pytest.mark.parametrize(
    ("mounts", "disk"),
    [
        (
            [filesystem("/", 1, 100 * MIB), filesystem("/mnt/data", GIB, 30 * GIB)],
            (GIB, 30 * GIB, "/mnt/data"),
        ),
        (
            [
                filesystem("System Reserved", 1, 2),
                filesystem("C:\\", 2 * GIB, 60 * GIB),
            ],
            (2 * GIB, 60 * GIB, "C:\\"),
        ),
        ([filesystem("/", 2 * GIB, 8 * GIB)], (2 * GIB, 8 * GIB, "/")),
        ([filesystem("/srv", 2 * GIB, 8 * GIB)], (None, None, None)),
        ([filesystem("/", None, None)], (None, None, None)),
        ([], (None, None, None)),
    ],
)
def test_what_a_vm_says_from_inside(
    mounts: list[dict[str, Any]], disk: tuple[Any, ...]
) -> None:
    inside = parse.parse_vm_inside(103, INTERFACES, {"result": mounts})
    assert inside.addresses == ("192.0.2.5", "2001:db8::5")
    assert inside.macs == ("bc:24:11:5e:1f:03",)
    assert (inside.disk_used, inside.disk_total, inside.disk_mount) == disk


@pytest.mark.parametrize("broken", [None, {}, {"result": {"error": "x"}}, []])
def test_an_agent_that_says_nothing_useful(broken: object) -> None:
    inside = parse.parse_vm_inside(103, broken, broken)
    assert (inside.addresses, inside.macs, inside.disk_used) == ((), (), None)


def test_what_a_container_says_from_inside() -> None:
    inside = parse.parse_container_inside(
        111,
        [
            {"name": "lo", "hwaddr": "00:00:00:00:00:00", "inet": "127.0.0.1/8"},
            {
                "name": "eth0",
                "hwaddr": "bc:24:11:00:00:01",
                "inet": "192.0.2.9/24",
                "inet6": "fe80::be24:11ff:fe00:1/64",
            },
            {
                "name": "eth1",
                "hardware-address": "BC:24:11:00:00:02",
                "ip-addresses": [
                    {"ip-address": "198.51.100.9"},
                    {"ip-address": "198.51.100.10"},
                ],
            },
        ],
    )
    assert inside.addresses == ("192.0.2.9", "198.51.100.9", "198.51.100.10")
    assert inside.macs == ("bc:24:11:00:00:01", "bc:24:11:00:00:02")
    assert parse.parse_container_inside(111, None).addresses == ()


def test_snapshots() -> None:
    found = parse.parse_snapshots(
        [
            {"name": "current", "parent": "b", "running": 1},
            {"name": "b", "snaptime": 200, "vmstate": 1, "parent": "a"},
            {"name": "a", "snaptime": "100", "description": "Before\n"},
            {"name": "old"},
        ]
    )
    assert [item.name for item in found] == ["old", "a", "b"]
    assert (found[1].description, found[1].with_memory) == ("Before", False)
    assert (found[2].parent, found[2].with_memory) == ("a", True)
    assert found[0].created_at is None


# --- backups -----------------------------------------------------------------------


def test_backups() -> None:
    found = parse.parse_backups(
        [
            {
                "volid": "local:backup/vzdump-qemu-103-2026_11_20-02_00_00.vma.zst",
                "content": "backup",
                "ctime": 1_900_000_000,
                "size": GIB,
                "notes": "haos",
                "protected": 1,
            },
            {
                "volid": "pbs:backup/ct/111/2026-11-20T02:00:00Z",
                "vmid": "111",
                "approximate-size": 5,
                "encrypted": "aa:bb",
                "verification": {"state": "ok"},
            },
            {
                "volid": "pbs:backup/vm/103/2026-11-19T02:00:00Z",
                "verification": {"state": "failed"},
            },
            {"volid": "local:iso/debian.iso", "content": "iso"},
            {"volid": "local:backup/unrelated.tar"},
        ],
        "local",
    )
    assert [backup.vmid for backup in found] == [103, 111, 103]
    assert [backup.verified for backup in found] == [None, True, False]
    assert [backup.encrypted for backup in found] == [False, True, False]
    assert (found[0].protected, found[0].notes) == (True, "haos")
    assert (found[1].size, found[1].created_at) == (5, None)


def test_coverage() -> None:
    coverage = parse.parse_coverage([{"vmid": 100}, {"vmid": "101"}, {"name": "x"}])
    assert coverage.uncovered == {100, 101}


# --- tasks -------------------------------------------------------------------------


def test_upid() -> None:
    task = parse.parse_upid(UPID)
    assert (task.node, task.type, task.id, task.guest) == (
        "pve1",
        "qmstart",
        "103",
        103,
    )
    assert task.user == "root@pam!lab"
    assert task.started_at == datetime.fromtimestamp(0x690F1A2B, UTC)


@pytest.mark.parametrize(
    "upid",
    [
        "UPID:pve1:0004A2B1:103C4D5E6:690F1A2B:aptupdate::root@pam:",
        "UPID:pve-2:0004A2B1:03C4D5E6:00000000:vzdump:103:a.b@ldap-x:",
    ],
)
def test_unusual_upids(upid: str) -> None:
    assert parse.parse_upid(upid).upid == upid


@pytest.mark.parametrize(
    "text", ["OK", "", "UPID:../x:1:2:3:a:b:c:", UPID[:-1], f"{UPID}\n", None, 5]
)
def test_what_is_no_upid(text: Any) -> None:
    with pytest.raises(ProtocolError):
        parse.parse_upid(text)


def test_tasks() -> None:
    row = {"node": "pve1", "type": "qmstart", "id": "103", "user": "root@pam"}
    found = parse.parse_tasks(
        [
            {**row, "upid": "a", "starttime": 10, "endtime": 20, "status": "OK"},
            {**row, "upid": "b", "starttime": 50},
            {**row, "upid": "c", "starttime": 30, "status": "RUNNING"},
            {
                **row,
                "upid": "d",
                "starttime": 20,
                "endtime": 21,
                "status": "WARNINGS: 2",
            },
            {
                **row,
                "upid": "e",
                "starttime": 15,
                "endtime": 16,
                "status": "job errors",
            },
            {**row, "upid": "f", "starttime": 5, "endtime": 6},
            {**row, "upid": "g"},
        ]
    )
    assert [(task.upid, task.outcome) for task in found] == [
        ("b", TaskOutcome.RUNNING),
        ("c", TaskOutcome.RUNNING),
        ("d", TaskOutcome.WARNINGS),
        ("e", TaskOutcome.FAILED),
        ("a", TaskOutcome.OK),
        ("f", TaskOutcome.FAILED),
    ]
    assert found[0].exit_status is None
    assert found[-1].exit_status == "unexpected status"


def test_log() -> None:
    lines = [{"n": 2, "t": "two"}, {"n": 1, "t": "one"}, {"n": 3, "t": ""}]
    assert parse.parse_log(lines) == ("one", "two")
    assert parse.parse_log([{"n": 1, "t": "no content"}]) == ()


@pytest.mark.parametrize("seconds", [1e300, -5, "soon"])
def test_a_time_that_is_none(seconds: object) -> None:
    (certificate,) = parse.parse_certificates([{"filename": "x", "notafter": seconds}])
    assert certificate.expires_at is None
