"""A simulated homelab: systems that speak the real protocols on loopback.

`async with Lab("house") as lab: ...` runs a scenario: `house`, `cluster`, `large`,
`large:3/60`, or the path of a file.
"""

import asyncio
from typing import Any, Self

from lab import large, scenario
from lab.accounts import Logins, fill_access
from lab.control import ControlServer
from lab.equipment import Equipment
from lab.pve.access import AccessControl
from lab.pve.cluster import Cluster
from lab.pve.dispatch import Dispatcher
from lab.pve.faults import Faults
from lab.pve.handlers import build_router
from lab.pve.server import PveServer, RequestRecord
from lab.pve.tls import ClusterTls
from lab.radios import Radios
from lab.reading import ScenarioError
from lab.settings import Churn, LabSettings

__all__ = ["Churn", "Lab", "LabSettings", "Pve"]


class Pve:
    """The simulated Proxmox VE cluster and how to reach it."""

    def __init__(
        self, cluster: Cluster, server: PveServer, logins: Logins, tls: ClusterTls
    ) -> None:
        self.cluster: Cluster = cluster
        self.server: PveServer = server
        self.tls: ClusterTls = tls
        self.faults: Faults = cluster.faults
        self.access: AccessControl = cluster.access
        self.tokens: dict[str, str] = logins.tokens
        self.passwords: dict[str, str] = logins.passwords

    @property
    def port(self) -> int:
        """The port of every node."""
        return self.server.port

    @property
    def ca_pem(self) -> str:
        """The certificate of the cluster's own authority."""
        return self.tls.ca_pem

    @property
    def ca_fingerprint(self) -> str:
        """Its SHA-256."""
        return self.tls.ca_fingerprint

    @property
    def requests(self) -> list[RequestRecord]:
        """Every answered request since the start or the last `clear`."""
        return self.server.requests

    def host(self, node: str) -> str:
        """Return the loopback address of a node."""
        return self.server.host(node)

    def fingerprint(self, node: str) -> str:
        """Return the SHA-256 of a node's certificate."""
        return self.tls.fingerprint(node)

    def totp(self, user: str) -> str:
        """Return a one-time code of a user that has not been used."""
        return self.access.totp(user)


class Lab:
    """A lab of one scenario."""

    pve: Pve

    def __init__(self, name: str, *, settings: LabSettings | None = None) -> None:
        """Read the scenario; `ScenarioError` says what is wrong with it."""
        self.settings = settings or LabSettings()
        self._description = describe(name)
        self._control: ControlServer | None = None
        self._rhythm: asyncio.Task[None] | None = None
        self._radios: Radios | None = None

    @property
    def control_port(self) -> int | None:
        """The port of the control page, None without one."""
        return None if self._control is None else self._control.port

    @property
    def equipment(self) -> dict[str, Equipment]:
        """The brokers, bridges and gateways by name, none without `radios`."""
        return {} if self._radios is None else self._radios.equipment

    async def start(self) -> None:
        """Build the cluster and open its ports."""
        settings = self.settings
        names = [node["name"] for node in self._description["nodes"]]
        addresses = {name: f"127.0.0.{i}" for i, name in enumerate(names, 1)}
        tls = await asyncio.to_thread(
            ClusterTls, addresses, directory=settings.state_dir
        )
        try:
            cluster = self._build(addresses, tls)
            logins = fill_access(cluster.access, self._description.get("access"))
        except ScenarioError:
            tls.close()
            raise
        dispatcher = Dispatcher(
            cluster=cluster,
            router=build_router(),
            faults=cluster.faults,
            version=settings.pve_version,
            auth_delay=settings.auth_delay,
        )
        server = PveServer(dispatcher, tls, addresses, port=settings.port)
        await server.start()
        self.pve = Pve(cluster, server, logins, tls)
        if settings.radios:
            await self._start_radios(cluster)
        if settings.resources_interval > 0:
            self._rhythm = asyncio.create_task(self._refresh())
        if settings.control_port is not None:
            port = settings.control_port
            self._control = ControlServer(self.pve, self.equipment, port)
            await self._control.start()

    def _build(self, addresses: dict[str, str], tls: ClusterTls) -> Cluster:
        settings = self.settings
        pools: dict[str, set[int]] = {}
        access = AccessControl(
            version=settings.pve_version,
            pools=lambda: {
                pool: {f"/vms/{vmid}" for vmid in vmids}
                for pool, vmids in pools.items()
            },
        )
        faults = Faults(access=access, latency=settings.latency)
        name = self._description.get("name")
        cluster = Cluster(name, settings, access, faults, tls)
        cluster.pools = pools
        scenario.fill(cluster, self._description, addresses)
        cluster.statistics.refresh()
        return cluster

    async def _start_radios(self, cluster: Cluster) -> None:
        self._radios = Radios(cluster, self._description)
        try:
            await self._radios.start()
        except BaseException:
            await self.stop()
            raise

    async def _refresh(self) -> None:
        """Let the figures be collected in the rhythm of pvestatd."""
        while True:
            await asyncio.sleep(self.settings.resources_interval)
            self.pve.cluster.statistics.refresh()

    async def stop(self) -> None:
        """Close everything that was started."""
        if self._rhythm is not None:
            self._rhythm.cancel()
        if self._control is not None:
            await self._control.stop()
        if self._radios is not None:
            await self._radios.stop()
        await self.pve.cluster.tasks.close()
        await self.pve.server.stop()
        self.pve.tls.close()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()


def describe(name: str) -> dict[str, Any]:
    """Return the description of a scenario by the name that a person gives."""
    kind, _, size = name.partition(":")
    if kind == "large":
        return large.generate(size or large.DEFAULT)
    return scenario.load(name)
