"""Reads the plain data of a scenario and says exactly where it is wrong."""

from collections.abc import Iterator, Mapping
import re
from typing import Any

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|TiB|MB|GB|TB)?")
_UNITS = {
    "B": 1,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
    "TiB": 1024**4,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
}


class ScenarioError(Exception):
    """A scenario cannot be understood; the text names the place."""


class Reader:
    """One mapping of a scenario; `done` complains about what nobody asked for."""

    def __init__(self, data: object, where: str) -> None:
        if not isinstance(data, Mapping):
            raise ScenarioError(f"{where}: expected keys and values, got {data!r}")
        self._data: dict[str, Any] = dict(data)
        self._asked: set[str] = set()
        self.where = where

    def __contains__(self, key: str) -> bool:
        """Whether the key was written."""
        return key in self._data

    def _get(self, key: str, default: object) -> Any:
        self._asked.add(key)
        value = self._data.get(key, default)
        if value is ...:
            raise ScenarioError(f"{self.where}.{key}: missing")
        return value

    def _wrong(self, key: str, wanted: str, value: object) -> ScenarioError:
        return ScenarioError(f"{self.where}.{key}: expected {wanted}, got {value!r}")

    def text(self, key: str, default: object = ...) -> str:
        """Return a text; numbers count as such."""
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self._wrong(key, "a text", value)
        return str(value)

    def maybe(self, key: str) -> str | None:
        """Return a text, or None when it is not written."""
        return self.text(key) if key in self else self._get(key, None)

    def integer(self, key: str, default: object = ...) -> int:
        """Return an integer."""
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(key, "an integer", value)
        return value

    def number(self, key: str, default: object = ...) -> float:
        """Return a number."""
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(key, "a number", value)
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """Return yes or no."""
        value = self._get(key, default)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false", value)
        return value

    def size(self, key: str, default: object = ...) -> int:
        """Return bytes, written such as ``12 GiB``."""
        value = str(self._get(key, default))
        match = _SIZE.fullmatch(value)
        if match is None:
            raise self._wrong(key, "a size such as 12 GiB", value)
        return int(float(match[1]) * _UNITS[match[2] or "B"])

    def texts(self, key: str) -> list[str]:
        """Return a list of texts, empty when it is not written."""
        value = self._get(key, [])
        if not isinstance(value, list):
            raise self._wrong(key, "a list", value)
        return [str(item) for item in value]

    def mapping(self, key: str) -> dict[str, Any]:
        """Return free keys and values, empty when they are not written."""
        value = self._get(key, {})
        if not isinstance(value, Mapping):
            raise self._wrong(key, "keys and values", value)
        return dict(value)

    def each(self, key: str) -> Iterator[Reader]:
        """Return a reader for every entry of a list, and check it afterwards."""
        value = self._get(key, [])
        if not isinstance(value, list):
            raise self._wrong(key, "a list", value)
        for number, entry in enumerate(value):
            reader = Reader(entry, f"{self.where}.{key}[{number}]")
            yield reader
            reader.done()

    def done(self) -> None:
        """Complain about keys that nobody asked for."""
        if unknown := sorted(set(self._data) - self._asked):
            raise ScenarioError(f"{self.where}: unknown key {unknown[0]!r}")
