"""The HA manager: what is asked of it happens later, and by itself.

`hastart` and `hastop` tasks only write down what is wanted and end at once; the cluster
resource manager acts in its next rounds (pve-ha-manager, 10 s each).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.pve import power
from lab.pve.guests import Guest
from lab.pve.tasks import ROOT, Task

if TYPE_CHECKING:
    from lab.pve.cluster import Cluster

ROUND_SECONDS = 10.0
"""How long the manager takes to see what is wanted."""
RECOVERY_SECONDS = 120.0
"""How long fencing a lost node and recovering its guests takes."""
_FROZEN = "freeze"


@dataclass(slots=True, kw_only=True)
class HaResource:
    """A guest that the manager looks after.

    `requested` is the wanted state, `state` what the manager is doing.
    """

    sid: str
    vmid: int
    requested: str = "started"
    state: str = "started"
    group: str | None = None
    comment: str = ""
    max_restart: int = 1
    max_relocate: int = 1


class HaManager:
    """All guests that are looked after."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.resources: dict[int, HaResource] = {}

    def add(self, guest: Guest) -> HaResource:
        """Look after a guest in its present state."""
        wanted = "started" if guest.alive else "stopped"
        resource = HaResource(
            sid=guest.sid, vmid=guest.vmid, requested=wanted, state=wanted
        )
        self.resources[guest.vmid] = resource
        return resource

    def manages(self, vmid: int) -> bool:
        """Whether commands for this guest go through the manager."""
        resource = self.resources.get(vmid)
        return resource is not None and resource.requested != "ignored"

    def state_of(self, vmid: int) -> str | None:
        """Return the state of the manager's work on a guest."""
        resource = self.resources.get(vmid)
        return None if resource is None else resource.state

    def request(
        self, guest: Guest, user: str, *, started: bool, **stop: bool | float | None
    ) -> Task:
        """Write down that a guest shall run, or not; the task ends at once."""
        wanted = "started" if started else "stopped"

        async def work(task: Task) -> None:
            task.say(f"Requesting HA {wanted[:-2]} for {guest.sid}")
            self.want(guest, wanted, **stop)

        kind = "hastart" if started else "hastop"
        return self._cluster.tasks.run(guest.node, kind, str(guest.vmid), user, work)

    def want(self, guest: Guest, wanted: str, **stop: bool | float | None) -> None:
        """Change the wanted state, as editing the resource does."""
        resource = self.resources[guest.vmid]
        resource.requested = wanted
        if wanted in ("started", "stopped"):
            resource.state = "request_start" if wanted == "started" else "request_stop"
        self._later(ROUND_SECONDS, guest, **stop)

    def _later(self, seconds: float, guest: Guest, **stop: bool | float | None) -> None:
        async def act() -> None:
            await self._act(guest, **stop)

        self._cluster.tasks.later(self._cluster.settings.scaled(seconds), act)

    async def _act(self, guest: Guest, **stop: bool | float | None) -> None:
        cluster = self._cluster
        resource = self.resources.get(guest.vmid)
        if resource is None or not cluster.nodes[guest.node].online:
            return
        if resource.requested == "started" and not guest.alive:
            await cluster.tasks.wait(power.start(cluster, guest, ROOT))
        elif resource.requested in ("stopped", "disabled") and guest.alive:
            timeout = stop.get("timeout")
            await cluster.tasks.wait(
                power.shutdown(
                    cluster,
                    guest,
                    ROOT,
                    timeout=60.0 if timeout is None else float(timeout),
                    force=bool(stop.get("force", True)),
                )
            )
        if guest.alive == (resource.requested == "started"):
            resource.state = resource.requested
        else:
            resource.state = "error"

    def freeze(self, node: str) -> None:
        """Leave the guests of a node that reboots where they are."""
        for guest in self._cluster.guests_on(node):
            if self.manages(guest.vmid):
                self.resources[guest.vmid].state = _FROZEN

    def guest_lost(self, guest: Guest) -> None:
        """Bring back a guest whose process died."""
        if self.manages(guest.vmid):
            self._later(ROUND_SECONDS, guest)

    def node_lost(self, name: str) -> None:
        """Fence a node that went silent and recover its guests elsewhere."""
        cluster = self._cluster
        lost = [
            guest
            for guest in cluster.guests_on(name)
            if self.manages(guest.vmid) and self.resources[guest.vmid].state != _FROZEN
        ]
        if not (lost and cluster.quorate):
            return

        async def recover() -> None:
            if not cluster.nodes[name].online and cluster.quorate:
                for guest in lost:
                    self._recover(guest, name)

        for guest in lost:
            self.resources[guest.vmid].state = "fence"
        cluster.tasks.later(cluster.settings.scaled(RECOVERY_SECONDS), recover)

    def _recover(self, guest: Guest, lost: str) -> None:
        resource = self.resources.get(guest.vmid)
        if resource is None or guest.node != lost:
            return
        cluster = self._cluster
        online = [node.name for node in cluster.nodes.values() if node.online]
        guest.node = online[guest.vmid % len(online)]
        guest.halt()
        resource.state = "recovery"
        self._later(ROUND_SECONDS, guest)

    def node_returned(self, name: str) -> None:
        """Take over again what was not recovered elsewhere."""
        for guest in self._cluster.guests_on(name):
            resource = self.resources.get(guest.vmid)
            if resource is not None and resource.state in ("fence", _FROZEN):
                resource.state = resource.requested
                self._later(ROUND_SECONDS, guest)
