"""``/version`` and ``/access``: login, users, tokens, roles, access control lists."""

from collections.abc import Iterable, Mapping

from lab.pve.access import AccessControl
from lab.pve.accounts import is_acl_path, normalize_path
from lab.pve.api import (
    ApiRequest,
    Identity,
    Router,
    failed,
    parameter_error,
)
from lab.pve.handlers import users
from lab.pve.roles import PERMISSIONS_MODIFY, builtin_roles

router = Router()
router.include(users.router)

_RELEASES = {
    "8.4": {"release": "8.4", "repoid": "83a9e8d2b4d2ba6a", "version": "8.4.5"},
    "9.2": {"release": "9.2", "repoid": "c1a6d5f7e0b3924d", "version": "9.2.11"},
}
_CAPABILITIES = {
    "vms": ("VM.", PERMISSIONS_MODIFY),
    "access": ("User.", "Group.", PERMISSIONS_MODIFY),
    "storage": ("Datastore.", PERMISSIONS_MODIFY),
    "nodes": ("Sys.", PERMISSIONS_MODIFY),
    "sdn": ("SDN.", PERMISSIONS_MODIFY),
    "dc": ("Sys.Audit", "Sys.Modify", "SDN."),
    "mapping": ("Mapping.", PERMISSIONS_MODIFY),
}


@router.handle("GET", "/version")
async def version(request: ApiRequest) -> object:
    """The version of the contacted node."""
    return _RELEASES[request.version]


# Login


@router.handle("GET", "/access/ticket")
async def ticket_form(request: ApiRequest) -> object:
    """Nothing; it exists for the login pages of formatters."""
    return None


@router.handle("POST", "/access/ticket")
async def create_ticket(request: ApiRequest) -> object:
    """Sign in, give the second factor, or renew (the old ticket as the password)."""
    access = request.cluster.access
    realm = request.text("realm")
    userid = request.text("username") + (f"@{realm}" if realm else "")
    ticket = access.login(
        userid,
        request.text("password"),
        challenge=request.text("tfa-challenge")
        if request.has("tfa-challenge")
        else None,
        otp=request.text("otp") if request.has("otp") else None,
    )
    answer: dict[str, object] = {
        "username": userid,
        "ticket": ticket,
        "CSRFPreventionToken": access.tickets.csrf(userid),
    }
    identity = Identity(userid=userid)
    if access.tickets.is_challenge_of(ticket, userid):
        answer["NeedTFA"] = 1
    else:
        answer["cap"] = _capabilities(access, identity)
    if request.cluster.name and access.allowed(identity, "/", "Sys.Audit"):
        answer["clustername"] = request.cluster.name
    return answer


def _capabilities(
    access: AccessControl, identity: Identity
) -> dict[str, dict[str, int]]:
    """What the web interface shows: privileges per branch, held anywhere below it."""
    found: dict[str, dict[str, int]] = {branch: {} for branch in _CAPABILITIES}
    for path, privileges in access.effective_permissions(identity).items():
        top = path.split("/")[1] or "dc"
        for branch in ("vms", "storage") if top == "pool" else (top,):
            prefixes = _CAPABILITIES.get(branch, ())
            found.setdefault(branch, {}).update(
                {name: 1 for name in privileges if name.startswith(prefixes)}
            )
    return found


@router.handle("GET", "/access/permissions")
async def permissions(request: ApiRequest) -> object:
    """Path -> privilege -> whether it propagates; of others with Sys.Audit."""
    access = request.cluster.access
    identity = request.identity
    if request.has("userid") and request.text("userid") != identity.name:
        request.require("/access", "Sys.Audit")
        userid, _, tokenid = request.text("userid").partition("!")
        identity = Identity(userid=userid, tokenid=tokenid or None)
    if not request.has("path"):
        found: Mapping[str, Mapping[str, bool]] = access.effective_permissions(identity)
    else:
        path = normalize_path(request.text("path"))
        if path is None:
            raise parameter_error(path=f"invalid ACL path '{request.text('path')}'")
        found = {path: access.permissions(identity, path)}
    return {
        path: {name: int(flag) for name, flag in sorted(held.items())}
        for path, held in found.items()
    }


# Access control list


