"""What the radios cost: hundreds of devices, in a Home Assistant of their own.

Core has nothing to compare them with, so each is compared with the same Home Assistant
in the minute before the entry was added.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

from demo.processes import DemoError
from lab import LabSettings
from lab.mqtt import HOST, Bridge, Broker
from lab.settings import REAL_TASK_SECONDS
from lab.zwave import Network, Node, NodeStatus, ZwaveServer

from .contenders import Contender
from .figures import Load, RadioRun
from .home_assistant import HomeAssistant
from .measure import WINDOW_SECONDS, no_statistics_for

DEVICES: Final = 200
BRIDGES: Final = 2
# As Zigbee2MQTT does for each device that joins.
LISTS_OF_A_JOIN: Final = 6
# A bridge that is new or back is asked for its stick after ten seconds: that belongs
# to it, and so does the recorder's commit.
EVENT_SECONDS: Final = 15.0
STARTED_SECONDS: Final = 20.0
BURST_SECONDS: Final = 1.0
SHOWN_SECONDS: Final = 5.0


class Happening(NamedTuple):
    """Something that is measured: `act` lets it happen, then `shows` must be true.

    shows: the end of the unique id of entities, and the state that all of them have.
    """

    name: str
    act: Callable[[], Awaitable[None]]
    shows: tuple[str, str]


class RadioMeasurement:
    """Measures one Home Assistant, first without an entry and then with it."""

    def __init__(self, home_assistant: HomeAssistant) -> None:
        """Say where to measure."""
        self._ha = home_assistant
        self._idle = Load(seconds=1.0, loop_cpu=0.0, process_cpu=0.0, longest=0.0)

    async def idle(self) -> Load:
        """Measure a minute without any entry, which everything else is compared to."""
        await asyncio.sleep(STARTED_SECONDS)
        self._idle = await self.quiet()
        return self._idle

    async def quiet(self) -> Load:
        """Measure a minute in which nothing happens."""
        await no_statistics_for(WINDOW_SECONDS)
        await self._ha.ask("begin")
        return await self._end(WINDOW_SECONDS)

    async def set_up(self, kind: str, **data: Any) -> Load:
        """Add an entry, and measure until everything has come that is there."""
        await no_statistics_for(EVENT_SECONDS)
        added = await self._ha.ask(
            "add_entry",
            domain=Contender.OURS,
            version=1,
            minor_version=1,
            title="bench",
            unique_id=f"bench-{kind}",
            data={"kind": kind, **data},
            options={},
        )
        if added["state"] != "loaded":
            raise DemoError(f"the entry is {added['state']}: {added['reason']}")
        return (await self._end(EVENT_SECONDS)).less(self._idle)

    async def measure(self, happening: Happening) -> Load:
        """Let something happen and measure what it costs, idleness taken off."""
        await no_statistics_for(EVENT_SECONDS)
        await self._ha.ask("begin")
        await happening.act()
        load = await self._end(EVENT_SECONDS)
        await self.wait_until(*happening.shows)
        return load.less(self._idle)

    async def wait_until(self, ending: str, wanted: str) -> None:
        """Wait until entities have a state: what did not arrive was not measured."""
        found: list[str] = []
        for _ in range(round(SHOWN_SECONDS * 10)):
            found = await self._ha.ask("states", ending=ending)
            if found and all(state == wanted for state in found):
                return
            await asyncio.sleep(0.1)
        raise DemoError(f"{ending} is {', '.join(found) or 'not there'}, not {wanted}")

    async def _end(self, seconds: float) -> Load:
        await asyncio.sleep(seconds)
        return Load(**await self._ha.ask("end"))


async def radio_runs(folder: Path) -> AsyncIterator[RadioRun]:
    """Measure a broker with one bridge and then two, and a Z-Wave JS server."""
    async with HomeAssistant(folder / "mqtt") as home_assistant:
        async for run in _mqtt_runs(RadioMeasurement(home_assistant)):
            yield run
    async with HomeAssistant(folder / "zwave_js") as home_assistant:
        async for run in _zwave_runs(RadioMeasurement(home_assistant)):
            yield run


async def _without_entry(system: str, measurement: RadioMeasurement) -> RadioRun:
    loads = {"quiet": await measurement.idle()}
    return RadioRun(system=system, name="no entry", devices=0, loads=loads)


def _settings() -> LabSettings:
    """Return the settings of a lab that is as slow as what it stands for."""
    return LabSettings(task_seconds=REAL_TASK_SECONDS)


# --- MQTT -------------------------------------------------------------------------


async def _mqtt_runs(measurement: RadioMeasurement) -> AsyncIterator[RadioRun]:
    yield await _without_entry("MQTT", measurement)
    async with Broker(settings=_settings()) as broker, AsyncExitStack() as running:
        bridges: list[Bridge] = []
        loads: dict[str, Load] = {}
        for number in range(1, BRIDGES + 1):
            bridge = Bridge(broker, f"zigbee2mqtt{number}", devices=DEVICES)
            bridges.append(await running.enter_async_context(bridge))
            if number == 1:
                loads["set-up"] = await measurement.set_up(
                    "mqtt", host=HOST, port=broker.port, encryption="none"
                )
            else:
                await asyncio.sleep(EVENT_SECONDS)
                loads = {}
            loads["quiet"] = await measurement.quiet()
            for happening in _mqtt_happenings(broker, bridges):
                loads[happening.name] = await measurement.measure(happening)
            await _all(bridges, _switch_on)
            plural = "s" if number > 1 else ""
            yield RadioRun(
                system="MQTT",
                name=f"{number} bridge{plural}",
                devices=number * DEVICES,
                loads=loads,
            )


def _mqtt_happenings(broker: Broker, bridges: list[Bridge]) -> list[Happening]:
    return [
        Happening("join", lambda: _all(bridges, _join), ("_devices", f"{DEVICES}")),
        Happening(
            "burst",
            lambda: _within_a_second(_all(bridges, _switch_off)),
            ("_devices_offline", f"{DEVICES}"),
        ),
        Happening("restart", lambda: _all(bridges, _restart), ("_online", "on")),
        Happening("reconnect", broker.restart, ("_online", "on")),
    ]


async def _all(bridges: list[Bridge], act: Callable[[Bridge], Awaitable[None]]) -> None:
    await asyncio.gather(*map(act, bridges))


async def _join(bridge: Bridge) -> None:
    """Publish the list of devices as often as a join does, each time another one."""
    device = bridge.network.devices[-1]
    for _ in range(LISTS_OF_A_JOIN):
        device.interviewed = not device.interviewed
        await bridge.publish_devices()


async def _switch_off(bridge: Bridge) -> None:
    await asyncio.gather(*map(bridge.radio.switch_off, bridge.network.devices))


async def _switch_on(bridge: Bridge) -> None:
    await asyncio.gather(*map(bridge.radio.switch_on, bridge.network.devices))


async def _restart(bridge: Bridge) -> None:
    await bridge.stop()
    await bridge.start()


# --- Z-Wave JS --------------------------------------------------------------------


async def _zwave_runs(measurement: RadioMeasurement) -> AsyncIterator[RadioRun]:
    yield await _without_entry("Z-Wave JS", measurement)
    network = Network()
    for number in range(2, DEVICES + 2):
        network.add(Node(node_id=number, name=f"Node {number}"))
    async with ZwaveServer(network=network, settings=_settings()) as server:
        loads = {
            "set-up": await measurement.set_up(
                "zwave_js", url=server.url, home_id=network.home_id
            )
        }
        loads["quiet"] = await measurement.quiet()
        for happening in _zwave_happenings(server):
            loads[happening.name] = await measurement.measure(happening)
        yield RadioRun(
            system="Z-Wave JS", name="1 server", devices=DEVICES, loads=loads
        )


def _zwave_happenings(server: ZwaveServer) -> list[Happening]:
    async def count() -> None:
        for node_id in server.network.nodes:
            server.driver.tell_of_node(
                "statistics updated", node_id, statistics={"commandsRX": 7, "rtt": 31.5}
            )

    async def die() -> None:
        for node in server.network.nodes.values():
            server.driver.set_node_status(node, NodeStatus.DEAD)

    async def reconnect() -> None:
        server.cut_clients()

    connected = ("_connected", "on")
    return [
        Happening("statistics", count, connected),
        Happening("burst", die, ("_nodes_dead", f"{DEVICES}")),
        Happening("reconnect", reconnect, connected),
    ]


async def _within_a_second(action: Awaitable[None]) -> None:
    try:
        async with asyncio.timeout(BURST_SECONDS):
            await action
    except TimeoutError:
        raise DemoError(
            "this machine is too slow for a burst within a second"
        ) from None
