"""What is asked of the cluster as a whole."""

from typing import Any, Final

from ...errors import HomelabError, PermissionDeniedError
from ..models import (
    BackupCoverage,
    ClusterIdentity,
    ClusterMember,
    ClusterStatus,
    Permissions,
    Resources,
    Version,
)
from ..parse import (
    parse_cluster_status,
    parse_coverage,
    parse_permissions,
    parse_resources,
    parse_version,
)
from ..trust import normal_fingerprint
from .base import Calls

_ROOT_CA: Final = "pve-root-ca.pem"
_CA_DIGITS: Final = 16


def cluster_unique_id(identity: ClusterIdentity) -> str:
    """Return what stays the same under any address of the cluster."""
    if identity.ca_fingerprint:
        digits = identity.ca_fingerprint.replace(":", "").lower()
        return f"{identity.name}-{digits[:_CA_DIGITS]}"
    return f"{identity.name}-{'.'.join(sorted(identity.nodes))}"


class ClusterCalls(Calls):
    """Calls to `/cluster`, `/version`, `/nodes` and `/access/permissions`."""

    async def version(self) -> Version:
        """Return the version; any user. Source: `GET /version`."""
        return parse_version(await self._api.version.get())

    async def permissions(self) -> Permissions:
        """Return the own rights; any user. Source: `GET /access/permissions`."""
        return parse_permissions(await self._api.access.permissions.get())

    async def resources(self, previous: Resources | None = None) -> Resources:
        """Return all nodes, guests and storages with one request.

        Rows without VM.Audit or Datastore.Audit are missing without an error. What
        has not changed since `previous` is the same object as there.
        """
        return await parse_resources(await self._api.cluster.resources.get(), previous)

    async def cluster_status(self) -> ClusterStatus:
        """Return members and quorum. Needs Sys.Audit on /.

        The addresses of members become those to fall back to, together with their
        certificates where these are not known yet.
        """
        status = parse_cluster_status(await self._api.cluster.status.get())
        self.add_hosts(member.address for member in status.members if member.address)
        if self._transport.certificates.needs_members:
            await self.learn_members()
        return status

    async def learn_members(self) -> tuple[str, ...]:
        """Ask the cluster for the certificates of its members, and accept them.

        Only matters when a fingerprint was confirmed: the member that it belongs to
        vouches for the others, and for its own next certificate through them.
        Returns all accepted SHA-256, to be kept. Any user; source: `GET /nodes`.
        """
        rows = await self._api.nodes.get()
        told = [row.get("ssl_fingerprint") for row in rows if isinstance(row, dict)]
        self._transport.certificates.accept({found for found in told if found})
        return self.member_fingerprints

    async def identity(self) -> ClusterIdentity:
        """Return what identifies the cluster, or the host when there is none.

        Without Sys.Audit on / the name of a cluster stays hidden: then it is that
        of its first node.
        """
        status = await self._status_or_nodes()
        names = tuple(member.name for member in status.members)
        authority = await self._root_authority(status.members)
        fingerprint = authority.get("fingerprint")
        return ClusterIdentity(
            name=status.name or next(iter(names), ""),
            ca_fingerprint=normal_fingerprint(fingerprint) if fingerprint else None,
            nodes=names,
            addresses=tuple(
                member.address for member in status.members if member.address
            ),
            ca_pem=authority.get("pem"),
        )

    async def _status_or_nodes(self) -> ClusterStatus:
        try:
            return await self.cluster_status()
        except PermissionDeniedError:
            rows = await self._api.nodes.get()
            members = [
                ClusterMember(name=row["node"], online=row.get("status") == "online")
                for row in rows
                if isinstance(row, dict) and isinstance(row.get("node"), str)
            ]
            members.sort(key=lambda member: member.name)
            return ClusterStatus(name=None, quorate=True, members=tuple(members))

    async def _root_authority(
        self, members: tuple[ClusterMember, ...]
    ) -> dict[str, Any]:
        """Return the row of the cluster's CA; any user may read certificates."""
        for member in members:
            if not member.online:
                continue
            try:
                rows = await self._node(member.name).certificates.info.get()
            except HomelabError:
                continue
            for row in rows or ():
                if isinstance(row, dict) and row.get("filename") == _ROOT_CA:
                    return row
        return {}

    async def backup_coverage(self) -> BackupCoverage:
        """Return the guests in no backup job. Needs Sys.Audit on /.

        Source: `GET /cluster/backup-info/not-backed-up`; a disabled job counts.
        """
        return parse_coverage(
            await self._api.cluster("backup-info/not-backed-up").get()
        )
