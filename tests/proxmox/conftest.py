"""Two nodes that speak the real protocol, with handlers that a test may add to."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
import socket
from types import SimpleNamespace
from typing import Any, cast

from aiohttp import ClientSession, TCPConnector, ThreadedResolver
import pytest
import pytest_socket

from custom_components.proxmox_homelab.proxmox.client import ProxmoxClient
from custom_components.proxmox_homelab.proxmox.credentials import (
    Credentials,
    parse_token,
)
from custom_components.proxmox_homelab.proxmox.resource import Resource
from custom_components.proxmox_homelab.proxmox.trust import Trust
from lab.pve.access import AccessControl
from lab.pve.api import ApiRequest, Router
from lab.pve.dispatch import Dispatcher
from lab.pve.faults import Faults
from lab.pve.handlers import access as access_handlers
from lab.pve.server import PveServer, RequestRecord
from lab.pve.tls import ClusterTls

ADDRESSES = {"pve1": "127.0.0.35", "pve2": "127.0.0.36"}
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PASSWORD = "correct horse"

_REAL_SOCKET = socket.socket


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup() -> None:
    """Allow real sockets on loopback before the first fixture needs one.

    The test package of Home Assistant forbids them in the same hook that makes the
    fixtures.
    """
    if socket.socket is not _REAL_SOCKET:
        pytest_socket.enable_socket()
        pytest_socket.socket_allow_hosts(["127.0.0.0/8", "::1"])


@dataclass(kw_only=True)
class Clock:
    """A clock that both sides look at; it only moves when a test says so."""

    seconds: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass(kw_only=True)
class Site:
    """The servers, and clients for them."""

    access: AccessControl
    faults: Faults
    tls: ClusterTls
    server: PveServer
    router: Router
    session: ClientSession
    clock: Clock
    root: str
    hosts: tuple[str, ...] = tuple(ADDRESSES.values())
    port: int = field(default=0)

    def client(
        self,
        credentials: Credentials | None = None,
        *,
        hosts: Sequence[str] | None = None,
        trust: Trust | None = None,
        port: int | None = None,
    ) -> ProxmoxClient:
        """Return a client, with root's token and the cluster's CA if nothing else."""
        return ProxmoxClient(
            self.session,
            hosts=hosts or self.hosts,
            port=port or self.server.port,
            credentials=credentials or parse_token(self.root),
            trust=trust or Trust(ca_pem=self.tls.ca_pem),
            clock=self.clock,
        )

    def api(self, credentials: Credentials | None = None, **how: Any) -> Resource:
        """Return the addressing of such a client, to call what it has no method for."""
        return self.client(credentials, **how)._api

    def requests(self, method: str = "*", path: str = "") -> list[RequestRecord]:
        """Return what reached any node."""
        return [
            record
            for record in self.server.requests
            if method in ("*", record.method) and record.path.startswith(path)
        ]


async def _echo(request: ApiRequest) -> object:
    return dict(request.params)


async def _empty(request: ApiRequest) -> object:
    return []


def _router() -> Router:
    router = Router()
    router.include(access_handlers.router)
    for template in ("/cluster/resources", "/nodes/{node}/storage", "/cluster/tasks"):
        router.handle("GET", template)(_empty)
    for method, template in (
        ("GET", "/nodes/{node}/tasks"),
        ("GET", "/nodes/{node}/storage/{storage}/content/{volume}"),
        ("PUT", "/nodes/{node}/qemu/{vmid}/config"),
        ("POST", "/nodes/{node}/qemu/{vmid}/status/start"),
        ("DELETE", "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}"),
    ):
        router.handle(method, template)(_echo)
    return router


type MakeSite = Callable[..., Awaitable[Site]]


@pytest.fixture
async def make_site() -> AsyncIterator[MakeSite]:
    """Start sites that end with the test."""
    started: list[Site] = []

    async def make(*, version: str = "9.2", auth_delay: float = 0.0) -> Site:
        clock = Clock()
        access = AccessControl(version=version, clock=clock)
        access.add_user("root@pam", PASSWORD)
        access.add_user("totp@pve", PASSWORD, totp_secret=TOTP_SECRET)
        router = _router()
        faults = Faults(access=access)
        tls = ClusterTls(ADDRESSES)
        cluster = SimpleNamespace(
            name="home",
            access=access,
            nodes=dict.fromkeys(ADDRESSES),
            reachability=lambda contacted, target: None,
        )
        dispatcher = Dispatcher(
            cluster=cast("Any", cluster),
            router=router,
            faults=faults,
            version=version,
            auth_delay=auth_delay,
        )
        server = PveServer(dispatcher, tls, ADDRESSES)
        await server.start()
        site = Site(
            access=access,
            faults=faults,
            tls=tls,
            server=server,
            router=router,
            session=ClientSession(connector=TCPConnector(resolver=ThreadedResolver())),
            clock=clock,
            root=access.add_token("root@pam", "lab", privsep=False),
        )
        started.append(site)
        return site

    yield make
    for site in started:
        await site.session.close()
        await site.server.stop()
        site.tls.close()


@pytest.fixture
async def site(make_site: MakeSite) -> Site:
    """A site of version 9.2 that answers a 401 at once."""
    return await make_site()


@pytest.fixture
def no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the system know no host name at all."""

    def unknown(host: str, *args: Any, **kwargs: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, f"{host} not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
