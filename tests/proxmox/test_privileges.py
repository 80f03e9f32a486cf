"""The table of privileges, and the access that is made from it."""

from itertools import pairwise
from pathlib import Path
import runpy
import shlex

import pytest

from custom_components.proxmox_homelab.errors import (
    AuthenticationError,
    CommandRefusedError,
    InvalidRequestError,
    PermissionDeniedError,
    ProtocolError,
)
from custom_components.proxmox_homelab.proxmox.client import ProxmoxClient, access
from custom_components.proxmox_homelab.proxmox.credentials import (
    PasswordCredentials,
    TokenCredentials,
)
from custom_components.proxmox_homelab.proxmox.models import Permissions, Version
from custom_components.proxmox_homelab.proxmox.privileges import (
    ACCESS_USER,
    FEATURES,
    AccessLevel,
    Feature,
    evaluate,
    grants,
    pveum_block,
    shortfall,
)
from lab.pve.access import AccessControl
from lab.pve.roles import builtin_roles

from .conftest import PASSWORD, MakeSite, Site

ROOT = Path(__file__).parents[2]
WRITING = ("Modify", "PowerMgmt", "Allocate", "Config", "Snapshot", "Backup", "Migrate")
NINE = Version(release="9.2", version="9.2.11")
EIGHT = Version(release="8.4", version="8.4.5")


@pytest.fixture(autouse=True)
def _no_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_LAG_SECONDS", 0.01)


def administrator(site: Site) -> ProxmoxClient:
    return site.client(PasswordCredentials(username="root@pam", password=PASSWORD))


# --- the table -----------------------------------------------------------------------


@pytest.mark.parametrize("major", [8, 9])
@pytest.mark.parametrize("level", AccessLevel)
def test_asks_only_for_privileges_that_the_version_has(
    level: AccessLevel, major: int
) -> None:
    known = builtin_roles(major)["Administrator"]
    for role in grants(level, major).roles:
        assert set(role.privileges) <= known


def test_monitoring_holds_no_writing_privilege() -> None:
    held = {
        name
        for role in grants(AccessLevel.MONITOR, 9).roles
        for name in role.privileges
    }
    assert all(name.endswith(".Audit") for name in held)


def test_the_levels_contain_each_other() -> None:
    assert AccessLevel.EVERYTHING.includes(AccessLevel.MONITOR)
    assert AccessLevel.CONTROL.includes(AccessLevel.CONTROL)
    assert not AccessLevel.MONITOR.includes(AccessLevel.CONTROL)


def test_every_feature_has_its_row() -> None:
    assert set(FEATURES) == set(Feature)


@pytest.mark.parametrize("level", AccessLevel)
def test_repeats_the_monitor_role_on_every_deeper_path(level: AccessLevel) -> None:
    for acl in grants(level, 9).acls:
        assert acl.path == "/" or "HomelabMonitor" in acl.roles


@pytest.mark.parametrize("level", AccessLevel)
def test_no_writing_privilege_is_inherited_from_the_root(level: AccessLevel) -> None:
    plan = grants(level, 9)
    privileges = {role.name: role.privileges for role in plan.roles}
    inherited = {
        name
        for acl in plan.acls
        if acl.path == "/" and acl.propagate
        for role in acl.roles
        for name in privileges[role]
    }
    assert inherited
    assert not [name for name in inherited if name.endswith(WRITING)]


def run_block(block: str, access_control: AccessControl) -> None:
    """Do what the commands say, as pveum does."""
    for line in block.splitlines():
        words = shlex.split(line)
        assert words[0] == "pveum"
        options = dict(pairwise(words))
        match words[1:4]:
            case ["role", "add", name]:
                access_control.add_role(name, options["--privs"].split())
            case ["user", "add", userid]:
                access_control.add_user(userid)
            case ["user", "token", "add"]:
                access_control.add_token(words[4], words[5], privsep=True)
            case ["acl", "modify", path]:
                access_control.grant(
                    path,
                    options["--roles"].split(","),
                    users=[options["--users"]],
                    tokens=[options["--tokens"]],
                    propagate=options.get("--propagate", "1") == "1",
                )


