"""Single values: numbers that may be strings, flags that may be anything, lists."""

from collections.abc import Iterator, Mapping
from datetime import datetime
import re
from typing import Any, Final

from ...errors import ProtocolError
from ...values import timestamp

type Row = Mapping[str, Any]

_TAG_SEPARATORS: Final = re.compile(r"[;,\s]+")
_MIB_BITS: Final = 20


def rows(data: Any, what: str) -> Iterator[Row]:
    """Return the rows of a list; raise `ProtocolError` when it is no list."""
    if not isinstance(data, list):
        raise ProtocolError(f"{what}: a list was expected, not {type(data).__name__}")
    return (row for row in data if isinstance(row, dict))


def number(value: object) -> float | None:
    """Return a number, also from a string; None for anything else."""
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return None


def integer(value: object) -> int | None:
    """Return a whole number, also from a string or a fraction."""
    if type(value) is int:
        return value
    found = number(value)
    return None if found is None else int(found)


def text(value: object) -> str | None:
    """Return a text that is not empty."""
    if isinstance(value, str):
        return value.strip() or None
    return None if value is None else str(value)


def flag(value: object) -> bool:
    """Return a boolean as the API writes it: 1, "1" or true."""
    return value in (1, "1", True, "true", "yes", "on")


def instant(value: object) -> datetime | None:
    """Return the time of a UNIX timestamp; 0 and nonsense are unknown."""
    seconds = number(value)
    return None if seconds is None else timestamp(seconds)


def tags(value: object) -> tuple[str, ...]:
    """Return tags: a semicolon list, with commas, blanks and a lone blank seen."""
    if not isinstance(value, str) or not value.strip():
        return ()
    return tuple(filter(None, _TAG_SEPARATORS.split(value)))


def properties(value: object, default_key: str) -> dict[str, str]:
    """Return a property string `value,key=value,...`; the first may lack its key."""
    found: dict[str, str] = {}
    for part in str(value).split(","):
        key, equals, content = part.strip().partition("=")
        if equals:
            found[key] = content
        elif key:
            found[default_key] = key
    return found


def whole_mib(count: object) -> int | None:
    """Return a counter of bytes, rounded down to MiB so that it never runs back."""
    found = integer(count)
    return None if found is None else found >> _MIB_BITS << _MIB_BITS


def share_of(used: object, total: int | None, parts_bits: int = 10) -> int | None:
    """Return a used size, rounded to about a thousandth of its total.

    The step is the power of two at or below `total / 2**(parts_bits - 1)`, but at
    least 1 MiB: finer differences are noise to whoever reads "3.4 of 8 GiB".
    """
    found = integer(used)
    if found is None:
        return None
    bits = max(_MIB_BITS, (total or 0).bit_length() - parts_bits)
    rounded = (found + (1 << bits >> 1)) >> bits << bits
    return min(rounded, total) if total else rounded
