"""The wire: every form of answer, over real sockets."""

import asyncio
import gzip
from hashlib import sha256
import json
from pathlib import Path
import socket
import ssl
from typing import Any
from urllib.parse import quote

import pytest
from yarl import URL

from lab.pve import server as server_module
from lab.pve.server import PveServer
from lab.pve.tls import ClusterTls

from .conftest import ADDRESSES, MakePve, StubPve

START = "/nodes/pve1/qemu/100/status/start"
SHUTDOWN = "/nodes/pve1/qemu/100/status/shutdown"


async def test_version(pve: StubPve) -> None:
    reply = await pve.send("GET", "/version")
    assert reply.status == 200
    assert reply.json["data"]["version"] == "9.2.11"
    assert reply.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert "Connection" not in reply.headers


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/nothing", 501, "Method 'GET /nothing' not implemented"),
        ("POST", "/version", 501, "Method 'POST /version' not implemented"),
        ("PATCH", "/version", 501, "method 'PATCH' not available"),
        ("HEAD", "/version", 501, "method 'HEAD' not available"),
        ("OPTIONS", "/version", 501, "method 'OPTIONS' not available"),
        ("POST", START, 500, "VM is locked (backup)"),
        ("GET", "/nodes/pve9/status", 500, "no such cluster node 'pve9'"),
        ("POST", f"{SHUTDOWN}?x=1", 400, "Parameter verification failed."),
        ("GET", "/nodes/pve1/status", 500, "lab: ZeroDivisionError(...)"),
    ],
)
async def test_errors_close_the_connection_and_tell_why(
    pve: StubPve, method: str, path: str, status: int, reason: str
) -> None:
    reply = await pve.send(method, path)
    assert reply.status == status
    assert reply.headers["Connection"] == "close"
    assert reply.reason.startswith(reason.removesuffix("...)"))
    if method != "HEAD":
        assert reply.json["data"] is None
        assert reply.json["message"].startswith(reply.reason)
        assert reply.json["message"].endswith("\n")


async def test_a_500_has_all_lines_in_the_message(pve: StubPve) -> None:
    reply = await pve.send("POST", START)
    assert reply.json["message"] == "VM is locked (backup)\nsecond line\n"


async def test_a_400_names_the_parameters(pve: StubPve) -> None:
    reply = await pve.send("POST", SHUTDOWN, data={"timeout": "x", "forcestop": "1"})
    assert set(reply.json["errors"]) == {"timeout", "forcestop"}


async def test_before_8_4_only_the_reason_phrase_tells(make_pve: MakePve) -> None:
    pve = await make_pve(version="8.3")
    reply = await pve.send("POST", START)
    assert reply.reason == "VM is locked (backup)"
    assert reply.raw == b'{"data":null}'


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"method": "DELETE", "data": "x=1"}, "Unexpected content for method 'DELETE'"),
        ({"method": "GET", "data": "x=1"}, "Unexpected content for method 'GET'"),
        (
            {"method": "POST", "data": b"x=1", "chunked": True},
            "chunked transfer encoding not supported",
        ),
        ({"method": "POST", "data": b"x" * 600_000}, "for data too large"),
    ],
)
async def test_bodies_that_are_refused(
    pve: StubPve, arguments: dict[str, Any], reason: str
) -> None:
    reply = await pve.send(path="/access/roles/x", **arguments)
    assert (reply.status, reply.reason) == (501, reason)


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "No ticket"),
        ({"Authorization": "PVEAPIToken=root@pam!lab=wrong"}, "Authentication failed!"),
        ({"Authorization": "PVEAPIToken=nobody"}, "Authentication failed!"),
        ({"Cookie": "PVEAuthCookie=PVE:x"}, "permission denied - invalid PVE ticket"),
    ],
)
async def test_a_401_is_late_and_empty(
    make_pve: MakePve, headers: dict[str, str], reason: str
) -> None:
    pve = await make_pve(auth_delay=0.05)
    reply = await pve.send("GET", "/version", headers=headers)
    assert (reply.status, reply.reason) == (401, reason)
    assert reply.raw == b""
    assert reply.headers["Connection"] == "close"
    assert pve.server.requests[-1].seconds >= 0.05


async def test_a_failed_login_is_a_401_with_a_body(pve: StubPve) -> None:
    data = {"username": "root@pam", "password": "wrong"}
    reply = await pve.send("POST", "/access/ticket", data=data, headers={})
    assert (reply.status, reply.reason) == (401, "authentication failure")
    assert reply.json == {"data": None, "message": "authentication failure\n"}


