"""``/version`` and ``/access``: login, users, tokens, roles and access control lists."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from lab.pve.access import AccessControl, Token, User, is_acl_path, normalize_path
from lab.pve.api import ApiError, ApiRequest, Identity, Router, failed, parameter_error, permission_denied
from lab.pve.roles import PERMISSIONS_MODIFY, builtin_roles
from lab.pve.tickets import TotpFactor

router = Router()

_RELEASES = {
    "8.4": {"release": "8.4", "repoid": "83a9e8d2b4d2ba6a", "version": "8.4.5"},
    "9.2": {"release": "9.2", "repoid": "c1a6d5f7e0b3924d", "version": "9.2.11"},
}
_DETAILS = ("comment", "email", "firstname", "lastname", "keys")
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
    """Sign in, answer the question for the second factor, or renew with the old ticket as the password."""
    access = request.cluster.access
    realm = request.text("realm")
    userid = request.text("username") + (f"@{realm}" if realm else "")
    ticket = access.login(
        userid,
        request.text("password"),
        challenge=request.text("tfa-challenge") if request.has("tfa-challenge") else None,
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


def _capabilities(access: AccessControl, identity: Identity) -> dict[str, dict[str, int]]:
    """What the web interface shows: privileges per branch, wherever below it they are held."""
    found: dict[str, dict[str, int]] = {branch: {} for branch in _CAPABILITIES}
    for path, privileges in access.effective_permissions(identity).items():
        top = path.split("/")[1] or "dc"
        for branch in ("vms", "storage") if top == "pool" else (top,):
            prefixes = _CAPABILITIES.get(branch, ())
            found.setdefault(branch, {}).update({name: 1 for name in privileges if name.startswith(prefixes)})
    return found


@router.handle("GET", "/access/permissions")
async def permissions(request: ApiRequest) -> object:
    """Path -> privilege -> whether it propagates; the rights of others only with Sys.Audit on /access."""
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
    return {path: {name: int(flag) for name, flag in sorted(held.items())} for path, held in found.items()}


# Access control list


@router.handle("GET", "/access/acl")
async def read_acl(request: ApiRequest) -> object:
    """The entries on paths whose permissions the caller may change, or all with Sys.Audit on /access."""
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
    users, groups, tokens = request.items("users"), request.items("groups"), request.items("tokens")
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
        access.grant(path, roles, users=users, groups=groups, tokens=tokens, propagate=propagate)
    return None


def _check_subjects(
    access: AccessControl, roles: Iterable[str], users: Iterable[str], groups: Iterable[str], tokens: Iterable[str]
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
        {"roleid": role, "privs": ",".join(sorted(privileges)), "special": int(role in builtin)}
        for role, privileges in request.cluster.access.roles.items()
    ]


@router.handle("POST", "/access/roles")
async def create_role(request: ApiRequest) -> object:
    """Make a role."""
    access = request.cluster.access
    role = request.text("roleid")
    if role.upper().startswith("PVE"):
        raise parameter_error(roleid="cannot use role ID starting with the (case-insensitive) 'PVE' namespace")
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


# Users


def _user_row(user: User) -> dict[str, object]:
    return {"enable": int(user.enabled), "expire": user.expire, **user.details}


@router.handle("GET", "/access/users")
async def list_users(request: ApiRequest) -> object:
    """The users that the caller may see: all with rights on /access/groups, else itself."""
    access = request.cluster.access
    sees_all = request.allowed("/access/groups", "User.Modify", "Sys.Audit", any=True)
    rows = []
    for userid, user in access.users.items():
        if not sees_all and userid != request.identity.name:
            continue
        if request.has("enabled") and request.flag("enabled") != user.enabled:
            continue
        row = {"userid": userid, "realm-type": userid.rpartition("@")[2], **_user_row(user)}
        if request.flag("full"):
            row["groups"] = ",".join(sorted(user.groups))
            row["tokens"] = [{"tokenid": name, **_token_row(token)} for name, token in user.tokens.items()]
        rows.append(row)
    return rows


@router.handle("POST", "/access/users")
async def create_user(request: ApiRequest) -> object:
    """Make a user."""
    access = request.cluster.access
    userid = request.text("userid")
    realm = userid.rpartition("@")[2]
    if realm not in access.realms:
        raise failed(f"create user failed: realm '{realm}' does not exist")
    if userid in access.users:
        raise failed(f"create user failed: user '{userid}' already exists")
    user = access.add_user(
        userid,
        request.text("password") if request.has("password") else None,
        enabled=request.flag("enable", True),
        expire=request.integer("expire"),
        groups=request.items("groups"),
    )
    user.details.update({name: request.text(name) for name in _DETAILS if request.text(name)})
    return None


@router.handle("GET", "/access/users/{userid}")
async def read_user(request: ApiRequest) -> object:
    """One user with its groups and tokens."""
    user = request.cluster.access.user(request.text("userid"))
    tokens = {name: _token_row(token) for name, token in user.tokens.items()}
    return {**_user_row(user), "groups": sorted(user.groups), "tokens": tokens}


@router.handle("PUT", "/access/users/{userid}")
async def update_user(request: ApiRequest) -> object:
    """Change a user."""
    access = request.cluster.access
    user = access.user(request.text("userid"))
    user.enabled = request.flag("enable", user.enabled)
    user.expire = request.integer("expire", user.expire)
    user.details.update({name: request.text(name) for name in _DETAILS if request.has(name)})
    if request.has("groups"):
        groups = set(request.items("groups"))
        if unknown := groups - set(access.groups):
            raise failed(f"update user failed: no such group '{min(unknown)}'")
        user.groups = groups | user.groups if request.flag("append") else groups
    access.invalidate()
    return None


@router.handle("DELETE", "/access/users/{userid}")
async def delete_user(request: ApiRequest) -> object:
    """Remove a user, its tokens and its ACL entries."""
    request.cluster.access.delete_user(request.text("userid"))
    return None


# Tokens


def _token_row(token: Token) -> dict[str, object]:
    row: dict[str, object] = {"privsep": int(token.privsep)}
    if token.expire is not None:
        row["expire"] = token.expire
    if token.comment:
        row["comment"] = token.comment
    return row


@router.handle("GET", "/access/users/{userid}/token")
async def list_tokens(request: ApiRequest) -> object:
    """The tokens of a user, without their secrets."""
    tokens = request.cluster.access.user(request.text("userid")).tokens
    return [{"tokenid": name, **_token_row(token)} for name, token in tokens.items()]


@router.handle("GET", "/access/users/{userid}/token/{tokenid}")
async def read_token(request: ApiRequest) -> object:
    """One token, without its secret."""
    return _token_row(request.cluster.access.token(request.text("userid"), request.text("tokenid")))


@router.handle("POST", "/access/users/{userid}/token/{tokenid}")
async def create_token(request: ApiRequest) -> object:
    """Make a token; the only answer that shows its secret."""
    access = request.cluster.access
    userid, tokenid = request.text("userid"), request.text("tokenid")
    if tokenid in access.user(userid).tokens:
        raise parameter_error(tokenid="Token already exists.")
    access.add_token(
        userid,
        tokenid,
        privsep=request.flag("privsep", True),
        expire=request.integer("expire") if request.has("expire") else None,
        comment=request.text("comment"),
    )
    token = access.token(userid, tokenid)
    return {"full-tokenid": f"{userid}!{tokenid}", "info": _token_row(token), "value": token.secret}


@router.handle("PUT", "/access/users/{userid}/token/{tokenid}")
async def update_token(request: ApiRequest) -> object:
    """Change a token; from 9.2 on also give it a new secret."""
    access = request.cluster.access
    userid, tokenid = request.text("userid"), request.text("tokenid")
    token = access.token(userid, tokenid)
    token.privsep = request.flag("privsep", token.privsep)
    if request.has("expire"):
        token.expire = request.integer("expire")
    token.comment = request.text("comment", token.comment)
    for name in request.items("delete"):
        match name:
            case "comment":
                token.comment = ""
            case "expire":
                token.expire = None
    access.invalidate()
    row = _token_row(token)
    if request.flag("regenerate"):
        row |= {"full-tokenid": f"{userid}!{tokenid}", "value": access.regenerate_token(userid, tokenid)}
    return row


@router.handle("DELETE", "/access/users/{userid}/token/{tokenid}")
async def delete_token(request: ApiRequest) -> object:
    """Remove a token and its ACL entries."""
    request.cluster.access.delete_token(request.text("userid"), request.text("tokenid"))
    return None


# Second factors


def _factor_row(factor: TotpFactor) -> dict[str, object]:
    return {
        "id": factor.id,
        "type": "totp",
        "description": factor.description,
        "created": factor.created,
        "enable": int(factor.enabled),
    }


def _factor(request: ApiRequest) -> TotpFactor:
    factor = request.cluster.access.user(request.text("userid")).totp.get(request.text("id"))
    if factor is None:
        raise ApiError(HTTPStatus.NOT_FOUND, f"no such tfa entry '{request.text('id')}'")
    return factor


def _confirm_password(request: ApiRequest) -> None:
    """Changing factors asks for the caller's password again, but not from root@pam."""
    if request.identity.is_root:
        return
    if not request.has("password"):
        raise parameter_error(password="missing password")
    if request.cluster.access.user(request.identity.userid).password != request.text("password"):
        raise permission_denied("authentication failure")


