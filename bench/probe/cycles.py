"""Polls of an integration, one by one, and what each of them costs."""

import asyncio
from dataclasses import asdict, dataclass
from operator import attrgetter
from time import perf_counter, process_time, thread_time
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator

from .callbacks import LoopCallbacks
from .threads import cpu_by_thread, spent_since

# The recorder takes the states over in a thread of its own and commits every 5 s.
REST_SECONDS = 0.5
COMMIT_SECONDS = 6.0
RECORDER_THREAD = "Recorder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """One poll: seconds of the wall clock and of CPU, and the states it touched.

    loop_cpu: of the event loop's thread, until the poll and its writes are done.
    longest: of one callback of the event loop, with its name.
    own_cpu: of the probe, for counting the states.
    """

    seconds: float
    loop_cpu: float
    longest: float
    longest_name: str
    written: int
    changed: int
    own_cpu: float


def coordinator_of(
    hass: HomeAssistant, entry_id: str, path: str
) -> DataUpdateCoordinator[Any]:
    """Return the coordinator that polls, `path` being its place in the entry."""
    entry = hass.config_entries.async_get_entry(entry_id)
    coordinator = attrgetter(path)(entry)
    if not isinstance(coordinator, DataUpdateCoordinator):
        raise TypeError(f"{path} is not a coordinator")
    return coordinator


async def async_run_cycles(
    hass: HomeAssistant,
    callbacks: LoopCallbacks,
    coordinator: DataUpdateCoordinator[Any],
    count: int,
) -> dict[str, Any]:
    """Poll `count` times; CPU is in seconds per poll."""
    started, cpu, threads = perf_counter(), process_time(), cpu_by_thread()
    cycles = [await _async_cycle(hass, callbacks, coordinator) for _ in range(count)]
    await asyncio.sleep(COMMIT_SECONDS)
    cpu = process_time() - cpu - sum(cycle.own_cpu for cycle in cycles)
    return {
        "cycles": [asdict(cycle) for cycle in cycles],
        "process_cpu": cpu / count,
        "recorder_cpu": spent_since(threads).get(RECORDER_THREAD, 0.0) / count,
        "seconds": perf_counter() - started,
    }


async def _async_cycle(
    hass: HomeAssistant,
    callbacks: LoopCallbacks,
    coordinator: DataUpdateCoordinator[Any],
) -> Cycle:
    own_cpu = thread_time()
    before = {state.entity_id: state for state in hass.states.async_all()}
    reported = {key: state.last_reported for key, state in before.items()}
    own_cpu = thread_time() - own_cpu
    callbacks.reset()
    started, cpu = perf_counter(), thread_time()
    # A task of its own, so that its last callback is over when it is looked at.
    await asyncio.create_task(coordinator.async_refresh())
    await async_drained(coordinator)
    seconds, loop_cpu = perf_counter() - started, thread_time() - cpu
    longest, longest_name = callbacks.longest, callbacks.longest_name
    if not coordinator.last_update_success:
        raise RuntimeError(f"the poll failed: {coordinator.last_exception!r}")
    own_cpu -= thread_time()
    after = hass.states.async_all()
    written = sum(
        reported.get(state.entity_id) != state.last_reported for state in after
    )
    changed = sum(before.get(state.entity_id) is not state for state in after)
    own_cpu += thread_time()
    await asyncio.sleep(REST_SECONDS)
    return Cycle(
        seconds=seconds,
        loop_cpu=loop_cpu,
        longest=longest,
        longest_name=longest_name,
        written=written,
        changed=changed,
        own_cpu=own_cpu,
    )


async def async_drained(coordinator: DataUpdateCoordinator[Any]) -> None:
    """Wait until a coordinator that hands its news out in slices is done with it.

    Ours does, and only the bench wants to know when it is done.
    """
    while getattr(coordinator, "_draining", False):
        await asyncio.sleep(0)