async def test_a_ticket_and_its_csrf_token(pve: StubPve) -> None:
    data = {"username": "root", "realm": "pam", "password": "root's password"}
    login = await pve.send("POST", "/access/ticket", data=data, headers={})
    ticket = login.json["data"]["ticket"]
    assert login.json["data"]["username"] == "root@pam"
    assert login.json["data"]["clustername"] == "home"
    assert login.json["data"]["cap"]["nodes"]["Sys.PowerMgmt"] == 1
    cookie = {"Cookie": f"PVEAuthCookie={ticket}"}
    quoted = {"Cookie": f"other=1; PVEAuthCookie={quote(ticket, safe='')}"}
    header = {"Authorization": f"PVEAuthCookie={ticket}"}
    for headers in (cookie, quoted, header):
        assert (await pve.send("GET", "/version", headers=headers)).status == 200
    refused = await pve.send("POST", SHUTDOWN, headers=cookie)
    assert refused.status == 401
    assert refused.reason == "Permission denied - invalid csrf token"
    csrf = {"CSRFPreventionToken": login.json["data"]["CSRFPreventionToken"]}
    assert (await pve.send("POST", SHUTDOWN, headers=cookie | csrf)).status == 200


async def test_a_login_with_a_second_factor(pve: StubPve) -> None:
    data = {"username": "totp@pve", "password": "password"}
    first = (await pve.send("POST", "/access/ticket", data=data, headers={})).json
    assert first["data"]["NeedTFA"] == 1
    assert "cap" not in first["data"]
    challenge = first["data"]["ticket"]
    refused = await pve.send(
        "GET", "/version", headers={"Cookie": f"PVEAuthCookie={challenge}"}
    )
    assert refused.status == 401
    data |= {"tfa-challenge": challenge}
    data["password"] = f"totp:{pve.access.totp('totp@pve')}"
    second = (await pve.send("POST", "/access/ticket", data=data, headers={})).json
    assert "NeedTFA" not in second["data"]
    assert second["data"]["ticket"].startswith("PVE:totp@pve:")


async def test_a_token_can_not_have_tickets_or_factors(pve: StubPve) -> None:
    data = {"username": "root@pam", "password": "root's password"}
    reply = await pve.send("POST", "/access/ticket", data=data)
    assert reply.status == 403
    assert reply.reason == (
        "URI '/access/ticket' not available with API token, need proper ticket."
    )
    reply = await pve.send("POST", "/access/tfa/totp@pve", data={"type": "totp"})
    assert reply.status == 403


async def test_403_with_path_and_privileges(pve: StubPve) -> None:
    pve.access.add_user("weak@pve")
    token = pve.access.add_token("weak@pve", "t")
    reply = await pve.send("POST", SHUTDOWN, token=token)
    assert reply.status == 403
    assert reply.reason == "Permission check failed (/vms/100, VM.PowerMgmt)"
    assert reply.json["message"] == f"{reply.reason}\n"
    reply = await pve.send("GET", "/nodes/pve1/storage/nas/content", token=token)
    assert reply.status == 501
    reply = await pve.send("POST", "/nodes/pve1/execute", data={"commands": "[]"})
    assert reply.reason == "Permission check failed (user != root@pam)"
    path = "/nodes/pve1/qemu/100/agent/exec"
    reply = await pve.send("POST", path, token=token, data={"command": "ls"})
    assert reply.reason.endswith("(/vms/100, VM.GuestAgent.Unrestricted)")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"data": {"forceStop": "1", "timeout": "60"}}, (1, 60)),
        ({"json": {"forceStop": 1, "timeout": 60}}, (1, 60)),
        ({"json": {"forceStop": True, "timeout": 60}}, (1, 60)),
        ({"params": "forceStop=1;timeout=60"}, (1, 60)),
        ({"params": "forceStop=0&timeout=60", "data": b""}, (0, 60)),
    ],
)
async def test_forms_json_and_queries(
    pve: StubPve, arguments: dict[str, Any], expected: tuple[int, int]
) -> None:
    reply = await pve.send("POST", SHUTDOWN, **arguments)
    data = reply.json["data"]
    assert (data["forceStop"], data["timeout"]) == expected
    assert b"true" not in reply.raw


