"""Names that become parts of a path, checked by what Proxmox VE allows in them.

Nothing that is not such a name may reach a path: `..` climbs, `?` and `#` cut.
"""

import re
from typing import Final
from urllib.parse import quote

from ..errors import InvalidRequestError, ProtocolError

# pve-node, pve-storage-id, pve-snapshot-name and UPID of PVE::JSONSchema and
# PVE::UPID.
_NODE: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
_STORAGE: Final = re.compile(r"[A-Za-z][A-Za-z0-9._-]*[A-Za-z0-9]")
_SNAPSHOT: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,39}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_UPID: Final = re.compile(
    r"UPID:(?P<node>[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)"
    r":(?P<pid>[0-9A-Fa-f]{8}):(?P<pstart>[0-9A-Fa-f]{8,9})"
    r":(?P<starttime>[0-9A-Fa-f]{8}):(?P<type>[^:\s]+):(?P<id>[^:\s]*)"
    r":(?P<user>[^:\s]+):"
)


def _checked(pattern: re.Pattern[str], kind: str, text: str) -> str:
    if pattern.fullmatch(text):
        return text
    raise InvalidRequestError(
        f"{text!r} is no {kind} name", errors={kind: f"invalid name {text!r}"}
    )


def node_name(text: str) -> str:
    """Return the name of a node; raise `InvalidRequestError` when it cannot be one."""
    return _checked(_NODE, "node", text)


def storage_name(text: str) -> str:
    """Return the name of a storage; raise `InvalidRequestError` when it is none."""
    return _checked(_STORAGE, "storage", text)


def snapshot_name(text: str) -> str:
    """Return the name of a snapshot; raise `InvalidRequestError` when it is none.

    A letter, then letters, digits, `_` and `-`, 2 to 40 characters; "current" means
    the guest as it is now.
    """
    if text == "current":
        raise InvalidRequestError(
            "the name 'current' is taken", errors={"snapname": "reserved name"}
        )
    return _checked(_SNAPSHOT, "snapname", text)


def match_upid(text: object) -> re.Match[str]:
    """Return the parts of a UPID; raise `ProtocolError` when it is none."""
    if isinstance(text, str) and (match := _UPID.fullmatch(text)):
        return match
    raise ProtocolError(f"{text!r} is not the UPID of a task")


def segment(part: object) -> str:
    """Return one part of a path, quoted; raise `InvalidRequestError` when unsafe."""
    text = str(part)
    if text in ("", ".", "..") or _CONTROL.search(text):
        raise InvalidRequestError(
            f"{text!r} cannot be part of a path", errors={"path": f"invalid {text!r}"}
        )
    return quote(text, safe=":@!$,+=~")
