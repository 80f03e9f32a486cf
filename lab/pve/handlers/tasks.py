"""Tasks: lists, status, log, abort."""

from lab.pve.api import ApiRequest, Listing, Router, parameter_error, permission_denied
from lab.pve.tasks import Task, is_upid

router = Router()


@router.handle("GET", "/cluster/tasks")
async def recent(request: ApiRequest) -> object:
    """Return the newest tasks of every node.

    Without Sys.Audit a user sees its own, and a token nothing at all.
    """
    everything = request.allowed("/", "Sys.Audit")
    if not everything and request.identity.tokenid is not None:
        return []
    nodes = request.cluster.nodes
    return [
        _recent_row(task)
        for task in request.cluster.tasks.recent()
        if nodes[task.node].online
        and (everything or task.user == request.identity.name)
    ]


def _recent_row(task: Task) -> dict[str, object]:
    row = task.row()
    if not task.running:
        row |= {"endtime": task.ended, "status": task.exit_status, "saved": "1"}
    return row


@router.handle("GET", "/nodes/{node}/tasks")
async def of_node(request: ApiRequest) -> object:
    """Return the tasks of a node, newest first, by default the finished ones."""
    found = [
        task
        for task in reversed(list(request.cluster.tasks))
        if task.node == request.path["node"] and _wanted(request, task)
    ]
    begin = request.integer("start")
    rows = [_row(task) for task in found[begin : begin + request.integer("limit", 50)]]
    return Listing(data=rows, total=len(found))


def _row(task: Task) -> dict[str, object]:
    if task.running:
        return task.row() | {"status": "RUNNING"}
    return task.row() | {"endtime": task.ended, "status": task.exit_status}


def _wanted(request: ApiRequest, task: Task) -> bool:
    return (
        _visible(request, task)
        and _from_source(request.text("source", "archive"), task)
        and _fits_filters(request, task)
    )


def _visible(request: ApiRequest, task: Task) -> bool:
    return task.belongs_to(request.identity) or request.allowed(
        f"/nodes/{task.node}", "Sys.Audit"
    )


def _from_source(source: str, task: Task) -> bool:
    return source == "all" or task.running == (source == "active")


def _fits_filters(request: ApiRequest, task: Task) -> bool:
    checks = (
        not request.has("typefilter") or task.type == request.text("typefilter"),
        not request.has("vmid") or task.id == request.text("vmid"),
        not request.has("userfilter") or request.text("userfilter") in task.user,
        not request.has("since") or task.started >= request.integer("since"),
        not request.has("until") or task.started <= request.integer("until"),
        not request.flag("errors") or _kind_of_end(task) in ("error", "unknown"),
        not request.has("statusfilter")
        or _kind_of_end(task) in request.items("statusfilter"),
    )
    return all(checks)


def _kind_of_end(task: Task) -> str:
    match task.exit_status:
        case None | "unexpected status":
            return "unknown"
        case "OK":
            return "ok"
        case status if status.startswith("WARNINGS"):
            return "warning"
    return "error"


def _find(request: ApiRequest) -> Task:
    upid = request.text("upid")
    if not is_upid(upid):
        raise parameter_error(upid=f"unable to parse worker upid '{upid}'")
    task = request.cluster.tasks.find(upid)
    if task is None or task.node != request.path["node"]:
        raise parameter_error(upid="no such task")
    return task


def _readable(request: ApiRequest) -> Task:
    task = _find(request)
    if not _visible(request, task):
        raise permission_denied(f"/nodes/{task.node}, Sys.Audit")
    return task


@router.handle("GET", "/nodes/{node}/tasks/{upid}")
async def task_index(request: ApiRequest) -> object:
    """Return what there is below a task."""
    return [{"name": "log"}, {"name": "status"}]


@router.handle("GET", "/nodes/{node}/tasks/{upid}/status")
async def task_status(request: ApiRequest) -> object:
    """Return whether a task runs, and how it ended."""
    task = _readable(request)
    row = task.row() | {"status": "running" if task.running else "stopped"}
    userid, _, token = task.user.partition("!")
    row["user"] = userid
    if token:
        row["tokenid"] = token
    if not task.running:
        row["exitstatus"] = task.exit_status
    return row


@router.handle("GET", "/nodes/{node}/tasks/{upid}/log")
async def task_log(request: ApiRequest) -> object:
    """Return lines of a log; an empty one is said to have no content."""
    task = _readable(request)
    lines = task.log or ["no content"]
    begin = request.integer("start")
    limit = request.integer("limit", 50) or len(lines)
    shown = list(enumerate(lines, 1))[begin : begin + limit]
    return Listing(data=[{"n": n, "t": line} for n, line in shown], total=len(lines))


@router.handle("DELETE", "/nodes/{node}/tasks/{upid}")
async def abort(request: ApiRequest) -> object:
    """Abort a task; those of others only with Sys.Modify."""
    task = _find(request)
    if not task.belongs_to(request.identity):
        request.require(f"/nodes/{task.node}", "Sys.Modify")
    request.cluster.tasks.abort(task)
    return None