# --- what an access allows -----------------------------------------------------------


def test_tells_what_is_missing_and_where() -> None:
    found = evaluate(Permissions(paths={"/": {"Sys.Audit": True}}), 9)
    assert found[Feature.CLUSTER].allowed
    assert found[Feature.NODES].allowed
    assert not found[Feature.GUEST_POWER].allowed
    assert found[Feature.GUEST_POWER].missing == "VM.PowerMgmt"
    assert found[Feature.GUEST_POWER].path == "/vms"
    assert found[Feature.BACKUP_COVERAGE].missing == "VM.Audit"


def test_a_right_on_one_guest_allows_the_feature_there() -> None:
    permissions = Permissions(
        paths={"/vms/100": {"VM.PowerMgmt": True}, "/vms/7": {"VM.Audit": True}}
    )
    status = evaluate(permissions, 9)[Feature.GUEST_POWER]
    assert status.allowed
    assert status.limited_to == ("/vms/100",)
    assert not evaluate(permissions, 9)[Feature.CLUSTER].allowed


def test_any_of_several_privileges_is_enough() -> None:
    permissions = Permissions(paths={"/vms": {"VM.Snapshot": True}})
    assert evaluate(permissions, 9)[Feature.ROLLBACK].allowed


@pytest.mark.parametrize(
    ("major", "privilege"),
    [(8, "VM.Monitor"), (9, "VM.GuestAgent.Audit"), (0, "VM.GuestAgent.Audit")],
)
def test_the_agent_has_another_privilege_before_9(major: int, privilege: str) -> None:
    allowed = Permissions(paths={"/vms": {privilege: True}})
    assert evaluate(allowed, major)[Feature.GUEST_AGENT].allowed
    nothing = evaluate(Permissions(paths={}), major)[Feature.GUEST_AGENT]
    assert nothing.missing == privilege


def test_an_access_without_anything_allows_nothing() -> None:
    found = evaluate(Permissions(paths={"/": {}, "/vms": {}}), 9)
    assert not any(status.allowed for status in found.values())


# --- the commands to copy -------------------------------------------------------------


@pytest.mark.parametrize("version", ["8.4", "9.2"])
@pytest.mark.parametrize("level", AccessLevel)
async def test_the_commands_grant_exactly_the_level(
    make_site: MakeSite, level: AccessLevel, version: str
) -> None:
    site = await make_site(version=version)
    major = int(version[0])
    run_block(pveum_block(level, major), site.access)
    token = site.access.users[ACCESS_USER].tokens["homelab"]
    credentials = TokenCredentials(
        token_id=f"{ACCESS_USER}!homelab", secret=token.secret
    )
    client = site.client(credentials)
    permissions = await client.permissions()
    assert shortfall(permissions, level, major) == ()
    for feature, status in evaluate(permissions, major).items():
        needed = FEATURES[feature].level
        assert status.allowed == level.includes(needed), feature
    assert "Sys.Modify" not in permissions.paths.get("/access", {})


# --- making the access ----------------------------------------------------------------


@pytest.mark.parametrize(("release", "version"), [("8.4", EIGHT), ("9.2", NINE)])
@pytest.mark.parametrize("level", AccessLevel)
async def test_makes_an_access_with_exactly_the_level(
    make_site: MakeSite, level: AccessLevel, release: str, version: Version
) -> None:
    site = await make_site(version=release)
    token = await administrator(site).set_up_access(level, version)
    assert token.token_id == f"{ACCESS_USER}!homelab"
    permissions = await site.client(token).permissions()
    for feature, status in evaluate(permissions, version.major).items():
        assert status.allowed == level.includes(FEATURES[feature].level), feature
    assert site.access.users[ACCESS_USER].tokens["homelab"].privsep


async def test_a_second_access_leaves_the_first_alone(site: Site) -> None:
    first = await administrator(site).set_up_access(AccessLevel.EVERYTHING, NINE)
    second = await administrator(site).set_up_access(AccessLevel.MONITOR, NINE)
    assert second.token_id == f"{ACCESS_USER}!homelab-2"
    for token, power in ((first, True), (second, False)):
        found = evaluate(await site.client(token).permissions(), 9)
        assert found[Feature.GUEST_POWER].allowed is power
        assert found[Feature.GUESTS].allowed


