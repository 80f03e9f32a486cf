"""Requests through real sockets: addressing, errors, fail-over, turns."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from custom_components.proxmox_homelab.errors import (
    AuthenticationError,
    CannotConnectError,
    CommandRefusedError,
    GuestLockedError,
    HomelabError,
    InvalidRequestError,
    NodeUnreachableError,
    NoQuorumError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    RequestTimeoutError,
)
from custom_components.proxmox_homelab.proxmox.client import ProxmoxClient
from custom_components.proxmox_homelab.proxmox.credentials import TokenCredentials
from custom_components.proxmox_homelab.proxmox.resource import Resource
from custom_components.proxmox_homelab.proxmox.transport import DEFAULT_SECONDS
from custom_components.proxmox_homelab.proxmox.trust import Trust
from lab.pve.api import ApiRequest

from .conftest import ADDRESSES, MakeSite, Site

# --- addressing and parameters ----------------------------------------------------


async def test_addresses_as_proxmoxer_does(site: Site) -> None:
    api = site.api()
    assert await api.cluster.resources.get() == []
    assert await api("cluster/resources").get() == []
    assert await api.cluster.get("resources") == []
    assert await api.nodes("pve1").qemu(103).status.start.post() == {
        "node": "pve1",
        "vmid": 103,
    }
    assert repr(api.nodes("pve1").qemu(103)) == "Resource(nodes/pve1/qemu/103)"
    assert [record.path for record in site.requests("GET")] == [
        "/cluster/resources"
    ] * 3


async def test_private_names_are_no_paths(site: Site) -> None:
    with pytest.raises(AttributeError):
        _ = site.api()._anything


@pytest.mark.parametrize("part", ["..", ".", "a/../b", "a\x00b", "line\nbreak"])
async def test_refuses_unsafe_parts_before_anything_is_sent(
    site: Site, part: str
) -> None:
    with pytest.raises(InvalidRequestError):
        site.api().nodes(part)
    assert site.requests() == []


@pytest.mark.parametrize(
    "volume",
    [
        "local:backup/vzdump-qemu-100.vma.zst",
        "local:iso/what?now#then.iso",
        "local:iso/50% ready;go.iso",
    ],
)
async def test_quotes_what_a_path_would_misread(site: Site, volume: str) -> None:
    content = site.api().nodes("pve1").storage("local").content
    answer = await content((volume,)).get()
    assert answer["volume"] == volume


async def test_sends_parameters_as_the_api_reads_them(site: Site) -> None:
    config = site.api().nodes("pve1").qemu(100).config
    answer = await config.put(
        onboot=True,
        tablet=False,
        tags="prod;home",
        description="a & b; c = 100 %",
        name=None,
        cores=2,
    )
    assert answer["tags"] == "prod;home"
    assert answer["description"] == "a & b; c = 100 %"
    assert (answer["onboot"], answer["tablet"], answer["cores"]) == (1, 0, 2)
    assert "name" not in answer


async def test_sends_the_parameters_of_a_read_in_the_query(site: Site) -> None:
    answer = await site.api().nodes("pve1").tasks.get(limit=5, errors=True)
    assert (answer["limit"], answer["errors"]) == (5, 1)


async def test_deletes_without_a_body(site: Site) -> None:
    snapshot = site.api().nodes("pve1").qemu(100).snapshot("before")
    assert (await snapshot.delete(force=True))["force"] == 1


# --- answers that are none ---------------------------------------------------------


@pytest.mark.parametrize(
    "body", ["null", "[]", "{}", "not json", "", '{"message": "x"}', "42"]
)
async def test_refuses_an_answer_that_is_not_the_apis(site: Site, body: str) -> None:
    site.faults.fail("GET", "/version", 200, "OK", body=body)
    with pytest.raises(ProtocolError):
        await site.client().version()


async def test_refuses_a_page(site: Site) -> None:
    site.faults.html("/version")
    with pytest.raises(ProtocolError):
        await site.client().version()


async def test_accepts_data_that_is_null(site: Site) -> None:
    site.faults.fail("GET", "/version", 200, "OK", body='{"data": null}')
    assert await site.api().version.get() is None


async def test_follows_no_redirect(site: Site) -> None:
    site.faults.fail("GET", "/version", 301, "Moved Permanently")
    with pytest.raises(ProtocolError, match="redirect"):
        await site.client().version()
    assert len(site.requests()) == 1


async def test_refuses_an_answer_without_end(site: Site) -> None:
    body = '{"data": "' + " " * (33 * 1024 * 1024) + '"}'
    site.faults.fail("GET", "/version", 200, "OK", body=body)
    with pytest.raises(ProtocolError, match="more than"):
        await site.api().version.get()


# --- errors ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "reason", "error", "placeholders"),
    [
        (
            403,
            "Permission check failed (/vms/100, VM.Audit)",
            PermissionDeniedError,
            {"path": "/vms/100", "privilege": "VM.Audit"},
        ),
        (
            403,
            "Permission check failed (/vms/1, VM.Snapshot|VM.Snapshot.Rollback)",
            PermissionDeniedError,
            {"path": "/vms/1", "privilege": "VM.Snapshot | VM.Snapshot.Rollback"},
        ),
        (
            403,
            "Permission check failed (user != root@pam)",
            PermissionDeniedError,
            {"path": "/", "privilege": "root@pam"},
        ),
        (500, "VM is locked (backup)", GuestLockedError, {"lock": "backup"}),
        (500, "CT is locked (snapshot)", GuestLockedError, {"lock": "snapshot"}),
        (
            500,
            "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout",
            GuestLockedError,
            {"lock": ""},
        ),
        (500, "cluster not ready - no quorum?", NoQuorumError, {}),
        (
            500,
            "Configuration file 'nodes/pve1/qemu-server/100.conf' does not exist",
            NotFoundError,
            {},
        ),
        (500, "no such cluster node 'pve9'", NotFoundError, {}),
        (
            500,
            "VM 100 not running",
            CommandRefusedError,
            {"reason": "VM 100 not running"},
        ),
        (
            500,
            "QEMU guest agent is not running",
            CommandRefusedError,
            {"reason": "QEMU guest agent is not running"},
        ),
        (
            500,
            "No QEMU guest agent configured",
            CommandRefusedError,
            {"reason": "No QEMU guest agent configured"},
        ),
        (501, "Method 'GET /x' not implemented", NotFoundError, {}),
        (595, "No route to host", NodeUnreachableError, {"node": "pve1"}),
        (596, "Connection timed out", NodeUnreachableError, {"node": "pve1"}),
        (599, "Too many redirections", NodeUnreachableError, {"node": "pve1"}),
        (502, "Bad Gateway", CannotConnectError, {}),
        (404, "Not Found", ProtocolError, {}),
        (401, "Authentication failed!", AuthenticationError, {}),
    ],
)
async def test_tells_errors_apart(
    site: Site,
    status: int,
    reason: str,
    error: type[HomelabError],
    placeholders: dict[str, str],
) -> None:
    site.faults.fail("GET", "/nodes/*", status, reason)
    with pytest.raises(error) as caught:
        await site.api().nodes("pve1").tasks.get()
    assert type(caught.value) is error
    assert caught.value.placeholders.items() >= placeholders.items()


async def test_takes_the_message_where_the_reason_says_nothing(site: Site) -> None:
    site.faults.fail(
        "GET",
        "/version",
        500,
        "Internal Server Error",
        body='{"data": null, "message": "VM is locked (clone)\\n"}',
    )
    with pytest.raises(GuestLockedError) as caught:
        await site.client().version()
    assert caught.value.placeholders["lock"] == "clone"


async def test_names_the_parameters_that_were_refused(site: Site) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        await site.api().nodes("pve1").qemu(100).config.put(cores="many", nonsense=1)
    assert set(caught.value.errors) == {"cores", "nonsense"}


async def test_a_task_that_is_unknown_is_not_found(site: Site) -> None:
    site.faults.fail(
        "GET",
        "/nodes/*",
        400,
        "Parameter verification failed.",
        errors={"upid": "no such task"},
    )
    with pytest.raises(NotFoundError):
        await site.api().nodes("pve1").tasks.get()


async def test_an_error_page_of_something_in_between_is_no_api_error(
    site: Site,
) -> None:
    site.faults.fail("GET", "/version", 400, "Bad Request", body="<html>no</html>")
    with pytest.raises(InvalidRequestError) as caught:
        await site.client().version()
    assert caught.value.errors == {}


async def test_waits_for_a_refusal_that_comes_late(make_site: MakeSite) -> None:
    site = await make_site(auth_delay=0.2)
    wrong = TokenCredentials(
        token_id="root@pam!lab", secret="00000000-0000-0000-0000-000000000000"
    )
    with pytest.raises(AuthenticationError):
        await site.client(wrong).version()
    assert DEFAULT_SECONDS > 3
    assert len(site.requests()) == 1


async def test_the_secret_of_a_token_shows_nowhere(site: Site) -> None:
    secret = site.root.partition("=")[2]
    site.faults.fail("*", "*", 401, "Authentication failed!")
    client = site.client()
    with pytest.raises(AuthenticationError) as caught:
        await client.version()
    assert secret not in f"{caught.value!r} {caught.value.placeholders} {client._api!r}"


# --- fail-over ---------------------------------------------------------------------


async def test_goes_to_the_next_member_and_stays_there(site: Site) -> None:
    client = site.client()
    site.faults.node_dead("pve1")
    await client.version()
    assert client.hosts == (ADDRESSES["pve2"], ADDRESSES["pve1"])
    site.faults.node_alive("pve1")
    await client.version()
    assert [record.node for record in site.requests()] == ["pve2", "pve2"]


async def test_a_member_that_answers_with_an_error_is_alive(site: Site) -> None:
    client = site.client()
    site.faults.node_dead("pve1")
    site.faults.fail("GET", "/version", 500, "nonsense")
    with pytest.raises(CommandRefusedError):
        await client.version()
    assert client.hosts[0] == ADDRESSES["pve2"]


async def test_a_command_that_was_not_sent_goes_to_the_next_member(site: Site) -> None:
    client = site.client()
    site.faults.node_dead("pve1")
    await client._api.nodes("pve2").qemu(100).status.start.post()
    assert [record.node for record in site.requests("POST")] == ["pve2"]


async def test_a_command_that_may_have_been_sent_is_not_repeated(site: Site) -> None:
    site.faults.cut("/nodes/*")
    with pytest.raises(CannotConnectError):
        await site.api().nodes("pve1").qemu(100).status.start.post()
    assert len(site.requests("POST")) == 1


async def test_a_read_that_was_cut_off_is_repeated(site: Site) -> None:
    site.faults.cut("/cluster/resources", times=1)
    assert await site.api().cluster.resources.get() == []
    assert [record.node for record in site.requests()] == ["pve1", "pve2"]


async def test_leaves_a_member_that_hangs(site: Site) -> None:
    site.faults.node_hangs("pve1", 1)
    client = site.client()
    assert await client._api.cluster.resources.within(0.3).get() == []
    assert client.hosts[0] == ADDRESSES["pve2"]


async def test_a_node_that_hangs_says_nothing_about_the_member_in_use(
    site: Site,
) -> None:
    site.faults.delay("/nodes/pve2/*", 1)
    client = site.client()
    with pytest.raises(RequestTimeoutError):
        await client._api.nodes("pve2").tasks.within(0.2).get()
    assert client.hosts[0] == ADDRESSES["pve1"]
    await client.version()
    assert [record.node for record in site.requests("GET", "/version")] == ["pve1"]


async def test_tells_when_no_member_answers(site: Site) -> None:
    site.faults.node_dead("pve1")
    site.faults.node_dead("pve2")
    with pytest.raises(CannotConnectError):
        await site.client().version()


@pytest.mark.usefixtures("no_names")
async def test_a_name_that_nobody_knows_cannot_be_reached(site: Site) -> None:
    client = site.client(hosts=["nobody.invalid", *site.hosts])
    await client.version()
    assert client.hosts[0] == ADDRESSES["pve1"]


async def test_does_not_try_members_for_ever(site: Site) -> None:
    callers: list[asyncio.StreamWriter] = []
    servers: list[asyncio.Server] = []
    hosts = [f"127.0.0.{last}" for last in range(50, 66)]
    port = 0
    for host in hosts:
        server = await asyncio.start_server(
            lambda reader, writer: callers.append(writer), host, port
        )
        port = server.sockets[0].getsockname()[1]
        servers.append(server)
    client = site.client(hosts=hosts, port=port)
    with pytest.raises(RequestTimeoutError):
        await client._api.version.within(0.1).get()
    for server in servers:
        server.close()
    for caller in callers:
        caller.transport.abort()
    assert 1 < len(callers) < len(hosts)


async def test_learns_members(site: Site) -> None:
    client = site.client(hosts=[ADDRESSES["pve1"]])
    client.add_hosts([ADDRESSES["pve1"], ADDRESSES["pve2"], ADDRESSES["pve2"]])
    assert client.hosts == tuple(ADDRESSES.values())


async def test_needs_a_host(site: Site) -> None:
    with pytest.raises(ValueError, match="host"):
        ProxmoxClient(
            site.session,
            hosts=(),
            port=site.server.port,
            credentials=TokenCredentials(token_id="a@b!c", secret="d"),
            trust=Trust(),
        )


# --- turns -------------------------------------------------------------------------


class Counter:
    """Counts how many calls are in a handler at the same time."""

    def __init__(self) -> None:
        self.now: dict[str, int] = {}
        self.most: dict[str, int] = {}

    async def __call__(self, request: ApiRequest) -> object:
        name = str(request.path.get("node", "cluster"))
        self.now[name] = self.now.get(name, 0) + 1
        self.most[name] = max(self.most.get(name, 0), self.now[name])
        await asyncio.sleep(0.02)
        self.now[name] -= 1
        return []


@pytest.mark.parametrize(
    ("template", "address", "most"),
    [
        ("/nodes/{node}/replication", lambda n: n.replication, 2),
        ("/nodes/{node}/disks/list", lambda n: n.disks.list, 1),
    ],
)
async def test_asks_each_node_a_few_things_at_a_time(
    site: Site, template: str, address: Callable[[Resource], Resource], most: int
) -> None:
    counter = Counter()
    site.router.handle("GET", template)(counter)
    api = site.api()
    await asyncio.gather(
        *(address(api.nodes(node)).get() for node in ADDRESSES for _ in range(6))
    )
    assert counter.most == {"pve1": most, "pve2": most}


async def test_asks_the_member_in_use_two_things_at_a_time(site: Site) -> None:
    counter = Counter()
    site.router.handle("GET", "/cluster/ha/status/current")(counter)
    status = site.api().cluster.ha.status.current
    await asyncio.gather(*(status.get() for _ in range(6)))
    assert counter.most == {"cluster": 2}


async def test_a_storage_that_hangs_leaves_its_node_a_place(site: Site) -> None:
    site.faults.delay("/nodes/pve1/storage*", 3)
    api = site.api()
    hanging = [asyncio.create_task(_quietly(api.nodes("pve1").storage)) for _ in "123"]
    await asyncio.sleep(0.05)
    assert await api.nodes("pve1").tasks.within(2).get()
    for task in hanging:
        task.cancel()


async def test_a_call_that_is_cancelled_gives_its_place_back(site: Site) -> None:
    rule = site.faults.delay("/nodes/*", 1)
    api = site.api()
    tasks = [asyncio.create_task(_quietly(api.nodes("pve1").tasks)) for _ in "12"]
    await asyncio.sleep(0.1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    site.faults.remove(rule)
    assert await api.nodes("pve1").tasks.within(2).get()


async def _quietly(resource: Resource) -> Any:
    return await resource.get()
