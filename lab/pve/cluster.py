"""The simulated cluster: what there is, what it does, and what is reachable.

Everything that handlers read and change lives here. Times are seconds since the
epoch, sizes are bytes.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
import itertools
import time
from typing import Final

from lab.pve.access import AccessControl
from lab.pve.api import failed
from lab.pve.faults import Faults
from lab.pve.figures import Statistics
from lab.pve.guests import Guest, GuestState
from lab.pve.ha import HaManager
from lab.pve.nodes import Node
from lab.pve.storages import Storage
from lab.pve.tasks import TaskError, Tasks
from lab.pve.tls import ClusterTls
from lab.settings import LabSettings

CONNECTION_REFUSED: Final = 595
NO_ANSWER: Final = 596
_BOOT_SECONDS: Final = 40.0
_LOCK_SECONDS: Final = 10.0
_LOCK_FILES: Final = {
    "qemu": "/var/lock/qemu-server/lock-{}.conf",
    "lxc": "/run/lock/lxc/pve-config-{}.lock",
}


@dataclass(slots=True, kw_only=True)
class Replication:
    """A replication job of a guest to another node."""

    id: str
    vmid: int
    target: str
    last_sync: int
    failures: int = 0
    error: str | None = None


class Cluster:
    """A cluster, or a single host when `name` is None."""

    def __init__(
        self,
        name: str | None,
        settings: LabSettings,
        access: AccessControl,
        faults: Faults,
        tls: ClusterTls,
    ) -> None:
        self.name = name
        self.settings = settings
        self.access = access
        self.faults = faults
        self.tls = tls
        self.churn = settings.churn
        self.clock = time.time
        self.nodes: dict[str, Node] = {}
        self.guests: dict[int, Guest] = {}
        self.storages: dict[str, Storage] = {}
        self.pools: dict[str, set[int]] = {}
        self.jobs: list[dict[str, object]] = []
        self.replications: list[Replication] = []
        self.usb_mappings: dict[str, list[str]] = {}
        self.tasks = Tasks(clock=self.now)
        self.ha = HaManager(self)
        self.statistics = Statistics(self)
        self.backup_locks: dict[str, asyncio.Lock] = {}
        self._config_locks: dict[int, asyncio.Lock] = {}
        self._pids = itertools.count(4711, 7)
        faults.node_listeners.append(self._on_node)

    def now(self) -> float:
        """Return the time of the cluster, which a test may set by `clock`."""
        return self.clock()

    # --- reachability ------------------------------------------------------------

    def reachability(self, contacted: str, target: str) -> int | None:
        """Return the status that `contacted` answers for `target`, None if fine."""
        if contacted == target:
            return None
        if target in self.faults.hanging:
            return NO_ANSWER
        node = self.nodes.get(target)
        return None if node is not None and node.online else CONNECTION_REFUSED

    @property
    def quorate(self) -> bool:
        """Whether more than half of the nodes are there."""
        online = sum(node.online for node in self.nodes.values())
        return self.name is None or online * 2 > len(self.nodes)

    def check_quorum(self) -> None:
        """Raise what every change raises without a majority."""
        if not self.quorate:
            raise failed("cluster not ready - no quorum?")

    def node_off(self, name: str) -> None:
        """Take a node away with everything on it, as a power cut does."""
        self.nodes[name].powered = False
        for guest in self.guests_on(name):
            guest.halt()
        self.tasks.die_with(name)
        self.faults.node_dead(name)

    def node_on(self, name: str) -> None:
        """Boot a node that is off, reconnect one that is only cut off."""
        self.faults.node_alive(name)

    def _boot(self, node: Node) -> None:
        """Start a node and its guests as they are configured to."""
        node.powered, node.started = True, self.clock()
        for guest in self.guests_on(node.name):
            if guest.onboot and not guest.template and not self.ha.manages(guest.vmid):
                guest.begin(self.clock(), self.next_pid())

    def reboot_node(self, name: str) -> None:
        """Take a node away and let it come back."""

        async def back() -> None:
            self.node_on(name)

        self.node_off(name)
        self.tasks.later(self.settings.scaled(_BOOT_SECONDS), back)

    def _on_node(self, name: str, alive: bool) -> None:
        node = self.nodes[name]
        node.online = alive
        node.offline_since = None if alive else self.clock()
        if alive:
            if not node.powered:
                self._boot(node)
            self.ha.node_returned(name)
        else:
            self.ha.node_lost(name)

    # --- things --------------------------------------------------------------------

    def guest(self, node: str, kind: str, vmid: int) -> Guest:
        """Return the guest of a path; the server fails when it is not there."""
        guest = self.guests.get(vmid)
        if guest is None or guest.node != node or guest.kind != kind:
            folder = "qemu-server" if kind == "qemu" else "lxc"
            raise failed(
                f"Configuration file 'nodes/{node}/{folder}/{vmid}.conf' does not exist"
            )
        return guest

    def node(self, name: str) -> Node:
        """Return a member; the server fails when there is none of that name."""
        if name not in self.nodes:
            raise failed(f"no such cluster node '{name}'")
        return self.nodes[name]

    def guests_on(self, node: str) -> list[Guest]:
        """Return the guests of a node."""
        return [guest for guest in self.guests.values() if guest.node == node]

    def storage(self, node: str, name: str) -> Storage:
        """Return a storage that the node has."""
        storage = self.storages.get(name)
        if storage is None:
            raise failed(f"storage '{name}' does not exist")
        if storage.space(node) is None:
            raise failed(f"storage '{name}' is not available on node '{node}'")
        if not storage.enabled:
            raise failed(f"storage '{name}' is disabled")
        return storage

    def next_pid(self) -> int:
        """Return the id of a new process."""
        return next(self._pids)

    @asynccontextmanager
    async def config_lock(self, guest: Guest) -> AsyncIterator[None]:
        """Hold the lock under which a guest is changed, one task at a time.

        A task does not wait longer than 10 s for it.
        """
        lock = self._config_locks.setdefault(guest.vmid, asyncio.Lock())
        try:
            async with asyncio.timeout(self.settings.scaled(_LOCK_SECONDS)):
                await lock.acquire()
        except TimeoutError:
            file = _LOCK_FILES[guest.kind].format(guest.vmid)
            raise TaskError(f"can't lock file '{file}' - got timeout") from None
        try:
            yield
        finally:
            lock.release()

    async def pass_time(self, seconds: float) -> None:
        """Take as long as a real system, in the rhythm of this lab."""
        await asyncio.sleep(self.settings.scaled(seconds))

    # --- what happens from outside ---------------------------------------------------

    def set_state(self, vmid: int, state: GuestState) -> None:
        """Put a guest into a state without any task, as a crash or a shell does.

        The HA manager brings back what it looks after.
        """
        guest = self.guests[vmid]
        if state is GuestState.STOPPED:
            guest.halt()
            self.ha.guest_lost(guest)
            return
        if not guest.alive:
            guest.begin(self.clock(), self.next_pid())
        guest.state = state

    def hibernate(self, vmid: int) -> None:
        """Put a VM to sleep on its disk."""
        guest = self.guests[vmid]
        guest.halt()
        guest.lock = "suspended"

    def move(self, vmid: int, node: str) -> None:
        """Move a guest at once, as the end of a migration does."""
        self.guests[vmid].node = self.nodes[node].name

    def rename(self, vmid: int, name: str) -> None:
        """Give a guest another name."""
        guest = self.guests[vmid]
        guest.config[guest.name_key] = name

    def delete_guest(self, vmid: int) -> None:
        """Remove a guest with everything that knows it, as its owner would."""
        self.guests.pop(vmid).halt()
        self.ha.resources.pop(vmid, None)
        for members in self.pools.values():
            members.discard(vmid)
        self.access.invalidate()

    def fill(self, storage: str, share: float, node: str | None = None) -> None:
        """Fill a storage to a share between 0 and 1."""
        for name, space in self.storages[storage].spaces.items():
            if node in (None, name):
                space.used = int(space.total * share)
