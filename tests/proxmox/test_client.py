"""What the client sends, checked against the facts of the real API, and receives."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from custom_components.proxmox_homelab.errors import (
    CannotConnectError,
    CertificateChangedError,
    CommandRefusedError,
    GuestLockedError,
    HomelabError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    TaskFailedError,
    TaskTimeoutError,
)
from custom_components.proxmox_homelab.proxmox.client import (
    ProxmoxClient,
    cluster_unique_id,
)
from custom_components.proxmox_homelab.proxmox.credentials import parse_token
from custom_components.proxmox_homelab.proxmox.models import (
    ClusterIdentity,
    Guest,
    GuestCommand,
    GuestRef,
    GuestState,
    GuestType,
    NodeCommand,
    TaskOutcome,
)
from lab.pve.api import ApiRequest, failed, parameter_error

from .conftest import ADDRESSES, Site

UPID = "UPID:pve1:0004A2B1:03C4D5E6:690F1A2B:qmstart:103:root@pam!lab:"
VM = GuestRef(vmid=103, type=GuestType.VM, node="pve1")
CONTAINER = GuestRef(vmid=111, type=GuestType.CONTAINER, node="pve2")


def answer(site: Site, method: str, template: str, *data: Any) -> list[dict[str, Any]]:
    """Answer one after the other, the last one for ever; returns what was sent."""
    left, sent = list(data), []

    async def handler(request: ApiRequest) -> object:
        sent.append(dict(request.params))
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, Exception):
            raise found
        return found

    site.router.handle(method, template)(handler)
    return sent


# --- reading -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "data", "ask"),
    [
        ("/nodes/{node}/status", {}, lambda c: c.node_detail("pve1")),
        ("/nodes/{node}/apt/update", [], lambda c: c.apt_updates("pve1")),
        ("/nodes/{node}/certificates/info", [], lambda c: c.certificates("pve1")),
        (
            "/nodes/{node}/subscription",
            {"status": "new"},
            lambda c: c.subscription("pve1"),
        ),
        ("/nodes/{node}/disks/list", [], lambda c: c.disks("pve1")),
        ("/nodes/{node}/replication", [], lambda c: c.replication("pve1")),
        (
            "/nodes/{node}/storage/{storage}/content",
            [],
            lambda c: c.backups("pve1", "local", 103),
        ),
        ("/nodes/{node}/qemu/{vmid}/config", {}, lambda c: c.guest_config(VM)),
        ("/nodes/{node}/lxc/{vmid}/snapshot", [], lambda c: c.snapshots(CONTAINER)),
        ("/cluster/backup-info/not-backed-up", [], lambda c: c.backup_coverage()),
    ],
)
async def test_reads_with_one_request(
    site: Site,
    template: str,
    data: Any,
    ask: Callable[[ProxmoxClient], Awaitable[object]],
) -> None:
    answer(site, "GET", template, data)
    await ask(site.client())
    assert [record.status for record in site.requests()] == [200]


async def test_asks_a_storage_for_backups_only(site: Site) -> None:
    sent = answer(site, "GET", "/nodes/{node}/storage/{storage}/content", [])
    await site.client().backups("pve1", "nas.1", 103)
    await site.client().backups("pve1", "nas.1")
    assert [row["content"] for row in sent] == ["backup", "backup"]
    assert [row.get("vmid") for row in sent] == [103, None]


@pytest.mark.parametrize(
    "ask",
    [
        lambda c: c.node_detail("pve1/../x"),
        lambda c: c.node_detail("pve_1"),
        lambda c: c.backups("pve1", "../etc"),
        lambda c: c.delete_snapshot(VM, "a?b"),
        lambda c: c.create_snapshot(VM, "1st"),
        lambda c: c.create_snapshot(VM, "current"),
        lambda c: c.migrate_guest(VM, "pve 2", online=True),
        lambda c: c.create_backup(VM, "#nas"),
    ],
)
async def test_sends_nothing_with_a_name_that_cannot_be(
    site: Site, ask: Callable[[ProxmoxClient], Awaitable[object]]
) -> None:
    with pytest.raises(InvalidRequestError):
        await ask(site.client())
    assert site.requests() == []


async def test_reads_everything_with_one_request_and_keeps_what_is_the_same(
    site: Site,
) -> None:
    site.router._handlers.pop(("GET", "/cluster/resources"))
    row = {"id": "qemu/103", "type": "qemu", "vmid": 103, "node": "pve1"}
    answer(site, "GET", "/cluster/resources", [{**row, "status": "running"}])
    client = site.client()
    first = await client.resources()
    second = await client.resources(first)
    assert second.guests[103] is first.guests[103]
    assert len(site.requests()) == 2


async def test_asks_a_guest_how_it_is(site: Site) -> None:
    answer(
        site,
        "GET",
        "/nodes/{node}/qemu/{vmid}/status/current",
        {"status": "running", "qmpstatus": "paused", "name": "haos", "cpus": 2},
        [],
    )
    listed = Guest(vmid=103, type=GuestType.VM, node="pve1", pool="house")
    fresh = await site.client().guest_status(listed)
    assert (fresh.state, fresh.name, fresh.pool) == (GuestState.PAUSED, "haos", "house")
    with pytest.raises(ProtocolError):
        await site.client().guest_status(listed)


async def test_whether_snapshots_are_feasible(site: Site) -> None:
    sent = answer(
        site,
        "GET",
        "/nodes/{node}/lxc/{vmid}/feature",
        {"hasFeature": 0},
        {"hasFeature": 1},
    )
    assert not await site.client().snapshot_feasible(CONTAINER)
    assert await site.client().snapshot_feasible(CONTAINER)
    assert sent[0]["feature"] == "snapshot"


async def test_a_vm_tells_its_addresses_without_its_disks(site: Site) -> None:
    interfaces = {"result": [{"ip-addresses": [{"ip-address": "192.0.2.5"}]}]}
    answer(
        site,
        "GET",
        "/nodes/{node}/qemu/{vmid}/agent/network-get-interfaces",
        interfaces,
    )
    answer(
        site,
        "GET",
        "/nodes/{node}/qemu/{vmid}/agent/get-fsinfo",
        failed("Agent error: command disabled"),
        {"result": [{"mountpoint": "/", "used-bytes": 0, "total-bytes": 1 << 33}]},
    )
    without = await site.client().guest_inside(VM)
    assert (without.addresses, without.disk_total) == (("192.0.2.5",), None)
    assert (await site.client().guest_inside(VM)).disk_total == 1 << 33


async def test_a_vm_without_agent_says_so(site: Site) -> None:
    answer(
        site,
        "GET",
        "/nodes/{node}/qemu/{vmid}/agent/network-get-interfaces",
        failed("QEMU guest agent is not running"),
    )
    with pytest.raises(CommandRefusedError, match="not running"):
        await site.client().guest_inside(VM)


async def test_a_container_tells_its_interfaces(site: Site) -> None:
    answer(
        site,
        "GET",
        "/nodes/{node}/lxc/{vmid}/interfaces",
        [{"inet": "192.0.2.9/24"}],
    )
    inside = await site.client().guest_inside(CONTAINER)
    assert inside.addresses == ("192.0.2.9",)


# --- who this is -------------------------------------------------------------------

CERTIFICATES = [
    {"filename": "pve-ssl.pem", "fingerprint": "00:11"},
    {
        "filename": "pve-root-ca.pem",
        "fingerprint": "ab:cd:ef:01:23:45:67:89:ff:ff",
        "pem": "PEM",
    },
]
NODES = [
    {"type": "node", "name": "pve2", "online": 1, "ip": "192.0.2.2"},
    {"type": "node", "name": "pve1", "online": 0, "ip": "192.0.2.1"},
]


async def test_identity_of_a_cluster(site: Site) -> None:
    cluster = {"type": "cluster", "name": "home", "quorate": 1}
    answer(site, "GET", "/cluster/status", [cluster, *NODES])
    answer(site, "GET", "/nodes/{node}/certificates/info", CERTIFICATES)
    identity = await site.client().identity()
    assert identity.name == "home"
    assert identity.nodes == ("pve1", "pve2")
    assert identity.addresses == ("192.0.2.1", "192.0.2.2")
    assert identity.ca_pem == "PEM"
    assert cluster_unique_id(identity) == "home-abcdef0123456789"
    assert [r.path for r in site.requests()][1] == "/nodes/pve2/certificates/info"


async def test_identity_without_the_right_to_see_the_cluster(site: Site) -> None:
    answer(
        site,
        "GET",
        "/nodes",
        [{"node": "pve2", "status": "online"}, {"node": "pve1"}, {"odd": 1}],
    )
    site.faults.fail(
        "GET", "/cluster/status", 403, "Permission check failed (/, Sys.Audit)"
    )
    site.faults.fail("GET", "/nodes/*/certificates/info", 500, "no such file")
    identity = await site.client().identity()
    assert identity.ca_fingerprint is None
    assert cluster_unique_id(identity) == "pve1-pve1.pve2"


async def test_identity_where_no_authority_is_told(site: Site) -> None:
    answer(site, "GET", "/cluster/status", NODES[:1])
    answer(site, "GET", "/nodes/{node}/certificates/info", CERTIFICATES[:1])
    identity = await site.client().identity()
    assert identity.name == "pve2"
    assert cluster_unique_id(identity) == "pve2-pve2"


def test_a_unique_id_does_not_depend_on_the_order_of_nodes() -> None:
    made = [
        cluster_unique_id(
            ClusterIdentity(name="x", ca_fingerprint=None, nodes=nodes, addresses=())
        )
        for nodes in (("a", "b"), ("b", "a"))
    ]
    assert made == ["x-a.b", "x-a.b"]


# --- commands ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ref", "command", "path", "params"),
    [
        (VM, GuestCommand.START, "start", {}),
        (VM, GuestCommand.SHUTDOWN, "shutdown", {"timeout": 90}),
        (CONTAINER, GuestCommand.SHUTDOWN, "shutdown", {"timeout": 90}),
        (VM, GuestCommand.REBOOT, "reboot", {"timeout": 90}),
        (VM, GuestCommand.STOP, "stop", {"overrule-shutdown": 1}),
        (CONTAINER, GuestCommand.STOP, "stop", {"overrule-shutdown": 1}),
        (VM, GuestCommand.RESET, "reset", {}),
        (VM, GuestCommand.SUSPEND, "suspend", {}),
        (VM, GuestCommand.HIBERNATE, "suspend", {"todisk": 1}),
        (CONTAINER, GuestCommand.SUSPEND, "suspend", {}),
        (CONTAINER, GuestCommand.RESUME, "resume", {}),
    ],
)
async def test_sends_power_commands(
    site: Site,
    ref: GuestRef,
    command: GuestCommand,
    path: str,
    params: dict[str, object],
) -> None:
    site.router = _replaced(site)
    template = f"/nodes/{{node}}/{ref.type}/{{vmid}}/status/{path}"
    sent = answer(site, "POST", template, UPID)
    timed = command in (GuestCommand.SHUTDOWN, GuestCommand.REBOOT)
    upid = await site.client().guest_command(
        ref, command, timeout=90 if timed else None
    )
    assert upid == UPID
    assert sent == [{"node": ref.node, "vmid": ref.vmid, **params}]


def _replaced(site: Site) -> Any:
    """Return a router without the echoes, so that a test may answer itself."""
    site.router._handlers.pop(("POST", "/nodes/{node}/qemu/{vmid}/status/start"), None)
    return site.router


async def test_stops_without_overruling_where_that_is_refused(site: Site) -> None:
    sent = answer(
        site,
        "POST",
        "/nodes/{node}/qemu/{vmid}/status/stop",
        parameter_error(**{"overrule-shutdown": "Not applicable for HA resources."}),
        UPID,
    )
    assert await site.client().guest_command(VM, GuestCommand.STOP) == UPID
    assert [row.get("overrule-shutdown") for row in sent] == [1, None]


async def test_a_lock_is_no_reason_to_stop_again(site: Site) -> None:
    answer(
        site,
        "POST",
        "/nodes/{node}/qemu/{vmid}/status/stop",
        failed("VM is locked (backup)"),
    )
    with pytest.raises(GuestLockedError):
        await site.client().guest_command(VM, GuestCommand.STOP)
    assert len(site.requests("POST")) == 1


@pytest.mark.parametrize("command", [GuestCommand.RESET, GuestCommand.HIBERNATE])
async def test_a_container_knows_fewer_commands(
    site: Site, command: GuestCommand
) -> None:
    with pytest.raises(CommandRefusedError):
        await site.client().guest_command(CONTAINER, command)
    assert site.requests() == []


@pytest.mark.parametrize("data", [None, "OK", 5, {"upid": UPID}])
async def test_an_answer_that_names_no_task_is_refused(site: Site, data: Any) -> None:
    answer(site, "POST", "/nodes/{node}/qemu/{vmid}/status/reset", data)
    with pytest.raises(ProtocolError):
        await site.client().guest_command(VM, GuestCommand.RESET)


@pytest.mark.parametrize(
    ("ref", "online", "params"),
    [
        (VM, True, {"online": 1, "with-local-disks": 1}),
        (VM, False, {}),
        (CONTAINER, True, {"restart": 1}),
        (CONTAINER, False, {}),
    ],
)
async def test_migrates(
    site: Site, ref: GuestRef, online: bool, params: dict[str, object]
) -> None:
    template = f"/nodes/{{node}}/{ref.type}/{{vmid}}/migrate"
    sent = answer(site, "POST", template, UPID)
    await site.client().migrate_guest(ref, "pve2", online=online)
    assert sent == [{"node": ref.node, "vmid": ref.vmid, "target": "pve2", **params}]


async def test_takes_snapshots(site: Site) -> None:
    vm = answer(site, "POST", "/nodes/{node}/qemu/{vmid}/snapshot", UPID)
    container = answer(site, "POST", "/nodes/{node}/lxc/{vmid}/snapshot", UPID)
    client = site.client()
    await client.create_snapshot(VM, "before", "a; b", with_memory=True)
    await client.create_snapshot(CONTAINER, "before", with_memory=True)
    assert (vm[0]["description"], vm[0]["vmstate"]) == ("a; b", 1)
    assert "vmstate" not in container[0]


async def test_deletes_and_rolls_back_snapshots(site: Site) -> None:
    base = "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}"
    site.router._handlers.pop(("DELETE", base))
    deleted = answer(site, "DELETE", base, UPID)
    rolled = answer(site, "POST", f"{base}/rollback", UPID)
    client = site.client()
    assert await client.delete_snapshot(VM, "before") == UPID
    await client.rollback_snapshot(VM, "before", start=True)
    await client.rollback_snapshot(VM, "before")
    assert deleted[0]["snapname"] == "before"
    assert [row.get("start") for row in rolled] == [1, None]


async def test_backs_up_without_pruning(site: Site) -> None:
    sent = answer(site, "POST", "/nodes/{node}/vzdump", UPID)
    await site.client().create_backup(
        VM, "nas", notes="{{guestname}}\nC:\\data", protected=True
    )
    await site.client().create_backup(VM, "nas", mode="stop")
    assert sent[0]["remove"] == 0
    assert sent[0]["compress"] == "zstd"
    assert sent[0]["notes-template"] == "{{guestname}}\\nC:\\\\data"
    assert (sent[0]["protected"], sent[0]["mode"]) == (1, "snapshot")
    assert sent[1]["mode"] == "stop"
    assert "protected" not in sent[1]


async def test_a_backup_that_did_nothing_is_an_error(site: Site) -> None:
    answer(site, "POST", "/nodes/{node}/vzdump", "OK")
    with pytest.raises(CommandRefusedError, match="nothing was backed up"):
        await site.client().create_backup(VM, "nas")


@pytest.mark.parametrize(
    ("command", "template", "params"),
    [
        (NodeCommand.REBOOT, "/nodes/{node}/status", {"command": "reboot"}),
        (NodeCommand.SHUTDOWN, "/nodes/{node}/status", {"command": "shutdown"}),
        (NodeCommand.WAKE, "/nodes/{node}/wakeonlan", {}),
    ],
)
async def test_sends_node_commands_that_make_no_task(
    site: Site, command: NodeCommand, template: str, params: dict[str, object]
) -> None:
    sent = answer(site, "POST", template, None)
    assert await site.client().node_command("pve2", command) is None
    assert sent == [{"node": "pve2", **params}]


async def test_a_dead_node_is_woken_by_another(site: Site) -> None:
    answer(site, "POST", "/nodes/{node}/wakeonlan", "aa:bb:cc:dd:ee:ff")
    site.faults.node_dead("pve1")
    await site.client().node_command("pve1", NodeCommand.WAKE)
    assert [record.node for record in site.requests("POST")] == ["pve2"]


@pytest.mark.parametrize(
    ("command", "path"),
    [
        (NodeCommand.START_ALL, "startall"),
        (NodeCommand.STOP_ALL, "stopall"),
        (NodeCommand.SUSPEND_ALL, "suspendall"),
    ],
)
async def test_commands_many_guests_but_never_all_by_accident(
    site: Site, command: NodeCommand, path: str
) -> None:
    sent = answer(site, "POST", f"/nodes/{{node}}/{path}", UPID)
    client = site.client()
    assert await client.node_command("pve1", command, guests=[100, 101]) == UPID
    assert await client.node_command("pve1", command, guests=[]) is None
    assert await client.node_command("pve1", command) == UPID
    assert [row.get("vms") for row in sent] == ["100,101", None]


# --- tasks -------------------------------------------------------------------------

STATUS = "/nodes/{node}/tasks/{upid}/status"
LOG = "/nodes/{node}/tasks/{upid}/log"
RUNNING = {"status": "running"}


def ended(exit_status: str | None) -> dict[str, str | None]:
    return {"status": "stopped", "exitstatus": exit_status}


def lines(*texts: str) -> list[dict[str, Any]]:
    return [{"n": number, "t": text} for number, text in enumerate(texts, 1)]


async def wait(client: ProxmoxClient, seconds: float = 20) -> Any:
    return await client.wait_for_task(UPID, deadline_seconds=seconds, poll_seconds=0.02)


@pytest.mark.parametrize(
    ("exit_status", "outcome"),
    [("OK", TaskOutcome.OK), ("WARNINGS: 2", TaskOutcome.WARNINGS)],
)
async def test_waits_for_the_end_of_a_task(
    site: Site, exit_status: str, outcome: TaskOutcome
) -> None:
    answer(site, "GET", STATUS, RUNNING, RUNNING, ended(exit_status))
    answer(site, "GET", LOG, lines("one", "two"))
    result = await wait(site.client())
    assert (result.outcome, result.exit_status) == (outcome, exit_status)
    assert result.log == ("one", "two")
    assert result.upid == UPID
    assert result.seconds > 0
    assert len(site.requests("GET", "/nodes/pve1/tasks/UPID")) == 4


async def test_a_task_that_fails_tells_the_end_of_its_log(site: Site) -> None:
    answer(site, "GET", STATUS, ended("start failed: timeout"))
    answer(site, "GET", LOG, lines(*(f"line {number}" for number in range(30))))
    with pytest.raises(TaskFailedError) as caught:
        await wait(site.client())
    assert caught.value.exit_status == "start failed: timeout"
    assert caught.value.log == tuple(f"line {number}" for number in range(20, 30))


async def test_a_long_log_is_read_to_its_end(site: Site) -> None:
    answer(site, "GET", STATUS, ended("OK"))
    first = [{"n": number, "t": f"{number} %"} for number in range(1, 501)]
    sent = answer(site, "GET", LOG, first, [{"n": 501, "t": "done"}])
    assert (await wait(site.client())).log[-1] == "done"
    assert [row["start"] for row in sent] == [0, 500]


@pytest.mark.parametrize(
    ("exit_status", "log", "reason"),
    [
        (
            "migration aborted",
            ("x", "2026 ERROR: storage 'ssd' is not available on node 'pve2'", "bye"),
            "storage 'ssd' is not available on node 'pve2'",
        ),
        ("job errors", ("ERROR: Backup of VM 103 failed - no space",), None),
        ("migration aborted", ("nothing", "ERROR: migration aborted"), "same"),
        (None, (), "unexpected status"),
    ],
)
async def test_tells_why_a_task_failed(
    site: Site, exit_status: str | None, log: tuple[str, ...], reason: str | None
) -> None:
    answer(site, "GET", STATUS, ended(exit_status))
    answer(site, "GET", LOG, lines(*log))
    with pytest.raises(TaskFailedError) as caught:
        await wait(site.client())
    expected = {
        None: "Backup of VM 103 failed - no space",
        "same": exit_status,
    }.get(reason, reason)
    assert caught.value.exit_status == expected


async def test_a_log_that_cannot_be_read_hides_no_outcome(site: Site) -> None:
    answer(site, "GET", STATUS, ended("OK"))
    answer(site, "GET", LOG, failed("no such file"))
    assert (await wait(site.client())).log == ()


async def test_waits_for_a_node_that_is_away_for_a_while(site: Site) -> None:
    answer(site, "GET", STATUS, ended("OK"))
    answer(site, "GET", LOG, [])
    site.faults.fail("GET", "/nodes/*/status", 595, "No route to host", times=2)
    site.faults.fail("GET", "/nodes/*/status", 502, "Bad Gateway", times=2)
    assert (await wait(site.client())).outcome is TaskOutcome.OK


async def test_gives_up_at_the_deadline(site: Site) -> None:
    answer(site, "GET", STATUS, RUNNING)
    with pytest.raises(TaskTimeoutError) as caught:
        await wait(site.client(), 0.1)
    assert caught.value.placeholders == {"seconds": "0.1"}


async def test_a_node_that_stays_away_is_no_success(site: Site) -> None:
    client = site.client()
    for node in ADDRESSES:
        site.faults.node_dead(node)
    with pytest.raises(TaskTimeoutError):
        await wait(client, 0.1)


async def test_a_changed_certificate_is_not_waited_out(site: Site) -> None:
    client = site.client()
    site.tls.replace_ca()
    with pytest.raises(CertificateChangedError):
        await wait(client)


async def test_a_task_that_is_unknown_is_told(site: Site) -> None:
    answer(site, "GET", STATUS, parameter_error(upid="no such task"))
    with pytest.raises(NotFoundError):
        await wait(site.client())


async def test_waiting_can_be_cancelled(site: Site) -> None:
    answer(site, "GET", STATUS, RUNNING)
    waiting = asyncio.create_task(wait(site.client()))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_lists_tasks(site: Site) -> None:
    site.router._handlers.pop(("GET", "/cluster/tasks"))
    row = {"upid": UPID, "node": "pve1", "type": "qmstart", "id": "103", "starttime": 5}
    answer(site, "GET", "/cluster/tasks", [{**row, "user": "root@pam"}])
    (task,) = await site.client().tasks()
    assert (task.upid, task.guest, task.outcome) == (UPID, 103, TaskOutcome.RUNNING)


# --- what a user may not -------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "path", "privileges"),
    [
        (
            lambda c: c.guest_command(VM, GuestCommand.START),
            "/vms/103",
            ("VM.PowerMgmt",),
        ),
        (
            lambda c: c.node_command("pve1", NodeCommand.REBOOT),
            "/nodes/pve1",
            ("Sys.PowerMgmt",),
        ),
        (
            lambda c: c.rollback_snapshot(VM, "before"),
            "/vms/103",
            ("VM.Snapshot", "VM.Snapshot.Rollback"),
        ),
    ],
)
async def test_tells_which_privilege_is_missing_where(
    site: Site,
    ask: Callable[[ProxmoxClient], Awaitable[object]],
    path: str,
    privileges: tuple[str, ...],
) -> None:
    for template in (
        "/nodes/{node}/status",
        "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/rollback",
    ):
        answer(site, "POST", template, None)
    site.access.add_token("root@pam", "empty", privsep=True)
    secret = site.access.token("root@pam", "empty").secret
    client = site.client(parse_token(f"root@pam!empty={secret}"))
    with pytest.raises(PermissionDeniedError) as caught:
        await ask(client)
    assert (caught.value.path, caught.value.privileges) == (path, privileges)


async def test_errors_are_one_family(site: Site) -> None:
    site.faults.node_dead("pve1")
    site.faults.node_dead("pve2")
    with pytest.raises(HomelabError) as caught:
        await site.client().version()
    assert isinstance(caught.value, CannotConnectError)
