"""Nodes that go, that come back and that are only cut off."""

from lab.pve.guests import GuestState

from .conftest import Running, StartLab, until


def find_tasks(running: Running, kind: str) -> list[str]:
    """Return the ends of the tasks of a kind, oldest first."""
    return [
        f"{task.exit_status}" for task in running.cluster.tasks if task.type == kind
    ]


async def test_a_power_cut_ends_tasks_and_guests(unhurried: Running) -> None:
    cluster = unhurried.cluster
    upid = await unhurried.call("POST", "/nodes/pve3/qemu/112/status/start")
    cluster.node_off("pve3")
    task = cluster.tasks.find(upid)
    assert task is not None
    assert task.exit_status == "unexpected status"
    assert not any(guest.alive for guest in cluster.guests_on("pve3"))
    path = f"/nodes/pve3/tasks/{upid}/status"
    assert await unhurried.refused("GET", path) == "595 No route to host"


async def test_who_is_cut_off_keeps_working(unhurried: Running) -> None:
    cluster = unhurried.cluster
    upid = await unhurried.call("POST", "/nodes/pve3/qemu/112/status/start")
    unhurried.lab.pve.faults.node_dead("pve3")
    assert (await unhurried.ended(upid)).exit_status == "WARNINGS: 1"
    started = cluster.guests[114].started
    unhurried.lab.pve.faults.node_alive("pve3")
    assert cluster.guests[114].started == started
    status = await unhurried.get(f"/nodes/pve3/tasks/{upid}/status")
    assert status["exitstatus"] == "WARNINGS: 1"


async def test_a_node_that_is_off_boots_when_faults_are_cleared(
    running: Running,
) -> None:
    cluster = running.cluster
    cluster.node_off("pve3")
    running.lab.pve.faults.clear()
    node = cluster.nodes["pve3"]
    assert node.online
    assert node.powered
    assert cluster.clock() - node.started < 60
    alive = {guest.vmid for guest in cluster.guests_on("pve3") if guest.alive}
    assert alive == {
        guest.vmid
        for guest in cluster.guests_on("pve3")
        if guest.onboot and not guest.template
    }
    assert 112 not in alive


async def test_a_node_that_runs_is_not_booted_again(running: Running) -> None:
    started = running.cluster.nodes["pve1"].started
    running.cluster.node_on("pve1")
    assert running.cluster.nodes["pve1"].started == started


async def test_the_ha_manager_recovers_the_guests_of_a_lost_node(
    running: Running,
) -> None:
    cluster = running.cluster
    cluster.node_off("pve2")
    assert cluster.ha.state_of(102) == "fence"
    await until(lambda: cluster.guests[102].node != "pve2")
    await until(lambda: cluster.ha.state_of(102) == "started")
    assert cluster.guests[102].alive
    assert not cluster.guests[107].alive


async def test_a_node_shuts_its_guests_down_before_it_goes(unhurried: Running) -> None:
    cluster = unhurried.cluster
    data = await unhurried.call("POST", "/nodes/pve3/status", command="shutdown")
    assert data is None
    assert cluster.nodes["pve3"].online
    await until(lambda: not cluster.nodes["pve3"].online)
    assert find_tasks(unhurried, "stopall") == ["OK"]
    assert "OK" in find_tasks(unhurried, "vzshutdown")
    assert not cluster.nodes["pve3"].powered
    mine = [task for task in cluster.tasks if task.type == "stopall"]
    assert [task.user for task in mine] == ["root@pam"]


async def test_a_reboot_leaves_guests_of_the_ha_manager_where_they_are(
    running: Running,
) -> None:
    cluster = running.cluster
    old = cluster.nodes["pve2"].started
    await running.call("POST", "/nodes/pve2/status", command="reboot")
    await until(lambda: not cluster.nodes["pve2"].online)
    assert cluster.ha.state_of(102) == "freeze"
    await until(lambda: cluster.nodes["pve2"].online)
    assert cluster.nodes["pve2"].started > old
    await until(lambda: cluster.guests[102].alive)
    assert cluster.guests[102].node == "pve2"


