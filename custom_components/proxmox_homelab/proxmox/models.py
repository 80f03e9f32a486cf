"""What the Proxmox VE API says, parsed once at the boundary.

Sizes are bytes and times are aware UTC datetimes, unless a name says otherwise;
`None` means that the source did not say. Rates and shares are rounded to what a
person reads, so that noise is not a change. Facts: API viewer of Proxmox VE 9.2,
pve-manager `API2Tools.pm`, qemu-server and pve-container sources.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class GuestType(StrEnum):
    """The two kinds of guests, as the API names them in its paths."""

    VM = "qemu"
    CONTAINER = "lxc"


class GuestState(StrEnum):
    """The state of a guest, from `status` of `/cluster/resources` and its lock.

    A VM reports its QMP state there; a stopped VM with the lock "suspended" is
    hibernated.
    """

    RUNNING = "running"
    STOPPED = "stopped"
    PAUSED = "paused"
    HIBERNATED = "hibernated"
    SUSPENDED = "suspended"
    STARTING = "starting"
    SHUTTING_DOWN = "shutting_down"
    MIGRATING = "migrating"
    IO_ERROR = "io_error"
    INTERNAL_ERROR = "internal_error"


class GuestCommand(StrEnum):
    """What can be asked of a guest under `.../status/<command>`."""

    START = "start"
    SHUTDOWN = "shutdown"
    STOP = "stop"
    REBOOT = "reboot"
    RESET = "reset"
    SUSPEND = "suspend"
    HIBERNATE = "hibernate"
    RESUME = "resume"


class NodeCommand(StrEnum):
    """What can be asked of a node."""

    REBOOT = "reboot"
    SHUTDOWN = "shutdown"
    WAKE = "wake"
    START_ALL = "start_all"
    STOP_ALL = "stop_all"
    SUSPEND_ALL = "suspend_all"


class GuestJob(StrEnum):
    """What can be made of a guest with defaults, without further questions."""

    SNAPSHOT = "snapshot"
    BACKUP = "backup"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestRef:
    """Where a guest is reached now: the node changes when the guest moves."""

    vmid: int
    type: GuestType
    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """`GET /version`: such as release "9.2" and version "9.2.11"."""

    release: str
    version: str

    @property
    def major(self) -> int:
        """The number that decides privileges and keys, 0 when unreadable."""
        head = self.release.partition(".")[0]
        return int(head) if head.isdigit() else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A row of type node of `/cluster/resources`.

    `unreachable_since` is when this side first saw it offline.
    """

    name: str
    online: bool | None
    cpu_percent: float | None = None
    cpu_count: float | None = None
    memory_used: int | None = None
    memory_total: int | None = None
    root_used: int | None = None
    root_total: int | None = None
    started_at: datetime | None = None
    ha_state: str | None = None
    unreachable_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A row of type qemu or lxc of `/cluster/resources`.

    `state` is None for a status that is not known (5 minutes after its node went
    silent, or a word this version does not know). `disk_used` is known for
    running containers only: the list always says 0 for a VM. The four counters
    are bytes since the guest started. `unreachable_since` is when this side first
    saw its node offline or its row missing: the rest is then from before.
    """

    vmid: int
    type: GuestType
    node: str
    name: str | None = None
    state: GuestState | None = None
    template: bool = False
    lock: str | None = None
    tags: tuple[str, ...] = ()
    pool: str | None = None
    ha_state: str | None = None
    cpu_percent: float | None = None
    cpu_count: float | None = None
    memory_used: int | None = None
    memory_total: int | None = None
    memory_host: int | None = None
    disk_used: int | None = None
    disk_total: int | None = None
    network_in: int | None = None
    network_out: int | None = None
    disk_read: int | None = None
    disk_written: int | None = None
    started_at: datetime | None = None
    unreachable_since: datetime | None = None

    @property
    def ref(self) -> GuestRef:
        """Where to send what concerns this guest."""
        return GuestRef(vmid=self.vmid, type=self.type, node=self.node)


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """A storage: one row when local, all its rows as one when shared.

    `node` is None for a shared one. `available` is False when no node can use it.
    `unreachable_since` is as in `Guest`.
    """

    name: str
    node: str | None
    nodes: tuple[str, ...] = ()
    available: bool | None = None
    used: int | None = None
    total: int | None = None
    content: tuple[str, ...] = ()
    plugin_type: str | None = None
    unreachable_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """One answer of `/cluster/resources`.

    Keys are vmid and (node or None, storage name). `templates` counts what is
    never shown. `rows` are the guests as they came, without their uptimes: only the
    parser looks at them, to know at a glance what has not changed.
    """

    nodes: dict[str, Node]
    guests: dict[int, Guest]
    storages: dict[tuple[str | None, str], Storage]
    templates: int = 0
    rows: dict[int, dict[str, Any]] = field(
        default_factory=dict, repr=False, compare=False
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSummary:
    """The headline of a cluster, counted over what the user keeps.

    `response_ms` is how long the list took to arrive, rounded to 10 ms.
    """

    vms_running: int
    vms_total: int
    containers_running: int
    containers_total: int
    nodes_online: int
    nodes_total: int
    cpu_percent: float | None = None
    memory_percent: float | None = None
    response_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterMember:
    """A node row of `/cluster/status`; `address` is what the cluster uses itself."""

    name: str
    online: bool
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterStatus:
    """`GET /cluster/status`; a host without a cluster has no name and is quorate."""

    name: str | None
    quorate: bool
    members: tuple[ClusterMember, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterIdentity:
    """What makes a cluster the same one under any address.

    `ca_fingerprint` is the SHA-256 of `pve-root-ca.pem` as
    `/nodes/{node}/certificates/info` shows it, when it could be read; `ca_pem` is
    that certificate, as text.
    """

    name: str
    ca_fingerprint: str | None
    nodes: tuple[str, ...]
    addresses: tuple[str, ...]
    ca_pem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeDetail:
    """`GET /nodes/{node}/status`, `load` over 1, 5 and 15 minutes."""

    name: str
    io_wait_percent: float | None = None
    load: tuple[float, float, float] | None = None
    swap_used: int | None = None
    swap_total: int | None = None
    memory_available: int | None = None
    kernel: str | None = None
    pve_version: str | None = None
    cpu_model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeTraffic:
    """The last full minute of `GET /nodes/{node}/rrddata`, bytes per second."""

    received: float | None = None
    sent: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestConfig:
    """`GET .../config` of a guest.

    `macs` are lower-case with colons; `addresses` are static ones without their
    prefix length; `passthrough` holds the raw `usbN`, `devN`, `hostpciN` and `lxc`
    mount lines as (key, value); `volumes` the volume ids of its disks.
    """

    vmid: int
    cores: float | None = None
    memory: int | None = None
    onboot: bool = False
    startup: str | None = None
    description: str = ""
    tags: tuple[str, ...] = ()
    os_type: str | None = None
    agent_enabled: bool = False
    smbios_uuid: str | None = None
    macs: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    passthrough: tuple[tuple[str, str], ...] = ()
    bind_mounts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestInside:
    r"""What a guest says from inside: agent of a VM, interfaces of a container.

    Loopback and link-local addresses are left out. The disk is `/mnt/data` for
    Home Assistant OS, else the root file system (`C:\` on Windows).
    """

    vmid: int
    addresses: tuple[str, ...] = ()
    macs: tuple[str, ...] = ()
    disk_used: int | None = None
    disk_total: int | None = None
    disk_mount: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A row of `.../snapshot` without the pseudo row `current`."""

    name: str
    created_at: datetime | None = None
    description: str = ""
    with_memory: bool = False
    parent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup volume of a storage. `verified` is None without a verification."""

    volume: str
    storage: str
    vmid: int
    created_at: datetime | None = None
    size: int | None = None
    notes: str = ""
    protected: bool = False
    encrypted: bool = False
    verified: bool | None = None


class TaskOutcome(StrEnum):
    """How a task ended; "WARNINGS: n" is a success with warnings."""

    RUNNING = "running"
    OK = "ok"
    WARNINGS = "warnings"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task of a node. `guest` is the vmid it names, if it names one."""

    upid: str
    node: str
    type: str
    id: str
    user: str
    started_at: datetime
    ended_at: datetime | None = None
    outcome: TaskOutcome = TaskOutcome.RUNNING
    exit_status: str | None = None

    @property
    def guest(self) -> int | None:
        """The vmid that the task is about."""
        return int(self.id) if self.id.isdigit() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """The end of a task that was waited for; `seconds` as this side measured it."""

    upid: str
    outcome: TaskOutcome
    exit_status: str
    seconds: float
    log: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageUpdate:
    """A package of `GET /nodes/{node}/apt/update`."""

    package: str
    version: str
    old_version: str | None = None
    title: str = ""
    origin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A row of `GET /nodes/{node}/certificates/info`."""

    filename: str
    fingerprint: str
    subject: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """`GET /nodes/{node}/subscription`; `status` as the API says (active, notfound)."""

    status: str
    level: str | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A disk of `GET /nodes/{node}/disks/list`.

    `healthy` is True for PASSED and OK, False for anything else that is a verdict,
    None for UNKNOWN. `remaining_life_percent` is 100 for a new SSD: the key
    `wearout` of the API counts down.
    """

    node: str
    identity: str
    device: str
    model: str | None = None
    serial: str | None = None
    size: int | None = None
    kind: str | None = None
    used_for: str | None = None
    healthy: bool | None = None
    remaining_life_percent: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replication:
    """A replication job of a guest; `failures` counts failed runs in a row."""

    job: str
    guest: int
    target: str
    last_sync_at: datetime | None = None
    failures: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupCoverage:
    """`GET /cluster/backup-info/not-backed-up`: guests that are in no job."""

    uncovered: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """`GET /access/permissions`: path -> privilege -> whether it holds below, too."""

    paths: dict[str, dict[str, bool]]

    def allows(self, path: str, privilege: str) -> bool:
        """Say whether `privilege` holds on `path`.

        The answer lists every path that an ACL or a pool names. Rights on a deeper
        path replace the inherited ones, so the nearest listed path decides alone.
        """
        if (held := self.paths.get(path)) is not None:
            return privilege in held
        while path != "/":
            path = path.rpartition("/")[0] or "/"
            if (held := self.paths.get(path)) is not None:
                return held.get(privilege, False)
        return False
