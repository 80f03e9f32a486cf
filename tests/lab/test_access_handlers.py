"""The methods under /access, as a client uses them."""

from typing import Any

import pytest

from lab.pve.tickets import totp_code

from .conftest import TOTP_SECRET, MakePve, StubPve

TOKEN = "/access/users/ha@pve/token/hass"


async def make_access(pve: StubPve) -> dict[str, Any]:
    """Role, user, entries and token, as a guided set-up makes them."""
    power = {"roleid": "HAPower", "privs": "VM.PowerMgmt,VM.Snapshot"}
    entry = {"path": "/vms", "roles": "PVEAuditor,HAPower", "users": "ha@pve"}
    for method, path, data in (
        ("POST", "/access/roles", power),
        ("POST", "/access/users", {"userid": "ha@pve", "comment": "Home Assistant"}),
        ("PUT", "/access/acl", {**entry, "path": "/", "roles": "PVEAuditor"}),
        ("PUT", "/access/acl", entry),
    ):
        reply = await pve.send(method, path, data=data)
        assert (reply.status, reply.json) == (200, {"data": None})
    reply = await pve.send("POST", TOKEN, data={"privsep": "0", "comment": "c"})
    assert reply.status == 200
    made: dict[str, Any] = reply.json["data"]
    return made


async def test_a_guided_set_up(pve: StubPve) -> None:
    made = await make_access(pve)
    assert made["full-tokenid"] == "ha@pve!hass"
    assert made["info"] == {"privsep": 0, "comment": "c"}
    token = f"{made['full-tokenid']}={made['value']}"
    rights = (await pve.send("GET", "/access/permissions", token=token)).json["data"]
    assert rights["/vms"]["VM.PowerMgmt"] == 1
    assert "VM.PowerMgmt" not in rights["/"]
    assert rights["/"]["Sys.Audit"] == 1
    one = await pve.send("GET", "/access/permissions?path=/vms/100", token=token)
    assert one.json["data"]["/vms/100"]["VM.Snapshot"] == 1
    bad = await pve.send("GET", "/access/permissions?path=/v%20x", token=token)
    assert set(bad.json["errors"]) == {"path"}
    other = "/access/permissions?userid=root@pam"
    theirs = (await pve.send("GET", other, token=token)).json["data"]
    assert theirs["/"]["Sys.Modify"] == 1
    mine = await pve.send("GET", "/access/permissions?userid=ha@pve!hass")
    assert mine.json["data"] == rights


async def test_entries_of_the_access_control_list(pve: StubPve) -> None:
    await make_access(pve)
    rows = (await pve.send("GET", "/access/acl")).json["data"]
    assert {"path": "/vms", "type": "user", "ugid": "ha@pve"}.items() <= rows[1].items()
    assert {row["roleid"] for row in rows} == {"PVEAuditor", "HAPower"}
    gone = {"path": "/vms", "roles": "HAPower", "users": "ha@pve", "delete": "1"}
    assert (await pve.send("PUT", "/access/acl", data=gone)).status == 200
    assert len((await pve.send("GET", "/access/acl")).json["data"]) == 2
    kept = {"path": "/vms", "roles": "PVEAuditor", "tokens": "ha@pve!hass"}
    assert (await pve.send("PUT", "/access/acl", data=kept)).status == 200


@pytest.mark.parametrize(
    ("data", "status", "text"),
    [
        ({"path": "/vms", "roles": "PVEAuditor"}, 400, "users"),
        ({"path": "/x", "roles": "PVEAuditor", "users": "a@pve"}, 400, "path"),
        ({"path": "/", "roles": "X", "users": "root@pam"}, 500, "role 'X' does not"),
        (
            {"path": "/", "roles": "NoAccess", "users": "a@pve"},
            500,
            "user 'a@pve' does",
        ),
        ({"path": "/", "roles": "NoAccess", "groups": "g"}, 500, "group 'g' does not"),
        (
            {"path": "/", "roles": "NoAccess", "tokens": "root@pam!xx"},
            500,
            "no such tok",
        ),
    ],
)
async def test_entries_that_are_refused(
    pve: StubPve, data: dict[str, str], status: int, text: str
) -> None:
    reply = await pve.send("PUT", "/access/acl", data=data)
    assert reply.status == status
    assert text in (str(reply.json["errors"]) if status == 400 else reply.reason)


