"""What guests do when they are told to, in every state."""

from typing import Any

import pytest

from lab.pve.guests import GuestState
from lab.pve.tasks import Task

from .conftest import Running, StartLab, until

VM = 107
CONTAINER = 114
STUBBORN = 109
IO_ERROR = 105


def put(running: Running, vmid: int, state: str) -> None:
    """Bring a guest into a state, `hibernated` and `locked` included."""
    if state == "hibernated":
        running.cluster.hibernate(vmid)
    elif state == "locked":
        running.cluster.guests[vmid].lock = "backup"
    else:
        running.cluster.set_state(vmid, GuestState(state))


async def outcome(running: Running, vmid: int, command: str, **params: Any) -> str:
    """Return the refusal, or the end of the task and the new state."""
    path = f"{running.guest(vmid)}/status/{command}"
    reply = await running.send("POST", path, **params)
    if reply.status != 200:
        return f"{reply.status} {reply.reason}"
    task = await running.ended(reply.json["data"])
    assert task.exit_status is not None
    return f"{task.exit_status}, {running.cluster.guests[vmid].state}"


@pytest.mark.parametrize(
    ("state", "command", "expected"),
    [
        ("running", "start", "VM 107 already running, running"),
        ("running", "stop", "OK, stopped"),
        ("running", "shutdown", "OK, stopped"),
        ("running", "reboot", "OK, running"),
        ("running", "reset", "OK, running"),
        ("running", "suspend", "OK, paused"),
        ("running", "resume", "OK, running"),
        ("stopped", "start", "OK, running"),
        ("stopped", "stop", "OK, stopped"),
        ("stopped", "shutdown", "OK, stopped"),
        ("stopped", "reboot", "500 VM 107 not running"),
        ("stopped", "reset", "500 VM 107 not running"),
        ("stopped", "suspend", "500 VM 107 not running"),
        ("stopped", "resume", "500 VM 107 not running"),
        ("paused", "start", "VM 107 already running, paused"),
        ("paused", "stop", "OK, stopped"),
        ("paused", "shutdown", "500 VM is paused - cannot shutdown"),
        ("paused", "reboot", "500 VM is paused - cannot shutdown"),
        ("paused", "resume", "OK, running"),
        ("hibernated", "start", "OK, running"),
        ("hibernated", "resume", "OK, running"),
        ("hibernated", "stop", "OK, stopped"),
        ("io-error", "stop", "OK, stopped"),
        ("io-error", "reset", "OK, running"),
        ("locked", "start", "VM is locked (backup), running"),
        ("locked", "stop", "VM is locked (backup), running"),
        ("locked", "shutdown", "VM is locked (backup), running"),
        ("locked", "reboot", "VM is locked (backup), running"),
        ("locked", "suspend", "VM is locked (backup), running"),
    ],
)
async def test_a_vm(running: Running, state: str, command: str, expected: str) -> None:
    put(running, VM, state)
    assert await outcome(running, VM, command) == expected


@pytest.mark.parametrize(
    ("state", "command", "expected"),
    [
        ("running", "start", "500 CT 114 already running"),
        ("running", "stop", "OK, stopped"),
        ("running", "shutdown", "OK, stopped"),
        ("running", "reboot", "OK, running"),
        ("stopped", "start", "OK, running"),
        ("stopped", "stop", "500 CT 114 not running"),
        ("stopped", "shutdown", "500 CT 114 not running"),
        ("stopped", "reboot", "500 VM 114 not running"),
        ("locked", "stop", "CT is locked (backup), running"),
        ("locked", "shutdown", "CT is locked (backup), running"),
    ],
)
async def test_a_container(
    running: Running, state: str, command: str, expected: str
) -> None:
    put(running, CONTAINER, state)
    assert await outcome(running, CONTAINER, command) == expected


async def test_a_paused_vm_is_stopped_when_forced(running: Running) -> None:
    put(running, VM, "paused")
    assert await outcome(running, VM, "shutdown", forceStop=1) == "OK, stopped"


async def test_a_hibernated_vm_is_stopped_with_a_lock(running: Running) -> None:
    assert await outcome(running, VM, "suspend", todisk=1) == "OK, stopped"
    assert running.cluster.guests[VM].lock == "suspended"
    assert await outcome(running, VM, "resume") == "OK, running"
    assert running.cluster.guests[VM].lock is None


async def test_a_template_does_not_start(start_lab: StartLab) -> None:
    house = await start_lab("house")
    ended = await outcome(house, 9000, "start")
    assert ended == "you can't start a vm if it's a template, stopped"


@pytest.mark.parametrize("vmid", [STUBBORN, IO_ERROR])
async def test_who_hears_nothing_runs_into_the_time_out(
    running: Running, vmid: int
) -> None:
    state = running.cluster.guests[vmid].state
    assert await outcome(running, vmid, "shutdown", timeout=5) == (
        f"VM quit/powerdown failed - got timeout, {state}"
    )
    assert await outcome(running, vmid, "shutdown", timeout=5, forceStop=1) == (
        "OK, stopped"
    )


async def start_shutdown(running: Running, vmid: int, timeout: int) -> Task:
    upid = await running.call(
        "POST", f"{running.guest(vmid)}/status/shutdown", timeout=timeout
    )
    task = running.cluster.tasks.find(upid)
    assert task is not None
    return task


