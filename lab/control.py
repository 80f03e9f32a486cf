"""The control page: change the lab from outside, from a browser, a test or a script.

`GET /state`, `GET /requests`, `POST /reset` and `POST /action` speak JSON; an action is
`{"do": name, ...arguments}` with the names of `ACTIONS`, or for radio equipment
`{"do": "equipment", "name": ..., "action": ..., "arguments": {...}}`. It listens on
loopback only.
"""

from collections.abc import Callable, Mapping
from importlib.resources import files
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from lab.equipment import Equipment
from lab.pve import power
from lab.pve.api import ApiError
from lab.pve.guests import GuestState
from lab.settings import Churn

if TYPE_CHECKING:
    from lab import Pve

type Arguments = Mapping[str, Any]


class ControlServer:
    """Serves the page and its interface on 127.0.0.1."""

    def __init__(self, pve: Pve, equipment: Mapping[str, Equipment], port: int) -> None:
        """Choose the port, 0 for any that is free."""
        self._pve = pve
        self._equipment = equipment
        self.port = port
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Open the port."""
        app = web.Application()
        app.router.add_get("/", self._page)
        app.router.add_get("/state", self._state)
        app.router.add_get("/requests", self._requests)
        app.router.add_post("/reset", self._reset)
        app.router.add_post("/action", self._action)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close the port."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _page(self, request: web.Request) -> web.Response:
        page = files("lab").joinpath("control.html").read_text(encoding="utf-8")
        return web.Response(text=page, content_type="text/html")

    async def _state(self, request: web.Request) -> web.Response:
        return web.json_response(self._found())

    def _found(self) -> dict[str, Any]:
        equipment = [
            {**found.state(), "actions": list(found.actions)}
            for found in self._equipment.values()
        ]
        return state(self._pve) | {"equipment": equipment}

    async def _requests(self, request: web.Request) -> web.Response:
        records = self._pve.requests
        return web.json_response(
            {
                "count": len(records),
                "bytes": sum(record.bytes for record in records),
                "paths": [f"{record.method} {record.path}" for record in records],
            }
        )

    async def _reset(self, request: web.Request) -> web.Response:
        self._pve.requests.clear()
        return web.json_response({})

    async def _action(self, request: web.Request) -> web.Response:
        try:
            wanted = await request.json()
            if wanted["do"] == "equipment":
                await self._operate(wanted)
            else:
                act(self._pve, wanted)
        except KeyError as error:
            return web.json_response({"error": f"there is no {error}"}, status=400)
        except (ApiError, TypeError, ValueError) as error:
            return web.json_response({"error": f"{error}"}, status=400)
        return web.json_response(self._found())

    async def _operate(self, given: Arguments) -> None:
        found = self._equipment[given["name"]]
        done = found.actions[given["action"]](given.get("arguments") or {})
        if isawaitable(done):
            await done


def state(pve: Pve) -> dict[str, Any]:
    """Return what the page shows."""
    cluster = pve.cluster
    return {
        "name": cluster.name,
        "churn": cluster.churn.value,
        "quorate": cluster.quorate,
        "nodes": [
            {"name": node.name, "online": node.online, "address": node.address}
            for node in cluster.nodes.values()
        ],
        "guests": [
            {
                "vmid": guest.vmid,
                "name": guest.name,
                "kind": guest.kind,
                "node": guest.node,
                "state": guest.state.value,
                "lock": guest.lock,
            }
            for guest in cluster.guests.values()
        ],
        "storages": [
            {
                "id": storage.id,
                "node": "" if storage.shared else node,
                "used": round(100 * space.used / space.total, 1),
                "active": space.active,
            }
            for storage in cluster.storages.values()
            for node, space in list(storage.spaces.items())[
                : 1 if storage.shared else 99
            ]
        ],
        "rules": [
            f"{rule.kind} {rule.method} {rule.path}" for rule in pve.faults.rules
        ],
    }


def act(pve: Pve, wanted: Arguments) -> None:
    """Carry out an action; raise ValueError or KeyError for what cannot be."""
    name = wanted["do"]
    if name not in ACTIONS:
        raise ValueError(f"there is no action {name}; there are {sorted(ACTIONS)}")
    ACTIONS[name](pve, wanted)


def _set_state(pve: Pve, given: Arguments) -> None:
    pve.cluster.set_state(int(given["vmid"]), GuestState(given["state"]))


def _lock(pve: Pve, given: Arguments) -> None:
    pve.cluster.guests[int(given["vmid"])].lock = given.get("lock") or None


def _start(pve: Pve, given: Arguments) -> None:
    guest = pve.cluster.guests[int(given["vmid"])]
    power.start_guest(pve.cluster, guest, "root@pam")


def _shutdown(pve: Pve, given: Arguments) -> None:
    guest = pve.cluster.guests[int(given["vmid"])]
    power.shutdown(pve.cluster, guest, "root@pam", timeout=180.0, force=True)


def _fill(pve: Pve, given: Arguments) -> None:
    node = given.get("node") or None
    pve.cluster.fill(given["storage"], float(given["percent"]) / 100, node)


def _activate(pve: Pve, given: Arguments) -> None:
    active = given.get("active", True) in (True, "true")
    for space in pve.cluster.storages[given["storage"]].distinct_spaces():
        space.active = active


def _fail(pve: Pve, given: Arguments) -> None:
    pve.faults.fail(
        given.get("method", "*"),
        given["path"],
        int(given.get("status", 500)),
        given.get("reason", "simulated failure"),
        times=given.get("times"),
    )


def _latency(pve: Pve, given: Arguments) -> None:
    pve.faults.latency = float(given["seconds"])


def _churn(pve: Pve, given: Arguments) -> None:
    pve.cluster.churn = Churn(given["churn"])


def _revoke(pve: Pve, given: Arguments) -> None:
    pve.faults.revoke_token(pve.tokens[given["token"]])


def _node(pve: Pve, given: Arguments) -> str:
    return pve.cluster.nodes[given["node"]].name


def _storage(pve: Pve, given: Arguments) -> str:
    return pve.cluster.storages[given["storage"]].id


ACTIONS: dict[str, Callable[[Pve, Arguments], object]] = {
    "set_state": _set_state,
    "start": _start,
    "shutdown": _shutdown,
    "lock": _lock,
    "hibernate": lambda pve, given: pve.cluster.hibernate(int(given["vmid"])),
    "rename": lambda pve, given: pve.cluster.rename(int(given["vmid"]), given["name"]),
    "move": lambda pve, given: pve.cluster.move(int(given["vmid"]), given["node"]),
    "delete": lambda pve, given: pve.cluster.delete_guest(int(given["vmid"])),
    "fill": _fill,
    "activate": _activate,
    "node_off": lambda pve, given: pve.cluster.node_off(_node(pve, given)),
    "node_on": lambda pve, given: pve.cluster.node_on(_node(pve, given)),
    "node_dead": lambda pve, given: pve.faults.node_dead(_node(pve, given)),
    "node_alive": lambda pve, given: pve.faults.node_alive(_node(pve, given)),
    "node_hangs": lambda pve, given: pve.faults.node_hangs(_node(pve, given)),
    "storage_hangs": lambda pve, given: pve.faults.storage_hangs(_storage(pve, given)),
    "storage_answers": lambda pve, given: pve.faults.storage_answers(
        _storage(pve, given)
    ),
    "fail": _fail,
    "html": lambda pve, given: pve.faults.html(given["path"]),
    "cut": lambda pve, given: pve.faults.cut(given["path"]),
    "latency": _latency,
    "churn": _churn,
    "revoke": _revoke,
    "renew_certificate": lambda pve, given: pve.tls.renew(_node(pve, given)),
    "clear": lambda pve, given: pve.faults.clear(),
}
