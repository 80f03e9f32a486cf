"""How requests and answers of the real API look on the wire."""

from collections.abc import Mapping
from http import HTTPStatus
import json
import re
from urllib.parse import parse_qsl, unquote

import orjson

from lab.pve.api import ApiError, Listing

API_ROOT = "/api2/json"
JSON_TYPE = "application/json;charset=UTF-8"

_TICKET = re.compile(r"(?:^|\s|;)PVEAuthCookie(?:=| )([^;]*)")
_TOKEN = re.compile(r"(?:^|\s)PVEAPIToken(?:=| )([^;]*)")


def parse_form(text: str) -> dict[str, object]:
    """A query or form: ``;`` separates like ``&``, a repeated key becomes a list."""
    found: dict[str, object] = {}
    for name, value in parse_qsl(text.replace(";", "&"), keep_blank_values=True):
        before = found.get(name)
        found[name] = (
            value
            if before is None
            else [*before, value]
            if isinstance(before, list)
            else [before, value]
        )
    return found


def parse_body(content_type: str, body: bytes) -> dict[str, object]:
    """The parameters in a body, as form or JSON."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        try:
            parsed = json.loads(body)
        except ValueError:
            raise ApiError(
                HTTPStatus.INTERNAL_SERVER_ERROR, "malformed JSON string"
            ) from None
        return parsed if isinstance(parsed, dict) else {}
    if kind in ("application/x-www-form-urlencoded", ""):
        return parse_form(body.decode())
    raise ApiError(
        HTTPStatus.NOT_IMPLEMENTED,
        f"upload 'Content-Type '{content_type}' not implemented",
    )


def find_ticket(cookie: str, authorization: str) -> str | None:
    """The ticket of a cookie, or else of the Authorization header."""
    for header in (cookie, authorization):
        match = _TICKET.search(header)
        if match and match[1]:
            return unquote(match[1]) if match[1].startswith("PVE%3A") else match[1]
    return None


def find_token(authorization: str) -> str | None:
    """The ``user@realm!id=secret`` of the Authorization header."""
    match = _TOKEN.search(authorization)
    return match[1] if match else None


def encode_data(result: object) -> bytes:
    """The JSON of a good answer; the real server knows no booleans but 0 and 1."""
    document: dict[str, object] = {"data": result}
    if isinstance(result, Listing):
        document = {"data": result.data}
        if result.total:
            document["total"] = result.total
    raw = orjson.dumps(document)
    if b":true" in raw or b":false" in raw or b"[true" in raw or b"[false" in raw:
        return orjson.dumps(_without_booleans(document))
    return raw


def _without_booleans(value: object) -> object:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Mapping):
        return {key: _without_booleans(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_booleans(item) for item in value]
    return value


def encode_error(error: ApiError, *, with_message: bool) -> bytes:
    """The JSON of an error; before 8.4 only the reason phrase tells the text."""
    document: dict[str, object] = {"data": None}
    if with_message:
        document["message"] = (
            error.message if error.message.endswith("\n") else f"{error.message}\n"
        )
    if error.errors:
        document["errors"] = dict(error.errors)
    return orjson.dumps(document)


def reason_phrase(text: str) -> str:
    """The part of an error text that fits into a status line: its first line."""
    return text.strip().partition("\n")[0].replace("\r", " ")
