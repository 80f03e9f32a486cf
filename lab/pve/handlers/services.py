"""``/nodes/{node}/services``: the system services of a node."""

from lab.pve.api import ApiRequest, Router
from lab.pve.nodes import Node
from lab.pve.tasks import Task

router = Router()

_SERVICES = ("corosync", "pve-cluster", "pvedaemon", "pveproxy", "pvestatd", "sshd")
_SECONDS = 2.0


def _row(node: Node, name: str) -> dict[str, object]:
    failed = name in node.failed_services
    return {
        "service": name,
        "name": name,
        "desc": name,
        "state": "dead" if failed else "running",
        "active-state": "failed" if failed else "active",
        "unit-state": "enabled",
    }


@router.handle("GET", "/nodes/{node}/services")
async def listing(request: ApiRequest) -> object:
    """The services of the node."""
    node = request.cluster.node(request.text("node"))
    return [_row(node, name) for name in _SERVICES]


@router.handle("GET", "/nodes/{node}/services/{service}/state")
async def state(request: ApiRequest) -> object:
    """One service."""
    node = request.cluster.node(request.text("node"))
    return _row(node, request.text("service"))


@router.handle("POST", "/nodes/{node}/services/{service}/start")
@router.handle("POST", "/nodes/{node}/services/{service}/stop")
@router.handle("POST", "/nodes/{node}/services/{service}/restart")
async def change(request: ApiRequest) -> object:
    """Start, stop or restart a service; a start mends what failed."""
    cluster = request.cluster
    node, name = cluster.node(request.text("node")), request.text("service")
    command = request.template.rpartition("/")[2]

    async def work(task: Task) -> None:
        await cluster.pass_time(_SECONDS)
        if command == "stop":
            node.failed_services.add(name)
        else:
            node.failed_services.discard(name)

    return cluster.tasks.run(
        node.name, f"srv{command}", name, request.identity.name, work
    ).upid
