"""Who may do what: the rules of access control lists, tokens, roles and logins."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from lab.pve.access import AccessControl
from lab.pve.api import ApiError, Identity
from lab.pve.permissions import check_method
from lab.pve.roles import builtin_roles, valid_privileges
from lab.pve.tickets import TICKET_LIFE, totp_code

HA = Identity(userid="ha@pve")
TOKEN = Identity(userid="ha@pve", tokenid="t")
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


@dataclass
class Clock:
    """A clock that stands until it is set."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class World:
    """An access control with a user, a token and a group."""

    clock: Clock = field(default_factory=Clock)
    pools: dict[str, set[str]] = field(default_factory=dict)
    access: AccessControl = field(init=False)

    def __post_init__(self) -> None:
        self.access = AccessControl(clock=self.clock, pools=lambda: self.pools)
        self.access.add_group("admins")
        self.access.add_user("ha@pve", "secret", groups=["admins"])
        self.access.add_token("ha@pve", "t", secret="0000")
        self.access.add_role("Power", ["VM.PowerMgmt"])


@pytest.fixture
def world() -> World:
    return World()


def held(world: World, path: str, identity: Identity = HA) -> set[str]:
    return set(world.access.permissions(identity, path))


def test_a_deeper_path_replaces_what_was_inherited(world: World) -> None:
    world.access.grant("/", "PVEAuditor", users=["ha@pve"])
    assert "VM.Audit" in held(world, "/vms/100")
    world.access.grant("/vms", "Power", users=["ha@pve"])
    assert held(world, "/vms/100") == {"VM.PowerMgmt"}
    assert "Sys.Audit" in held(world, "/nodes/pve1")
    world.access.grant("/vms", "PVEAuditor", users=["ha@pve"])
    assert held(world, "/vms/100") >= {"VM.PowerMgmt", "VM.Audit"}


def test_without_propagation_an_entry_counts_on_its_own_path_only(world: World) -> None:
    world.access.grant("/", "PVEAuditor", users=["ha@pve"])
    world.access.grant("/vms", "Power", users=["ha@pve"], propagate=False)
    assert held(world, "/vms") == {"VM.PowerMgmt"}
    assert "VM.Audit" in held(world, "/vms/100")
    assert world.access.permissions(HA, "/vms")["VM.PowerMgmt"] is False


def test_the_user_beats_its_groups_on_the_same_path_only(world: World) -> None:
    world.access.grant("/vms", "PVEAuditor", groups=["admins"])
    assert "VM.Audit" in held(world, "/vms/100")
    world.access.grant("/vms", "Power", users=["ha@pve"])
    assert held(world, "/vms/100") == {"VM.PowerMgmt"}
    world.access.grant("/vms/100", "PVEAuditor", groups=["admins"])
    assert "VM.PowerMgmt" not in held(world, "/vms/100")


def test_no_access_takes_everything(world: World) -> None:
    world.access.grant("/", "PVEAuditor", users=["ha@pve"])
    world.access.grant("/vms/100", ["NoAccess", "Power"], users=["ha@pve"])
    assert held(world, "/vms/100") == set()


def test_the_roles_of_pools_are_added_on_top(world: World) -> None:
    world.pools["media"] = {"/vms/100", "/storage/nas"}
    world.access.grant("/", "PVEAuditor", users=["ha@pve"])
    world.access.grant("/pool/media", "Power", users=["ha@pve"])
    assert held(world, "/vms/100") >= {"VM.PowerMgmt", "VM.Audit"}
    assert "VM.PowerMgmt" not in held(world, "/vms/101")
    assert world.access.permissions(HA, "/vms/100")["VM.PowerMgmt"] is False
    world.access.grant("/pool/media", "NoAccess", users=["ha@pve"])
    assert held(world, "/vms/100") == set()


@pytest.mark.parametrize(
    ("privsep", "own_role", "expected"),
    [
        (False, None, {"VM.PowerMgmt"}),
        (True, None, set()),
        (True, "PVEAuditor", set()),
        (True, "PVEVMAdmin", {"VM.PowerMgmt"}),
    ],
)
def test_tokens(
    world: World, privsep: bool, own_role: str | None, expected: set[str]
) -> None:
    world.access.grant("/vms", "Power", users=["ha@pve"])
    world.access.add_token("ha@pve", "t", privsep=privsep)
    if own_role:
        world.access.grant("/", own_role, tokens=["ha@pve!t"])
    assert held(world, "/vms/100", TOKEN) == expected


def test_a_separated_token_of_root_has_only_its_own_entries(world: World) -> None:
    world.access.add_token("root@pam", "a")
    token = Identity(userid="root@pam", tokenid="a")
    assert held(world, "/vms/100", token) == set()
    world.access.grant("/vms", "Power", tokens=["root@pam!a"])
    assert held(world, "/vms/100", token) == {"VM.PowerMgmt"}
    world.access.delete_token("root@pam", "a")
    assert held(world, "/vms/100", token) == set()
    assert list(world.access.acl()) == []


