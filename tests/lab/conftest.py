"""A small cluster of two nodes behind the real protocol side of the lab."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
import socket
import ssl
from typing import TYPE_CHECKING, Any, cast

from aiohttp import ClientSession, TCPConnector
import pytest
import pytest_socket

from lab import Lab, LabSettings
from lab.pve.access import AccessControl
from lab.pve.api import ApiRequest, Listing, Router, failed
from lab.pve.dispatch import Dispatcher
from lab.pve.faults import Faults
from lab.pve.handlers import access as access_handlers
from lab.pve.server import PveServer
from lab.pve.tasks import Task
from lab.pve.tls import ClusterTls

if TYPE_CHECKING:
    from lab.pve.cluster import Cluster

ADDRESSES = {"pve1": "127.0.0.31", "pve2": "127.0.0.32"}
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

_REAL_SOCKET = socket.socket


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup() -> None:
    """Allow real sockets on loopback before the first fixture needs one.

    The test package of Home Assistant forbids them in `pytest_runtest_setup`, and
    fixtures are made within that same hook, before a later one could allow them again.
    """
    if socket.socket is not _REAL_SOCKET:
        pytest_socket.enable_socket()
        pytest_socket.socket_allow_hosts(["127.0.0.0/8", "::1"])


class StubCluster:
    """As much of a cluster as the protocol side asks for."""

    name = "home"

    def __init__(self, access: AccessControl) -> None:
        self.access = access
        self.nodes = {"pve1": object(), "pve2": object()}

    def reachability(self, contacted: str, target: str) -> int | None:
        return None


def build_stub_router() -> Router:
    """Handlers that show what reaches them."""
    router = Router()
    router.include(access_handlers.router)

    @router.handle("GET", "/cluster/resources")
    async def resources(request: ApiRequest) -> object:
        return [{"vmid": vmid, "template": False} for vmid in range(100, 200)]

    @router.handle("GET", "/nodes/{node}/tasks")
    async def tasks(request: ApiRequest) -> object:
        return Listing(data=[], total=77)

    @router.handle("POST", "/nodes/{node}/qemu/{vmid}/status/start")
    async def start(request: ApiRequest) -> object:
        raise failed("VM is locked (backup)\nsecond line")

    @router.handle("POST", "/nodes/{node}/qemu/{vmid}/status/shutdown")
    async def shutdown(request: ApiRequest) -> object:
        return dict(request.params)

    @router.handle("POST", "/nodes/{node}/qemu/{vmid}/agent/exec")
    async def execute_in_guest(request: ApiRequest) -> object:
        return request.items("command")

    @router.handle("PUT", "/nodes/{node}/qemu/{vmid}/config")
    async def configure(request: ApiRequest) -> object:
        return dict(request.params)

    @router.handle("POST", "/nodes/{node}/execute")
    async def execute(request: ApiRequest) -> object:
        return []

    @router.handle("GET", "/nodes/{node}/storage")
    async def storages(request: ApiRequest) -> object:
        return []

    @router.handle("GET", "/nodes/{node}/storage/{storage}/content/{volume}")
    async def volume(request: ApiRequest) -> object:
        return request.text("volume")

    @router.handle("GET", "/nodes/{node}/status")
    async def status(request: ApiRequest) -> object:
        raise ZeroDivisionError("a mistake in a handler")

    return router


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a client saw."""

    status: int
    reason: str
    headers: dict[str, str]
    raw: bytes
    json: Any


@dataclass(kw_only=True)
class StubPve:
    """The running servers and a client that trusts them."""

    access: AccessControl
    faults: Faults
    tls: ClusterTls
    server: PveServer
    client: ClientSession
    root: str

    async def send(
        self,
        method: str,
        path: str,
        *,
        node: str = "pve1",
        token: str | None = None,
        headers: dict[str, str] | None = None,
        **arguments: Any,
    ) -> Reply:
        """Send a request, as root's token unless something else is said."""
        if headers is None:
            headers = {"Authorization": f"PVEAPIToken={token or self.root}"}
        url = f"{self.server.url(node)}/api2/json{path}"
        async with self.client.request(
            method, url, headers=headers, **arguments
        ) as response:
            raw = await response.read()
            plain = "Content-Encoding" not in response.headers or raw[:1] == b"{"
            is_json = "json" in response.headers.get("Content-Type", "") and raw
            return Reply(
                status=response.status,
                reason=str(response.reason),
                headers=dict(response.headers),
                raw=raw,
                json=await response.json() if is_json and plain else None,
            )