@router.handle("GET", "/access/tfa")
async def list_tfa(request: ApiRequest) -> object:
    """The factors of the users that the caller may see."""
    sees_all = request.allowed("/access/groups", "User.Modify", "Sys.Audit", any=True)
    rows: defaultdict[str, list[dict[str, object]]] = defaultdict(list)
    for userid, user in request.cluster.access.users.items():
        if sees_all or userid == request.identity.name:
            rows[userid] += [_factor_row(factor) for factor in user.totp.values()]
    return [{"userid": userid, "entries": entries} for userid, entries in rows.items() if entries]


@router.handle("GET", "/access/tfa/{userid}")
async def list_user_tfa(request: ApiRequest) -> object:
    """The factors of one user."""
    factors = request.cluster.access.user(request.text("userid")).totp
    return [_factor_row(factor) for factor in factors.values()]


@router.handle("POST", "/access/tfa/{userid}")
async def add_tfa(request: ApiRequest) -> object:
    """Add an authenticator: `totp` is its otpauth URI and `value` a first code."""
    _confirm_password(request)
    if request.text("type") != "totp":
        raise failed(f"the lab knows no second factor of type '{request.text('type')}'")
    access = request.cluster.access
    secret = parse_qs(urlsplit(request.text("totp")).query).get("secret")
    if not secret:
        raise parameter_error(totp="invalid totp URI")
    trial = TotpFactor(id="", secret=secret[0])
    if not trial.accepts(request.text("value"), access.clock()):
        raise parameter_error(value="failed to verify TOTP challenge")
    factor = access.add_totp(request.text("userid"), secret[0], request.text("description"))
    return {"id": factor.id}


@router.handle("GET", "/access/tfa/{userid}/{id}")
async def read_tfa(request: ApiRequest) -> object:
    """One factor."""
    return _factor_row(_factor(request))


@router.handle("PUT", "/access/tfa/{userid}/{id}")
async def update_tfa(request: ApiRequest) -> object:
    """Rename a factor or switch it off."""
    _confirm_password(request)
    factor = _factor(request)
    factor.description = request.text("description", factor.description)
    factor.enabled = request.flag("enable", factor.enabled)
    return None


@router.handle("DELETE", "/access/tfa/{userid}/{id}")
async def delete_tfa(request: ApiRequest) -> object:
    """Remove a factor."""
    _confirm_password(request)
    del request.cluster.access.user(request.text("userid")).totp[_factor(request).id]
    return None
