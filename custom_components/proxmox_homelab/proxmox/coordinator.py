"""The sections of a Proxmox VE cluster, each with the rhythm that its cost allows."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from time import perf_counter
from typing import TYPE_CHECKING, override

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..coordinator import HomelabCoordinator
from . import keys
from .absence import async_confirm_gone
from .models import (
    ClusterStatus,
    ClusterSummary,
    Guest,
    GuestState,
    GuestType,
    Node,
    Permissions,
    Resources,
    Storage,
    Task,
    TaskOutcome,
)

if TYPE_CHECKING:
    from .source import ProxmoxSource

type Item = ClusterSummary | Node | Guest | Storage

# The source of /cluster/resources is up to 10 s old and cached for 2 s more: what a
# command brought about is trusted over it for that long.
_FRESH_FOR = timedelta(seconds=15)

# A state that changes costs Home Assistant's recorder about 0.4 ms of CPU. Where there
# are more guests than these, their figures take turns, but none waits longer than a
# minute. What a guest is and does shows at once.
_GUESTS_PER_TURN = 100
_FIGURES_OLDEST = timedelta(seconds=60)
_essentials = attrgetter(
    "type",
    "node",
    "name",
    "state",
    "lock",
    "tags",
    "pool",
    "ha_state",
    "cpu_count",
    "memory_total",
    "disk_total",
    "started_at",
)


class Section(StrEnum):
    """The sections of a cluster by name."""

    RESOURCES = "resources"
    CLUSTER = "cluster"
    TASKS = "tasks"
    PERMISSIONS = "permissions"
    NODES = "nodes"
    TRAFFIC = "traffic"
    CONFIGS = "configs"
    INSIDE = "inside"
    SNAPSHOTS = "snapshots"
    BACKUPS = "backups"
    PACKAGES = "packages"
    DISKS = "disks"
    CARE = "care"


class ResourcesCoordinator(HomelabCoordinator[Item]):
    """Everything that the one request `/cluster/resources` tells.

    What the list does not show stays, marked as unreachable, until the source has
    confirmed that it is gone: a missing row may just as well be a lost privilege.
    """

    def __init__(self, source: ProxmoxSource, interval: timedelta) -> None:
        """Prepare the section."""
        super().__init__(
            source.hass, source.entry, section=Section.RESOURCES, interval=interval
        )
        self._source = source
        self.resources: Resources | None = None
        self.missing: dict[str, int] = {}
        self._response_ms: int | None = None
        self._fresh: dict[str, tuple[Guest, datetime]] = {}
        self._interval = interval
        self._polls = 0

    @override
    async def async_fetch(self) -> dict[str, Item]:
        started = perf_counter()
        resources = await self._source.client.resources(self.resources)
        self._response_ms = round((perf_counter() - started) * 100) * 10
        self.resources = resources
        data = self._view(resources)
        await async_confirm_gone(self._source, data)
        return data

    @callback
    def async_set_guest(self, guest: Guest) -> None:
        """Show what a guest said of itself, before the list catches up."""
        key = keys.guest_key(guest.vmid)
        until = dt_util.utcnow() + _FRESH_FOR
        self._fresh[key] = (guest, until)
        self.async_set_item(key, guest)

    @callback
    def async_distrust(self, guest: Guest) -> None:
        """Believe the list again, because what the guest said of itself is over."""
        self._fresh.pop(keys.guest_key(guest.vmid), None)

    def nodes(self) -> dict[str, Node]:
        """Return the nodes by name."""
        return self._of(Node, "node")

    def guests(self) -> dict[int, Guest]:
        """Return the guests by vmid."""
        return {guest.vmid: guest for guest in self._of(Guest, "guest").values()}

    def storages(self) -> dict[str, Storage]:
        """Return the storages by their key."""
        return {
            key: item for key, item in self.data.items() if isinstance(item, Storage)
        }

    def _of[T](self, model: type[T], kind: str) -> dict[str, T]:
        prefix = len(kind) + 1
        return {
            key[prefix:]: item
            for key, item in self.data.items()
            if isinstance(item, model)
        }

    def _view(self, resources: Resources) -> dict[str, Item]:
        now = dt_util.utcnow()
        data: dict[str, Item] = {}
        for node in resources.nodes.values():
            key = keys.node_key(node.name)
            since = None if node.online else self._unreachable_since(key, now)
            data[key] = _marked(node, since)
        self._polls += 1
        turns = self._turns(len(resources.guests))
        offline = {name for name, node in resources.nodes.items() if not node.online}
        for guest in resources.guests.values():
            if not self._source.keeps(guest):
                continue
            key = keys.guest_key(guest.vmid)
            since = self._unreachable_since(key, now) if guest.node in offline else None
            latest = self._freshest(key, guest, now)
            if (guest.vmid + self._polls) % turns:
                latest = self._calm(key, latest)
            data[key] = self._named(key, _marked(latest, since))
        for storage in resources.storages.values():
            key = keys.storage_key(storage)
            since = (
                self._unreachable_since(key, now) if storage.node in offline else None
            )
            data[key] = _marked(storage, since)
        self._keep_missing(data, now)
        data[keys.CLUSTER] = _summary(data.values(), self._response_ms)
        return data

    def _keep_missing(self, data: dict[str, Item], now: datetime) -> None:
        missing = self.data.keys() - data.keys() - {keys.CLUSTER}
        # Devices from before the last start are missing without ever having been here.
        absent = missing | (self.missing.keys() - data.keys())
        self.missing = {key: self.missing.get(key, 0) + 1 for key in absent}
        for key in missing:
            item = self.data[key]
            if isinstance(item, Guest) and not self._source.keeps(item):
                del self.missing[key]
                continue
            since = self._unreachable_since(key, now)
            match item:
                # One branch per model, for the sake of the type checker.
                case Guest() | Node() | Storage():
                    data[key] = replace(item, unreachable_since=since)

    def _unreachable_since(self, key: str, now: datetime) -> datetime:
        before = self.data.get(key)
        if before is None or isinstance(before, ClusterSummary):
            return now
        return before.unreachable_since or now

    def _freshest(self, key: str, guest: Guest, now: datetime) -> Guest:
        """Return the guest as its last command left it, until the list agrees."""
        if (entry := self._fresh.get(key)) is None:
            return guest
        fresh, until = entry
        if now > until or (guest.state, guest.lock, guest.node) == (
            fresh.state,
            fresh.lock,
            fresh.node,
        ):
            del self._fresh[key]
            return guest
        return fresh

    def _turns(self, guests: int) -> int:
        """Return how many polls it takes to show the figures of all guests."""
        wanted = -(-guests // _GUESTS_PER_TURN)
        return max(1, min(wanted, _FIGURES_OLDEST // self._interval))

    def _calm(self, key: str, guest: Guest) -> Guest:
        """Return the guest as it is shown, if nothing but its figures differs."""
        shown = self.data.get(key)
        if isinstance(shown, Guest) and _essentials(shown) == _essentials(guest):
            return shown
        return guest

    def _named(self, key: str, guest: Guest) -> Guest:
        """Return the guest with its last name: 5 min after its node it has none."""
        if guest.name is not None:
            return guest
        before = self.data.get(key)
        return replace(guest, name=before.name) if isinstance(before, Guest) else guest


def _marked[T: (Node, Guest, Storage)](item: T, since: datetime | None) -> T:
    if item.unreachable_since == since:
        return item
    return replace(item, unreachable_since=since)


def _summary(items: Collection[Item], response_ms: int | None) -> ClusterSummary:
    guests = [item for item in items if isinstance(item, Guest)]
    nodes = [item for item in items if isinstance(item, Node)]
    vms = [guest for guest in guests if guest.type is GuestType.VM]
    running = [
        guest
        for guest in guests
        if guest.state is GuestState.RUNNING and guest.unreachable_since is None
    ]
    vms_running = sum(guest.type is GuestType.VM for guest in running)
    return ClusterSummary(
        vms_running=vms_running,
        vms_total=len(vms),
        containers_running=len(running) - vms_running,
        containers_total=len(guests) - len(vms),
        nodes_online=sum(bool(node.online) for node in nodes),
        nodes_total=len(nodes),
        cpu_percent=_weighted_cpu(nodes),
        memory_percent=_memory_share(nodes),
        response_ms=response_ms,
    )


def _weighted_cpu(nodes: Iterable[Node]) -> float | None:
    loads = [
        (node.cpu_percent, node.cpu_count)
        for node in nodes
        if node.cpu_percent is not None and node.cpu_count
    ]
    if not loads:
        return None
    cores = sum(count for _, count in loads)
    return round(sum(percent * count for percent, count in loads) / cores, 1)


def _memory_share(nodes: Iterable[Node]) -> float | None:
    sizes = [
        (node.memory_used, node.memory_total)
        for node in nodes
        if node.memory_used is not None and node.memory_total
    ]
    if not sizes:
        return None
    return round(
        100 * sum(used for used, _ in sizes) / sum(all_ for _, all_ in sizes), 1
    )


class ClusterCoordinator(HomelabCoordinator[ClusterStatus]):
    """`/cluster/status`: quorum, and the addresses to fall back to."""

    def __init__(self, source: ProxmoxSource) -> None:
        """Prepare the section; a host without a cluster is not polled again."""
        super().__init__(
            source.hass,
            source.entry,
            section=Section.CLUSTER,
            interval=timedelta(seconds=60),
        )
        self._source = source

    @property
    def status(self) -> ClusterStatus | None:
        """The last answer, None before the first."""
        return self.data.get(keys.CLUSTER)

    @override
    async def async_fetch(self) -> dict[str, ClusterStatus]:
        status = await self._source.client.cluster_status()
        if status.name is None:
            self.update_interval = None
        return {keys.CLUSTER: status}


class TasksCoordinator(HomelabCoordinator[Task]):
    """`/cluster/tasks`: reveals what others did, between two polls of the rest.

    Without Sys.Audit on `/` the list is empty, which is no fault.
    """

    def __init__(
        self,
        source: ProxmoxSource,
        interval: timedelta,
        on_finished: Callable[[Task], None],
    ) -> None:
        """Prepare the section; `on_finished` hears of each task that ended."""
        super().__init__(
            source.hass, source.entry, section=Section.TASKS, interval=interval
        )
        self._source = source
        self._on_finished = on_finished
        self._looked = False

    @override
    async def async_fetch(self) -> dict[str, Task]:
        tasks = {task.upid: task for task in await self._source.client.tasks()}
        # What had ended before the first look is news to nobody.
        if self._looked:
            for upid, task in tasks.items():
                before = self.data.get(upid)
                ended = task.outcome is not TaskOutcome.RUNNING
                if ended and (before is None or before.outcome is TaskOutcome.RUNNING):
                    self._on_finished(task)
        self._looked = True
        return tasks


class PermissionsCoordinator(HomelabCoordinator[Permissions]):
    """What the access allows; a change needs no reload."""

    def __init__(self, source: ProxmoxSource) -> None:
        """Prepare the section."""
        super().__init__(
            source.hass,
            source.entry,
            section=Section.PERMISSIONS,
            interval=timedelta(hours=1),
        )
        self._source = source

    @override
    async def async_fetch(self) -> dict[str, Permissions]:
        return {keys.CLUSTER: await self._source.client.permissions()}
