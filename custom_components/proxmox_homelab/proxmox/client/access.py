"""Making the access for the integration, with the ticket of an administrator."""

import asyncio
from typing import Any, Final

from ...errors import (
    AuthenticationError,
    CommandRefusedError,
    HomelabError,
    InvalidRequestError,
    PermissionDeniedError,
    ProtocolError,
)
from ...values import required_mapping
from ..credentials import TokenCredentials
from ..models import Version
from ..parse import parse_permissions
from ..parse.values import text
from ..privileges import (
    ACCESS_USER,
    TOKEN_NAME,
    AccessLevel,
    Acl,
    Need,
    Role,
    grants,
    shortfall,
)
from ..resource import Resource
from ..transport import Transport
from .base import Calls

# Other workers of the server learn of a new ACL with a short delay.
_LAG_TRIES: Final = 10
_LAG_SECONDS: Final = 0.5
_COMMENT: Final = "Home Assistant"
_EXISTS: Final = "already exists"
_MOST_TOKENS: Final = 50


class AccessCalls(Calls):
    """Calls to `/access` that change something."""

    async def set_up_access(
        self, level: AccessLevel, version: Version
    ) -> TokenCredentials:
        """Make roles, user, token and ACLs for a level, and return the token.

        Needs the login of an administrator (Sys.Modify, User.Modify and
        Permissions.Modify on /access, Realm.AllocateUser), a token will not do. What
        exists is used again: roles are set to exactly the level, an existing token is
        left alone and a new one gets another name. The token is separated from its
        user: both get the ACLs, and it can never do more than its own.
        """
        plan = grants(level, version.major)
        for role in plan.roles:
            await self._put_role(role)
        await self._put_user()
        token = await self._make_token()
        try:
            for acl in plan.acls:
                await self._put_acl(acl, token)
            await self._verify(token, level, version.major)
        except HomelabError:
            await self._remove_token(token)
            raise
        return token

    async def _put_role(self, role: Role) -> None:
        privileges = ",".join(role.privileges)
        try:
            await self._api.access.roles.post(roleid=role.name, privs=privileges)
        except CommandRefusedError as err:
            if _EXISTS not in str(err):
                raise
            await self._api.access.roles(role.name).put(privs=privileges, append=False)

    async def _put_user(self) -> None:
        try:
            await self._api.access.users.post(userid=ACCESS_USER, comment=_COMMENT)
        except CommandRefusedError as err:
            if _EXISTS not in str(err):
                raise

    async def _make_token(self) -> TokenCredentials:
        for number in range(1, _MOST_TOKENS):
            name = TOKEN_NAME if number == 1 else f"{TOKEN_NAME}-{number}"
            try:
                answer = await self._token(name).post(privsep=True, comment=_COMMENT)
            except InvalidRequestError as err:
                if _EXISTS not in err.errors.get("tokenid", ""):
                    raise
                continue
            secret = text(required_mapping(answer, "token").get("value"))
            if secret is None:
                raise ProtocolError("the new token came without its secret")
            return TokenCredentials(token_id=f"{ACCESS_USER}!{name}", secret=secret)
        raise CommandRefusedError(
            f"{ACCESS_USER} has too many tokens", reason="too many tokens"
        )

    def _token(self, name: str) -> Resource:
        return self._api.access.users(ACCESS_USER).token(name)

    async def _remove_token(self, token: TokenCredentials) -> None:
        """Take back a token that was just made and is of no use."""
        try:
            await self._token(token.token_id.partition("!")[2]).delete()
        except HomelabError:
            # The error that led here is the one to report.
            return

    async def _put_acl(self, acl: Acl, token: TokenCredentials) -> None:
        await self._api.access.acl.put(
            path=acl.path,
            roles=",".join(acl.roles),
            users=ACCESS_USER,
            tokens=token.token_id,
            propagate=acl.propagate,
        )

    async def _verify(
        self, token: TokenCredentials, level: AccessLevel, major: int
    ) -> None:
        """Ask with the new token what it may do, until that is all of the level."""
        api = Resource(
            sender=Transport(
                self._session,
                hosts=self.hosts,
                port=self._port,
                credentials=token,
                trust=self._trust,
            )
        )
        for attempt in range(1, _LAG_TRIES + 1):
            try:
                missing = await _missing(api, level, major)
            except AuthenticationError:
                if attempt == _LAG_TRIES:
                    raise
            else:
                if not missing:
                    return
                if attempt == _LAG_TRIES:
                    raise _lacks(token, missing[0])
            await asyncio.sleep(_LAG_SECONDS)


async def _missing(api: Any, level: AccessLevel, major: int) -> tuple[Need, ...]:
    permissions = parse_permissions(await api.access.permissions.get())
    return shortfall(permissions, level, major)


def _lacks(token: TokenCredentials, need: Need) -> PermissionDeniedError:
    return PermissionDeniedError(
        f"{token.token_id} lacks {need}", path=need.path, privileges=need.privileges
    )
