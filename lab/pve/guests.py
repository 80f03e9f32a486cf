"""Guests: what they are configured to be, what they do now, and their figures.

Units are bytes and seconds. The configuration holds the keys as
`GET .../config` returns them; name, tags, memory and so on are read from it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
import hashlib
import re
from typing import Literal

from lab.pve.api import failed

MIB = 1024**2
GIB = 1024**3

_VOLUME_KEYS = re.compile(r"(ide|sata|scsi|virtio|efidisk|tpmstate|mp)\d+|rootfs")
_SIZE = re.compile(r"size=(\d+(?:\.\d+)?)([KMGT]?)")
_UNITS = {"": 1, "K": 1024, "M": MIB, "G": GIB, "T": 1024 * GIB}
_MAC = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}")

type Kind = Literal["qemu", "lxc"]
type ConfigValue = str | int | float | list[list[str]]


class GuestState(StrEnum):
    """The state of a guest; for a VM the words of QMP."""

    RUNNING = "running"
    STOPPED = "stopped"
    PAUSED = "paused"
    SUSPENDED = "suspended"
    PRELAUNCH = "prelaunch"
    INMIGRATE = "inmigrate"
    POSTMIGRATE = "postmigrate"
    IO_ERROR = "io-error"
    INTERNAL_ERROR = "internal-error"
    SHUTDOWN = "shutdown"


@dataclass(slots=True, kw_only=True)
class Figures:
    """What a running guest uses; `cpu` and `mem` are shares of what it has."""

    cpu: float = 0.02
    mem: float = 0.4
    disk: float = 0.3
    netin: int = 0
    netout: int = 0
    diskread: int = 0
    diskwrite: int = 0
    rate: int = 0
    """Bytes per second through its network; 0 for a guest that is idle."""

    def clear_counters(self) -> None:
        """Start counting anew, as every start of a guest does."""
        self.netin = self.netout = self.diskread = self.diskwrite = 0


@dataclass(slots=True, kw_only=True)
class Snapshot:
    """A snapshot of a guest; `vmstate` says that it holds the memory."""

    name: str
    taken: int
    description: str = ""
    parent: str | None = None
    vmstate: bool = False
    config: dict[str, ConfigValue] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Inside:
    """What a guest says from inside, by its agent or its interfaces.

    `system` is the operating system as the agent calls it; `filesystems` are
    (mount point, type, used bytes, total bytes).
    """

    system: str = "linux"
    pretty_name: str = "Debian GNU/Linux 12 (bookworm)"
    addresses: tuple[str, ...] = ()
    filesystems: tuple[tuple[str, str, int, int], ...] = ()
    agent_running: bool = True


@dataclass(slots=True, kw_only=True, eq=False)
class Guest:
    """A VM or a container. `started` is seconds since the epoch.

    `power_listeners` are told True whenever it begins and False whenever it halts.
    """

    vmid: int
    kind: Kind
    node: str
    config: dict[str, ConfigValue]
    state: GuestState = GuestState.STOPPED
    lock: str | None = None
    template: bool = False
    pool: str | None = None
    started: float | None = None
    figures: Figures = field(default_factory=Figures)
    inside: Inside = field(default_factory=Inside)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    snapshot_parent: str | None = None
    ignores_shutdown: bool = False
    start_warnings: tuple[str, ...] = ()
    start_error: str | None = None
    backup_error: str | None = None
    migration_error: str | None = None
    is_self: bool = False
    pid: int | None = None
    power_listeners: list[Callable[[bool], object]] = field(default_factory=list)

    @property
    def is_vm(self) -> bool:
        """Whether this is a VM; else it is a container."""
        return self.kind == "qemu"

    @property
    def word(self) -> str:
        """How error texts call it: ``VM`` or ``CT``."""
        return "VM" if self.is_vm else "CT"

    @property
    def task_prefix(self) -> str:
        """The first letters of its task types: ``qm`` or ``vz``."""
        return "qm" if self.is_vm else "vz"

    @property
    def sid(self) -> str:
        """Its name as a service of the HA manager."""
        return f"{'vm' if self.is_vm else 'ct'}:{self.vmid}"

    @property
    def name_key(self) -> str:
        """The key of the configuration that holds the name."""
        return "name" if self.is_vm else "hostname"

    @property
    def name(self) -> str:
        """Its name; without one the server makes one up."""
        fallback = f"VM {self.vmid}" if self.is_vm else f"CT{self.vmid}"
        return str(self.config.get(self.name_key, fallback))

    @property
    def alive(self) -> bool:
        """Whether it has a process: running, paused, broken by an I/O error..."""
        return self.state is not GuestState.STOPPED

    @property
    def cores(self) -> float:
        """Its processors; a container may be limited to a fraction."""
        if self.is_vm:
            return _int(self.config, "cores", 1) * _int(self.config, "sockets", 1)
        limit = self.config.get("cpulimit")
        if isinstance(limit, int | float) and limit:
            return limit
        return _int(self.config, "cores", 1)

    @property
    def memory(self) -> int:
        """Its memory in bytes."""
        return _int(self.config, "memory", 512) * MIB

    @property
    def swap(self) -> int:
        """The swap of a container in bytes."""
        return _int(self.config, "swap", 512) * MIB

    @property
    def onboot(self) -> bool:
        """Whether it starts with its node."""
        return bool(_int(self.config, "onboot", 0))

    @property
    def agent_enabled(self) -> bool:
        """Whether the guest agent of a VM is configured."""
        text = str(self.config.get("agent", "0"))
        return text.startswith(("1", "enabled=1"))

    @property
    def disk_size(self) -> int:
        """The size of its first disk in bytes, 0 without one."""
        boot = next(iter(self.volumes()), None)
        return volume_size(boot[1]) if boot else 0

    @property
    def macs(self) -> list[str]:
        """The hardware addresses of its network interfaces."""
        found = (
            _MAC.search(str(value))
            for key, value in self.config.items()
            if key.startswith("net")
        )
        return [match[0] for match in found if match]

    def volumes(self) -> Iterator[tuple[str, str]]:
        """Key and value of the disks and mount points in its configuration."""
        for key, value in self.config.items():
            if (
                _VOLUME_KEYS.fullmatch(key)
                and "media=cdrom" not in str(value)
                and str(value) != "none"
            ):
                yield key, str(value)

    def storages(self) -> set[str]:
        """The storages that its disks are on."""
        return {
            text.partition(":")[0]
            for _, text in self.volumes()
            if not text.startswith("/")
        }

    def bind_mounts(self) -> list[str]:
        """The mount points of a container that are directories of its node."""
        return [key for key, text in self.volumes() if text.startswith("/")]

    def local_devices(self) -> list[str]:
        """What ties a VM to its node: passed-through devices without a mapping."""
        return [
            key
            for key, value in self.config.items()
            if re.fullmatch(r"(usb|hostpci)\d+", key)
            and "mapping=" not in str(value)
            and str(value) != "spice"
        ]

    def digest(self) -> str:
        """The digest of the configuration that guards against lost updates."""
        return hashlib.sha1(
            repr(sorted(self.config.items())).encode(), usedforsecurity=False
        ).hexdigest()

    def begin(self, now: float, pid: int) -> None:
        """Become running."""
        self.state = GuestState.RUNNING
        self.started = now
        self.pid = pid
        self.figures.clear_counters()
        self._tell_power(on=True)

    def halt(self) -> None:
        """Become stopped."""
        self.state = GuestState.STOPPED
        self.started = None
        self.pid = None
        self._tell_power(on=False)

    def _tell_power(self, *, on: bool) -> None:
        for listener in self.power_listeners:
            listener(on)

    def check_lock(self) -> None:
        """Raise the error of a locked guest."""
        if self.lock is not None:
            raise failed(f"{self.word} is locked ({self.lock})")


def _int(config: dict[str, ConfigValue], key: str, default: int) -> int:
    value = config.get(key, default)
    match = re.match(r"(?:current=)?(\d+)", str(value))
    return int(match[1]) if match else default


def volume_size(text: str) -> int:
    """The bytes of a disk such as ``local-lvm:vm-1-disk-0,size=8G``."""
    match = _SIZE.search(text)
    return int(float(match[1]) * _UNITS[match[2]]) if match else 0
