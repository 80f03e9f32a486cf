"""The figures of one run: seconds, bytes and counts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from .contenders import Contender
from .lab import Size


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUp:
    """Setting up the entry in a running Home Assistant.

    longest: of one callback of the event loop, CPU time.
    """

    seconds: float
    longest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Polls:
    """Some polls in a row: medians, and the longest of all callbacks.

    requests: the least of some polls. seconds: of the wall clock, until the last
    state of a poll is written. written: states that were reported again or changed.
    cpu: CPU time of all threads; loop_cpu: of the event loop's; recorder_cpu: of the
    recorder's; longest: of one callback of the event loop.
    """

    seconds: float
    requests: int
    cpu: float
    loop_cpu: float
    recorder_cpu: float
    longest: float
    longest_name: str
    written: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A minute of doing nothing but polling as installed."""

    requests_per_minute: float
    bytes_per_minute: float
    cpu_per_minute: float
    longest: float
    longest_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one integration showed; None was not measured in this run.

    first_set_up: with empty registries; set_up_again: with filled ones, as after a
    restart. memory: what the process holds, once the set-up has settled.
    outside_changes: how long each change made elsewhere took to show.
    """

    set_up_again: SetUp
    quiet: Polls
    entities: int
    first_set_up: SetUp | None = None
    changing: Polls | None = None
    memory: int | None = None
    window: Window | None = None
    outside_changes: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One integration at one size and one latency (seconds)."""

    size: Size
    latency: float
    contender: Contender
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a Home Assistant spent in a while.

    loop_cpu: CPU time of the event loop's thread; process_cpu: of all threads.
    longest: of one callback of the event loop, CPU time.
    """

    seconds: float
    loop_cpu: float
    process_cpu: float
    longest: float
    longest_name: str = ""

    def less(self, idle: Self) -> Self:
        """Return the load without what the same time costs when nothing happens."""
        share = self.seconds / idle.seconds
        return replace(
            self,
            loop_cpu=self.loop_cpu - share * idle.loop_cpu,
            process_cpu=self.process_cpu - share * idle.process_cpu,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RadioRun:
    """The loads of one radio system, by what happened.

    name: how much of the system was there, with how many devices in all.
    """

    system: str
    name: str
    devices: int
    loads: Mapping[str, Load]
