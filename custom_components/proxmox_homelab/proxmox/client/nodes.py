"""What is asked node by node."""

from ..models import (
    Backup,
    Certificate,
    Disk,
    NodeDetail,
    NodeTraffic,
    PackageUpdate,
    Replication,
    Subscription,
)
from ..parse import (
    parse_backups,
    parse_certificates,
    parse_disks,
    parse_node_detail,
    parse_node_traffic,
    parse_replications,
    parse_subscription,
    parse_updates,
)
from ..paths import storage_name
from ..transport import FORWARDED_SECONDS
from .base import Calls


class NodeCalls(Calls):
    """Calls below `/nodes/{node}` that are not about a guest."""

    async def node_detail(self, node: str) -> NodeDetail:
        """Return load, swap, kernel and versions. Needs Sys.Audit on /nodes/{node}."""
        return parse_node_detail(await self._node(node).status.get(), node)

    async def node_traffic(self, node: str) -> NodeTraffic:
        """Return what its network cards carry. Needs Sys.Audit on /nodes/{node}."""
        history = self._node(node).rrddata
        return parse_node_traffic(await history.get(timeframe="hour"), node)

    async def apt_updates(self, node: str) -> tuple[PackageUpdate, ...]:
        """Return the packages to update. Needs Sys.Modify on /nodes/{node}.

        As old as the node's last `apt update`, which runs daily.
        """
        updates = self._node(node).apt.update.within(FORWARDED_SECONDS)
        return parse_updates(await updates.get())

    async def certificates(self, node: str) -> tuple[Certificate, ...]:
        """Return the certificates of the node; any user."""
        return parse_certificates(await self._node(node).certificates.info.get())

    async def subscription(self, node: str) -> Subscription:
        """Return the subscription; any user."""
        return parse_subscription(await self._node(node).subscription.get())

    async def disks(self, node: str) -> tuple[Disk, ...]:
        """Return the disks with their health. Needs Sys.Audit on /nodes/{node}.

        Runs smartctl on each disk, which wakes sleeping ones.
        """
        disks = self._node(node).disks.list.within(FORWARDED_SECONDS)
        return parse_disks(await disks.get(), node)

    async def replication(self, node: str) -> tuple[Replication, ...]:
        """Return the replication jobs of guests on the node. Needs VM.Audit."""
        return parse_replications(await self._node(node).replication.get())

    async def backups(
        self, node: str, storage: str, vmid: int | None = None
    ) -> tuple[Backup, ...]:
        """Return the backups on a storage, seen from a node.

        Needs Datastore.Audit on the storage; without Datastore.AllocateSpace there
        and VM.Backup on a guest its rows are missing without an error. May hang for
        as long as the storage does.
        """
        content = self._node(node).storage(storage_name(storage)).content
        answer = await content.within(FORWARDED_SECONDS).get(
            content="backup", vmid=vmid
        )
        return parse_backups(answer, storage)
