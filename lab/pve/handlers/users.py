"""``/access/users`` and ``/access/tfa``: users, their tokens and second factors."""

from collections import defaultdict
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from lab.pve.accounts import Token, User
from lab.pve.api import (
    ApiError,
    ApiRequest,
    Router,
    failed,
    parameter_error,
    permission_denied,
)
from lab.pve.tickets import TotpFactor

router = Router()

_DETAILS = ("comment", "email", "firstname", "lastname", "keys")

# Users


def _user_row(user: User) -> dict[str, object]:
    return {"enable": int(user.enabled), "expire": user.expire, **user.details}


@router.handle("GET", "/access/users")
async def list_users(request: ApiRequest) -> object:
    """All users for who has rights on /access/groups, else the caller itself."""
    access = request.cluster.access
    sees_all = request.allowed("/access/groups", "User.Modify", "Sys.Audit", any=True)
    rows = []
    for userid, user in access.users.items():
        if not sees_all and userid != request.identity.name:
            continue
        if request.has("enabled") and request.flag("enabled") != user.enabled:
            continue
        row = {
            "userid": userid,
            "realm-type": userid.rpartition("@")[2],
            **_user_row(user),
        }
        if request.flag("full"):
            row["groups"] = ",".join(sorted(user.groups))
            row["tokens"] = [
                {"tokenid": name, **_token_row(token)}
                for name, token in user.tokens.items()
            ]
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
    user.details.update(
        {name: request.text(name) for name in _DETAILS if request.text(name)}
    )
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
    user.details.update(
        {name: request.text(name) for name in _DETAILS if request.has(name)}
    )
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
    return _token_row(
        request.cluster.access.token(request.text("userid"), request.text("tokenid"))
    )


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
    return {
        "full-tokenid": f"{userid}!{tokenid}",
        "info": _token_row(token),
        "value": token.secret,
    }


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
        row |= {
            "full-tokenid": f"{userid}!{tokenid}",
            "value": access.regenerate_token(userid, tokenid),
        }
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
    factor = request.cluster.access.user(request.text("userid")).totp.get(
        request.text("id")
    )
    if factor is None:
        raise ApiError(
            HTTPStatus.NOT_FOUND, f"no such tfa entry '{request.text('id')}'"
        )
    return factor


def _confirm_password(request: ApiRequest) -> None:
    """Changing factors asks for the caller's password again, but not from root@pam."""
    if request.identity.is_root:
        return
    if not request.has("password"):
        raise parameter_error(password="missing password")
    if request.cluster.access.user(request.identity.userid).password != request.text(
        "password"
    ):
        raise permission_denied("authentication failure")


@router.handle("GET", "/access/tfa")
async def list_tfa(request: ApiRequest) -> object:
    """The factors of the users that the caller may see."""
    sees_all = request.allowed("/access/groups", "User.Modify", "Sys.Audit", any=True)
    rows: defaultdict[str, list[dict[str, object]]] = defaultdict(list)
    for userid, user in request.cluster.access.users.items():
        if sees_all or userid == request.identity.name:
            rows[userid] += [_factor_row(factor) for factor in user.totp.values()]
    return [
        {"userid": userid, "entries": entries}
        for userid, entries in rows.items()
        if entries
    ]


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
    factor = access.add_totp(
        request.text("userid"), secret[0], request.text("description")
    )
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
