"""Backups: made, listed, kept, protected and deleted."""

from typing import Any

from .conftest import Running, StartLab, until

VZDUMP = "/nodes/pve2/vzdump"
CONTENT = "/nodes/pve2/storage/nas/content"


async def listed(running: Running, vmid: int, token: str = "root") -> list[Any]:
    """Return the backups of a guest, newest first."""
    rows = await running.get(CONTENT, content="backup", vmid=vmid, token=token)
    return sorted(rows, key=lambda row: -row["ctime"])


async def test_a_backup_by_hand(running: Running) -> None:
    guest = running.cluster.guests[107]
    task = await running.run(
        VZDUMP,
        vmid=107,
        storage="nas",
        compress="zstd",
        remove=0,
        protected=1,
        notes_template="{{guestname}} on {{node}}\\n{{vmid}} of {{cluster}}",
    )
    assert (task.type, task.id, task.exit_status) == ("vzdump", "107", "OK")
    assert task.log[-1] == "TASK OK"
    assert guest.lock is None
    (row,) = await listed(running, 107)
    assert row["volid"].startswith("nas:backup/vzdump-qemu-107-")
    assert row["volid"].endswith(".vma.zst")
    assert row["notes"] == "no-agent on pve2"
    assert (row["protected"], row["subtype"]) == (1, "qemu")
    name = row["volid"].partition(":")[2]
    attributes = await running.get(f"{CONTENT}/{name}")
    assert attributes["notes"] == "no-agent on pve2\n107 of homelab"


async def test_the_guest_is_locked_meanwhile(unhurried: Running) -> None:
    path = "/nodes/pve2/lxc/102"
    await unhurried.call("POST", VZDUMP, vmid=102, storage="nas")
    await until(lambda: unhurried.cluster.guests[102].lock == "backup")
    task = await unhurried.run(f"{path}/snapshot", snapname="meanwhile")
    assert task.exit_status == "CT is locked (backup)"


async def test_guests_elsewhere_are_silently_left_alone(running: Running) -> None:
    arguments = {"vmid": 100, "storage": "nowhere"}
    assert await running.call("POST", VZDUMP, **arguments) == "OK"
    running.cluster.node_off("pve1")
    running.cluster.node_off("pve3")
    arguments["contact"] = "pve2"
    assert await running.call("POST", VZDUMP, **arguments) == "OK"
    arguments["vmid"] = 107
    refusal = await running.refused("POST", VZDUMP, **arguments)
    assert refusal == "500 cluster not ready - no quorum?"


async def test_a_guest_that_is_gone_fails_visibly(running: Running) -> None:
    task = await running.run(VZDUMP, vmid="107,999", storage="nas")
    assert (task.id, task.exit_status) == ("", "job errors")
    assert "ERROR: Backup of VM 999 failed - unable to find VM '999'" in task.log
    assert len(await listed(running, 107)) == 1


async def test_one_failure_of_many(running: Running) -> None:
    running.cluster.guests[108].backup_error = "got unexpected data"
    task = await running.run(VZDUMP, vmid="106,107,108", storage="nas")
    assert (task.id, task.exit_status) == ("", "job errors")
    assert task.log[-1] == "TASK ERROR: job errors"
    assert "ERROR: Backup of VM 106 failed - CT is locked (backup)" in task.log
    assert "ERROR: Backup of VM 108 failed - got unexpected data" in task.log
    assert len(await listed(running, 107)) == 1


async def test_all_of_a_node_or_of_a_pool(running: Running) -> None:
    cluster = running.cluster
    cluster.guests[106].lock = None
    before = {row["volid"] for row in await running.get(CONTENT)}
    task = await running.run(VZDUMP, all=1, exclude="109", storage="nas")
    assert task.exit_status == "OK"
    rows = [row for row in await running.get(CONTENT) if row["volid"] not in before]
    assert {row["vmid"] for row in rows} == {
        guest.vmid for guest in cluster.guests_on("pve2") if guest.vmid != 109
    }
    task = await running.run(VZDUMP, pool="home", storage="nas")
    mine = [
        vmid for vmid in cluster.pools["home"] if cluster.guests[vmid].node == "pve2"
    ]
    assert f"vzdump {' '.join(map(str, sorted(mine)))}" in task.log[0]


async def test_the_retention_is_applied_unless_forbidden(running: Running) -> None:
    for _ in range(2):
        await running.run(VZDUMP, vmid=102, storage="nas", remove=0)
    assert len(await listed(running, 102)) == 4
    await running.run(VZDUMP, vmid=102, storage="nas")
    assert len(await listed(running, 102)) == 3
    await running.run(VZDUMP, vmid=102, storage="nas", prune_backups="keep-last=1")
    assert len(await listed(running, 102)) == 1