@router.handle("GET", "/access/acl")
async def read_acl(request: ApiRequest) -> object:
    """The entries that the caller may change, or all with Sys.Audit on /access."""
    audit = request.allowed("/access", "Sys.Audit")
    return [
        {
            "path": entry.path,
            "type": entry.kind,
            "ugid": entry.subject,
            "roleid": entry.role,
            "propagate": int(entry.propagate),
        }
        for entry in request.cluster.access.acl()
        if audit or request.allowed(entry.path, PERMISSIONS_MODIFY)
    ]


@router.handle("PUT", "/access/acl")
async def update_acl(request: ApiRequest) -> object:
    """Add roles to a path or take them away; what else stands there stays."""
    access = request.cluster.access
    users, groups, tokens = (
        request.items("users"),
        request.items("groups"),
        request.items("tokens"),
    )
    if not (users or groups or tokens):
        text = "either 'users', 'groups' or 'tokens' is required."
        raise parameter_error(users=text, groups=text, tokens=text)
    path = normalize_path(request.text("path"))
    if path is None or not (request.flag("delete") or is_acl_path(path)):
        raise parameter_error(path=f"invalid ACL path '{request.text('path')}'")
    roles = request.items("roles")
    _check_subjects(access, roles, users, groups, tokens)
    if request.flag("delete"):
        access.revoke(path, roles, users=users, groups=groups, tokens=tokens)
    else:
        propagate = request.flag("propagate", True)
        access.grant(
            path, roles, users=users, groups=groups, tokens=tokens, propagate=propagate
        )
    return None


def _check_subjects(
    access: AccessControl,
    roles: Iterable[str],
    users: Iterable[str],
    groups: Iterable[str],
    tokens: Iterable[str],
) -> None:
    failure = "ACL update failed: "
    for kind, names, known in (
        ("role", roles, access.roles),
        ("group", groups, access.groups),
        ("user", users, access.users),
    ):
        for name in names:
            if name not in known:
                raise failed(f"{failure}{kind} '{name}' does not exist")
    for name in tokens:
        userid, _, tokenid = name.partition("!")
        access.token(userid, tokenid)


# Roles


@router.handle("GET", "/access/roles")
async def list_roles(request: ApiRequest) -> object:
    """All roles with their privileges as a list text."""
    builtin = builtin_roles(request.cluster.access.major)
    return [
        {
            "roleid": role,
            "privs": ",".join(sorted(privileges)),
            "special": int(role in builtin),
        }
        for role, privileges in request.cluster.access.roles.items()
    ]


@router.handle("POST", "/access/roles")
async def create_role(request: ApiRequest) -> object:
    """Make a role."""
    access = request.cluster.access
    role = request.text("roleid")
    if role.upper().startswith("PVE"):
        raise parameter_error(
            roleid="cannot use role ID starting with the (case-insensitive)"
            " 'PVE' namespace"
        )
    if role in access.roles:
        raise failed(f"create role failed: role '{role}' already exists")
    access.add_role(role, request.items("privs"))
    return None


def _own_role(request: ApiRequest, change: str) -> str:
    role = request.text("roleid")
    if role in builtin_roles(request.cluster.access.major):
        raise failed(f"auto-generated role '{role}' cannot be {change}")
    if role not in request.cluster.access.roles:
        raise failed(f"role '{role}' does not exist")
    return role


@router.handle("GET", "/access/roles/{roleid}")
async def read_role(request: ApiRequest) -> object:
    """The privileges of a role as keys."""
    roles = request.cluster.access.roles
    if request.text("roleid") not in roles:
        raise failed(f"role '{request.text('roleid')}' does not exist")
    return dict.fromkeys(sorted(roles[request.text("roleid")]), 1)


@router.handle("PUT", "/access/roles/{roleid}")
async def update_role(request: ApiRequest) -> object:
    """Replace the privileges of a role, or add to them."""
    role = _own_role(request, "modified")
    access = request.cluster.access
    kept = access.roles[role] if request.flag("append") else frozenset[str]()
    access.add_role(role, {*kept, *request.items("privs")})
    return None


@router.handle("DELETE", "/access/roles/{roleid}")
async def delete_role(request: ApiRequest) -> object:
    """Remove a role."""
    request.cluster.access.delete_role(_own_role(request, "deleted"))
    return None
