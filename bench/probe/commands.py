"""What the bench can ask of the probe."""

import asyncio
from collections.abc import Coroutine
import cProfile
from pathlib import Path
from time import monotonic, perf_counter, process_time, thread_time
from types import MappingProxyType
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, Event, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import (
    EventStateChangedData,
    async_track_state_change_event,
)

from .callbacks import LoopCallbacks
from .cycles import async_drained, async_run_cycles, coordinator_of


class Commands:
    """The commands by name; each takes and returns what JSON can carry."""

    def __init__(self, hass: HomeAssistant, callbacks: LoopCallbacks) -> None:
        """Remember what is measured."""
        self._hass = hass
        self._callbacks = callbacks
        self._entry_id = ""
        self._seen: list[dict[str, Any]] = []
        self._window = (0.0, 0.0, 0.0)

    async def answer(self, command: str, arguments: dict[str, Any]) -> Any:
        """Carry out a command."""
        method = getattr(self, f"async_{command}")
        return await method(**arguments)

    async def async_wait_started(self) -> None:
        """Wait until Home Assistant has started and nothing is under way."""
        if self._hass.state is not CoreState.running:
            started = asyncio.Event()
            self._hass.bus.async_listen_once(
                EVENT_HOMEASSISTANT_STARTED, lambda _: started.set()
            )
            await started.wait()
        await self._hass.async_block_till_done()

    async def async_add_entry(self, **entry: Any) -> dict[str, Any]:
        """Add a config entry; return how long its set-up took and how it ended."""
        added: ConfigEntry[Any] = ConfigEntry(
            **entry,
            discovery_keys=MappingProxyType({}),
            source="user",
            subentries_data=(),
        )
        self._entry_id = added.entry_id
        return await self._async_timed(self._hass.config_entries.async_add(added))

    async def async_reload_entry(self) -> dict[str, Any]:
        """Set the entry up again, as after a restart: its registries are filled."""
        await self._hass.config_entries.async_unload(self._entry_id)
        return await self._async_timed(
            self._hass.config_entries.async_setup(self._entry_id)
        )

    async def async_entities(self) -> dict[str, int]:
        """Return how many entities the entry has."""
        entries = er.async_entries_for_config_entry(
            er.async_get(self._hass), self._entry_id
        )
        enabled = sum(entry.disabled_by is None for entry in entries)
        return {"enabled": enabled, "disabled": len(entries) - enabled}

    async def async_states(self, ending: str) -> list[str]:
        """Return the states of the entities whose unique ids end like that."""
        entries = er.async_entries_for_config_entry(
            er.async_get(self._hass), self._entry_id
        )
        found = (
            self._hass.states.get(entry.entity_id)
            for entry in entries
            if entry.unique_id.endswith(ending)
        )
        return [state.state for state in found if state is not None]

    async def async_memory(self) -> int:
        """Return what the process holds in memory, in bytes."""
        return await self._hass.async_add_executor_job(_resident_bytes)

    async def async_begin(self) -> None:
        """Begin a window."""
        self._callbacks.reset()
        self._window = (perf_counter(), process_time(), thread_time())

    async def async_end(self) -> dict[str, Any]:
        """End a window; return its seconds, of the wall clock and of CPU."""
        seconds, process_cpu, loop_cpu = self._window
        return {
            "seconds": perf_counter() - seconds,
            "process_cpu": process_time() - process_cpu,
            "loop_cpu": thread_time() - loop_cpu,
            "longest": self._callbacks.longest,
            "longest_name": self._callbacks.longest_name,
        }

    async def async_poll(self, path: str) -> None:
        """Poll once."""
        await coordinator_of(self._hass, self._entry_id, path).async_refresh()

    async def async_cycles(self, path: str, count: int) -> dict[str, Any]:
        """Poll now, several times, by the coordinator at `path` in the entry."""
        coordinator = coordinator_of(self._hass, self._entry_id, path)
        return await async_run_cycles(self._hass, self._callbacks, coordinator, count)

    async def async_profile_polls(self, path: str, count: int, file: str) -> None:
        """Poll several times under the profiler; its figures go to a file."""
        coordinator = coordinator_of(self._hass, self._entry_id, path)

        async def poll() -> None:
            for _ in range(count):
                await coordinator.async_refresh()
                await async_drained(coordinator)

        await self._async_profiled(poll(), file)

    async def async_profile_set_up(self, file: str) -> None:
        """Set the entry up again under the profiler."""
        await self._hass.config_entries.async_unload(self._entry_id)
        await self._async_profiled(
            self._hass.config_entries.async_setup(self._entry_id), file
        )

    async def async_watch(self, guests: list[int]) -> list[int]:
        """Note when the status of these guests changes; return those that have one."""
        entities: dict[str, int] = {}
        entries = er.async_entries_for_config_entry(
            er.async_get(self._hass), self._entry_id
        )
        for vmid in guests:
            endings = (f"_{vmid}_status", f"_guest/{vmid}_status")
            entities |= {
                entry.entity_id: vmid
                for entry in entries
                if entry.unique_id.endswith(endings)
            }

        @callback
        def note(event: Event[EventStateChangedData]) -> None:
            old, new = event.data["old_state"], event.data["new_state"]
            if old is not None and new is not None and old.state != new.state:
                vmid = entities[event.data["entity_id"]]
                self._seen.append({"guest": vmid, "at": monotonic()})

        async_track_state_change_event(self._hass, list(entities), note)
        return sorted(set(entities.values()))

    async def async_seen(self) -> list[dict[str, Any]]:
        """Return the changes seen until now, on the machine's monotonic clock."""
        return self._seen

    async def _async_profiled(self, work: Coroutine[Any, Any, Any], file: str) -> None:
        profile = cProfile.Profile()
        profile.enable()
        await work
        profile.disable()
        await self._hass.async_add_executor_job(profile.dump_stats, file)

    async def _async_timed(self, set_up: Coroutine[Any, Any, Any]) -> dict[str, Any]:
        await self.async_begin()
        await asyncio.create_task(set_up)
        measured = await self.async_end()
        entry = self._hass.config_entries.async_get_known_entry(self._entry_id)
        return {**measured, "state": entry.state.value, "reason": entry.reason}


def _resident_bytes() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this system does not tell the memory of a process")
