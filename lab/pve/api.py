"""What the protocol side and the handlers of the simulated Proxmox VE API share.

A handler is ``async def handler(request: ApiRequest) -> object``: it returns the value
of ``data`` (or a `Listing`) and raises `ApiError` for everything else. Path,
parameters, login and the privileges that the API schema names have been checked before
it runs; checks which the real server makes inside the method are the handler's own.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
import re
from typing import TYPE_CHECKING, override

if TYPE_CHECKING:
    from lab.pve.cluster import Cluster

type ParamValue = str | int | float | bool | list[str]
type Handler = Callable[["ApiRequest"], Awaitable[object]]

_LIST_SEPARATORS = re.compile(r"[,;\s\0]+")


class ApiError(Exception):
    """An answer of 400 or above.

    `reason` becomes the reason phrase, `message` (default: the reason) the JSON text
    that servers send from 8.4 on,
    `errors` the texts per parameter of a 400.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        errors: Mapping[str, str] | None = None,
        message: str | None = None,
    ) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.errors = errors
        self.message = reason if message is None else message

    @override
    def __str__(self) -> str:
        return f"{self.status} {self.reason}"


def parameter_error(**errors: str) -> ApiError:
    """The 400 of the parameter check; methods raise it too (`upid="no such task"`)."""
    return ApiError(HTTPStatus.BAD_REQUEST, "Parameter verification failed.", errors)


def permission_denied(what: str) -> ApiError:
    """The 403; `what` is ``/vms/100, VM.Audit`` or ``user != root@pam``."""
    return ApiError(HTTPStatus.FORBIDDEN, f"Permission check failed ({what})")


def failed(reason: str) -> ApiError:
    """The 500 of a method that dies with a text, whatever the cause."""
    return ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, reason)


def split_list(text: str) -> list[str]:
    """The elements of a ``-list`` value.

    Commas, semicolons, blanks and NUL separate (PVE::Tools::split_list).
    """
    return [part for part in _LIST_SEPARATORS.split(text) if part]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who asks: a user by ticket, or one of its tokens."""

    userid: str
    tokenid: str | None = None

    @property
    def name(self) -> str:
        """What tasks and checks see: ``user@realm`` or ``user@realm!token``."""
        return self.userid if self.tokenid is None else f"{self.userid}!{self.tokenid}"

    @property
    def is_root(self) -> bool:
        """Whether this is root@pam itself; its tokens never are."""
        return self.name == "root@pam"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Rows with the ``total`` beside ``data`` that lists with a limit have."""

    data: object
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """One checked call.

    `node` is the contacted node (``path["node"]`` the one that executes); `params`
    holds the parameters of path, query and body with the types of the schema.
    """

    cluster: Cluster
    node: str
    method: str
    template: str
    path: Mapping[str, str]
    params: Mapping[str, ParamValue]
    identity: Identity
    version: str

    @property
    def major(self) -> int:
        """The major version of the simulated server: 8 or 9."""
        return int(self.version.partition(".")[0])

    def allowed(
        self,
        path: str,
        *privileges: str,
        any: bool = False,  # noqa: A002 - the schema's own word
    ) -> bool:
        """Whether the caller has all (or any) of the privileges on an ACL path."""
        return self.cluster.access.allowed(self.identity, path, *privileges, any=any)

    def require(
        self,
        path: str,
        *privileges: str,
        any: bool = False,  # noqa: A002 - the schema's own word
    ) -> None:
        """Raise the 403 of the real server unless `allowed`."""
        if not self.allowed(path, *privileges, any=any):
            raise permission_denied(f"{path}, {'|'.join(privileges)}")

    def has(self, name: str) -> bool:
        """Whether the parameter was sent."""
        return name in self.params

    def text(self, name: str, default: str = "") -> str:
        """A string parameter (numbers as they were understood)."""
        return str(self.params.get(name, default))

    def integer(self, name: str, default: int = 0) -> int:
        """An integer parameter."""
        value = self.params.get(name, default)
        return default if isinstance(value, list) else int(value)

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean parameter."""
        return bool(self.params.get(name, default))

    def items(self, name: str) -> list[str]:
        """The elements of an array or ``-list`` parameter; empty if not sent."""
        value = self.params.get(name, "")
        return list(value) if isinstance(value, list) else split_list(str(value))


class Router:
    """Handlers by method and path template, as the API schema writes it."""

    def __init__(self) -> None:
        self._handlers: dict[tuple[str, str], Handler] = {}

    def handle[H: Handler](self, method: str, template: str) -> Callable[[H], H]:
        """Register the decorated coroutine function."""

        def register(handler: H) -> H:
            key = (method, template)
            if key in self._handlers:
                raise ValueError(f"{method} {template} has two handlers")
            self._handlers[key] = handler
            return handler

        return register

    def include(self, other: Router) -> None:
        """Take over the handlers of another router."""
        for (method, template), handler in other._handlers.items():
            self.handle(method, template)(handler)

    def find(self, method: str, template: str) -> Handler | None:
        """The handler, or None when the lab does not simulate this method."""
        return self._handlers.get((method, template))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Method and template of every handler."""
        return iter(self._handlers)