def test_built_in_roles_of_both_generations() -> None:
    old, new = builtin_roles(8), builtin_roles(9)
    assert len(old) == len(new)
    assert new["PVEAuditor"] == {
        "Datastore.Audit",
        "Mapping.Audit",
        "Pool.Audit",
        "SDN.Audit",
        "Sys.Audit",
        "VM.Audit",
        "VM.GuestAgent.Audit",
    }
    assert old["PVEAuditor"] == new["PVEAuditor"] - {"VM.GuestAgent.Audit"}
    assert "VM.Monitor" in old["PVEVMAdmin"]
    assert "VM.Monitor" not in valid_privileges(9)
    assert not any("GuestAgent" in name for name in valid_privileges(8))
    assert not {"Sys.PowerMgmt", "Sys.Modify"} & new["PVEAdmin"]
    assert new["Administrator"] == valid_privileges(9)
    assert new["NoAccess"] == frozenset()
    assert "VM.Snapshot" not in new["PVEVMUser"]


def test_an_unknown_privilege_is_refused(world: World) -> None:
    with pytest.raises(ApiError, match=r"invalid privilege 'VM\.Monitor'"):
        world.access.add_role("Agent", ["VM.Monitor"])
    AccessControl(version="8.4").add_role("Agent", ["VM.Monitor"])


PERM = {"check": ["perm", "/vms/{vmid}", ["VM.PowerMgmt", "VM.Audit"]]}
ANY = {"check": ["perm", "/vms/{vmid}", ["VM.Snapshot", "VM.Backup"], "any", 1]}
OR = {"check": ["or", PERM["check"], ANY["check"]]}
AND = {"check": ["and", ["perm", "/vms/{vmid}", ["VM.PowerMgmt"]], ANY["check"]]}
POOL = {
    "check": ["perm", "/pool/{pool}", ["VM.PowerMgmt"], "require_param", "pool"],
}
SELF = {"check": ["or", ["userid-param", "self"], ["userid-group", ["User.Modify"]]]}
CREATE = {
    "check": [
        "and",
        ["userid-param", "Realm.AllocateUser"],
        ["userid-group", ["User.Modify"], "groups_param", "create"],
    ]
}
ACL = {"check": ["perm-modify", "{path}"]}


@pytest.mark.parametrize(
    ("permissions", "params", "reason"),
    [
        ({"user": "all"}, {}, None),
        (None, {}, "(user != root@pam)"),
        (PERM, {"vmid": "100"}, "(/vms/100, VM.Audit)"),
        (ANY, {"vmid": "100"}, "(/vms/100, VM.Snapshot|VM.Backup)"),
        (OR, {"vmid": "100"}, "Permission check failed"),
        (AND, {"vmid": "100"}, "(/vms/100, VM.Snapshot|VM.Backup)"),
        (POOL, {}, "Permission check failed"),
        (POOL, {"pool": "media"}, "(/pool/media, VM.PowerMgmt)"),
        (SELF, {"userid": "ha@pve"}, None),
        (SELF, {"userid": "root@pam"}, "Permission check failed"),
        (CREATE, {"userid": "x@pve"}, "(/access/realm/pve, Realm.AllocateUser)"),
        (ACL, {"path": "/vms/100"}, "(/vms/100, Permissions.Modify|VM.Allocate)"),
        (ACL, {"path": "/"}, "(/, Permissions.Modify)"),
    ],
)
def test_permission_expressions(
    world: World,
    permissions: Mapping[str, object] | None,
    params: dict[str, str],
    reason: str | None,
) -> None:
    world.access.grant("/vms", "Power", users=["ha@pve"])
    if reason is None:
        check_method(world.access, HA, permissions, params)
        return
    with pytest.raises(ApiError) as caught:
        check_method(world.access, HA, permissions, params)
    assert caught.value.status == 403
    assert caught.value.reason.endswith(reason)
    check_method(world.access, Identity(userid="root@pam"), permissions, params)


def test_a_token_is_not_its_user_for_the_expression_self(world: World) -> None:
    with pytest.raises(ApiError):
        check_method(world.access, TOKEN, SELF, {"userid": "ha@pve"})


def test_users_are_managed_through_their_groups(world: World) -> None:
    world.access.add_user("helper@pve")
    helper = Identity(userid="helper@pve")
    world.access.grant("/access/realm/pve", "Administrator", users=["helper@pve"])
    world.access.grant("/access/groups/admins", "Administrator", users=["helper@pve"])
    check_method(world.access, helper, SELF, {"userid": "ha@pve"})
    check_method(world.access, helper, CREATE, {"userid": "x@pve", "groups": "admins"})
    for groups in ("", "others"):
        with pytest.raises(ApiError, match="/access/groups"):
            check_method(
                world.access, helper, CREATE, {"userid": "x@pve", "groups": groups}
            )


def refused(world: World, token: str) -> bool:
    try:
        world.access.verify_token(token)
    except ApiError as error:
        return (error.status, error.reason) == (401, "Authentication failed!")
    return False


