"""``rrddata``: what was, in the steps of the round-robin databases.

The lab remembers nothing: the past is as the present, back to the last start.
"""

from lab.pve.api import ApiRequest, Router
from lab.pve.handlers.guests import find

router = Router()

_STEPS = {
    "hour": 60,
    "day": 1800,
    "week": 10800,
    "month": 43200,
    "year": 604800,
    "decade": 604800,
}
_POINTS = 70
_IDENTITY = ("name", "status", "template")


def _series(request: ApiRequest, figures: dict[str, object]) -> object:
    """Return the points of a time frame, without values from before the start."""
    step = _STEPS[request.text("timeframe")]
    now = int(request.cluster.now()) // step * step
    uptime = figures.pop("uptime", None)
    begin = now - uptime if isinstance(uptime, int) else 0
    times = range(now - (_POINTS - 1) * step, now + 1, step)
    return [{"time": time, **(figures if time >= begin else {})} for time in times]


@router.handle("GET", "/nodes/{node}/qemu/{vmid}/rrddata")
@router.handle("GET", "/nodes/{node}/lxc/{vmid}/rrddata")
async def of_guest(request: ApiRequest) -> object:
    """Return the figures of a guest."""
    row = request.cluster.statistics.guest_row(find(request))
    return _series(
        request, {key: value for key, value in row.items() if key not in _IDENTITY}
    )


@router.handle("GET", "/nodes/{node}/rrddata")
async def of_node(request: ApiRequest) -> object:
    """Return the figures of a node, under other names than in the list."""
    cluster = request.cluster
    cluster.statistics.latest()
    row = cluster.statistics.node(cluster.node(request.text("node")).name) or {}
    names = {
        "cpu": "cpu",
        "maxcpu": "maxcpu",
        "mem": "memused",
        "maxmem": "memtotal",
        "disk": "rootused",
        "maxdisk": "roottotal",
        "uptime": "uptime",
    }
    figures = {names[key]: value for key, value in row.items()}
    # The traffic of the guests goes through the cards of their node.
    rate = sum(
        guest.figures.rate
        for guest in cluster.guests_on(request.text("node"))
        if guest.alive
    )
    return _series(request, {**figures, "netin": rate, "netout": rate // 2})


@router.handle("GET", "/nodes/{node}/storage/{storage}/rrddata")
async def of_storage(request: ApiRequest) -> object:
    """Return the size of a storage."""
    node = request.text("node")
    space = request.cluster.storage(node, request.text("storage")).spaces[node]
    return _series(request, {"used": space.used, "total": space.total})
