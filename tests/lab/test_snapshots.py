"""Snapshots, and where they cannot be."""

from typing import Any

import pytest

from .conftest import Running


async def names(running: Running, vmid: int) -> dict[str, Any]:
    """Return the snapshots of a guest by name."""
    rows = await running.get(f"{running.guest(vmid)}/snapshot")
    return {row["name"]: row for row in rows}


async def test_take_describe_go_back_and_delete(running: Running) -> None:
    guest = running.cluster.guests[107]
    path = f"{running.guest(107)}/snapshot"
    task = await running.run(path, snapname="first", description="Before", vmstate=1)
    assert (task.type, task.exit_status) == ("qmsnapshot", "OK")
    await running.run(path, snapname="second")
    found = await names(running, 107)
    assert (found["first"]["description"], found["first"]["vmstate"]) == ("Before", 1)
    assert found["second"]["parent"] == "first"
    assert found["current"]["parent"] == "second"
    assert "snaptime" not in found["current"]
    await running.call("PUT", f"{path}/second/config", description="After")
    guest.config["cores"] = 8
    task = await running.run(f"{path}/second/rollback")
    assert (task.type, task.exit_status) == ("qmrollback", "OK")
    assert not guest.alive
    assert guest.config["cores"] == 1
    await running.run(f"{path}/first/rollback")
    assert guest.alive
    task = await running.run(f"{path}/first", "DELETE")
    assert (task.type, task.exit_status) == ("qmdelsnapshot", "OK")
    found = await names(running, 107)
    assert set(found) == {"second", "current"}
    assert "parent" not in found["second"]
    assert found["second"]["description"] == "After"


async def test_a_rollback_starts_again_when_asked(running: Running) -> None:
    path = f"{running.guest(114)}/snapshot"
    await running.run(path, snapname="first")
    task = await running.run(f"{path}/first/rollback", start=1)
    assert task.exit_status == "OK"
    assert running.cluster.guests[114].alive


@pytest.mark.parametrize(("vmid", "possible"), [(107, 1), (110, 0), (111, 0), (114, 1)])
async def test_not_every_storage_can(
    running: Running, vmid: int, possible: int
) -> None:
    path = running.guest(vmid)
    answer = await running.get(f"{path}/feature", feature="snapshot")
    assert answer["hasFeature"] == possible
    task = await running.run(f"{path}/snapshot", snapname="one")
    ends = {1: "OK", 0: "snapshot feature is not available"}
    assert task.exit_status == ends[possible]


async def test_names(running: Running) -> None:
    path = f"{running.guest(107)}/snapshot"
    assert await running.refused("POST", path, snapname="1st") == (
        "400 Parameter verification failed."
    )
    assert await running.refused("POST", path, snapname="current") == (
        "500 unable to use snapshot name 'current' (reserved name)"
    )
    await running.run(path, snapname="one")
    task = await running.run(path, snapname="one")
    assert task.exit_status == "snapshot name 'one' already used"
    task = await running.run(f"{path}/two/rollback")
    assert task.exit_status == "snapshot 'two' does not exist"
    assert await running.refused("GET", f"{path}/two/config") == (
        "500 snapshot 'two' does not exist"
    )


async def test_containers_have_no_memory_to_save(running: Running) -> None:
    path = f"{running.guest(114)}/snapshot"
    reply = await running.send("POST", path, snapname="one", vmstate=1)
    assert (reply.status, set(reply.json["errors"])) == (400, {"vmstate"})


async def test_zfs_goes_back_to_the_newest_only(running: Running) -> None:
    running.cluster.storages["ceph"].type = "zfspool"
    clock = running.cluster.clock
    path = f"{running.guest(107)}/snapshot"
    running.cluster.clock = lambda: clock() - 86400
    await running.run(path, snapname="old")
    running.cluster.clock = clock
    await running.run(path, snapname="new")
    task = await running.run(f"{path}/old/rollback")
    assert task.exit_status == (
        "can't rollback, 'old' is not most recent snapshot on 'vm-107-disk-0'"
    )
    assert (await running.run(f"{path}/new/rollback")).exit_status == "OK"
