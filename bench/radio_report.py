"""The tables of the radios, and what there is to reach."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Final

from .figures import RadioRun
from .radios import DEVICES, LISTS_OF_A_JOIN
from .report import markdown

# As for the polls of the largest cluster.
LONGEST_SECONDS: Final = 0.02
# Of the event loop, whatever happens to all devices at once.
SECONDS_PER_DEVICE: Final = 0.0002
# Of the event loop, more than without the entry.
QUIET_SECONDS: Final = 0.005

_QUIET: Final = "quiet"
_SET_UP: Final = "set-up"
_HAPPENED: Final = {
    _QUIET: "a quiet minute",
    # Most of it is Home Assistant's own: modules, entities, registries.
    _SET_UP: "set-up",
    "join": f"a join, {LISTS_OF_A_JOIN} lists of devices",
    "statistics": f"statistics of {DEVICES} devices",
    "burst": "loss of all devices in a second",
    "restart": "restart of the bridges",
    "reconnect": "connection lost and found",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A row of a table: figures in milliseconds, None where nothing was measured."""

    name: str
    figures: Sequence[float | None]
    limit: float | None

    @property
    def verdict(self) -> str:
        """Whether the fullest system stays below the limit, as exactly as shown."""
        last = self.figures[-1]
        if self.limit is None or last is None:
            return ""
        return "pass" if round(last, 1) <= round(self.limit, 1) else "miss"

    def cells(self) -> tuple[str, ...]:
        """Return what the table shows."""
        first, *_, last = self.figures
        return (
            self.name,
            *map(_shown, self.figures),
            f"{last / first:.2f}" if first and last else "",
            "" if self.limit is None else f"<= {_shown(self.limit)}",
            self.verdict,
        )


def radio_tables(runs: Sequence[RadioRun]) -> str:
    """Return one table in Markdown per system."""
    return "\n\n".join(
        f"### {system}, {DEVICES} devices each\n\n{_table(found)}"
        for system, found in _by_system(runs)
    )


def radio_misses(runs: Sequence[RadioRun]) -> list[str]:
    """Return what was to be reached and was not."""
    return [
        f"{system}: {row.name} is {_shown(row.figures[-1])}, "
        f"to reach: <= {_shown(row.limit)}"
        for system, found in _by_system(runs)
        for row in _rows(found)
        if row.verdict == "miss"
    ]


def _by_system(runs: Iterable[RadioRun]) -> list[tuple[str, list[RadioRun]]]:
    return [
        (system, list(found))
        for system, found in groupby(runs, key=attrgetter("system"))
    ]


def _table(runs: Sequence[RadioRun]) -> str:
    names = [run.name for run in runs]
    head = ("", *names, f"{names[-1]} / {names[0]}", "to reach", "")
    return markdown([head, *(row.cells() for row in _rows(runs))])


def _rows(runs: Sequence[RadioRun]) -> Iterator[_Row]:
    for happened, title in _HAPPENED.items():
        loads = [run.loads.get(happened) for run in runs]
        if not any(loads):
            continue
        yield _Row(
            name=f"{title}: CPU",
            figures=[load.loop_cpu * 1000 if load else None for load in loads],
            limit=_most_cpu(happened, runs),
        )
        yield _Row(
            name="- longest callback",
            figures=[load.longest * 1000 if load else None for load in loads],
            limit=None if happened == _SET_UP else LONGEST_SECONDS * 1000,
        )


def _most_cpu(happened: str, runs: Sequence[RadioRun]) -> float | None:
    if happened == _SET_UP:
        return None
    if happened == _QUIET:
        return (runs[0].loads[_QUIET].loop_cpu + QUIET_SECONDS) * 1000
    return SECONDS_PER_DEVICE * runs[-1].devices * 1000


def _shown(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds:,.1f} ms"
