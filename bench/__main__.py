"""Command line of the bench: `python -m bench`, which `scripts/bench` prepares."""

import argparse
import asyncio
from collections.abc import AsyncIterator, Iterator
import compileall
from contextlib import asynccontextmanager
from datetime import datetime
from enum import StrEnum
import itertools
import os
from pathlib import Path
import sys
from time import monotonic

from demo.processes import DemoError

from .contenders import Contender
from .figures import RadioRun, Run
from .home_assistant import REPOSITORY, HomeAssistant
from .lab import LabProcess, Size
from .measure import Measurement
from .radio_report import radio_misses, radio_tables
from .radios import radio_runs
from .report import as_json, misses, tables

HOME = REPOSITORY / ".bench"


class Part(StrEnum):
    """What there is to measure."""

    CLUSTER = "cluster"
    RADIOS = "radios"


def main() -> int:
    """Run the bench and return the exit status for the shell.

    A figure that was not reached is no failure of the bench.
    """
    arguments = _arguments()
    # As after the first start in anybody's Home Assistant.
    compileall.compile_dir(REPOSITORY / "custom_components", quiet=1)
    try:
        asyncio.run(_run(arguments))
    except DemoError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Core's proxmoxve and this integration, measured side by side; and "
        "what radios cost.",
    )
    parser.add_argument(
        "--size",
        type=_sizes,
        default="1/15,3/60,16/1000",
        help="nodes/guests of the clusters (default: %(default)s)",
    )
    parser.add_argument(
        "--latency",
        type=_milliseconds,
        default="20,0",
        help="of each request, in ms; the first one gets every figure, the others "
        "those that it matters to (default: %(default)s)",
    )
    parser.add_argument(
        "--only", type=Contender, choices=list(Contender), help="measure one of them"
    )
    parser.add_argument(
        "--part",
        type=Part,
        choices=list(Part),
        help="measure the cluster or the radios alone",
    )
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    parser.add_argument("--json", type=Path, help="write the figures to a file, too")
    parser.add_argument(
        "--profile",
        type=Path,
        help="write profiles of polls to a folder instead, for pstats",
    )
    return parser.parse_args()


def _sizes(text: str) -> list[Size]:
    return [Size(*map(int, size.split("/"))) for size in text.split(",")]


def _milliseconds(text: str) -> list[float]:
    return [float(latency) / 1000 for latency in text.split(",")]


async def _run(arguments: argparse.Namespace) -> None:
    if arguments.profile is not None:
        await _profile(arguments)
        return
    started = monotonic()
    runs: list[Run] = []
    if arguments.part is not Part.RADIOS:
        runs = [run async for run in _runs(arguments)]
    radios: list[RadioRun] = []
    if arguments.part is not Part.CLUSTER and arguments.only is None:
        _say("the radios")
        radios = [run async for run in radio_runs(HOME / "radios")]
    minutes = (monotonic() - started) / 60
    shown = (tables(runs), radio_tables(radios))
    print("\n" + "\n\n".join(filter(None, shown)) + "\n")
    for miss in (*misses(runs), *radio_misses(radios)):
        print(f"missed: {miss}")
    print(f"{minutes:.0f} minutes, {os.cpu_count()} processors")
    if arguments.json is not None:
        circumstances = {
            "finished": datetime.now().astimezone().isoformat(timespec="seconds"),
            "processors": os.cpu_count(),
            "minutes": round(minutes, 1),
        }
        arguments.json.write_text(as_json(runs, radios, circumstances))


async def _runs(arguments: argparse.Namespace) -> AsyncIterator[Run]:
    polls, changes = (2, 3) if arguments.quick else (5, 10)
    first, *others = arguments.latency
    for size, contender in _settings(arguments):
        _say(f"{contender} at {size}")
        async with _measurement(size, first, contender) as measurement:
            figures = await measurement.everything(polls=polls, changes=changes)
            yield Run(size=size, latency=first, contender=contender, figures=figures)
            for latency in others:
                figures = await measurement.with_latency(latency, polls=polls)
                yield Run(
                    size=size, latency=latency, contender=contender, figures=figures
                )


async def _profile(arguments: argparse.Namespace) -> None:
    arguments.profile.mkdir(parents=True, exist_ok=True)
    for size, contender in _settings(arguments):
        name = f"{contender}-{size.nodes}-{size.guests}"
        prefix = str((arguments.profile / name).resolve())
        async with _measurement(size, 0.0, contender) as measurement:
            for file in await measurement.profile(prefix, polls=5):
                _say(f"wrote {file}")


def _settings(arguments: argparse.Namespace) -> Iterator[tuple[Size, Contender]]:
    contenders = [arguments.only] if arguments.only else list(Contender)
    return itertools.product(arguments.size, contenders)


@asynccontextmanager
async def _measurement(
    size: Size, latency: float, contender: Contender
) -> AsyncIterator[Measurement]:
    """Start a lab and a Home Assistant for one run, and end them after it."""
    folder = HOME / f"{contender}-{size.nodes}-{size.guests}"
    async with (
        HomeAssistant(folder / "home-assistant") as home_assistant,
        LabProcess(folder / "lab", size, latency) as lab,
    ):
        yield Measurement(lab, home_assistant, contender)


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
