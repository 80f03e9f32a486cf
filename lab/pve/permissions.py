"""The permission expressions of the API schema, evaluated as RPCEnvironment.pm does."""

from collections.abc import Mapping, Sequence
import re
from typing import cast

from lab.pve.access import AccessControl
from lab.pve.accounts import normalize_path
from lab.pve.api import (
    ApiError,
    Identity,
    ParamValue,
    failed,
    permission_denied,
    split_list,
)

type Params = Mapping[str, ParamValue]
type Expression = Sequence[object]

_PLACEHOLDER = re.compile(r"\{([^}]+)\}")
_ALLOCATE = {
    "storage": "Datastore.Allocate",
    "vms": "VM.Allocate",
    "pool": "Pool.Allocate",
}


def check_method(
    access: AccessControl,
    identity: Identity,
    permissions: Mapping[str, object] | None,
    params: Params,
) -> None:
    """Raise the 403 unless the caller may use a method with these parameters.

    `permissions` is the entry of the schema; None means only root@pam itself.
    """
    if identity.is_root:
        return
    if permissions is None:
        raise permission_denied("user != root@pam")
    if permissions.get("user") in ("all", "world"):
        return
    Checker(access, identity, params).check(cast(Expression, permissions["check"]))


def _denied() -> ApiError:
    return ApiError(403, "Permission check failed")


class Checker:
    """Evaluates one expression for one caller and one set of parameters."""

    def __init__(
        self, access: AccessControl, identity: Identity, params: Params
    ) -> None:
        self._access = access
        self._identity = identity
        self._params = params

    def check(self, expression: Expression) -> None:
        """Raise `ApiError` unless the expression holds."""
        kind, *rest = expression
        match kind:
            case "and":
                for part in rest:
                    self.check(cast(Expression, part))
            case "or":
                if not any(self._holds(cast(Expression, part)) for part in rest):
                    raise _denied()
            case "perm":
                self._check_perm(rest)
            case "perm-modify":
                self._check_perm_modify(str(rest[0]))
            case "userid-param":
                self._check_userid_param(str(rest[0]))
            case "userid-group":
                self._check_userid_group(rest)
            case _:
                raise ValueError(f"unknown permission test {kind!r}")

    def _holds(self, expression: Expression) -> bool:
        try:
            self.check(expression)
        except ApiError:
            return False
        return True

    def _path(self, template: str) -> str:
        filled = _PLACEHOLDER.sub(
            lambda match: str(self._params.get(match[1], "")), template
        )
        return normalize_path(filled) or "/"

    def _require(self, path: str, privileges: Sequence[str], *, any_of: bool) -> None:
        if any_of:
            if not self._access.allowed(self._identity, path, *privileges, any=True):
                raise permission_denied(f"{path}, {'|'.join(privileges)}")
            return
        for privilege in privileges:
            if not self._access.allowed(self._identity, path, privilege):
                raise permission_denied(f"{path}, {privilege}")

    def _check_perm(self, arguments: Sequence[object]) -> None:
        template, privileges, *pairs = arguments
        options = dict(zip(pairs[::2], pairs[1::2], strict=True))
        needed = options.get("require_param")
        if needed is not None and needed not in self._params:
            raise _denied()
        self._require(
            self._path(str(template)),
            cast(Sequence[str], privileges),
            any_of=bool(options.get("any")),
        )

    def _check_perm_modify(self, template: str) -> None:
        path = self._path(template)
        parts = path.split("/")
        extra = (
            [_ALLOCATE[parts[1]]] if len(parts) > 2 and parts[1] in _ALLOCATE else []
        )
        self._require(path, ["Permissions.Modify", *extra], any_of=True)

    def _check_userid_param(self, subject: str) -> None:
        userid = str(self._params.get("userid", ""))
        if subject == "self":
            self._access.user(userid)
            if self._identity.name != userid:
                raise _denied()
            return
        self._require(
            f"/access/realm/{userid.rpartition('@')[2]}", [subject], any_of=False
        )

    def _check_userid_group(self, arguments: Sequence[object]) -> None:
        privileges, *pairs = arguments
        wanted = cast(Sequence[str], privileges)
        options = dict(zip(pairs[::2], pairs[1::2], strict=True))
        userid = str(self._params.get("userid", ""))
        existing = options.get("groups_param") != "create"
        if existing and userid not in self._access.users:
            raise failed(f"no such user ('{userid}')")
        if self._access.allowed(self._identity, "/access/groups", *wanted, any=True):
            return
        mine = self._groups_with(wanted)
        if "groups_param" in options:
            self._check_named_groups(mine, wanted)
        if existing and not mine & self._access.users[userid].groups:
            raise _denied()

    def _groups_with(self, privileges: Sequence[str]) -> set[str]:
        allowed = self._access.allowed
        names = self._access.groups
        return {
            name
            for name in names
            if allowed(self._identity, f"/access/groups/{name}", *privileges, any=True)
        }

    def _check_named_groups(self, mine: set[str], privileges: Sequence[str]) -> None:
        alternatives = "|".join(privileges)
        named = split_list(str(self._params.get("groups", "")))
        if not named:
            raise permission_denied(f"/access/groups, {alternatives}")
        for group in named:
            if group not in mine:
                raise permission_denied(f"/access/groups/{group}, {alternatives}")
