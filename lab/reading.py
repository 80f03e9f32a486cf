"""Reading what people write into a scenario, and telling them where it is wrong."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
import random
import re
from typing import Any

_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)")


class ScenarioError(ValueError):
    """A scenario says something that cannot be; the text says where and what."""


@contextmanager
def place(where: str) -> Iterator[None]:
    """Say where in a scenario a mistake is."""
    try:
        yield
    except KeyError as error:
        raise ScenarioError(f"{where}: {error} is missing") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise ScenarioError(f"{where}: {error}") from error


def check_keys(found: Mapping[str, Any], known: str) -> None:
    """Raise the error for a key that is none of the known ones, separated by blanks."""
    if unknown := sorted(set(found) - set(known.split())):
        raise ScenarioError(f"nobody knows {', '.join(unknown)}")


def size(value: object) -> int:
    """Return bytes for `6G`, `512M` or a plain number."""
    match = _SIZE.fullmatch(str(value).strip())
    if match is None:
        raise ScenarioError(f"{value!r} is no size")
    return int(float(match[1]) * _UNITS[match[2]])


def expand(found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Make an entry with `count` that many guests, and leave any other as it is.

    They get the numbers from `vmid` on, the number within the group in place of `{}`
    in `name`, the nodes of a list in turn, and figures of their own that are the same
    at every start.
    """
    count = found.get("count")
    if count is None:
        yield dict(found)
        return
    nodes = found["node"] if isinstance(found["node"], list) else [found["node"]]
    for number in range(count):
        vmid = found["vmid"] + number
        dice = random.Random(vmid)
        yield {
            "cpu": round(dice.uniform(0.5, 12), 1),
            "mem": round(dice.uniform(15, 80)),
            "disk_used": round(dice.uniform(10, 75)),
            "up_hours": round(dice.uniform(5, 700)),
            **{key: value for key, value in found.items() if key != "count"},
            "vmid": vmid,
            "name": str(found["name"]).replace("{}", str(number + 1)),
            "node": nodes[number % len(nodes)],
        }
