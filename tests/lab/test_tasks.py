"""Tasks: their names, logs, ends, and who sees them."""

from typing import Any

from .conftest import Running

START = "/nodes/pve3/qemu/112/status/start"


async def test_name_status_and_log(unhurried: Running) -> None:
    upid = await unhurried.call("POST", START, token="control")
    fields = upid.split(":")
    assert len(fields) == 9
    assert (fields[0], fields[1], fields[-1]) == ("UPID", "pve3", "")
    assert fields[5:8] == ["qmstart", "112", "homeassistant@pve!control"]
    assert all(len(field) == 8 for field in fields[2:5])
    path = f"/nodes/pve3/tasks/{upid}"
    status = await unhurried.get(f"{path}/status")
    assert (status["status"], status["tokenid"]) == ("running", "control")
    assert status["user"] == "homeassistant@pve"
    assert "exitstatus" not in status
    await unhurried.ended(upid)
    status = await unhurried.get(f"{path}/status")
    assert (status["status"], status["exitstatus"]) == ("stopped", "WARNINGS: 1")
    reply = await unhurried.send("GET", f"{path}/log", start=1, limit=1)
    assert reply.json["data"] == [{"n": 2, "t": "TASK WARNINGS: 1"}]
    assert reply.json["total"] == 2


async def test_a_token_sees_what_it_started_itself(running: Running) -> None:
    access = running.lab.pve.access
    other = access.add_token("homeassistant@pve", "other")
    upid = (await running.run(START, token="control")).upid
    path = f"/nodes/pve3/tasks/{upid}/status"
    assert (await running.get(path, token="control"))["exitstatus"] == "WARNINGS: 1"
    assert await running.refused("GET", path, token=other) == (
        "403 Permission check failed (/nodes/pve3, Sys.Audit)"
    )
    assert await running.get("/nodes/pve3/tasks", token=other) == []
    access.grant("/nodes", "PVEAuditor", tokens=["homeassistant@pve!other"])
    assert (await running.get(path, token=other))["exitstatus"] == "WARNINGS: 1"


async def test_the_list_of_the_cluster_is_for_auditors(running: Running) -> None:
    upid = (await running.run(START)).upid
    rows = await running.get("/cluster/tasks", token="monitor")
    assert [row["upid"] for row in rows] == [upid]
    assert rows[0]["status"] == "WARNINGS: 1"
    assert await running.get("/cluster/tasks", token="empty") == []


async def test_the_lists_of_a_node(running: Running) -> None:
    done = await running.run("/nodes/pve2/qemu/107/status/stop")
    path = "/nodes/pve2/qemu/109/status/shutdown"
    upid = await running.call("POST", path, timeout=600)

    async def found(**filters: Any) -> list[str]:
        rows = await running.get("/nodes/pve2/tasks", **filters)
        return [row["upid"] for row in rows]

    assert await found() == [done.upid]
    assert await found(source="active") == [upid]
    assert await found(source="all") == [upid, done.upid]
    assert await found(source="all", typefilter="qmshutdown") == [upid]
    assert await found(source="all", vmid=107) == [done.upid]
    assert await found(errors=1) == []
    assert await found(statusfilter="ok") == [done.upid]
    assert await found(since=int(running.cluster.now()) + 60) == []
    assert await found(limit=1, source="all") == [upid]
    (row,) = await running.get("/nodes/pve2/tasks", source="active")
    assert row["status"] == "RUNNING"


async def test_an_aborted_task(unhurried: Running) -> None:
    upid = await unhurried.call("POST", "/nodes/pve2/vzdump", vmid=107, storage="nas")
    path = f"/nodes/pve2/tasks/{upid}"
    assert await unhurried.refused("DELETE", path, token="monitor") == (
        "403 Permission check failed (/nodes/pve2, Sys.Modify)"
    )
    await unhurried.call("DELETE", path)
    task = await unhurried.ended(upid)
    assert task.exit_status == "interrupted by signal"
    guest = unhurried.cluster.guests[107]
    assert guest.lock is None
    assert (await unhurried.run("/nodes/pve2/vzdump", vmid=107)).exit_status == "OK"


async def test_tasks_that_there_are_not(running: Running) -> None:
    upid = "UPID:pve1:00001234:00005678:6570F000:qmstart:100:root@pam:"
    reply = await running.send("GET", f"/nodes/pve1/tasks/{upid}/status")
    assert reply.status == 400
    assert reply.json["errors"] == {"upid": "no such task"}
    reply = await running.send("GET", "/nodes/pve1/tasks/nonsense/status")
    assert reply.status == 400
    assert "unable to parse worker upid" in reply.json["errors"]["upid"]


async def test_only_the_newest_tasks_of_a_node_are_recent(running: Running) -> None:
    cluster = running.cluster
    for number in range(40):
        cluster.tasks.record("pve1", "vzstart", "113", started=1000 + number, seconds=1)
    rows = await running.get("/cluster/tasks")
    assert [row["starttime"] for row in rows] == list(range(1039, 1014, -1))