@pytest.mark.parametrize("value", ["True", "true", "yes", "on", ""])
async def test_only_0_and_1_are_booleans(pve: StubPve, value: str) -> None:
    reply = await pve.send("POST", SHUTDOWN, data={"forceStop": value})
    text = f"type check ('boolean') failed - got '{value}'"
    assert reply.json["errors"] == {"forceStop": text}


async def test_separators_and_repeated_keys(pve: StubPve) -> None:
    path = "/nodes/pve1/qemu/100/config"
    reply = await pve.send("PUT", path, data={"tags": "a;b"})
    assert reply.json["data"]["tags"] == "a;b"
    reply = await pve.send("PUT", f"{path}?tags=a;b")
    assert set(reply.json["errors"]) == {"b"}
    path = "/nodes/pve1/qemu/100/agent/exec"
    data = [("command", "ls"), ("command", "-l"), ("command", "/")]
    reply = await pve.send("POST", path, data=data)
    assert reply.json["data"] == ["ls", "-l", "/"]


async def test_a_parameter_of_the_path_can_not_be_changed(pve: StubPve) -> None:
    assert (await pve.send("POST", SHUTDOWN, data={"vmid": "100"})).status == 200
    reply = await pve.send("POST", SHUTDOWN, data={"vmid": "101"})
    assert reply.json["errors"]["vmid"].startswith("duplicate parameter")


async def test_bodies_that_can_not_be_read(pve: StubPve) -> None:
    headers = {"Authorization": f"PVEAPIToken={pve.root}"}
    kind = headers | {"Content-Type": "application/json"}
    reply = await pve.send("POST", SHUTDOWN, data=b"{", headers=kind)
    assert (reply.status, reply.reason) == (500, "malformed JSON string")
    kind = headers | {"Content-Type": "text/plain"}
    reply = await pve.send("POST", SHUTDOWN, data=b"x", headers=kind)
    assert reply.status == 501


@pytest.mark.parametrize("volume", ["nas:backup/a.zst", "nas%3Abackup%2Fa.zst"])
async def test_volumes_in_paths(pve: StubPve, volume: str) -> None:
    url = f"{pve.server.url('pve1')}/api2/json/nodes/pve1/storage/nas/content/{volume}"
    headers = {"Authorization": f"PVEAPIToken={pve.root}"}
    async with pve.client.get(URL(url, encoded=True), headers=headers) as response:
        assert (await response.json())["data"] == "nas:backup/a.zst"


async def test_localhost_is_the_contacted_node(pve: StubPve) -> None:
    path = "/nodes/localhost/qemu/100/status/shutdown"
    reply = await pve.send("POST", path, node="pve2")
    assert reply.json["data"]["node"] == "pve2"


async def test_lists_tell_their_total(pve: StubPve) -> None:
    reply = await pve.send("GET", "/nodes/pve1/tasks")
    assert reply.json == {"data": [], "total": 77}


@pytest.mark.parametrize(
    ("path", "accepted", "encoding"),
    [
        ("/cluster/resources", "gzip, deflate", "gzip"),
        ("/cluster/resources", "identity", None),
        ("/version", "gzip, deflate", None),
    ],
)
async def test_gzip_above_a_kilobyte_if_asked(
    pve: StubPve, path: str, accepted: str, encoding: str | None
) -> None:
    headers = {
        "Authorization": f"PVEAPIToken={pve.root}",
        "Accept-Encoding": accepted,
    }
    reply = await pve.send("GET", path, headers=headers, auto_decompress=False)
    assert reply.headers.get("Content-Encoding") == encoding
    raw = gzip.decompress(reply.raw) if encoding else reply.raw
    data = json.loads(raw)["data"]
    assert data
    assert pve.server.requests[-1].bytes == len(reply.raw)


async def test_there_are_no_booleans_in_answers(pve: StubPve) -> None:
    reply = await pve.send("GET", "/cluster/resources")
    assert reply.json["data"][0] == {"vmid": 100, "template": 0}
    assert b"false" not in reply.raw


async def test_a_connection_ends_after_its_share_of_requests(
    pve: StubPve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "REQUESTS_PER_CONNECTION", 3)
    replies = [await pve.send("GET", "/version") for _ in range(4)]
    ends = [reply.headers.get("Connection") for reply in replies]
    assert ends == [None, None, "close", None]


