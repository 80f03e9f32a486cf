"""Users, tokens and entries of the access control list."""

from collections.abc import Mapping
from dataclasses import dataclass, field
import re
from typing import Literal

from lab.pve.tickets import TotpFactor

ROOT = "root@pam"
_ACL_PATH = re.compile(
    r"/|/access(/groups(/[\w.-]+)?|/realm(/[\w.-]+)?)?"
    r"|/nodes(/[\w.-]+)?|/pool(/[\w.-]+){0,3}"
    r"|/sdn(/(controllers|dns|ipams)(/[\w-]+)?|/zones(/[\w.-]+){0,3})?"
    r"|/storage(/[\w.-]+)?|/vms(/[1-9][0-9]{2,})?|/mapping(/[\w.-]+){0,2}",
    re.ASCII,
)

type SubjectKind = Literal["user", "group", "token"]
type Privileges = Mapping[str, bool]
"""Privilege -> whether it also holds below the path."""


def normalize_path(path: str) -> str | None:
    """An ACL path in its one form, None for what cannot be one."""
    joined = "/" + "/".join(part for part in path.split("/") if part)
    return joined if path and re.fullmatch(r"[A-Za-z0-9._/-]+", joined) else None


def is_acl_path(path: str) -> bool:
    """Whether entries may be made on this path."""
    return _ACL_PATH.fullmatch(path) is not None


@dataclass(slots=True, kw_only=True)
class Token:
    """An API token.

    `expire` is in seconds since the epoch, 0 = never, None = as its owner.
    """

    secret: str = field(repr=False)
    privsep: bool = True
    expire: int | None = None
    comment: str = ""


@dataclass(slots=True, kw_only=True)
class User:
    """A user; `expire` in seconds since the epoch, 0 = never."""

    userid: str
    password: str | None = field(default=None, repr=False)
    enabled: bool = True
    expire: int = 0
    groups: set[str] = field(default_factory=set)
    details: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    totp: dict[str, TotpFactor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AclEntry:
    """One role of one subject on one path."""

    path: str
    kind: SubjectKind
    subject: str
    role: str
    propagate: bool
