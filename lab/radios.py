"""The radio equipment of a scenario, and the guests that it runs in."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
import tempfile
from typing import TYPE_CHECKING, Any

from lab.deconz import DeconzGateway
from lab.equipment import Equipment
from lab.mqtt import Bridge, Broker
from lab.reading import ScenarioError, place
from lab.settings import LabSettings
from lab.zwave import ZwaveServer

if TYPE_CHECKING:
    from lab.pve.cluster import Cluster
    from lab.pve.guests import Guest

_PORT_STEP = 10
_SETTLING_SECONDS = 5.0

type Description = Mapping[str, Any]
type Made = Mapping[str, Equipment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """How the entries of a section become equipment.

    `make` gets the entry, the settings and what was made of the sections before.
    `ports` are the keys of an entry that are ports.
    """

    make: Callable[[Description, LabSettings, Made], Equipment]
    ports: tuple[str, ...] = ()


def _make_bridge(found: Description, settings: LabSettings, made: Made) -> Equipment:
    broker = made[found["broker"]]
    if not isinstance(broker, Broker):
        raise ScenarioError(f"{broker.name} is no broker")
    return Bridge.from_description(found, settings, broker)


SECTIONS: Mapping[str, Section] = {
    "brokers": Section(
        make=lambda found, settings, made: Broker.from_description(found, settings),
        ports=("port",),
    ),
    "bridges": Section(make=_make_bridge),
    "zwave_servers": Section(
        make=lambda found, settings, made: ZwaveServer.from_description(
            found, settings
        ),
        ports=("port", "ui_port"),
    ),
    "deconz_gateways": Section(
        make=lambda found, settings, made: DeconzGateway.from_description(
            found, settings
        ),
        ports=("port",),
    ),
}


class Radios:
    """Equipment by name. What a stopped guest holds is off until the guest starts."""

    def __init__(self, cluster: Cluster, description: Description) -> None:
        self.equipment: dict[str, Equipment] = {}
        self._cluster = cluster
        self._description = description
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._switches: list[_Switch] = []

    async def start(self) -> None:
        """Make everything and start it; `ScenarioError` says what is wrong."""
        settings = self._cluster.settings
        if settings.state_dir is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="lab-radios-")
            settings = replace(settings, state_dir=Path(self._scratch.name))
        ports = iter(range(settings.radio_port, 1 << 16, _PORT_STEP))
        sections = [
            [
                self._add(section, entry, settings, ports)
                for entry in self._description.get(name, ())
            ]
            for name, section in SECTIONS.items()
        ]
        for found in sections:
            for made, guest in found:
                self._switches.append(_Switch(made, guest))
            # A bridge wants its broker to be there.
            await asyncio.gather(*(switch.settle() for switch in self._switches))

    def _add(
        self,
        section: Section,
        entry: Description,
        settings: LabSettings,
        ports: Iterator[int],
    ) -> tuple[Equipment, Guest | None]:
        found = dict(entry)
        with place(f"{found.get('name', '?')}"):
            vmid = found.pop("guest", None)
            guest = None if vmid is None else self._cluster.guests[vmid]
            if settings.radio_port and section.ports:
                first = next(ports)
                found |= {key: first + i for i, key in enumerate(section.ports)}
            made = section.make(found, settings, self.equipment)
            if made.name in self.equipment:
                raise ScenarioError("there are two of that name")
            self.equipment[made.name] = made
        return made, guest

    async def stop(self) -> None:
        """Stop everything, what came last first, and remove its files."""
        for switch in reversed(self._switches):
            await switch.close()
        if self._scratch is not None:
            await asyncio.to_thread(self._scratch.cleanup)


class _Switch:
    """Starts and stops equipment with its guest, one after the other."""

    def __init__(self, equipment: Equipment, guest: Guest | None) -> None:
        self._equipment = equipment
        self._guest = guest
        self._wishes: asyncio.Queue[bool] = asyncio.Queue()
        self._task = asyncio.create_task(self._work())
        if guest is not None:
            guest.power_listeners.append(self._wishes.put_nowait)
        if guest is None or guest.alive:
            self._wishes.put_nowait(True)

    async def _work(self) -> None:
        while True:
            on = await self._wishes.get()
            # A guest that begins while it runs has been reset.
            await self._equipment.stop()
            if on:
                await self._equipment.start()
            self._wishes.task_done()

    async def settle(self) -> None:
        """Wait until what was wished has happened, but not for ever."""
        waiting = asyncio.create_task(self._wishes.join())
        await asyncio.wait(
            [waiting, self._task],
            timeout=_SETTLING_SECONDS,
            return_when=asyncio.FIRST_COMPLETED,
        )
        waiting.cancel()
        if self._task.done():
            self._task.result()

    async def close(self) -> None:
        """Stop the equipment, whatever its guest does."""
        if self._guest is not None:
            self._guest.power_listeners.remove(self._wishes.put_nowait)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._equipment.stop()
