"""Commands to all guests of a node, and to the node itself.

Facts: pve-manager API2/Nodes.pm. Guests of the HA manager are left to it unless they
are named; `startall` starts what is to start at boot unless it is forced.
"""

from collections.abc import Collection
import itertools
import re
from typing import TYPE_CHECKING

from lab.pve import power
from lab.pve.guests import Guest
from lab.pve.tasks import ROOT, Task

if TYPE_CHECKING:
    from lab.pve.cluster import Cluster

SYSTEMD_SECONDS = 2.0
"""From the command to a node until its services begin to stop."""
_ORDER = re.compile(r"(?:order=)?(\d+)")
_LAST = 2**63


def _chosen(cluster: Cluster, node: str, vmids: Collection[int]) -> list[Guest]:
    found = [
        guest
        for guest in cluster.guests_on(node)
        if not guest.template
        and (guest.vmid in vmids if vmids else not cluster.ha.manages(guest.vmid))
    ]
    return sorted(found, key=lambda guest: (_order(guest), guest.vmid))


def _order(guest: Guest) -> int:
    match = _ORDER.match(str(guest.config.get("startup", "")))
    return int(match[1]) if match else _LAST


def start_all(
    cluster: Cluster,
    node: str,
    user: str,
    vmids: Collection[int] = (),
    *,
    force: bool = False,
) -> Task:
    """Start the guests that start at boot, or all with `force`."""

    async def work(task: Task) -> None:
        for guest in _chosen(cluster, node, vmids):
            if guest.alive or not (force or guest.onboot):
                continue
            task.say(f"Starting {guest.word} {guest.vmid}")
            started = power.start_guest(cluster, guest, user)
            await cluster.tasks.wait(started)
            if started.failed:
                status = started.exit_status
                task.say(f"Starting {guest.word} {guest.vmid} failed: {status}")

    return cluster.tasks.run(node, "startall", "", user, work)


def stop_all(
    cluster: Cluster,
    node: str,
    user: str,
    vmids: Collection[int] = (),
    *,
    timeout: float = power.VM_TIMEOUT,
    force: bool = True,
) -> Task:
    """Shut guests down in reverse order, and kill what does not go in time.

    Those with the same place in the order go at once.
    """

    async def work(task: Task) -> None:
        alive = [guest for guest in _chosen(cluster, node, vmids) if guest.alive]
        for _, group in itertools.groupby(reversed(alive), key=_order):
            stopped = []
            for guest in group:
                task.say(
                    f"Stopping {guest.word} {guest.vmid} (timeout = {timeout:g} s)"
                )
                stopped.append(
                    power.shutdown_guest(
                        cluster, guest, user, timeout=timeout, force=force
                    )
                )
            for one in stopped:
                await cluster.tasks.wait(one)

    return cluster.tasks.run(node, "stopall", "", user, work)


def suspend_all(
    cluster: Cluster, node: str, user: str, vmids: Collection[int] = ()
) -> Task:
    """Hibernate the running VMs; containers cannot."""

    async def work(task: Task) -> None:
        for guest in reversed(_chosen(cluster, node, vmids)):
            if guest.is_vm and guest.alive:
                task.say(f"Suspending VM {guest.vmid}")
                await cluster.tasks.wait(power.hibernate(cluster, guest, user))

    return cluster.tasks.run(node, "suspendall", "", user, work)


def command_node(cluster: Cluster, node: str, *, reboot: bool) -> None:
    """Let a node shut its guests down and then go, and come back from a reboot."""

    async def go() -> None:
        await cluster.tasks.wait(stop_all(cluster, node, ROOT))
        if reboot:
            cluster.ha.freeze(node)
        for guest in cluster.guests_on(node):
            if guest.alive:
                await cluster.tasks.wait(
                    power.shutdown(cluster, guest, ROOT, timeout=60.0, force=True)
                )
        if reboot:
            cluster.reboot_node(node)
        else:
            cluster.node_off(node)

    cluster.tasks.later(cluster.settings.scaled(SYSTEMD_SECONDS), go)
