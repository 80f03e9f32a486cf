"""The table that the bench prints, and the same figures for a program."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
import json
from typing import Any

from .contenders import Contender
from .figures import Figures, RadioRun, Run
from .lab import Size
from .targets import ROWS, Row

HEAD = ("", "core", "ours", "ours / core", "to reach", "")


def tables(runs: Sequence[Run]) -> str:
    """Return one table in Markdown per size and latency."""
    return "\n\n".join(
        f"### {_title(size, latency)}\n\n{_table(size, latency, figures)}"
        for (size, latency), figures in _by_setting(runs).items()
    )


def misses(runs: Sequence[Run]) -> list[str]:
    """Return what was to be reached and was not."""
    return [
        f"{_title(size, latency)}: {row[0]} is {row[2]}, to reach: {row[4]}"
        for (size, latency), figures in _by_setting(runs).items()
        for row in _rows(size, latency, figures)
        if row[5] == "miss"
    ]


def as_json(
    runs: Sequence[Run], radios: Sequence[RadioRun], circumstances: dict[str, Any]
) -> str:
    """Return the figures as JSON: seconds, bytes and counts."""
    found = {
        "runs": [asdict(run) for run in runs],
        "radios": [asdict(run) for run in radios],
    }
    return json.dumps({**circumstances, **found}, indent=2)


def _by_setting(
    runs: Iterable[Run],
) -> dict[tuple[Size, float], dict[Contender, Figures]]:
    found: dict[tuple[Size, float], dict[Contender, Figures]] = {}
    for run in runs:
        found.setdefault((run.size, run.latency), {})[run.contender] = run.figures
    return found


def _title(size: Size, latency: float) -> str:
    plural = "s" if size.nodes > 1 else ""
    return (
        f"{size.nodes} node{plural}, {size.guests:,} guests, "
        f"{latency * 1000:.0f} ms latency"
    )


def _table(size: Size, latency: float, figures: dict[Contender, Figures]) -> str:
    return markdown([HEAD, *_rows(size, latency, figures)])


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose first and last columns are text, the others figures."""
    texts = (0, len(rows[0]) - 1)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| "
        + " | ".join(
            cell.ljust(width) if index in texts else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in rows
    ]
    rule = "|".join(
        "-" * (width + 2) if index in texts else "-" * (width + 1) + ":"
        for index, width in enumerate(widths)
    )
    lines.insert(1, f"|{rule}|")
    return "\n".join(lines)


def _rows(
    size: Size, latency: float, figures: dict[Contender, Figures]
) -> Iterator[tuple[str, ...]]:
    for row in ROWS:
        core, ours = (
            row.read(figures[contender]) if contender in figures else None
            for contender in (Contender.CORE, Contender.OURS)
        )
        if core is not None or ours is not None:
            yield (
                row.name,
                _shown(row, core),
                _shown(row, ours),
                f"{ours / core:.2f}" if core and ours is not None else "",
                *_verdict(row, size, latency, core, ours),
            )


def _verdict(
    row: Row, size: Size, latency: float, core: float | None, ours: float | None
) -> tuple[str, str]:
    if ours is None or core is None:
        return "", ""
    limit = row.limit(size, latency, core)
    if limit is None:
        return "", ""
    # As exactly as it is shown.
    reached = round(ours * row.scale, row.digits) <= round(
        limit * row.scale, row.digits
    )
    return f"<= {_shown(row, limit)}", "pass" if reached else "miss"


def _shown(row: Row, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value * row.scale:,.{row.digits}f} {row.unit}".strip()
