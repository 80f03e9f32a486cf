"""What a figure is called, how it is shown, and what there is to reach."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from .figures import Figures
from .lab import Size

SMALL, MIDDLE, LARGE = Size(1, 15), Size(3, 60), Size(16, 1000)

type Read = Callable[[Figures], float | None]
# The most that our figure may be at a size and a latency, given core's figure.
type Limit = Callable[[Size, float, float], float | None]


def _none(size: Size, latency: float, core: float) -> None:
    return None


def _as_core(size: Size, latency: float, core: float) -> float:
    return core


def _one(size: Size, latency: float, core: float) -> float:
    return 1


def _large(factor: float = 0.0, fixed: float = 0.0) -> Limit:
    """Return a limit for the largest size only."""

    def limit(size: Size, latency: float, core: float) -> float | None:
        return factor * core + fixed if size == LARGE else None

    return limit


def _at_most(seconds: float) -> Limit:
    return lambda size, latency, core: seconds


def _fast_poll(size: Size, latency: float, core: float) -> float | None:
    return {(MIDDLE, 0.02): 0.06, (LARGE, 0.02): 0.2}.get((size, latency))


def _requests(size: Size, latency: float, core: float) -> float | None:
    return {SMALL: 12, MIDDLE: core, LARGE: core}.get(size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the table; `scale` turns the figure into the unit shown."""

    name: str
    unit: str
    read: Read
    limit: Limit = _none
    scale: float = 1.0
    digits: int = 0


def _part(part: str, name: str) -> Read:
    """Return what reads a figure of a part that may not have been measured."""

    def read(figures: Figures) -> float | None:
        found = getattr(figures, part)
        return None if found is None else getattr(found, name)

    return read


def _changes(
    figures: Figures, summary: Callable[[tuple[float, ...]], float]
) -> float | None:
    return summary(figures.outside_changes) if figures.outside_changes else None


ROWS = (
    Row(
        name="requests of a fast poll",
        unit="",
        read=_part("quiet", "requests"),
        limit=_one,
    ),
    Row(
        name="time of a fast poll",
        unit="ms",
        read=_part("quiet", "seconds"),
        limit=_fast_poll,
        scale=1000,
    ),
    Row(
        name="CPU of a quiet poll",
        unit="ms",
        read=_part("quiet", "cpu"),
        limit=_large(factor=0.1),
        scale=1000,
    ),
    Row(
        name="- of the event loop alone",
        unit="ms",
        read=_part("quiet", "loop_cpu"),
        scale=1000,
    ),
    Row(
        name="- of the recorder alone",
        unit="ms",
        read=_part("quiet", "recorder_cpu"),
        scale=1000,
    ),
    Row(
        name="- longest callback",
        unit="ms",
        read=_part("quiet", "longest"),
        limit=_large(fixed=0.02),
        scale=1000,
        digits=1,
    ),
    Row(
        name="CPU of a changing poll",
        unit="ms",
        read=_part("changing", "cpu"),
        limit=_large(factor=0.5),
        scale=1000,
    ),
    Row(
        name="- of the event loop alone",
        unit="ms",
        read=_part("changing", "loop_cpu"),
        scale=1000,
    ),
    Row(
        name="- of the recorder alone",
        unit="ms",
        read=_part("changing", "recorder_cpu"),
        scale=1000,
    ),
    Row(
        name="- longest callback",
        unit="ms",
        read=_part("changing", "longest"),
        limit=_large(fixed=0.02),
        scale=1000,
        digits=1,
    ),
    Row(
        name="- states written",
        unit="",
        read=_part("changing", "written"),
    ),
    Row(
        name="requests a minute",
        unit="",
        read=_part("window", "requests_per_minute"),
        limit=_requests,
    ),
    Row(
        name="kB a minute",
        unit="",
        read=_part("window", "bytes_per_minute"),
        scale=0.001,
    ),
    Row(
        name="CPU a minute",
        unit="ms",
        read=_part("window", "cpu_per_minute"),
        scale=1000,
    ),
    Row(
        name="longest callback of a minute",
        unit="ms",
        read=_part("window", "longest"),
        scale=1000,
        digits=1,
    ),
    Row(
        name="outside change shows, median",
        unit="s",
        read=lambda figures: _changes(figures, median),
        limit=_at_most(5.0),
    ),
    Row(
        name="outside change shows, longest",
        unit="s",
        read=lambda figures: _changes(figures, max),
        limit=_at_most(10.0),
    ),
    Row(
        name="memory",
        unit="MB",
        read=lambda figures: figures.memory,
        limit=_as_core,
        scale=1e-6,
    ),
    Row(
        name="set-up, first time",
        unit="s",
        read=_part("first_set_up", "seconds"),
        limit=_as_core,
        digits=2,
    ),
    Row(
        name="- longest callback",
        unit="ms",
        read=_part("first_set_up", "longest"),
        scale=1000,
    ),
    Row(
        name="set-up, as after a restart",
        unit="s",
        read=_part("set_up_again", "seconds"),
        limit=_as_core,
        digits=2,
    ),
    Row(
        name="enabled entities",
        unit="",
        read=lambda figures: figures.entities,
        limit=_large(fixed=6500),
    ),
)