async def test_wake_on_lan(running: Running) -> None:
    cluster = running.cluster
    path = "/nodes/pve3/wakeonlan"
    refusal = await running.refused("POST", path, contact="pve3")
    assert refusal == "500 'pve3' is local node, cannot wake my self!"
    cluster.node_off("pve3")
    assert await running.call("POST", path) == "BC:24:11:AA:00:03"
    await until(lambda: cluster.nodes["pve3"].online)


async def test_all_guests_that_start_at_boot(running: Running) -> None:
    cluster = running.cluster
    guests = cluster.guests_on("pve3")
    for guest in guests:
        guest.halt()
    task = await running.run("/nodes/pve3/startall")
    assert (task.type, task.exit_status) == ("startall", "OK")
    assert not cluster.guests[112].alive
    assert all(guest.alive for guest in guests if guest.onboot)
    await running.run("/nodes/pve3/startall", vms="112", force=1)
    assert cluster.guests[112].alive


async def test_who_fails_to_start_stands_in_the_log(running: Running) -> None:
    guest = running.cluster.guests[115]
    guest.halt()
    guest.start_error = "out of memory"
    task = await running.run("/nodes/pve3/startall", vms="115")
    assert "Starting VM 115 failed: out of memory" in task.log
    assert task.exit_status == "OK"


async def test_all_are_shut_down_in_reverse_order(running: Running) -> None:
    cluster = running.cluster
    cluster.guests[110].config["startup"] = "order=1"
    cluster.guests[111].config["startup"] = "order=2,up=30"
    await running.run("/nodes/pve3/stopall")
    stopped = [
        task.id
        for task in cluster.tasks
        if task.type in ("vzshutdown", "qmshutdown") and task.node == "pve3"
    ]
    assert stopped[-2:] == ["111", "110"]
    assert stopped[:-2] == sorted(stopped[:-2], key=int, reverse=True)
    assert not any(guest.alive for guest in cluster.guests_on("pve3"))


async def test_all_but_those_of_the_ha_manager(running: Running) -> None:
    await running.run("/nodes/pve1/stopall")
    alive = [guest.vmid for guest in running.cluster.guests_on("pve1") if guest.alive]
    assert alive == [101]
    task = await running.run("/nodes/pve1/stopall", vms="101")
    assert task.exit_status == "OK"
    assert find_tasks(running, "hastop") == ["OK"]


async def test_only_vms_are_hibernated(running: Running) -> None:
    await running.run("/nodes/pve3/suspendall")
    guests = running.cluster.guests
    assert (guests[115].state, guests[115].lock) == (GuestState.STOPPED, "suspended")
    assert guests[114].state is GuestState.RUNNING


async def test_commands_for_all_need_the_right_for_all(running: Running) -> None:
    path = "/nodes/pve3/stopall"
    assert await running.refused("POST", path, token="control") == (
        "403 Permission check failed (/, VM.PowerMgmt)"
    )
    task = await running.run(path, token="control", vms="114")
    assert not running.cluster.guests[114].alive
    assert task.user == "homeassistant@pve!control"
    assert await running.refused("POST", path, token="monitor", vms="115") == (
        "403 Permission check failed (/vms/115, VM.PowerMgmt)"
    )


async def test_what_is_known_and_not_simulated_says_so(running: Running) -> None:
    refusal = await running.refused("GET", "/nodes/pve1/report")
    assert refusal == "501 Method 'GET /nodes/pve1/report' is not simulated"


async def test_each_version_names_itself(start_lab: StartLab) -> None:
    for version, full in (("8.4", "8.4.5"), ("9.2", "9.2.11")):
        lab = await start_lab("house", pve_version=version)
        assert (await lab.get("/version"))["version"] == full
        status = await lab.get("/nodes/pve-core/status")
        assert status["pveversion"].startswith(f"pve-manager/{full}/")
