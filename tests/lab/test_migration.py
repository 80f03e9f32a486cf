"""Guests that move, and why some do not."""

from typing import Any

import pytest

from .conftest import Running, StartLab, until


async def test_a_running_vm_moves_online(running: Running) -> None:
    path = f"{running.guest(115)}/migrate"
    before = running.cluster.guests[115].pid
    assert await running.refused("POST", path, target="pve1") == (
        "500 Can't migrate running VM without --online"
    )
    task = await running.run(path, target="pve1", online=1)
    assert (task.node, task.type, task.exit_status) == ("pve3", "qmigrate", "OK")
    guest = running.cluster.guests[115]
    assert (guest.node, guest.pid) == ("pve1", before)
    assert await running.refused("GET", "/nodes/pve3/qemu/115/config") == (
        "500 Configuration file 'nodes/pve3/qemu-server/115.conf' does not exist"
    )


async def test_a_running_container_restarts(running: Running) -> None:
    path = f"{running.guest(114)}/migrate"
    before = running.cluster.guests[114].pid
    task = await running.run(path, target="pve1", restart=1)
    assert (task.type, task.exit_status) == ("vzmigrate", "OK")
    guest = running.cluster.guests[114]
    assert guest.node == "pve1"
    assert guest.alive
    assert guest.pid != before


@pytest.mark.parametrize(
    ("vmid", "arguments", "reason"),
    [
        (108, {"online": 1}, "without with-local-disks option"),
        (110, {"restart": 1}, "storage 'plain-lvm' is not available on node 'pve1'"),
        (111, {"restart": 1}, "cannot migrate local bind mount point 'mp0'"),
    ],
)
async def test_the_reason_stands_in_the_log_only(
    running: Running, vmid: int, arguments: dict[str, Any], reason: str
) -> None:
    node = running.cluster.guests[vmid].node
    path = f"{running.guest(vmid)}/migrate"
    task = await running.run(path, target="pve1", **arguments)
    assert task.exit_status == "migration aborted"
    assert task.log[-1] == "TASK ERROR: migration aborted"
    assert reason in task.log[-2]
    guest = running.cluster.guests[vmid]
    assert (guest.node, guest.lock) == (node, None)
    assert guest.alive


async def test_a_target_that_is_off(running: Running) -> None:
    running.cluster.node_off("pve2")
    path = f"{running.guest(115)}/migrate"
    task = await running.run(path, target="pve2", online=1)
    assert task.exit_status == "migration aborted"
    assert "No route to host" in task.log[-2]


async def test_a_locked_guest_is_refused_at_once(running: Running) -> None:
    running.cluster.guests[115].lock = "backup"
    path = f"{running.guest(115)}/migrate"
    assert await running.refused("POST", path, target="pve1", online=1) == (
        "500 VM is locked (backup)"
    )


async def test_where_it_could_go(running: Running) -> None:
    found = await running.get(f"{running.guest(110)}/migrate")
    assert found["allowed-nodes"] == []
    assert set(found["not_allowed_nodes"]) == {"pve1", "pve2"}
    found = await running.get(f"{running.guest(115)}/migrate")
    assert found["allowed_nodes"] == ["pve1", "pve2"]


async def test_the_ha_manager_moves_its_guests(running: Running) -> None:
    path = f"{running.guest(101)}/migrate"
    task = await running.run(path, target="pve2", online=1)
    assert (task.type, task.exit_status) == ("hamigrate", "OK")
    guest = running.cluster.guests[101]
    assert guest.node == "pve1"
    await until(lambda: guest.node == "pve2")
    await until(lambda: running.cluster.ha.state_of(101) == "started")


async def test_a_wish_to_the_ha_manager(running: Running, start_lab: StartLab) -> None:
    cluster = running.cluster
    path = "/cluster/ha/resources/vm:101"
    assert (await running.get(path))["state"] == "started"
    answer = await running.call("POST", f"{path}/relocate", node="pve2")
    assert answer == {"sid": "vm:101", "requested-node": "pve2"}
    before = cluster.guests[101].pid
    await until(lambda: cluster.guests[101].node == "pve2")
    await until(lambda: cluster.guests[101].alive)
    assert cluster.guests[101].pid != before
    assert await running.refused("GET", "/cluster/ha/resources/vm:999") == (
        "500 no such resource 'vm:999'"
    )
    old = await start_lab(pve_version="8.4")
    assert await old.call("POST", f"{path}/migrate", node="pve3") is None
    await until(lambda: old.cluster.guests[101].node == "pve3")
