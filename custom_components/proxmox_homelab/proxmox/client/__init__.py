"""The client of a Proxmox VE cluster: one class, every answer a model."""

from .access import AccessCalls
from .commands import CommandCalls
from .guests import GuestCalls
from .identity import ClusterCalls, cluster_unique_id
from .nodes import NodeCalls
from .tasks import TaskCalls

__all__ = ["ProxmoxClient", "cluster_unique_id"]


class ProxmoxClient(
    ClusterCalls, NodeCalls, GuestCalls, TaskCalls, CommandCalls, AccessCalls
):
    """Everything that is asked of a cluster, or of a single host.

    Every method raises only errors of `errors.py`: `CannotConnectError` and below
    when no known member can be reached, `AuthenticationError` when the credentials
    are refused, `PermissionDeniedError` when a privilege is missing,
    `NodeUnreachableError` when the node that it is about does not answer the others.
    """
