"""From the rows of the API to models: tolerant of what is missing or oddly typed.

Parsers never raise for a value that cannot be understood: it becomes None. A whole
answer of the wrong shape is a `ProtocolError`.
"""

from .care import (
    parse_certificates,
    parse_disks,
    parse_replications,
    parse_subscription,
    parse_updates,
)
from .cluster import parse_cluster_status, parse_permissions, parse_version
from .details import parse_node_detail, parse_node_traffic, parse_snapshots
from .guest import parse_config, parse_container_inside, parse_vm_inside
from .resources import parse_current_status, parse_resources
from .storage import parse_backups, parse_coverage
from .tasks import parse_log, parse_tasks, parse_upid

__all__ = [
    "parse_backups",
    "parse_certificates",
    "parse_cluster_status",
    "parse_config",
    "parse_container_inside",
    "parse_coverage",
    "parse_current_status",
    "parse_disks",
    "parse_log",
    "parse_node_detail",
    "parse_node_traffic",
    "parse_permissions",
    "parse_replications",
    "parse_resources",
    "parse_snapshots",
    "parse_subscription",
    "parse_tasks",
    "parse_updates",
    "parse_upid",
    "parse_version",
    "parse_vm_inside",
]