async def test_what_a_backup_needs(running: Running) -> None:
    arguments: dict[str, Any] = {"vmid": 107, "storage": "nas"}
    assert await running.refused("POST", VZDUMP, **arguments, token="monitor") == (
        "403 Permission check failed (/vms/107, VM.Backup)"
    )
    arguments["token"] = "control"
    assert await running.refused(
        "POST", VZDUMP, **arguments, prune_backups="keep-last=1"
    ) == ("403 Permission check failed (/storage/nas, Datastore.Allocate)")
    assert await running.refused("POST", VZDUMP, **arguments, bwlimit=1) == (
        "403 Permission check failed (/, Sys.Modify)"
    )
    task = await running.run(VZDUMP, **arguments)
    assert task.user == "homeassistant@pve!control"
    assert await running.refused("POST", VZDUMP, vmid=107, storage="ceph") == (
        "500 storage 'ceph' does not support backups"
    )


async def test_a_full_or_absent_storage(running: Running) -> None:
    running.cluster.fill("nas", 1.0)
    task = await running.run(VZDUMP, vmid=107, storage="nas")
    assert task.exit_status == "job errors"
    assert any("No space left on device" in line for line in task.log)
    running.cluster.storages["nas"].spaces["pve2"].active = False
    assert await running.refused("GET", CONTENT) == "500 storage 'nas' is not online"
    task = await running.run(VZDUMP, vmid=107, storage="nas")
    assert any("is not online" in line for line in task.log)


async def test_backups_hide_from_who_may_only_look(running: Running) -> None:
    assert await listed(running, 100)
    assert await listed(running, 100, token="control")
    assert await listed(running, 100, token="monitor") == []
    volid = (await listed(running, 100))[0]["volid"]
    path = f"{CONTENT}/{volid.partition(':')[2]}"
    assert await running.refused("GET", path, token="monitor") == (
        "403 Permission check failed (/storage/nas, Datastore.AllocateSpace)"
    )


async def test_notes_and_protection_of_a_volume(running: Running) -> None:
    volid = (await listed(running, 100))[0]["volid"]
    path = f"{CONTENT}/{volid}"
    await running.call("PUT", path, notes="Before\nthe update", protected=1)
    row = (await listed(running, 100))[0]
    assert (row["notes"], row["protected"]) == ("Before", 1)
    task = await running.run(path, "DELETE")
    assert (task.type, task.id) == ("imgdel", "100@nas")
    assert str(task.exit_status).startswith("cannot remove protected volume")
    refusal = await running.refused("DELETE", path, delay=5)
    assert "cannot remove protected volume" in refusal
    await running.call("PUT", path, protected=0)
    assert await running.call("DELETE", path, delay=5) is None
    assert await running.refused("GET", path) == (
        f"500 volume '{volid}' does not exist"
    )


async def test_a_mode_that_stops_the_guest(running: Running) -> None:
    guest = running.cluster.guests[107]
    before = guest.pid
    task = await running.run(VZDUMP, vmid=107, storage="nas", mode="stop")
    assert task.exit_status == "OK"
    assert guest.alive
    assert guest.pid != before


async def test_one_after_another(unhurried: Running) -> None:
    first = await unhurried.call("POST", VZDUMP, vmid=107, storage="nas")
    second = await unhurried.run(VZDUMP, vmid=108, storage="nas")
    assert (await unhurried.ended(first)).exit_status == "OK"
    assert second.log[0] == "INFO: trying to get global lock - waiting..."


async def test_who_is_in_no_job(running: Running, start_lab: StartLab) -> None:
    rows = await running.get("/cluster/backup-info/not-backed-up")
    assert {100, 101, 102, 113}.isdisjoint(row["vmid"] for row in rows)
    assert {"vmid": 107, "name": "no-agent", "type": "qemu"} in rows
    house = await start_lab("house")
    rows = await house.get("/cluster/backup-info/not-backed-up")
    assert {row["vmid"] for row in rows} == {111, 113, 9000}
    house.cluster.jobs[0]["enabled"] = 0
    assert len(await house.get("/cluster/backup-info/not-backed-up")) == 3


async def test_old_parameters_are_gone(running: Running, start_lab: StartLab) -> None:
    path = VZDUMP
    arguments: dict[str, Any] = {"vmid": 107, "storage": "nas", "maxfiles": 1}
    reply = await running.send("POST", path, **arguments)
    assert (reply.status, set(reply.json["errors"])) == (400, {"maxfiles"})
    old = await start_lab(pve_version="8.4")
    assert (await old.run(path, **arguments)).exit_status == "OK"


async def test_a_backup_server(running: Running) -> None:
    running.cluster.storages["nas"].type = "pbs"
    await running.run(VZDUMP, vmid=107, storage="nas")
    (row,) = await listed(running, 107)
    assert row["volid"].startswith("nas:backup/vm/107/2")
    assert (row["format"], row["verification"]["state"]) == ("pbs-vm", "ok")
    running.cluster.storages["nas"].spaces["pve2"].volumes[
        row["volid"]
    ].encrypted = True
    assert (await listed(running, 107))[0]["encrypted"] == "1"
    assert (await listed(running, 107))[0]["subtype"] == "qemu"
    await running.run(VZDUMP, pool="media", storage="nas")
    (row,) = await listed(running, 400)
    assert (row["format"], row["subtype"]) == ("pbs-ct", "lxc")
