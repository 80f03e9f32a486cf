"""Large clusters, generated: the same size always gives the same cluster."""

import random
import re
from typing import Any

from lab.reading import ScenarioError

DEFAULT = "16/1000"
_STORAGES = 40
_SIZE = re.compile(r"(\d+)/(\d+)")


def generate(text: str) -> dict[str, Any]:
    """Return the description of a cluster of nodes/guests such as `3/60`."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ScenarioError(f"{text!r} is no size such as 3/60")
    nodes, guests = int(match[1]), int(match[2])
    dice = random.Random(nodes * 10_000 + guests)
    names = [f"pve{number:02}" for number in range(1, nodes + 1)]
    storages = [_local(), _thin()]
    # Two rows per node are local; what is left are shared ones.
    storages += map(_shared, range(max(1, min(8, _STORAGES - 2 * nodes))))
    return {
        "name": None if nodes == 1 else "large",
        "nodes": [
            {"name": name, "memory": "256G", "threads": 64, "up_days": 40}
            for name in names
        ],
        "storages": storages,
        "guests": [
            _guest(100 + number, names[number % nodes], dice)
            for number in range(guests)
        ],
        "jobs": [{"id": "backup-all", "all": 1, "storage": "nas0", "enabled": 1}],
        "backups": [{"storage": "nas0", "days": 1}],
    }


def _local() -> dict[str, Any]:
    content = ["iso", "vztmpl"]
    return {"id": "local", "type": "dir", "content": content, "total": "94G"}


def _thin() -> dict[str, Any]:
    content = ["images", "rootdir"]
    return {
        "id": "local-lvm",
        "type": "lvmthin",
        "content": content,
        "total": "1.7T",
        "used": 48,
    }


def _shared(number: int) -> dict[str, Any]:
    return {
        "id": f"nas{number}",
        "type": "nfs",
        "content": ["backup"] if number == 0 else ["images", "iso"],
        "shared": True,
        "total": "20T",
        "used": 40 + number,
    }


def _guest(vmid: int, node: str, dice: random.Random) -> dict[str, Any]:
    is_vm = dice.random() < 0.4
    return {
        "vmid": vmid,
        "kind": "vm" if is_vm else "container",
        "name": f"{'vm' if is_vm else 'ct'}-{vmid}",
        "node": node,
        "state": "running" if dice.random() < 0.9 else "stopped",
        "cores": dice.choice((1, 2, 4)),
        "memory": dice.choice(("512M", "1G", "2G", "4G")),
        "disk": dice.choice(("8G", "16G", "32G")),
        "cpu": dice.uniform(0.5, 30),
        "mem": dice.uniform(10, 80),
        "disk_used": dice.uniform(10, 80),
        "tags": dice.sample(("web", "db", "test", "infra"), dice.randint(0, 2)),
        "up_hours": dice.uniform(1, 900),
        "agent": dice.random() < 0.7,
    }
