"""What is true for the whole cluster: version, members, rights."""

from typing import Any

from ...values import required_mapping
from ..models import ClusterMember, ClusterStatus, Permissions, Version
from .values import flag, rows, text


def parse_version(data: Any) -> Version:
    """Return the version; 7.x has the release without the point."""
    row = required_mapping(data, "/version")
    return Version(
        release=text(row.get("release")) or "", version=text(row.get("version")) or ""
    )


def parse_cluster_status(data: Any) -> ClusterStatus:
    """Return members and quorum; a single host has no row of type cluster."""
    name, quorate = None, True
    members = []
    for row in rows(data, "/cluster/status"):
        if row.get("type") == "cluster":
            name, quorate = text(row.get("name")), flag(row.get("quorate"))
        elif row.get("type") == "node" and (member := text(row.get("name"))):
            members.append(
                ClusterMember(
                    name=member,
                    online=flag(row.get("online")),
                    address=text(row.get("ip")),
                )
            )
    members.sort(key=lambda member: member.name)
    return ClusterStatus(name=name, quorate=quorate, members=tuple(members))


def parse_permissions(data: Any) -> Permissions:
    """Return the rights: path -> privilege -> whether it holds below, too."""
    return Permissions(
        paths={
            path: {name: flag(propagate) for name, propagate in held.items()}
            for path, held in required_mapping(data, "/access/permissions").items()
            if isinstance(held, dict)
        }
    )
