"""One integration, at one size of the cluster and one latency: its figures."""

import asyncio
from random import Random
from statistics import median
from time import monotonic, time
from typing import Any

from demo.processes import DemoError

from .contenders import Contender, contestant
from .figures import Figures, Polls, SetUp, Window
from .home_assistant import HomeAssistant
from .lab import Churn, LabProcess

# Long enough for every rhythm of both integrations that is a minute or less.
WINDOW_SECONDS = 60.0
WINDOW_DELAY = 5.0
POLLS_SECONDS = 30.0
IDLE_SECONDS = 3.0
SETTLED_AFTER_SECONDS = 4.0
SETTLED_AT_MOST_SECONDS = 240.0
# A poll may come a moment later than its rhythm says.
GRACE_SECONDS = 15.0
# Every five minutes the recorder makes statistics of all states, for a second or more.
STATISTICS_EVERY = 300.0
STATISTICS_AT = 5.0
STATISTICS_OVER_AT = 25.0


class Measurement:
    """Measures one integration in one Home Assistant, figure by figure."""

    def __init__(
        self, lab: LabProcess, home_assistant: HomeAssistant, contender: Contender
    ) -> None:
        """Say what to measure."""
        self._lab = lab
        self._ha = home_assistant
        self._contestant = contestant(contender, lab.access)
        self._idle_cpu = 0.0

    async def everything(self, *, polls: int, changes: int) -> Figures:
        """Measure all figures; some minutes, most of them waiting for polls."""
        set_up = await self._first_set_up()
        memory = await self._ha.ask("memory")
        again = await self._set_up_again()
        quiet = await self._polls(polls)
        window, outside_changes = await self._window_and_changes(changes)
        await self._set_churn(Churn.CHANGING)
        changing = await self._polls(polls)
        await self._set_churn(Churn.QUIET)
        return Figures(
            first_set_up=set_up,
            set_up_again=again,
            entities=(await self._ha.ask("entities"))["enabled"],
            quiet=quiet,
            changing=changing,
            memory=memory,
            window=window,
            outside_changes=outside_changes,
        )

    async def with_latency(self, seconds: float, *, polls: int) -> Figures:
        """Measure what depends on the latency, after everything was measured."""
        await self._lab.set_latency(seconds)
        return Figures(
            set_up_again=await self._set_up_again(),
            entities=(await self._ha.ask("entities"))["enabled"],
            quiet=await self._polls(polls),
        )

    async def profile(self, prefix: str, *, polls: int) -> list[str]:
        """Write profiles of the set-up and of polls; return their files."""
        await self._first_set_up()
        path = self._contestant.coordinator
        files = [f"{prefix}-set-up.pstats"]
        await self._ha.ask("profile_set_up", file=files[0])
        await self._settle()
        for churn in Churn:
            await self._set_churn(churn)
            files.append(f"{prefix}-{churn}.pstats")
            await self._ha.ask("profile_polls", path=path, count=polls, file=files[-1])
        return files

    async def _first_set_up(self) -> SetUp:
        await self._ha.ask("begin")
        await asyncio.sleep(IDLE_SECONDS)
        idle = await self._ha.ask("end")
        self._idle_cpu = idle["process_cpu"] / idle["seconds"]
        return await self._timed("add_entry", **self._contestant.entry)

    async def _set_up_again(self) -> SetUp:
        return await self._timed("reload_entry")

    async def _timed(self, command: str, **arguments: Any) -> SetUp:
        measured = await self._ha.ask(command, **arguments)
        if measured["state"] != "loaded":
            raise DemoError(f"the entry is {measured['state']}: {measured['reason']}")
        await self._settle()
        return SetUp(seconds=measured["seconds"], longest=measured["longest"])

    async def _settle(self) -> None:
        """Wait until only the fast poll is asked and the recorder has caught up."""
        async with asyncio.timeout(SETTLED_AT_MOST_SECONDS):
            busy = True
            while busy:
                before = await self._lab.traffic()
                await self._ha.ask("begin")
                await asyncio.sleep(SETTLED_AFTER_SECONDS)
                measured = await self._ha.ask("end")
                after = await self._lab.traffic()
                busy = (
                    after.requests > before.requests + 1
                    or measured["process_cpu"] > 0.1 * measured["seconds"]
                )

    async def _set_churn(self, churn: Churn) -> None:
        await self._lab.set_churn(churn)
        # The first poll with other figures is unlike those that follow.
        await self._ha.ask("poll", path=self._contestant.coordinator)

    async def _polls(self, count: int) -> Polls:
        path = self._contestant.coordinator
        await no_statistics_for(POLLS_SECONDS)
        requests = [await self._requests_of_a_poll() for _ in range(2)]
        measured = await self._ha.ask("cycles", path=path, count=count)
        cycles = measured["cycles"]
        longest = max(cycles, key=lambda cycle: cycle["longest"])
        return Polls(
            seconds=median(cycle["seconds"] for cycle in cycles),
            requests=min(requests),
            cpu=measured["process_cpu"] - self._idle_cpu * measured["seconds"] / count,
            recorder_cpu=measured["recorder_cpu"],
            loop_cpu=median(cycle["loop_cpu"] for cycle in cycles),
            longest=longest["longest"],
            longest_name=longest["longest_name"],
            written=median(cycle["written"] for cycle in cycles),
        )

    async def _requests_of_a_poll(self) -> int:
        # The least of some: another rhythm may ask for something meanwhile.
        await self._lab.forget_traffic()
        await self._ha.ask("poll", path=self._contestant.coordinator)
        return (await self._lab.traffic()).requests

    async def _window(self, *, after: float = 0.0) -> Window:
        await asyncio.sleep(after)
        await self._lab.forget_traffic()
        await self._ha.ask("begin")
        await asyncio.sleep(WINDOW_SECONDS)
        measured = await self._ha.ask("end")
        traffic = await self._lab.traffic()
        minutes = measured["seconds"] / 60
        return Window(
            requests_per_minute=traffic.requests / minutes,
            bytes_per_minute=traffic.bytes / minutes,
            cpu_per_minute=measured["process_cpu"] / minutes,
            longest=measured["longest"],
            longest_name=measured["longest_name"],
        )

    async def _window_and_changes(self, count: int) -> tuple[Window, tuple[float, ...]]:
        """Watch it poll for a minute, and change guests from outside.

        One after the other where a change leads to requests at once, otherwise in
        the same minute.
        """
        watched = await self._watched(count)
        await no_statistics_for(WINDOW_SECONDS + WINDOW_DELAY)
        if self._contestant.seconds_between_polls < WINDOW_SECONDS:
            return await self._window(), await self._outside_changes(watched)
        await self._ha.ask("poll", path=self._contestant.coordinator)
        async with asyncio.TaskGroup() as group:
            # The next poll comes in the middle of the window, not at its edge.
            window = group.create_task(self._window(after=WINDOW_DELAY))
            changes = group.create_task(self._outside_changes(watched))
        return window.result(), changes.result()

    async def _watched(self, count: int) -> list[int]:
        """Return some running guests whose status the probe watches from now on."""
        running = await self._lab.running_guests()
        some = Random(count).sample(running, min(2 * count, len(running)))
        guests: list[int] = await self._ha.ask("watch", guests=some)
        return guests[:count]

    async def _outside_changes(self, guests: list[int]) -> tuple[float, ...]:
        """Stop guests behind the integration's back, at any phase of its poll."""
        rhythm = self._contestant.seconds_between_polls
        # Either way ten changes are spread evenly over the phases of the poll.
        apart = rhythm / len(guests) if rhythm >= WINDOW_SECONDS else 0.3 * rhythm
        moments = [index * apart for index in range(len(guests))]
        started = monotonic()
        changed_at: dict[int, float] = {}
        for guest, moment in zip(guests, moments, strict=True):
            await asyncio.sleep(max(0.0, started + moment - monotonic()))
            changed_at[guest] = await self._lab.stop_guest(guest)
        seen: dict[int, float] = {}
        deadline = monotonic() + rhythm + GRACE_SECONDS
        while len(seen) < len(guests) and monotonic() < deadline:
            await asyncio.sleep(0.5)
            for change in await self._ha.ask("seen"):
                seen.setdefault(change["guest"], change["at"])
        if missing := changed_at.keys() - seen.keys():
            raise DemoError(f"the end of guests {sorted(missing)} never showed")
        return tuple(seen[guest] - at for guest, at in changed_at.items())


async def no_statistics_for(seconds: float) -> None:
    """Wait, if need be, for a time without the recorder's statistics."""
    since = (time() - STATISTICS_AT) % STATISTICS_EVERY
    if since < STATISTICS_OVER_AT - STATISTICS_AT:
        await asyncio.sleep(STATISTICS_OVER_AT - STATISTICS_AT - since)
    elif since > STATISTICS_EVERY - seconds:
        await asyncio.sleep(STATISTICS_EVERY - since + STATISTICS_OVER_AT)
