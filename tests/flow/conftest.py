"""Small clusters that speak the real protocol, as far as a set-up asks them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import AsyncMock, patch

import pytest

from custom_components.proxmox_homelab.own_guest import HostIdentity
from custom_components.proxmox_homelab.proxmox import evidence
from lab.pve.access import AccessControl
from lab.pve.api import ApiRequest, Router
from lab.pve.dispatch import Dispatcher
from lab.pve.faults import Faults
from lab.pve.handlers import access as access_handlers
from lab.pve.server import PveServer, RequestRecord
from lab.pve.tls import ClusterTls, fingerprint

PASSWORD = "correct horse battery"
OWN_MAC = "bc:24:11:5e:1f:03"
# Where nothing listens.
CLOSED_PORT = 1


def guest(vmid: int, name: str, kind: str = "lxc", **more: Any) -> dict[str, Any]:
    """Return a row of a running guest."""
    return {
        "id": f"{kind}/{vmid}",
        "type": kind,
        "vmid": vmid,
        "name": name,
        "node": "pve1",
        "status": "running",
        **more,
    }


def house() -> list[dict[str, Any]]:
    """Return what the simulated house has."""
    return [
        {"id": "node/pve1", "type": "node", "node": "pve1", "status": "online"},
        guest(103, "home-assistant", "qemu", tags="critical;home"),
        guest(104, "mail", tags="office"),
        guest(105, "frigate", pool="cameras"),
        guest(900, "debian-template", "qemu", template=1, status="stopped"),
        {
            "id": "storage/pve1/local",
            "type": "storage",
            "storage": "local",
            "node": "pve1",
            "status": "available",
            "shared": 0,
        },
    ]


@dataclass(kw_only=True)
class Cluster:
    """One cluster of two nodes; tests change what it answers."""

    name: str | None
    access: AccessControl
    faults: Faults
    tls: ClusterTls
    server: PveServer
    addresses: dict[str, str]
    tokens: dict[str, str] = field(default_factory=dict)
    resources: list[dict[str, Any]] = field(default_factory=house)
    macs: dict[int, str] = field(default_factory=lambda: {103: OWN_MAC})

    @property
    def host(self) -> str:
        """The address of the first node."""
        return self.addresses["pve1"]

    @property
    def address(self) -> str:
        """What a user types."""
        return f"{self.host}:{self.server.port}"

    def fingerprint(self, node: str = "pve1") -> str:
        """What the node presents."""
        return self.tls.fingerprint(node)

    def writes(self) -> list[RequestRecord]:
        """Return the requests that changed something."""
        return [
            record
            for record in self.server.requests
            if record.method != "GET" and record.path != "/access/ticket"
        ]

    def routes(self) -> Router:
        """Return the handlers."""
        router = Router()
        router.include(access_handlers.router)
        router.handle("GET", "/cluster/status")(self._status)
        router.handle("GET", "/cluster/resources")(self._resources)
        router.handle("GET", "/nodes")(self._nodes)
        router.handle("GET", "/nodes/{node}/certificates/info")(self._certificates)
        router.handle("GET", "/nodes/{node}/qemu/{vmid}/config")(self._config)
        router.handle("GET", "/nodes/{node}/lxc/{vmid}/config")(self._config)
        return router

    async def _status(self, request: ApiRequest) -> object:
        cluster = {"type": "cluster", "name": self.name, "quorate": 1}
        nodes = [
            {"type": "node", "name": name, "ip": address, "online": 1}
            for name, address in self.addresses.items()
        ]
        return [cluster, *nodes] if self.name else nodes

    async def _nodes(self, request: ApiRequest) -> object:
        return [
            {
                "node": name,
                "status": "online",
                "ssl_fingerprint": self.tls.fingerprint(name),
            }
            for name in self.addresses
        ]

    async def _certificates(self, request: ApiRequest) -> object:
        return [
            {
                "filename": "pve-root-ca.pem",
                "fingerprint": fingerprint(self.tls.ca_certificate),
                "pem": self.tls.ca_pem,
            }
        ]

    async def _resources(self, request: ApiRequest) -> object:
        return self.resources

    async def _config(self, request: ApiRequest) -> object:
        mac = self.macs.get(int(request.path["vmid"]))
        return {"net0": f"virtio={mac},bridge=vmbr0"} if mac else {}


type MakeCluster = Callable[..., Awaitable[Cluster]]


@pytest.fixture
async def make_cluster() -> AsyncIterator[MakeCluster]:
    """Start clusters that end with the test, each at addresses of its own."""
    started: list[Cluster] = []

    async def make(name: str | None = "home", *, version: str = "9.2") -> Cluster:
        last = 40 + 2 * len(started)
        addresses = {"pve1": f"127.0.0.{last}", "pve2": f"127.0.0.{last + 1}"}
        access = AccessControl(version=version)
        tls = ClusterTls(addresses)
        faults = Faults(access=access)
        cluster = Cluster(
            name=name,
            access=access,
            faults=faults,
            tls=tls,
            server=cast("PveServer", None),
            addresses=addresses,
        )
        inside = SimpleNamespace(
            name=name,
            access=access,
            nodes=dict.fromkeys(addresses),
            reachability=lambda contacted, target: None,
        )
        dispatcher = Dispatcher(
            cluster=cast("Any", inside),
            router=cluster.routes(),
            faults=faults,
            version=version,
            auth_delay=0.0,
        )
        cluster.server = PveServer(dispatcher, tls, addresses)
        await cluster.server.start()
        started.append(cluster)
        _add_accounts(cluster)
        return cluster

    yield make
    for cluster in started:
        await cluster.server.stop()
        cluster.tls.close()


def _add_accounts(cluster: Cluster) -> None:
    access = cluster.access
    access.add_user("root@pam", PASSWORD)
    access.add_user(
        "totp@pve", PASSWORD, totp_secret="JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    )
    access.add_user("demo@pve", PASSWORD)
    access.grant("/", "Administrator", users=["totp@pve"])
    access.grant("/", "PVEAuditor", users=["demo@pve"])
    cluster.tokens["root"] = access.add_token("root@pam", "lab", privsep=False)
    cluster.tokens["monitor"] = access.add_token("demo@pve", "lab", privsep=False)
    cluster.tokens["empty"] = access.add_token("demo@pve", "empty")


@pytest.fixture
async def cluster(make_cluster: MakeCluster) -> Cluster:
    """The cluster that most tests set up."""
    return await make_cluster()


@pytest.fixture(autouse=True)
def _own_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this host the one MAC address that a scenario names."""
    own = HostIdentity(
        macs=frozenset({OWN_MAC}), addresses=frozenset(), smbios_uuid=None
    )
    monkeypatch.setattr(evidence, "read_host_identity", lambda addresses: own)


@pytest.fixture(autouse=True)
def setup_entry() -> Iterator[AsyncMock]:
    """Keep what the flow makes from being started; that is tested elsewhere."""
    with patch(
        "custom_components.proxmox_homelab.async_setup_entry", return_value=True
    ) as mock:
        yield mock
