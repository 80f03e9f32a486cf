"""What can be made to go wrong, over real sockets."""

from aiohttp import ClientConnectorError, ClientPayloadError, ServerDisconnectedError
import pytest

from .conftest import StubPve

SHUTDOWN = "/nodes/pve1/qemu/100/status/shutdown"


async def test_a_dead_node_refuses_and_the_others_answer_595(pve: StubPve) -> None:
    seen: list[tuple[str, bool]] = []
    pve.faults.node_listeners.append(lambda node, alive: seen.append((node, alive)))
    pve.faults.node_dead("pve1")
    pve.faults.node_dead("pve1")
    with pytest.raises(ClientConnectorError):
        await pve.send("GET", "/version")
    reply = await pve.send("POST", SHUTDOWN, node="pve2")
    assert (reply.status, reply.reason, reply.raw) == (595, "No route to host", b"")
    assert reply.headers["Connection"] == "close"
    assert (await pve.send("GET", "/version", node="pve2")).status == 200
    pve.faults.node_alive("pve1")
    assert (await pve.send("POST", SHUTDOWN)).status == 200
    assert (await pve.send("POST", SHUTDOWN, node="pve2")).status == 200
    assert seen == [("pve1", False), ("pve1", True)]


async def test_a_dying_node_drops_its_connections(pve: StubPve) -> None:
    await pve.send("GET", "/version")
    assert pve.server._listeners["pve1"].connections == 1
    pve.faults.node_dead("pve1")
    with pytest.raises((ClientConnectorError, ServerDisconnectedError)):
        await pve.send("GET", "/version")


async def test_a_hanging_node(pve: StubPve) -> None:
    pve.faults.node_hangs("pve1", 0.01)
    with pytest.raises(ServerDisconnectedError):
        await pve.send("PUT", "/version")
    reply = await pve.send("POST", SHUTDOWN, node="pve2")
    assert (reply.status, reply.reason, reply.raw) == (596, "Connection timed out", b"")
    pve.faults.clear()
    assert (await pve.send("POST", SHUTDOWN, node="pve2")).status == 200


async def test_a_hanging_storage_delays_what_touches_it(pve: StubPve) -> None:
    pve.faults.storage_hangs("nas", 0.05, node="pve1")
    content = "/nodes/{}/storage/{}/content/x"
    for path, hangs in (
        (content.format("pve1", "nas"), True),
        (content.format("pve2", "nas"), False),
        (content.format("pve1", "local"), False),
        ("/nodes/pve1/storage", True),
        ("/nodes/pve1/storage?storage=local", False),
    ):
        assert (await pve.send("GET", path)).status == 200
        assert (pve.server.requests[-1].seconds >= 0.05) is hangs
    pve.faults.storage_answers("nas")
    assert pve.faults.storage_delay("nas", "pve1") == 0


async def test_a_storage_that_hangs_for_good_is_a_596(
    pve: StubPve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.pve.dispatch.NODE_TIMEOUT", 0.01)
    pve.faults.storage_hangs("nas")
    assert (await pve.send("GET", "/nodes/pve1/storage")).status == 596


async def test_failures_by_pattern(pve: StubPve) -> None:
    pve.faults.fail(
        "GET", "/nodes/*/storage*", 500, "no quorum", errors={"a": "b"}, times=1
    )
    reply = await pve.send("GET", "/nodes/pve1/storage/nas/content/x")
    assert (reply.status, reply.reason) == (500, "no quorum")
    assert reply.json["errors"] == {"a": "b"}
    assert (await pve.send("GET", "/nodes/pve1/storage")).status == 200
    page = pve.faults.fail("*", "/version", 502, "Bad Gateway", body="<html>")
    reply = await pve.send("GET", "/version")
    assert (reply.status, reply.raw) == (502, b"<html>")
    pve.faults.remove(page)
    pve.faults.fail("*", "/version", 401, "Authentication failed!")
    assert (await pve.send("GET", "/version")).raw == b""
    pve.faults.clear()
    assert (await pve.send("GET", "/version")).status == 200


async def test_a_cut_answer(pve: StubPve) -> None:
    pve.faults.cut("/cluster/resources", times=1)
    with pytest.raises(ClientPayloadError):
        await pve.send("GET", "/cluster/resources")
    assert (await pve.send("GET", "/cluster/resources")).status == 200


async def test_a_page_instead_of_json_and_delays(pve: StubPve) -> None:
    pve.faults.delay("/version", 0.02)
    pve.faults.html("/version", times=1)
    reply = await pve.send("GET", "/version")
    assert reply.status == 200
    assert reply.raw.startswith(b"<!DOCTYPE html>")
    assert pve.server.requests[-1].seconds >= 0.02
    pve.faults.latency = 0.03
    assert (await pve.send("GET", "/version")).json["data"]["release"] == "9.2"
    assert pve.server.requests[-1].seconds >= 0.05


async def test_a_revoked_token(pve: StubPve) -> None:
    pve.faults.revoke_token(pve.root)
    reply = await pve.send("GET", "/version")
    assert (reply.status, reply.reason) == (401, "Authentication failed!")