@pytest.mark.parametrize(("method", "status"), [("GET", 301), ("POST", 308)])
async def test_plain_http_is_sent_to_https(
    pve: StubPve, method: str, status: int
) -> None:
    url = f"http://{pve.server.host('pve1')}:{pve.server.port}/x?y=1"
    async with pve.client.request(method, url, allow_redirects=False) as response:
        assert response.status == status
        location = f"{pve.server.url('pve1')}/x?y=1"
        assert response.headers["Location"] == location


@pytest.mark.parametrize(
    ("path", "status"), [("/", 200), ("/favicon.ico", 501), ("/api2/extjs/x", 501)]
)
async def test_outside_of_the_api(pve: StubPve, path: str, status: int) -> None:
    async with pve.client.get(f"{pve.server.url('pve1')}{path}") as response:
        assert response.status == status
        assert "html" in response.headers["Content-Type"]


async def test_requests_are_recorded_without_secrets(pve: StubPve) -> None:
    data = {"username": "root@pam", "password": "root's password"}
    await pve.send("POST", "/access/ticket", data=data, headers={})
    await pve.send("GET", "/version", node="pve2")
    login, version = pve.server.requests
    assert (login.node, login.method, login.path) == ("pve1", "POST", "/access/ticket")
    assert login.params == {"username": "root@pam", "password": "***"}
    assert (version.node, version.user) == ("pve2", "root@pam!lab")
    assert version.status == 200


# Connections


async def test_connections_that_say_nothing_or_nonsense(pve: StubPve) -> None:
    address = (pve.server.host("pve1"), pve.server.port)
    for first in (b"", b"\x16nonsense"):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(first)
        writer.write_eof()
        await asyncio.wait_for(reader.read(), 5)
        writer.close()
    silent = await asyncio.open_connection(*address)
    assert (await pve.send("GET", "/version")).status == 200
    await pve.server.stop()
    assert await asyncio.wait_for(silent[0].read(), 5) == b""
    silent[1].close()


async def test_a_port_that_is_taken_on_one_node(pve: StubPve) -> None:
    taken = PveServer(pve.server.dispatcher, pve.tls, ADDRESSES, port=pve.server.port)
    with pytest.raises(OSError, match="in use"):
        await taken.start()
    await taken.stop()


# Certificates


def presented(pve: StubPve, node: str = "pve1") -> bytes:
    """The certificate that a node presents, as its own client sees it."""
    context = ssl.create_default_context(cadata=pve.tls.ca_pem)
    address = (pve.server.host(node), pve.server.port)
    with (
        socket.create_connection(address, timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=address[0]) as secure,
    ):
        found = secure.getpeercert(binary_form=True)
        assert found is not None
        return found


async def test_certificates_can_be_renewed_while_it_runs(pve: StubPve) -> None:
    async def fingerprint() -> str:
        raw = await asyncio.to_thread(presented, pve)
        return sha256(raw).hexdigest().upper()

    first = pve.tls.fingerprint("pve1")
    assert await fingerprint() == first.replace(":", "")
    second = pve.tls.renew("pve1")
    assert second != first
    assert await fingerprint() == second.replace(":", "")
    authority = pve.tls.ca_fingerprint
    pve.tls.replace_ca()
    assert pve.tls.ca_fingerprint != authority
    assert await fingerprint() == pve.tls.fingerprint("pve1").replace(":", "")


def test_kept_certificates_are_used_again(tmp_path: Path) -> None:
    first = ClusterTls(ADDRESSES, directory=tmp_path)
    second = ClusterTls(ADDRESSES, directory=tmp_path)
    assert second.ca_fingerprint == first.ca_fingerprint
    assert second.fingerprint("pve2") == first.fingerprint("pve2")
    assert (tmp_path / "pve1.key").stat().st_mode & 0o077 == 0
    second.close()
    assert (tmp_path / "pve-root-ca.pem").read_text() == first.ca_pem


def test_a_certificate_names_its_node(tmp_path: Path) -> None:
    tls = ClusterTls(ADDRESSES, directory=tmp_path)
    node = tls.certificate("pve2")
    node.verify_directly_issued_by(tls.ca_certificate)
    assert "PVE Cluster Node" in node.subject.rfc4514_string()
    assert "PVE Cluster Manager CA" in node.issuer.rfc4514_string()
    assert tls.certificate_pem("pve2").startswith("-----BEGIN CERTIFICATE-----")
