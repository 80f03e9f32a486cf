"""Users, groups, roles, tokens and access control lists, and what follows from them.

The rules are those of pve-access-control (AccessControl.pm `roles`, RPCEnvironment.pm
`permissions`): an entry on a deeper path replaces what was inherited, an entry of the
user (or token) beats those of its groups on the same path, the roles of pools are added
on top, and a privilege-separated token has what both its own entries and its owner
allow.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from http import HTTPStatus
import secrets
import time
import uuid

from lab.pve.accounts import ROOT, AclEntry, Privileges, SubjectKind, Token, User
from lab.pve.api import ApiError, Identity, failed
from lab.pve.roles import builtin_roles, valid_privileges
from lab.pve.tickets import TicketAuthority, TotpFactor

_TOP_PATHS = (
    "/",
    "/access",
    "/access/groups",
    "/nodes",
    "/pool",
    "/sdn",
    "/storage",
    "/vms",
)


def _no_pools() -> Mapping[str, Collection[str]]:
    return {}


class AccessControl:
    """Who may do what.

    `pools` returns pool id -> the ACL paths of its members (``/vms/100``,
    ``/storage/nas``), best as sets; call `invalidate` when membership changes. `clock`
    gives seconds since the epoch.
    """

    def __init__(
        self,
        *,
        version: str = "9.2",
        clock: Callable[[], float] = time.time,
        pools: Callable[[], Mapping[str, Collection[str]]] = _no_pools,
    ) -> None:
        self.major = int(version.partition(".")[0])
        self.clock = clock
        self.tickets = TicketAuthority(clock=clock)
        self.realms: set[str] = {"pam", "pve"}
        self.users: dict[str, User] = {ROOT: User(userid=ROOT)}
        self.groups: dict[str, str] = {}
        self.roles: dict[str, frozenset[str]] = dict(builtin_roles(self.major))
        self._pools = pools
        self._acl: dict[str, dict[tuple[SubjectKind, str], dict[str, bool]]] = {}
        self._cache: dict[tuple[str, str], Privileges] = {}

    # Users, groups, roles, tokens

    def invalidate(self) -> None:
        """Forget computed permissions after a change."""
        self._cache.clear()

    def user(self, userid: str) -> User:
        """The user, or the 500 of the real server."""
        if userid not in self.users:
            raise failed(f"no such user ('{userid}')")
        return self.users[userid]

    def add_user(
        self,
        userid: str,
        password: str | None = None,
        *,
        enabled: bool = True,
        expire: int = 0,
        groups: Iterable[str] = (),
        totp_secret: str | None = None,
        comment: str = "",
    ) -> User:
        """Make a user (or replace the default root@pam); `totp_secret` is base32."""
        user = User(userid=userid, password=password, enabled=enabled, expire=expire)
        if comment:
            user.details["comment"] = comment
        for group in groups:
            if group not in self.groups:
                raise failed(f"no such group '{group}'")
            user.groups.add(group)
        self.users[userid] = user
        if totp_secret is not None:
            self.add_totp(userid, totp_secret)
        self.invalidate()
        return user

    def delete_user(self, userid: str) -> None:
        """Remove a user with its tokens and ACL entries."""
        user = self.user(userid)
        for tokenid in list(user.tokens):
            self.delete_token(userid, tokenid)
        self._forget("user", userid)
        del self.users[userid]

    def add_group(self, group: str, comment: str = "") -> None:
        """Make a group."""
        self.groups[group] = comment
        self.invalidate()

    def check_privileges(self, privileges: Iterable[str]) -> frozenset[str]:
        """The privileges, or the 500 for the first one that this version lacks."""
        found = tuple(privileges)
        for privilege in found:
            if privilege not in valid_privileges(self.major):
                raise failed(f"invalid privilege '{privilege}'")
        return frozenset(found)

    def add_role(self, role: str, privileges: Iterable[str]) -> None:
        """Make a role or replace its privileges."""
        self.roles[role] = self.check_privileges(privileges)
        self.invalidate()

    def delete_role(self, role: str) -> None:
        """Remove a role; its ACL entries stay and give nothing."""
        del self.roles[role]
        self.invalidate()

    def add_totp(
        self, userid: str, secret: str | None = None, description: str = "lab"
    ) -> TotpFactor:
        """Give a user a second factor; the secret is base32."""
        secret = secret or "".join(
            secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(32)
        )
        factor = TotpFactor(
            id=str(uuid.uuid4()),
            secret=secret,
            description=description,
            created=int(self.clock()),
        )
        self.user(userid).totp[factor.id] = factor
        return factor

    def totp(self, userid: str) -> str:
        """A code for this user's first authenticator that has not been used yet."""
        factor = next(iter(self.user(userid).totp.values()))
        return factor.current_code(self.clock())

    def token(self, userid: str, tokenid: str) -> Token:
        """The token, or the 500 of the real server."""
        token = self.user(userid).tokens.get(tokenid)
        if token is None:
            raise failed(f"no such token '{tokenid}' for user '{userid}'")
        return token

    def add_token(
        self,
        userid: str,
        tokenid: str,
        *,
        secret: str | None = None,
        privsep: bool = True,
        expire: int | None = None,
        comment: str = "",
    ) -> str:
        """Make a token and return it in the form to paste: ``user@realm!id=secret``."""
        token = Token(
            secret=secret or str(uuid.uuid4()),
            privsep=privsep,
            expire=expire,
            comment=comment,
        )
        self.user(userid).tokens[tokenid] = token
        self.invalidate()
        return f"{userid}!{tokenid}={token.secret}"

    def regenerate_token(self, userid: str, tokenid: str) -> str:
        """Give a token a new secret; the old one stops working."""
        token = self.token(userid, tokenid)
        token.secret = str(uuid.uuid4())
        return token.secret

    def delete_token(self, userid: str, tokenid: str) -> None:
        """Remove a token and its ACL entries."""
        self.token(userid, tokenid)
        del self.users[userid].tokens[tokenid]
        self._forget("token", f"{userid}!{tokenid}")

    # Access control list

    def grant(
        self,
        path: str,
        roles: Iterable[str] | str,
        *,
        users: Iterable[str] = (),
        groups: Iterable[str] = (),
        tokens: Iterable[str] = (),
        propagate: bool = True,
    ) -> None:
        """Enter roles on a path; what stood there for the same subject stays."""
        for role in [roles] if isinstance(roles, str) else roles:
            for subject in self._subjects(users, groups, tokens):
                self._acl.setdefault(path, {}).setdefault(subject, {})[role] = propagate
        self.invalidate()

    def revoke(
        self,
        path: str,
        roles: Iterable[str] | str,
        *,
        users: Iterable[str] = (),
        groups: Iterable[str] = (),
        tokens: Iterable[str] = (),
    ) -> None:
        """Take roles from a path."""
        entries = self._acl.get(path, {})
        for role in [roles] if isinstance(roles, str) else roles:
            for subject in self._subjects(users, groups, tokens):
                entries.get(subject, {}).pop(role, None)
        self._drop_empty()

    def acl(self) -> Iterator[AclEntry]:
        """Every entry, by path."""
        for path, subjects in sorted(self._acl.items()):
            for (kind, subject), roles in subjects.items():
                for role, propagate in roles.items():
                    yield AclEntry(
                        path=path,
                        kind=kind,
                        subject=subject,
                        role=role,
                        propagate=propagate,
                    )

    @staticmethod
    def _subjects(
        users: Iterable[str], groups: Iterable[str], tokens: Iterable[str]
    ) -> Iterator[tuple[SubjectKind, str]]:
        yield from (("user", name) for name in users)
        yield from (("group", name) for name in groups)
        yield from (("token", name) for name in tokens)

    def _forget(self, kind: SubjectKind, subject: str) -> None:
        for subjects in self._acl.values():
            subjects.pop((kind, subject), None)
        self._drop_empty()

    def _drop_empty(self) -> None:
        kept = {
            path: {key: roles for key, roles in subjects.items() if roles}
            for path, subjects in self._acl.items()
        }
        self._acl = {path: subjects for path, subjects in kept.items() if subjects}
        self.invalidate()

    # Permissions

    def allowed(
        self,
        identity: Identity,
        path: str,
        *privileges: str,
        any: bool = False,  # noqa: A002 - the schema's own word
    ) -> bool:
        """Whether somebody has all (or any) of the privileges on a path."""
        held = self.permissions(identity, path)
        found = (privilege in held for privilege in privileges)
        return _any(found) if any else all(found)

    def permissions(self, identity: Identity, path: str) -> Privileges:
        """The privileges of a user or token on a path."""
        if identity.is_root:
            return dict.fromkeys(valid_privileges(self.major), True)
        key = (identity.name, path)
        if key not in self._cache:
            self._cache[key] = self._compute(identity, path)
        return self._cache[key]

    def effective_permissions(self, identity: Identity) -> dict[str, Privileges]:
        """Path -> privileges for every path that has a meaning here and gives any."""
        pooled = (path for members in self._pools().values() for path in members)
        paths = dict.fromkeys((*_TOP_PATHS, *sorted(self._acl), *pooled))
        found = ((path, self.permissions(identity, path)) for path in paths)
        return {path: privileges for path, privileges in found if privileges}

    def _compute(self, identity: Identity, path: str) -> Privileges:
        if identity.tokenid is None:
            return self._privileges_of(
                self._roles_with_pools("user", identity.userid, path)
            )
        owner = self.permissions(Identity(userid=identity.userid), path)
        user = self.users.get(identity.userid)
        token = user.tokens.get(identity.tokenid) if user else None
        if token is None:
            return {}
        if not token.privsep:
            return owner
        own = self._privileges_of(self._roles_with_pools("token", identity.name, path))
        return {
            name: propagate and owner[name]
            for name, propagate in own.items()
            if name in owner
        }

    def _privileges_of(self, roles: Mapping[str, bool]) -> Privileges:
        privileges: defaultdict[str, bool] = defaultdict(bool)
        for role, propagate in roles.items():
            for privilege in self.roles.get(role, ()):
                privileges[privilege] |= propagate
        return dict(privileges)

    def _roles_with_pools(
        self, kind: SubjectKind, subject: str, path: str
    ) -> Mapping[str, bool]:
        roles = dict(self._roles(kind, subject, path))
        if "NoAccess" in roles:
            return roles
        for pool, members in self._pools().items():
            if path in members:
                for role in self._roles(kind, subject, f"/pool/{pool}"):
                    roles.setdefault(role, False)
        return {"NoAccess": False} if "NoAccess" in roles else roles

    def _roles(self, kind: SubjectKind, subject: str, path: str) -> Mapping[str, bool]:
        """Walk down: a level that says something replaces everything above it."""
        parts = [part for part in path.split("/") if part]
        roles: Mapping[str, bool] = {}
        for depth in range(len(parts) + 1):
            subjects = self._acl.get("/" + "/".join(parts[:depth]), {})
            here = self._effective(
                subjects.get((kind, subject), {}), depth == len(parts)
            )
            if not here and kind == "user":
                here = self._group_roles(subjects, subject, depth == len(parts))
            roles = here or roles
        return {"NoAccess": roles["NoAccess"]} if "NoAccess" in roles else roles

    def _group_roles(
        self,
        subjects: Mapping[tuple[SubjectKind, str], Mapping[str, bool]],
        userid: str,
        final: bool,
    ) -> Mapping[str, bool]:
        user = self.users.get(userid)
        roles: dict[str, bool] = {}
        for group in sorted(user.groups) if user else ():
            roles |= self._effective(subjects.get(("group", group), {}), final)
        return roles

    @staticmethod
    def _effective(roles: Mapping[str, bool], final: bool) -> Mapping[str, bool]:
        return {
            role: propagate for role, propagate in roles.items() if final or propagate
        }

    # Login

    def check_enabled(self, userid: str) -> User:
        """The user when it may sign in at all, else the 500 that the login hides."""
        user = self.user(userid)
        if not user.enabled:
            raise failed(f"user '{userid}' is disabled")
        if user.expire and user.expire <= self.clock():
            raise failed("user account expired")
        return user

    def verify_token(self, text: str) -> Identity:
        """The identity behind ``user@realm!id=secret``.

        There is one answer for whatever is wrong, as from the real server.
        """
        name, _, secret = text.partition("=")
        userid, _, tokenid = name.partition("!")
        denied = ApiError(HTTPStatus.UNAUTHORIZED, "Authentication failed!")
        try:
            self.check_enabled(userid)
            token = self.token(userid, tokenid)
        except ApiError:
            raise denied from None
        expired = bool(token.expire) and (token.expire or 0) <= self.clock()
        if expired or not secrets.compare_digest(
            token.secret.encode(), secret.encode()
        ):
            raise denied
        return Identity(userid=userid, tokenid=tokenid)

    def verify_ticket(
        self, ticket: str, *, csrf: str | None, needs_csrf: bool
    ) -> Identity:
        """The identity behind a ticket; every method but GET needs the CSRF token."""
        userid = self.tickets.verify(ticket)
        try:
            self.check_enabled(userid)
        except ApiError:
            raise ApiError(HTTPStatus.UNAUTHORIZED, "Authentication failed!") from None
        if needs_csrf:
            self.tickets.verify_csrf(userid, csrf)
        return Identity(userid=userid)

    def login(
        self,
        userid: str,
        password: str,
        *,
        challenge: str | None = None,
        otp: str | None = None,
    ) -> str:
        """A ticket, the challenge for a second factor, or a 401 that tells nothing."""
        try:
            user = self.check_enabled(userid)
        except ApiError:
            raise _login_failed() from None
        if challenge is not None:
            self._answer_challenge(user, challenge, password)
            return self.tickets.issue(userid)
        if self.tickets.user_of(password) in (userid, ROOT):
            return self.tickets.issue(userid)
        if user.password is None or not secrets.compare_digest(
            user.password.encode(), password.encode()
        ):
            raise _login_failed()
        if not self.needs_second_factor(user):
            return self.tickets.issue(userid)
        if otp is None:
            return self.tickets.challenge(userid)
        self._check_second_factor(user, otp)
        return self.tickets.issue(userid)

    @staticmethod
    def needs_second_factor(user: User) -> bool:
        """Whether a password alone does not let this user in."""
        return _any(factor.enabled for factor in user.totp.values())

    def _answer_challenge(self, user: User, challenge: str, answer: str) -> None:
        if not self.tickets.is_challenge_of(challenge, user.userid):
            raise _login_failed()
        self._check_second_factor(user, answer)

    def _check_second_factor(self, user: User, answer: str) -> None:
        kind, _, code = answer.partition(":")
        if kind != "totp" or not _any(
            factor.accepts(code, self.clock()) for factor in user.totp.values()
        ):
            raise _login_failed()


def _any(values: Iterable[bool]) -> bool:
    """The built-in `any`, which the parameter of that name hides."""
    return True in values


def _login_failed() -> ApiError:
    return ApiError(HTTPStatus.UNAUTHORIZED, "authentication failure")