async def test_sets_a_role_that_was_changed_to_what_it_should_be(site: Site) -> None:
    site.access.add_role("HomelabMonitor", ["VM.Console"])
    await administrator(site).set_up_access(AccessLevel.MONITOR, NINE)
    assert site.access.roles["HomelabMonitor"] == set(
        grants(AccessLevel.MONITOR, 9).roles[0].privileges
    )


async def test_waits_for_rights_that_come_late(site: Site) -> None:
    site.faults.fail(
        "GET", "/access/permissions", 200, "OK", body='{"data": {}}', times=2
    )
    site.faults.fail("GET", "/access/permissions", 401, "no such token", times=1)
    await administrator(site).set_up_access(AccessLevel.MONITOR, NINE)
    assert len(site.requests("GET", "/access/permissions")) == 4


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [(200, '{"data": {}}', PermissionDeniedError), (401, None, AuthenticationError)],
)
async def test_takes_a_token_back_that_does_not_get_its_rights(
    site: Site, status: int, body: str | None, error: type[Exception]
) -> None:
    site.faults.fail("GET", "/access/permissions", status, "x", body=body)
    with pytest.raises(error):
        await administrator(site).set_up_access(AccessLevel.MONITOR, NINE)
    assert site.access.users[ACCESS_USER].tokens == {}


async def test_reports_the_first_error_when_taking_back_fails_too(site: Site) -> None:
    site.faults.fail("PUT", "/access/acl", 500, "disk full")
    site.faults.fail("DELETE", "*", 500, "disk still full")
    with pytest.raises(CommandRefusedError, match="disk full"):
        await administrator(site).set_up_access(AccessLevel.MONITOR, NINE)


async def test_a_user_who_is_no_administrator_is_told_what_is_missing(
    site: Site,
) -> None:
    site.access.add_user("demo@pve", PASSWORD)
    client = site.client(PasswordCredentials(username="demo@pve", password=PASSWORD))
    with pytest.raises(PermissionDeniedError) as caught:
        await client.set_up_access(AccessLevel.MONITOR, NINE)
    assert caught.value.path == "/access"
    assert caught.value.privileges == ("Sys.Modify",)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/access/roles"), ("POST", "/access/users")],
)
async def test_other_errors_are_not_taken_for_existing_things(
    site: Site, method: str, path: str
) -> None:
    site.faults.fail(method, path, 500, "cfs-lock 'file-user_cfg' error")
    with pytest.raises(CommandRefusedError, match="cfs-lock"):
        await administrator(site).set_up_access(AccessLevel.MONITOR, NINE)


async def test_a_refused_name_of_a_token_is_no_existing_one(site: Site) -> None:
    site.faults.fail(
        "POST", "/access/users/*/token/*", 400, "x", errors={"comment": "too long"}
    )
    with pytest.raises(InvalidRequestError):
        await administrator(site).set_up_access(AccessLevel.MONITOR, NINE)


async def test_gives_up_where_every_name_is_taken(site: Site) -> None:
    site.faults.fail(
        "POST",
        "/access/users/*/token/*",
        400,
        "x",
        errors={"tokenid": "Token already exists."},
    )
    with pytest.raises(CommandRefusedError, match="too many"):
        await administrator(site).set_up_access(AccessLevel.MONITOR, NINE)


async def test_a_token_without_secret_is_no_token(site: Site) -> None:
    site.faults.fail(
        "POST", "/access/users/*/token/*", 200, "OK", body='{"data": {"info": {}}}'
    )
    with pytest.raises(ProtocolError):
        await administrator(site).set_up_access(AccessLevel.MONITOR, NINE)


# --- the page -------------------------------------------------------------------------


def test_the_page_is_up_to_date() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "privileges-page"))
    written = (ROOT / "docs" / "privileges.md").read_text(encoding="utf-8")
    assert script["page"]() == written
