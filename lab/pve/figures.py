"""What pvestatd collects and broadcasts: figures of nodes, guests and storages.

As on the real server a node only speaks for itself, what it said last stays until it
speaks again, and what is older than five minutes (`unknown_after`) is dropped.
"""

import random
from typing import TYPE_CHECKING

from lab.pve.guests import Guest, GuestState
from lab.pve.nodes import Node
from lab.settings import Churn

if TYPE_CHECKING:
    from lab.pve.cluster import Cluster

type Row = dict[str, object]

_IDLE_RATE = 400
"""Bytes per second that an idle guest moves when every figure changes."""


class Statistics:
    """The last broadcast of every node."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._random = random.Random(cluster.settings.seed)
        self._refreshed = cluster.clock()
        self._uptime_now = self._refreshed
        self._guests: dict[int, tuple[float, Row]] = {}
        self._nodes: dict[str, tuple[float, Row]] = {}
        self._storages: dict[tuple[str, str], tuple[float, int, int]] = {}
        self._usual: dict[int, tuple[float, float]] = {}

    def latest(self) -> None:
        """Bring everything up to date, unless a rhythm does that."""
        if self._cluster.settings.resources_interval <= 0:
            self.refresh()

    def guest(self, vmid: int) -> Row | None:
        """Return the last figures of a guest, None when they are too old."""
        return self._fresh(self._guests.get(vmid))

    def node(self, name: str) -> Row | None:
        """Return the last figures of a node, None when it is offline."""
        if not self._cluster.nodes[name].online:
            return None
        return self._fresh(self._nodes.get(name))

    def storage(self, node: str, name: str) -> tuple[int, int] | None:
        """Return used and total bytes as a node said last."""
        found = self._storages.get((node, name))
        if found is None or self._is_old(found[0]):
            return None
        return found[1], found[2]

    def _fresh(self, found: tuple[float, Row] | None) -> Row | None:
        return None if found is None or self._is_old(found[0]) else found[1]

    def _is_old(self, said: float) -> bool:
        age = self._cluster.clock() - said
        return age > self._cluster.settings.unknown_after

    def refresh(self) -> None:
        """Let every node that is online speak."""
        cluster = self._cluster
        now = cluster.clock()
        seconds = max(0.0, now - self._refreshed)
        self._refreshed = now
        if cluster.churn is not Churn.FROZEN:
            self._uptime_now = now
        used: dict[str, tuple[float, int]] = {}
        for guest in cluster.guests.values():
            if not cluster.nodes[guest.node].online:
                continue
            if guest.alive:
                self._advance(guest, seconds)
            self._guests[guest.vmid] = (now, self.guest_row(guest))
            cpu, memory = used.get(guest.node, (0.0, 0))
            used[guest.node] = (
                cpu + guest_cpu(guest) * guest.cores,
                memory + guest_memory(guest),
            )
        for node in cluster.nodes.values():
            if node.online:
                cpu, memory = used.get(node.name, (0.0, 0))
                self._nodes[node.name] = (now, self._node_row(node, cpu, memory))
        self._refresh_storages(now)

    def _refresh_storages(self, now: float) -> None:
        cluster = self._cluster
        for storage in cluster.storages.values():
            for node, space in storage.spaces.items():
                if not cluster.nodes[node].online:
                    continue
                if space.active:
                    self._storages[node, storage.id] = (now, space.used, space.total)
                else:
                    self._storages.pop((node, storage.id), None)

    def _advance(self, guest: Guest, seconds: float) -> None:
        churn = self._cluster.churn
        figures = guest.figures
        moving = churn is Churn.CHANGING
        rate = figures.rate or (_IDLE_RATE if moving else 0)
        if churn is Churn.FROZEN or guest.state is not GuestState.RUNNING or not rate:
            return
        if moving:
            noise = self._random.uniform
            cpu, memory = self._usual.setdefault(guest.vmid, (figures.cpu, figures.mem))
            figures.cpu = _near(cpu, figures.cpu + noise(-0.04, 0.04), 0.001)
            figures.mem = _near(memory, figures.mem + noise(-0.02, 0.02), 0.05)
            rate = int(rate * noise(0.5, 2.0))
        # A counter that had not moved at all would not be seen to change.
        step = max(1, int(rate * seconds))
        figures.netin += step
        figures.netout += step // 2 + 1
        figures.diskread += step // 4 + 1
        figures.diskwrite += step // 3 + 1

    def uptime(self, started: float | None) -> int:
        """Return the seconds since then, in the time of the figures."""
        return 0 if started is None else max(0, int(self._uptime_now - started))

    def guest_row(self, guest: Guest) -> Row:
        """Return what a guest does now, with the keys of `/cluster/resources`."""
        figures = guest.figures
        alive = guest.alive
        row: Row = {
            "name": guest.name,
            "status": guest_status(guest),
            "template": int(guest.template),
            "uptime": self.uptime(guest.started),
            "cpu": guest_cpu(guest),
            "maxcpu": guest.cores,
            "mem": guest_memory(guest),
            "maxmem": guest.memory,
            "disk": guest_disk(guest),
            "maxdisk": guest.disk_size,
            "netin": figures.netin if alive else 0,
            "netout": figures.netout if alive else 0,
            "diskread": figures.diskread if alive else 0,
            "diskwrite": figures.diskwrite if alive else 0,
        }
        if guest.is_vm and self._cluster.access.major >= 9:
            row["memhost"] = host_memory(guest)
        return row

    def _node_row(self, node: Node, cpu: float, memory: int) -> Row:
        share = min(1.0, node.cpu + cpu / node.threads)
        if self._cluster.churn is Churn.CHANGING:
            share = min(1.0, share * self._random.uniform(0.9, 1.1))
        return {
            "cpu": share,
            "maxcpu": node.threads,
            "mem": min(node.memory, node.system_memory + memory),
            "maxmem": node.memory,
            "disk": node.root_used,
            "maxdisk": node.root_total,
            "uptime": self.uptime(node.started),
        }


def guest_status(guest: Guest) -> str:
    """Return the word of the list: QMP's for a VM, no more than on or off else."""
    if guest.is_vm:
        return guest.state.value
    return "running" if guest.alive else "stopped"


def guest_cpu(guest: Guest) -> float:
    """Return the used share of its processors; a paused guest uses none."""
    return guest.figures.cpu if guest.state is GuestState.RUNNING else 0


def guest_memory(guest: Guest) -> int:
    """Return the memory in use."""
    return int(guest.memory * guest.figures.mem) if guest.alive else 0


def host_memory(guest: Guest) -> int:
    """Return the memory that the process of a VM takes from its node."""
    return int(guest_memory(guest) * 1.02) if guest.alive else 0


def guest_disk(guest: Guest) -> int:
    """Return the used disk of a running container; of a VM nothing is known."""
    if guest.is_vm or not guest.alive:
        return 0
    return int(guest.disk_size * guest.figures.disk)


def _near(usual: float, share: float, least: float) -> float:
    """Return a share that chance has moved, drawn back to what is usual."""
    return min(0.97, max(least, share + (usual - share) / 5))
