"""The sections that are asked guest by guest and node by node.

Most of them cost one request each, so they are asked only while somebody looks at
what they feed, and never faster than the size of the cluster allows.
"""

from abc import abstractmethod
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, override

from ..const import (
    INTERVAL_DISKS,
    INTERVAL_GUEST_CONFIG,
    INTERVAL_GUEST_INSIDE,
    INTERVAL_NODE_CARE,
    INTERVAL_PACKAGES,
    INTERVAL_SNAPSHOTS,
)
from ..coordinator import PartsCoordinator
from ..errors import NotFoundError, PermissionDeniedError
from . import keys
from .coordinator import Section
from .models import (
    Certificate,
    Disk,
    Guest,
    GuestConfig,
    GuestInside,
    GuestState,
    GuestType,
    NodeDetail,
    NodeTraffic,
    PackageUpdate,
    Replication,
    Snapshot,
    Subscription,
)

if TYPE_CHECKING:
    from .source import ProxmoxSource

# Above this many requests per node and minute for guest details, the details of
# large clusters get older instead.
_DETAILS_PER_NODE_AND_MINUTE = 1.3


class _GuestPartsCoordinator[ItemT](PartsCoordinator[ItemT, ItemT]):
    """Guest by guest; in large clusters the details get older, not more frequent."""

    def __init__(
        self, source: ProxmoxSource, section: Section, max_age: timedelta
    ) -> None:
        """Prepare the section."""
        super().__init__(
            source.hass,
            source.entry,
            section=section,
            max_age=max_age,
            tick=timedelta(minutes=1),
            keep_last=True,
        )
        self._source = source

    @override
    def _budget(self, parts: int) -> int:
        nodes = max(1, len(self._source.resources.nodes()))
        limit = max(1, int(_DETAILS_PER_NODE_AND_MINUTE * nodes))
        return min(super()._budget(parts), limit)

    @override
    def combine(self, answers: Mapping[str, ItemT]) -> dict[str, ItemT]:
        return dict(answers)

    @override
    async def async_fetch_part(self, part: str) -> ItemT:
        guest = self._source.guest(keys.vmid_of(part))
        if guest is None:
            raise NotFoundError(f"{part} is gone")
        return await self._async_fetch_guest(guest)

    @abstractmethod
    async def _async_fetch_guest(self, guest: Guest) -> ItemT:
        """Ask for the detail of one guest."""

    def _reachable(self) -> Iterable[tuple[str, Guest]]:
        for key, item in self._source.resources.data.items():
            if isinstance(item, Guest) and item.unreachable_since is None:
                yield key, item


class ConfigsCoordinator(_GuestPartsCoordinator[GuestConfig]):
    """The configuration of each guest."""

    def __init__(self, source: ProxmoxSource) -> None:
        """Prepare the section."""
        super().__init__(source, Section.CONFIGS, INTERVAL_GUEST_CONFIG)

    @override
    def parts(self) -> Iterable[str]:
        return [key for key, _ in self._reachable()]

    @override
    def combine(self, answers: Mapping[str, GuestConfig]) -> dict[str, GuestConfig]:
        # A guest on a node that is off keeps its last configuration.
        known = self._source.resources.data
        kept = {key: item for key, item in self.data.items() if key in known}
        return {**kept, **answers}

    @override
    async def _async_fetch_guest(self, guest: Guest) -> GuestConfig:
        return await self._source.client.guest_config(guest.ref)


class InsideCoordinator(_GuestPartsCoordinator[GuestInside]):
    """Addresses and disks as running guests tell them, only where somebody looks."""

    def __init__(self, source: ProxmoxSource) -> None:
        """Prepare the section."""
        super().__init__(source, Section.INSIDE, INTERVAL_GUEST_INSIDE)

    @override
    def parts(self) -> Iterable[str]:
        configs = self._source.configs.data
        return [
            key
            for key, guest in self._reachable()
            if guest.state is GuestState.RUNNING
            and self.has_item_listeners(key)
            and (
                guest.type is GuestType.CONTAINER
                or ((config := configs.get(key)) is not None and config.agent_enabled)
            )
        ]

    @override
    async def _async_fetch_guest(self, guest: Guest) -> GuestInside:
        return await self._source.client.guest_inside(guest.ref)


class SnapshotsCoordinator(_GuestPartsCoordinator[tuple[Snapshot, ...]]):
    """The snapshots of guests, only where somebody looks."""

    def __init__(self, source: ProxmoxSource) -> None:
        """Prepare the section."""
        super().__init__(source, Section.SNAPSHOTS, INTERVAL_SNAPSHOTS)

    @override
    def parts(self) -> Iterable[str]:
        return [key for key, _ in self._reachable() if self.has_item_listeners(key)]

    @override
    async def _async_fetch_guest(self, guest: Guest) -> tuple[Snapshot, ...]:
        return await self._source.client.snapshots(guest.ref)


