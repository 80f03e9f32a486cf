"""Single values out of JSON: what is missing or of another type is unknown (None)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Final

import orjson

from .errors import ProtocolError

# Beyond any address, count or time in milliseconds that a system tells.
_LARGEST: Final = 2**53


def load_json(payload: bytes | str, what: str) -> Any:
    """Return what a text in JSON says; raise `ProtocolError` when it is none."""
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as err:
        raise ProtocolError(f"{what}: no JSON") from err


def mapping(value: Any) -> Mapping[str, Any]:
    """Return an object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def required_mapping(value: Any, what: str) -> Mapping[str, Any]:
    """Return an object; raise `ProtocolError` for anything else."""
    if not isinstance(value, dict):
        raise ProtocolError(
            f"{what}: an object was expected, not {type(value).__name__}"
        )
    return value


def objects(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a list, none for anything else."""
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, dict)]


def text(value: Any) -> str | None:
    """Return a text that is not empty."""
    return (value.strip() or None) if isinstance(value, str) else None


def boolean(value: Any) -> bool | None:
    """Return a yes or no."""
    return value if isinstance(value, bool) else None


def number(value: Any) -> float | None:
    """Return a number that can be counted with."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isfinite(value) and abs(value) <= _LARGEST else None


def integer(value: Any) -> int | None:
    """Return a whole number; fractions are cut off."""
    found = number(value)
    return None if found is None else int(found)


def count(value: Any) -> int | None:
    """Return a whole number from 0 on."""
    found = number(value)
    return None if found is None or found < 0 else int(found)


def instant(milliseconds: Any) -> datetime | None:
    """Return the time of a UNIX timestamp in milliseconds."""
    found = number(milliseconds)
    return None if found is None else timestamp(found / 1000)


def timestamp(seconds: float) -> datetime | None:
    """Return the time of a UNIX timestamp; 0 and nonsense are unknown."""
    if seconds <= 0:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except OverflowError, ValueError, OSError:
        return None
