"""What an answer of the API means: its data, or one of the errors of `errors.py`.

The forms are those of pve-http-server: `{"data": ...}` when all went well, else the
text in the reason phrase and, since Proxmox VE 8.4, in `message`, too.
"""

from collections.abc import Mapping
from http.client import responses
import re
from typing import Any, Final

import orjson

from ...errors import (
    AuthenticationError,
    CannotConnectError,
    CommandRefusedError,
    GuestLockedError,
    HomelabError,
    InvalidRequestError,
    NodeUnreachableError,
    NoQuorumError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
)

_DENIED: Final = re.compile(r"\((?P<path>/[^,()]*),\s*(?P<privileges>[^()]+)\)")
_LOCKED: Final = re.compile(
    r"\b(?:VM|CT) is locked(?: \((?P<lock>[^)]*)\))?|can't lock file|got lock timeout"
)
_NO_QUORUM: Final = re.compile(r"\bno quorum\b")
_NOT_FOUND: Final = re.compile(
    r"\bdoes not exist\b|\bno such \b|\bunable to find\b|\bno such (?:user|token)\b"
)
_NODE_OF_PATH: Final = re.compile(r"^/?nodes/(?P<node>[^/]+)")

# What AnyEvent::HTTP says when the contacted node could not forward a request:
# 595 connecting, 596 TLS or no answer within 30 s, 597-599 while reading it.
_FORWARDING: Final = range(595, 600)
# What a reverse proxy says when nothing answers behind it.
_GATEWAY: Final = (502, 503, 504)


def read_data(path: str, body: bytes) -> Any:
    """Return `data` of a good answer; raise `ProtocolError` for anything else."""
    document = _document(body)
    if document is None or "data" not in document:
        raise ProtocolError(f"{path}: the answer is not the API's: {_excerpt(body)}")
    return document["data"]


def read_error(status: int, reason: str, path: str, body: bytes) -> HomelabError:
    """Return the error that an answer of 300 or above stands for."""
    document = _document(body) or {}
    text = _text(reason, document, status)
    where = f"{path}: {status} {text}"
    if 300 <= status < 400:
        return ProtocolError(f"{where} (redirect not followed)")
    if status == 400:
        return _invalid(where, document)
    if status == 401:
        return AuthenticationError(where)
    if status == 403:
        return _denied(where, text)
    if status == 501:
        return NotFoundError(where, reason=text)
    if status in _FORWARDING:
        match = _NODE_OF_PATH.match(path)
        return NodeUnreachableError(
            where, node=match["node"] if match else "", reason=text
        )
    if status == 500:
        return _failed(where, text)
    if status in _GATEWAY:
        return CannotConnectError(where)
    return ProtocolError(where)


def _document(body: bytes) -> dict[str, Any] | None:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _text(reason: str, document: Mapping[str, Any], status: int) -> str:
    """Return the reason phrase, which all versions fill, else the message.

    The standard phrase of a status is what something in between fills in.
    """
    message = document.get("message")
    for candidate in (reason, message):
        if (
            isinstance(candidate, str)
            and candidate.strip()
            and candidate != responses.get(status)
        ):
            return candidate.strip()
    return reason.strip() or f"status {status}"


def _invalid(where: str, document: Mapping[str, Any]) -> HomelabError:
    found = document.get("errors")
    errors = (
        {str(name): str(why).strip() for name, why in found.items()}
        if isinstance(found, dict)
        else {}
    )
    if "no such task" in errors.get("upid", ""):
        return NotFoundError(f"{where}: no such task", reason="no such task")
    return InvalidRequestError(f"{where} {errors}", errors=errors)


def _denied(where: str, text: str) -> PermissionDeniedError:
    """Return where what is missing; without a path only root@pam itself may."""
    if match := _DENIED.search(text):
        privileges = [part.strip() for part in match["privileges"].split("|")]
        return PermissionDeniedError(where, path=match["path"], privileges=privileges)
    return PermissionDeniedError(where, path="/", privileges=("root@pam",))


def _failed(where: str, text: str) -> HomelabError:
    """Return the error for a sentence of the server's own methods."""
    if match := _LOCKED.search(text):
        return GuestLockedError(where, lock=match["lock"] or "", reason=text)
    if _NO_QUORUM.search(text):
        return NoQuorumError(where)
    if _NOT_FOUND.search(text):
        return NotFoundError(where, reason=text)
    return CommandRefusedError(where, reason=text)


def _excerpt(body: bytes) -> str:
    return body[:60].decode(errors="replace").strip() or "empty"
