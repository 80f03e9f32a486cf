"""The rows of `/cluster/resources`, as pmxcfs and pvestatd put them together.

Facts: pve-manager API2Tools.pm and API2/Cluster.pm. An offline node has few keys; its
guests keep their last values for 5 minutes and are then `unknown`, without a name.
"""

from collections.abc import Iterator

from lab.pve.cluster import Cluster
from lab.pve.guests import Guest

ZONE = "localnetwork"
"""The software-defined network that there is without any configuration."""

type Row = dict[str, object]


def node_row(cluster: Cluster, name: str, *, audit: bool) -> Row:
    """Return the row of a node; numbers only for who may audit it."""
    node = cluster.nodes[name]
    row: Row = {
        "id": f"node/{name}",
        "type": "node",
        "node": name,
        "level": "",
        "cgroup-mode": 2,
        "status": "online" if node.online else "offline",
    }
    figures = cluster.statistics.node(name)
    if figures is not None and audit:
        row |= figures
    if cluster.access.major >= 9 and cluster.ha.resources and node.online:
        row["hastate"] = "maintenance" if node.maintenance else "online"
    return row


def guest_row(cluster: Cluster, guest: Guest) -> Row:
    """Return the row of a guest."""
    row: Row = {
        "id": f"{guest.kind}/{guest.vmid}",
        "type": guest.kind,
        "vmid": guest.vmid,
        "node": guest.node,
        "status": "unknown",
    }
    for key, value in (
        ("tags", guest.config.get("tags")),
        ("lock", guest.lock),
        ("pool", guest.pool),
        ("hastate", cluster.ha.state_of(guest.vmid)),
    ):
        if value:
            row[key] = value
    return row | (cluster.statistics.guest(guest.vmid) or {})


def storage_rows(cluster: Cluster) -> Iterator[Row]:
    """Return a row per storage and node; disabled ones are not listed."""
    for storage in cluster.storages.values():
        if not storage.enabled:
            continue
        for node in storage.spaces:
            row: Row = {
                "id": f"storage/{node}/{storage.id}",
                "type": "storage",
                "storage": storage.id,
                "node": node,
                "shared": int(storage.shared),
                "content": storage.content_text,
                "plugintype": storage.type,
                "status": "unknown",
            }
            said = cluster.statistics.storage(node, storage.id)
            if said is not None:
                row |= {"status": "available", "disk": said[0], "maxdisk": said[1]}
            yield row


def zone_rows(cluster: Cluster) -> Iterator[Row]:
    """Return the zone that every node has."""
    for name in cluster.nodes:
        yield _zone_row(name, modern=cluster.access.major >= 9)


def _zone_row(node: str, *, modern: bool) -> Row:
    """Return the row of a zone; 9.0 gave it another type."""
    if not modern:
        return {
            "id": f"sdn/{node}/{ZONE}",
            "type": "sdn",
            "sdn": ZONE,
            "node": node,
            "status": "ok",
        }
    return {
        "id": f"network/{node}/zone/{ZONE}",
        "type": "network",
        "network": ZONE,
        "network-type": "zone",
        "node": node,
        "status": "ok",
    }