async def test_roles(pve: StubPve) -> None:
    async def privileges() -> dict[str, int]:
        reply = await pve.send("GET", "/access/roles/Own")
        data: dict[str, int] = reply.json["data"]
        return data

    data = {"roleid": "Own", "privs": "VM.Audit"}
    assert (await pve.send("POST", "/access/roles", data=data)).status == 200
    again = await pve.send("POST", "/access/roles", data=data)
    assert again.reason == "create role failed: role 'Own' already exists"
    more = {"privs": "VM.Backup", "append": "1"}
    await pve.send("PUT", "/access/roles/Own", data=more)
    assert await privileges() == {"VM.Audit": 1, "VM.Backup": 1}
    await pve.send("PUT", "/access/roles/Own", data={"privs": "VM.Backup"})
    assert await privileges() == {"VM.Backup": 1}
    rows = (await pve.send("GET", "/access/roles")).json["data"]
    special = {row["roleid"]: row["special"] for row in rows}
    assert special["Own"] == 0
    assert special["PVEAuditor"] == 1
    assert (await pve.send("DELETE", "/access/roles/Own")).status == 200
    assert (await pve.send("GET", "/access/roles/Own")).status == 500
    for method, path in (("PUT", "PVEAuditor"), ("DELETE", "PVEAuditor")):
        refused = await pve.send(method, f"/access/roles/{path}")
        assert refused.reason.startswith("auto-generated role 'PVEAuditor' cannot be")
    reserved = await pve.send("POST", "/access/roles", data={"roleid": "pveMine"})
    assert set(reserved.json["errors"]) == {"roleid"}


@pytest.mark.parametrize(
    ("version", "privilege", "status"),
    [
        ("9.2", "VM.Monitor", 400),
        ("9.2", "VM.GuestAgent.Audit", 200),
        ("8.4", "VM.Monitor", 200),
        ("8.4", "VM.GuestAgent.Audit", 400),
    ],
)
async def test_privileges_of_the_versions(
    make_pve: MakePve, version: str, privilege: str, status: int
) -> None:
    pve = await make_pve(version=version)
    data = {"roleid": "Agent", "privs": privilege}
    reply = await pve.send("POST", "/access/roles", data=data)
    assert reply.status == status
    if status == 400:
        text = f"invalid format - invalid privilege '{privilege}'"
        assert reply.json["errors"] == {"privs": text}


async def test_users(pve: StubPve) -> None:
    await make_access(pve)
    pve.access.add_group("admins")
    again = await pve.send("POST", "/access/users", data={"userid": "ha@pve"})
    assert again.reason == "create user failed: user 'ha@pve' already exists"
    realm = await pve.send("POST", "/access/users", data={"userid": "ha@ldap"})
    assert realm.reason == "create user failed: realm 'ldap' does not exist"
    change = {"groups": "admins", "enable": "0", "email": "a@b.test"}
    assert (await pve.send("PUT", "/access/users/ha@pve", data=change)).status == 200
    user = (await pve.send("GET", "/access/users/ha@pve")).json["data"]
    assert user["groups"] == ["admins"]
    assert user["enable"] == 0
    assert user["tokens"]["hass"]["comment"] == "c"
    wrong = await pve.send("PUT", "/access/users/ha@pve", data={"groups": "none"})
    assert wrong.reason == "update user failed: no such group 'none'"
    rows = (await pve.send("GET", "/access/users?full=1&enabled=0")).json["data"]
    assert [row["userid"] for row in rows] == ["ha@pve"]
    assert rows[0]["tokens"][0]["tokenid"] == "hass"
    assert (await pve.send("DELETE", "/access/users/ha@pve")).status == 200
    missing = await pve.send("GET", "/access/users/ha@pve")
    assert missing.reason == "no such user ('ha@pve')"