class _NodePartsCoordinator[PartT, ItemT](PartsCoordinator[PartT, ItemT]):
    """Node by node, online nodes only."""

    def __init__(
        self,
        source: ProxmoxSource,
        section: Section,
        *,
        max_age: timedelta,
        tick: timedelta,
        keep_last: bool = True,
    ) -> None:
        """Prepare the section."""
        super().__init__(
            source.hass,
            source.entry,
            section=section,
            max_age=max_age,
            tick=tick,
            keep_last=keep_last,
        )
        self._source = source

    @override
    def parts(self) -> Iterable[str]:
        return [
            name
            for name, node in self._source.resources.nodes().items()
            if node.online and self._is_wanted(name)
        ]

    def _is_wanted(self, node: str) -> bool:
        return self.has_item_listeners(keys.node_key(node))


class _NodeItemsCoordinator[ItemT](_NodePartsCoordinator[ItemT, ItemT]):
    """One item per node."""

    @override
    def combine(self, answers: Mapping[str, ItemT]) -> dict[str, ItemT]:
        return {keys.node_key(node): item for node, item in answers.items()}


class NodesCoordinator(_NodeItemsCoordinator[NodeDetail]):
    """Figures of a node that the list does not have, while somebody looks.

    The first answer names the version, which every node's device shows.
    """

    def __init__(self, source: ProxmoxSource, interval: timedelta) -> None:
        """Prepare the section."""
        super().__init__(
            source, Section.NODES, max_age=interval, tick=interval, keep_last=False
        )

    @override
    def _is_wanted(self, node: str) -> bool:
        return not self.was_asked(node) or super()._is_wanted(node)

    @override
    async def async_fetch_part(self, part: str) -> NodeDetail:
        detail = await self._source.client.node_detail(part)
        self._source.devices.async_note_version(part, detail)
        return detail


class TrafficCoordinator(_NodeItemsCoordinator[NodeTraffic]):
    """What the network cards of a node carry, while somebody looks.

    The figures are averages over a minute, so asking more often brings nothing.
    """

    def __init__(self, source: ProxmoxSource) -> None:
        """Prepare the section."""
        minute = timedelta(minutes=1)
        super().__init__(
            source, Section.TRAFFIC, max_age=minute, tick=minute, keep_last=False
        )

    @override
    async def async_fetch_part(self, part: str) -> NodeTraffic:
        return await self._source.client.node_traffic(part)


class PackagesCoordinator(_NodeItemsCoordinator[tuple[PackageUpdate, ...]]):
    """The packages that a node could update."""

    def __init__(self, source: ProxmoxSource) -> None:
        """Prepare the section."""
        super().__init__(
            source,
            Section.PACKAGES,
            max_age=INTERVAL_PACKAGES,
            tick=timedelta(minutes=10),
        )

    @override
    async def async_fetch_part(self, part: str) -> tuple[PackageUpdate, ...]:
        return await self._source.client.apt_updates(part)


class DisksCoordinator(_NodePartsCoordinator[tuple[Disk, ...], Disk]):
    """The disks of the nodes; once a day, because asking wakes sleeping ones."""

    def __init__(self, source: ProxmoxSource) -> None:
        """Prepare the section."""
        super().__init__(
            source,
            Section.DISKS,
            max_age=INTERVAL_DISKS,
            tick=timedelta(minutes=10),
        )

    @override
    def _is_wanted(self, node: str) -> bool:
        return self._source.allows(f"/nodes/{node}", "Sys.Audit")

    def disk(self, key: str) -> Disk:
        """Return the disk with this key."""
        return self.data[key]

    @override
    def combine(self, answers: Mapping[str, tuple[Disk, ...]]) -> dict[str, Disk]:
        return {
            keys.disk_key(node, disk.identity): disk
            for node, disks in answers.items()
            for disk in disks
        }

    @override
    async def async_fetch_part(self, part: str) -> tuple[Disk, ...]:
        return await self._source.client.disks(part)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCare:
    """What a node needs somebody to think of, None where it could not be read."""

    certificates: tuple[Certificate, ...] | None
    subscription: Subscription | None
    replications: tuple[Replication, ...] | None


class CareCoordinator(_NodeItemsCoordinator[NodeCare]):
    """Certificates, subscription and replication of the nodes somebody looks at."""

    def __init__(self, source: ProxmoxSource) -> None:
        """Prepare the section."""
        super().__init__(
            source,
            Section.CARE,
            max_age=INTERVAL_NODE_CARE,
            tick=timedelta(minutes=5),
        )

    @override
    async def async_fetch_part(self, part: str) -> NodeCare:
        client = self._source.client
        return NodeCare(
            certificates=await _unless_denied(client.certificates(part)),
            subscription=await _unless_denied(client.subscription(part)),
            replications=await _unless_denied(client.replication(part)),
        )


async def _unless_denied[T](call: Awaitable[T]) -> T | None:
    try:
        return await call
    except PermissionDeniedError:
        return None