@dataclass(kw_only=True)
class Running:
    """A running lab and a client that trusts it."""

    lab: Lab
    client: ClientSession

    @property
    def cluster(self) -> Cluster:
        """The simulated cluster."""
        return self.lab.pve.cluster

    async def send(
        self,
        method: str,
        path: str,
        *,
        contact: str | None = None,
        token: str = "root",
        **params: Any,
    ) -> Reply:
        """Send a request to a node, the first one if nothing is said."""
        pve = self.lab.pve
        host = pve.host(contact or next(iter(pve.cluster.nodes)))
        sent = {name.replace("_", "-"): value for name, value in params.items()}
        place = "data" if method in ("POST", "PUT") else "params"
        async with self.client.request(
            method,
            f"https://{host}:{pve.port}/api2/json{path}",
            headers={"Authorization": f"PVEAPIToken={pve.tokens.get(token, token)}"},
            **{place: sent},  # type: ignore[arg-type]  # a keyword by its name
        ) as response:
            raw = await response.read()
            return Reply(
                status=response.status,
                reason=str(response.reason),
                headers=dict(response.headers),
                raw=raw,
                json=await response.json() if raw else None,
            )

    async def get(self, path: str, **arguments: Any) -> Any:
        """Return the data of an answer that must be good."""
        return await self.call("GET", path, **arguments)

    async def call(self, method: str, path: str, **arguments: Any) -> Any:
        """Return the data of an answer that must be good."""
        reply = await self.send(method, path, **arguments)
        assert reply.status == 200, f"{method} {path}: {reply.reason} {reply.raw!r}"
        return reply.json["data"]

    async def refused(self, method: str, path: str, **arguments: Any) -> str:
        """Return status and reason of an answer that must be bad."""
        reply = await self.send(method, path, **arguments)
        assert reply.status >= 400, f"{method} {path}: {reply.raw!r}"
        return f"{reply.status} {reply.reason}"

    async def run(self, path: str, method: str = "POST", **arguments: Any) -> Task:
        """Start a task, wait for it and return it."""
        return await self.ended(await self.call(method, path, **arguments))

    async def ended(self, upid: str) -> Task:
        """Return a task when it has ended."""
        task = self.cluster.tasks.find(upid)
        assert task is not None, upid
        await self.cluster.tasks.wait(task)
        assert not task.running
        return task

    async def rows(self, kind: str, **arguments: Any) -> dict[str, dict[str, Any]]:
        """Return the rows of `/cluster/resources` of one type by their id."""
        found = await self.get("/cluster/resources", **arguments)
        return {row["id"]: row for row in found if row["type"] == kind}

    def guest(self, vmid: int) -> str:
        """Return the path of a guest on the node where it is now."""
        guest = self.cluster.guests[vmid]
        return f"/nodes/{guest.node}/{guest.kind}/{vmid}"


async def until(condition: Callable[[], object]) -> None:
    """Wait for what happens by itself in the lab."""
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError


type StartLab = Callable[..., Awaitable[Running]]


@pytest.fixture
async def start_lab() -> AsyncIterator[StartLab]:
    """Start labs that end with the test."""
    async with AsyncExitStack() as stack:

        async def start(scenario: str = "cluster", **settings: Any) -> Running:
            quick = {"task_seconds": 0.03} | settings
            lab = await stack.enter_async_context(
                Lab(scenario, settings=LabSettings(**quick))
            )
            context = ssl.create_default_context(cadata=lab.pve.ca_pem)
            client = await stack.enter_async_context(
                ClientSession(connector=TCPConnector(ssl=context))
            )
            return Running(lab=lab, client=client)

        yield start


@pytest.fixture
async def running(start_lab: StartLab) -> Running:
    """Run the cluster scenario."""
    return await start_lab()


@pytest.fixture
async def unhurried(start_lab: StartLab) -> Running:
    """Run the cluster so slowly that a task is still seen at work."""
    return await start_lab(task_seconds=0.3)


type MakePve = Callable[..., Awaitable[StubPve]]


@pytest.fixture
async def make_pve() -> AsyncIterator[MakePve]:
    """Start stub clusters that end with the test."""
    started: list[StubPve] = []

    async def make(*, version: str = "9.2", auth_delay: float = 0.0) -> StubPve:
        access = AccessControl(version=version)
        access.add_user("root@pam", "root's password")
        access.add_user("totp@pve", "password", totp_secret=TOTP_SECRET)
        faults = Faults(access=access)
        tls = ClusterTls(ADDRESSES)
        dispatcher = Dispatcher(
            cluster=cast("Cluster", StubCluster(access)),
            router=build_stub_router(),
            faults=faults,
            version=version,
            auth_delay=auth_delay,
        )
        server = PveServer(dispatcher, tls, ADDRESSES)
        await server.start()
        context = ssl.create_default_context(cadata=tls.ca_pem)
        pve = StubPve(
            access=access,
            faults=faults,
            tls=tls,
            server=server,
            client=ClientSession(connector=TCPConnector(ssl=context)),
            root=access.add_token("root@pam", "lab", privsep=False),
        )
        started.append(pve)
        return pve

    yield make
    for pve in started:
        await pve.client.close()
        await pve.server.stop()
        pve.tls.close()


@pytest.fixture
async def pve(make_pve: MakePve) -> StubPve:
    """A stub cluster of version 9.2 that answers a 401 at once."""
    return await make_pve()