async def test_a_stop_that_overrules_ends_the_shutdown(running: Running) -> None:
    shutdown = await start_shutdown(running, STUBBORN, 300)
    ended = await outcome(running, STUBBORN, "stop", overrule_shutdown=1)
    assert ended == "OK, stopped"
    assert shutdown.exit_status == "interrupted by signal"
    assert shutdown.log[-1] == "TASK ERROR: interrupted by signal"
    assert await outcome(running, STUBBORN, "start") == "OK, running"


async def test_a_stop_waits_ten_seconds_for_a_shutdown(running: Running) -> None:
    shutdown = await start_shutdown(running, STUBBORN, 300)
    assert await outcome(running, STUBBORN, "stop") == (
        "can't lock file '/var/lock/qemu-server/lock-109.conf' - got timeout, running"
    )
    assert shutdown.running


async def test_a_stop_comes_after_a_shutdown_that_ends_in_time(
    running: Running,
) -> None:
    shutdown = await start_shutdown(running, STUBBORN, 5)
    assert await outcome(running, STUBBORN, "stop") == "OK, stopped"
    assert shutdown.exit_status == "VM quit/powerdown failed - got timeout"


async def test_a_container_is_stopped_while_it_shuts_down(running: Running) -> None:
    running.cluster.guests[CONTAINER].ignores_shutdown = True
    shutdown = await start_shutdown(running, CONTAINER, 100)
    assert await outcome(running, CONTAINER, "stop") == "OK, stopped"
    assert await outcome(running, CONTAINER, "start") == "OK, running"
    await running.ended(shutdown.upid)
    assert running.cluster.guests[CONTAINER].state is GuestState.RUNNING


async def test_warnings_at_a_start_are_no_failure(running: Running) -> None:
    assert await outcome(running, 112, "start") == "WARNINGS: 1, running"


async def test_a_start_that_fails(running: Running) -> None:
    put(running, VM, "stopped")
    running.cluster.guests[VM].start_error = "no space left on device"
    assert await outcome(running, VM, "start") == "no space left on device, stopped"


async def test_without_quorum_nothing_changes(running: Running) -> None:
    running.cluster.node_off("pve2")
    running.cluster.node_off("pve3")
    path = f"{running.guest(103)}/status/stop"
    refusal = await running.refused("POST", path)
    assert refusal == "500 cluster not ready - no quorum?"


async def test_a_guest_of_the_ha_manager_follows_later(unhurried: Running) -> None:
    guest = unhurried.cluster.guests[101]
    task = await unhurried.run(f"{unhurried.guest(101)}/status/shutdown")
    assert (task.type, task.exit_status) == ("hastop", "OK")
    assert guest.state.value == "running"
    rows = await unhurried.rows("qemu")
    assert rows["qemu/101"]["hastate"] == "request_stop"
    await until(lambda: unhurried.cluster.ha.state_of(101) == "stopped")
    assert guest.state.value == "stopped"
    task = await unhurried.run(f"{unhurried.guest(101)}/status/start")
    assert task.type == "hastart"
    await until(lambda: unhurried.cluster.ha.state_of(101) == "started")
    assert guest.alive


async def test_nothing_overrules_the_ha_manager(running: Running) -> None:
    path = f"{running.guest(101)}/status/stop"
    reply = await running.send("POST", path, overrule_shutdown=1)
    assert reply.status == 400
    assert "overrule-shutdown" in reply.json["errors"]


async def test_only_root_itself_skips_locks(running: Running) -> None:
    path = f"{running.guest(VM)}/status/stop"
    reply = await running.send("POST", path, skiplock=1)
    assert reply.json["errors"] == {"skiplock": "Only root may use this option."}


async def test_the_ha_manager_brings_back_what_crashed(running: Running) -> None:
    put(running, 101, "stopped")
    assert not running.cluster.guests[101].alive
    await until(lambda: running.cluster.guests[101].alive)
    assert running.cluster.ha.state_of(101) == "started"


async def test_what_the_ha_manager_cannot_start_is_in_error(running: Running) -> None:
    running.cluster.guests[101].start_error = "no space left on device"
    put(running, 101, "stopped")
    await until(lambda: running.cluster.ha.state_of(101) == "error")
    assert (await running.rows("qemu"))["qemu/101"]["hastate"] == "error"


@pytest.mark.parametrize(
    ("vmid", "reason"),
    [
        (101, "500 Cannot suspend HA managed VM to disk"),
        (107, "500 cannot suspend VM to disk with usb0 passed through"),
    ],
)
async def test_who_cannot_hibernate(running: Running, vmid: int, reason: str) -> None:
    running.cluster.guests[107].config["usb0"] = "host=1-4"
    path = f"{running.guest(vmid)}/status/suspend"
    assert await running.refused("POST", path, todisk=1) == reason


async def test_hibernating_needs_more_than_power(running: Running) -> None:
    access = running.lab.pve.access
    access.add_role("Power", ["VM.PowerMgmt"])
    access.grant("/vms", "Power", tokens=["homeassistant@pve!empty"])
    path = f"{running.guest(107)}/status/suspend"
    assert await running.refused("POST", path, token="empty", todisk=1) == (
        "403 Permission check failed (/vms/107, VM.Config.Disk)"
    )
    task = await running.run(path, token="empty")
    assert task.exit_status == "OK"