async def test_a_user_without_rights_sees_itself(pve: StubPve) -> None:
    pve.access.add_user("weak@pve")
    token = pve.access.add_token("weak@pve", "t", privsep=False)
    rows = (await pve.send("GET", "/access/users", token=token)).json["data"]
    assert rows == []
    assert (await pve.send("GET", "/access/acl", token=token)).json["data"] == []
    other = "/access/permissions?userid=root@pam"
    assert (await pve.send("GET", other, token=token)).status == 403


async def test_tokens(pve: StubPve) -> None:
    made = await make_access(pve)
    again = await pve.send("POST", TOKEN)
    assert again.json["errors"] == {"tokenid": "Token already exists."}
    change = {"privsep": "1", "expire": "5", "delete": "comment"}
    assert (await pve.send("PUT", TOKEN, data=change)).json["data"] == {
        "privsep": 1,
        "expire": 5,
    }
    await pve.send("PUT", TOKEN, data={"delete": "expire"})
    assert (await pve.send("GET", TOKEN)).json["data"] == {"privsep": 1}
    rows = (await pve.send("GET", "/access/users/ha@pve/token")).json["data"]
    assert rows == [{"tokenid": "hass", "privsep": 1}]
    renewed = (await pve.send("PUT", TOKEN, data={"regenerate": "1"})).json["data"]
    assert renewed["value"] != made["value"]
    old = f"ha@pve!hass={made['value']}"
    assert (await pve.send("GET", "/version", token=old)).status == 401
    new = f"ha@pve!hass={renewed['value']}"
    assert (await pve.send("GET", "/version", token=new)).status == 200
    assert (await pve.send("DELETE", TOKEN)).status == 200
    assert "no such token" in (await pve.send("GET", TOKEN)).reason


async def test_regenerating_came_with_9_2(make_pve: MakePve) -> None:
    pve = await make_pve(version="8.4")
    await make_access(pve)
    reply = await pve.send("PUT", TOKEN, data={"regenerate": "1"})
    assert set(reply.json["errors"]) == {"regenerate"}


async def ticket(pve: StubPve, userid: str, password: str) -> dict[str, str]:
    """The headers of a user that signed in."""
    pve.access.add_user(userid, password)
    login = pve.access.login(userid, password)
    csrf = pve.access.tickets.csrf(userid)
    return {"Cookie": f"PVEAuthCookie={login}", "CSRFPreventionToken": csrf}


async def test_second_factors(pve: StubPve) -> None:
    headers = await ticket(pve, "me@pve", "my password")
    step = int(pve.access.clock()) // 30
    data = {
        "type": "totp",
        "password": "my password",
        "description": "phone",
        "totp": f"otpauth://totp/x?secret={TOTP_SECRET}",
        "value": totp_code(TOTP_SECRET, step),
    }
    path = "/access/tfa/me@pve"
    for missing, status in (("password", 400), ("totp", 400), ("value", 400)):
        wrong = {name: text for name, text in data.items() if name != missing}
        reply = await pve.send("POST", path, data=wrong, headers=headers)
        assert reply.status == status
    reply = await pve.send("POST", path, data={**data, "type": "u2f"}, headers=headers)
    assert reply.status == 500
    reply = await pve.send(
        "POST", path, data={**data, "password": "another"}, headers=headers
    )
    assert reply.status == 403
    added = await pve.send("POST", path, data=data, headers=headers)
    entry = f"{path}/{added.json['data']['id']}"
    assert pve.access.login("me@pve", "my password").startswith("PVE:!tfa!")
    assert (await pve.send("GET", entry)).json["data"]["description"] == "phone"
    rows = (await pve.send("GET", "/access/tfa", headers=headers)).json["data"]
    assert [row["userid"] for row in rows] == ["me@pve"]
    off = {"enable": "0", "password": "my password"}
    assert (await pve.send("PUT", entry, data=off, headers=headers)).status == 200
    rows = (await pve.send("GET", path, headers=headers)).json["data"]
    assert [row["enable"] for row in rows] == [0]
    gone = await pve.send("DELETE", f"{entry}?password=my%20password", headers=headers)
    assert gone.status == 200
    assert (await pve.send("GET", entry)).status == 404


async def test_the_form_of_the_login_page(pve: StubPve) -> None:
    assert (await pve.send("GET", "/access/ticket", headers={})).json == {"data": None}