def test_what_makes_a_token_useless(world: World) -> None:
    good = "ha@pve!t=0000"
    assert world.access.verify_token(good) == TOKEN
    assert refused(world, "ha@pve!t=1111")
    assert refused(world, "ha@pve!other=0000")
    assert refused(world, "nobody@pve!t=0000")
    assert refused(world, "nonsense")
    world.access.token("ha@pve", "t").expire = int(world.clock()) + 10
    assert not refused(world, good)
    world.clock.now += 11
    assert refused(world, good)
    world.access.token("ha@pve", "t").expire = 0
    assert not refused(world, good)
    world.access.user("ha@pve").enabled = False
    assert refused(world, good)
    world.access.user("ha@pve").enabled = True
    world.access.user("ha@pve").expire = int(world.clock())
    assert refused(world, good)


def test_a_regenerated_token_has_a_new_secret(world: World) -> None:
    secret = world.access.regenerate_token("ha@pve", "t")
    assert refused(world, "ha@pve!t=0000")
    assert not refused(world, f"ha@pve!t={secret}")


def test_tickets_need_a_csrf_token_for_writing_and_live_two_hours(world: World) -> None:
    access = world.access
    ticket = access.login("ha@pve", "secret")
    csrf = access.tickets.csrf("ha@pve")
    assert access.verify_ticket(ticket, csrf=None, needs_csrf=False) == HA
    assert access.verify_ticket(ticket, csrf=csrf, needs_csrf=True) == HA
    other = access.tickets.csrf("root@pam")
    for wrong in (None, "", "nonsense", other):
        with pytest.raises(ApiError, match="invalid csrf token"):
            access.verify_ticket(ticket, csrf=wrong, needs_csrf=True)
    world.clock.now += TICKET_LIFE - 1
    renewed = access.login("ha@pve", ticket)
    world.clock.now += 2
    with pytest.raises(ApiError, match="invalid PVE ticket"):
        access.verify_ticket(ticket, csrf=None, needs_csrf=False)
    with pytest.raises(ApiError, match="authentication failure"):
        access.login("ha@pve", ticket)
    assert access.verify_ticket(renewed, csrf=None, needs_csrf=False) == HA


@pytest.mark.parametrize("ticket", ["", "PVE:ha@pve:65000000::abc", "x::y", "::"])
def test_a_forged_ticket_is_refused(world: World, ticket: str) -> None:
    with pytest.raises(ApiError) as caught:
        world.access.verify_ticket(ticket, csrf=None, needs_csrf=False)
    assert caught.value.status == 401


@pytest.mark.parametrize(
    ("userid", "password"),
    [("ha@pve", "wrong"), ("nobody@pve", "secret"), ("root@pam", "")],
)
def test_a_failed_login_tells_nothing(world: World, userid: str, password: str) -> None:
    with pytest.raises(ApiError) as caught:
        world.access.login(userid, password)
    assert caught.value.status == 401
    assert caught.value.reason == "authentication failure"


def test_totp_codes_are_those_of_rfc_6238() -> None:
    assert totp_code(SECRET, 59 // 30) == "287082"
    assert totp_code(SECRET, 1111111109 // 30) == "081804"


def test_a_second_factor_is_asked_for_and_each_code_works_once(world: World) -> None:
    access = world.access
    access.add_totp("ha@pve", SECRET)
    challenge = access.login("ha@pve", "secret")
    assert challenge.startswith("PVE:!tfa!")
    with pytest.raises(ApiError):
        access.verify_ticket(challenge, csrf=None, needs_csrf=False)
    code = access.totp("ha@pve")
    ticket = access.login("ha@pve", f"totp:{code}", challenge=challenge)
    assert access.verify_ticket(ticket, csrf=None, needs_csrf=False) == HA
    with pytest.raises(ApiError, match="authentication failure"):
        access.login("ha@pve", f"totp:{code}", challenge=challenge)
    following = access.totp("ha@pve")
    assert following != code
    assert access.login("ha@pve", "secret", otp=f"totp:{following}")
    for answer in ("totp:000000", "recovery:1", following):
        with pytest.raises(ApiError):
            access.login("ha@pve", answer, challenge=challenge)
    with pytest.raises(ApiError):
        access.login("ha@pve", f"totp:{access.totp('ha@pve')}", challenge="PVE:x")


def test_too_many_wrong_codes_lock_the_factor(world: World) -> None:
    factor = world.access.add_totp("ha@pve", SECRET)
    challenge = world.access.login("ha@pve", "secret")
    for _ in range(8):
        with pytest.raises(ApiError):
            world.access.login("ha@pve", "totp:000000", challenge=challenge)
    assert factor.locked
    code = world.access.totp("ha@pve")
    with pytest.raises(ApiError):
        world.access.login("ha@pve", f"totp:{code}", challenge=challenge)
    factor.enabled = False
    assert not world.access.login("ha@pve", "secret").startswith("PVE:!tfa!")


def test_deleting_a_user_takes_its_tokens_and_entries_along(world: World) -> None:
    world.access.grant("/", "PVEAuditor", users=["ha@pve"], tokens=["ha@pve!t"])
    world.access.delete_user("ha@pve")
    assert list(world.access.acl()) == []
    assert refused(world, "ha@pve!t=0000")
    with pytest.raises(ApiError, match=r"no such user \('ha@pve'\)"):
        world.access.user("ha@pve")
