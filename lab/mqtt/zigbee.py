"""Zigbee networks: coordinator sticks, and the devices behind them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
import random
import time
from typing import Any

COORDINATOR = "Coordinator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A family of sticks: how it calls itself, and whether it can be backed up."""

    type: str
    meta: Mapping[str, Any]
    backup: bool


ADAPTERS: Mapping[str, Adapter] = {
    "zstack": Adapter(
        type="ZStack3x0",
        meta={
            "maintrel": 1,
            "majorrel": 2,
            "minorrel": 7,
            "product": 1,
            "revision": 20240710,
            "transportrev": 2,
        },
        backup=True,
    ),
    "ember": Adapter(
        type="EmberZNet",
        meta={"build": 397, "major": 7, "minor": 4, "patch": 4, "revision": "7.4.4"},
        backup=True,
    ),
    "deconz": Adapter(
        type="ConBee2/RaspBee2", meta={"revision": "0x26780700"}, backup=False
    ),
    "zigate": Adapter(type="ZiGate", meta={"revision": "3.21"}, backup=False),
}
"""By their names in the configuration; only Z-Stack was measured."""


class StickError(Exception):
    """A stick does not answer; the text is the one that is passed on."""


@dataclass(slots=True, kw_only=True, eq=False)
class Stick:
    """A coordinator stick and its link; what is wrong with it can be set at any time.

    `hung` takes commands and never answers. `present` says whether the link is there:
    the USB device, or the connection of a remote stick.
    """

    adapter: Adapter
    port: str
    ieee: str
    channel: int
    pan_id: int
    hung: bool = False
    present: bool = True
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def works(self) -> bool:
        """Whether it answers."""
        return self.present and not self.hung

    async def ask(self, command: str, seconds: float, timeout: float) -> None:
        """Have a command answered after some seconds, or fail after the time-out.

        Commands wait for each other, so a second one fails later.
        """
        async with self._busy:
            if self.works:
                await asyncio.sleep(seconds)
                return
            await asyncio.sleep(timeout)
            raise StickError(f"SRSP - {command} after 6000ms")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A product. `values` are what it reports, `battery` says what it lives on."""

    vendor: str
    model: str
    description: str
    manufacturer: str
    model_id: str
    values: Mapping[str, Any]
    battery: bool = False
    ota: bool = True


def _model(vendor: str, model: str, text: str, **given: Any) -> Model:
    return Model(
        vendor=vendor,
        model=model,
        description=text,
        manufacturer=given.pop("manufacturer", vendor),
        model_id=given.pop("model_id", model),
        **given,
    )


MODELS: Mapping[str, Model] = {
    "plug": _model(
        "IKEA", "E22x4", "TRETAKT smart plug", values={"state": "ON"},
        manufacturer="IKEA of Sweden", model_id="TRETAKT Smart plug",
    ),
    "bulb": _model(
        "Philips", "9290024896", "Hue white E27", model_id="LWA021",
        values={"state": "ON", "brightness": 180},
        manufacturer="Signify Netherlands B.V.",
    ),
    "dimmer": _model(
        "Sunricher", "4512703", "Wall dimmer", model_id="ROB_200-011-0",
        values={"state": "OFF", "brightness": 120, "power": 0.0},
        manufacturer="ROBB smarrt",
    ),
    "thermostat": _model(
        "Namron", "4512737", "Panel heater thermostat",
        values={"local_temperature": 21.4, "occupied_heating_setpoint": 21.0},
        manufacturer="NAMRON AS",
    ),
    "temperature": _model(
        "SONOFF", "SNZB-02", "Temperature and humidity sensor", model_id="TH01",
        values={"battery": 87, "temperature": 21.5, "humidity": 38.2, "voltage": 2900},
        manufacturer="eWeLink", battery=True, ota=False,
    ),
    "motion": _model(
        "Philips", "9290012607", "Hue motion sensor", model_id="SML001",
        values={"battery": 71, "occupancy": False, "illuminance": 12},
        manufacturer="Philips", battery=True,
    ),
    "contact": _model(
        "Aqara", "MCCGQ11LM", "Door and window sensor",
        model_id="lumi.sensor_magnet.aq2",
        values={"battery": 93, "contact": True, "voltage": 3005},
        manufacturer="LUMI", battery=True, ota=False,
    ),
    "leak": _model(
        "Aqara", "SJCGQ11LM", "Water leak sensor", model_id="lumi.sensor_wleak.aq1",
        values={"battery": 100, "water_leak": False, "voltage": 3025},
        manufacturer="LUMI", battery=True, ota=False,
    ),
    "remote": _model(
        "IKEA", "E2001/E2002/E2313", "STYRBAR remote control",
        values={"battery": 65}, manufacturer="IKEA of Sweden",
        model_id="Remote Control N2", battery=True,
    ),
}  # fmt: skip


@dataclass(slots=True, kw_only=True, eq=False)
class Device:
    """A device of a network.

    `online` is whether it has power and reach, `available` what the bridge believes.
    `in_table` is whether the stick knows it, which it must of every router. `silence`
    is for how many steps of the radio it was not heard, `last_seen` is seconds since
    the epoch.
    """

    ieee: str
    address: int
    name: str
    model: Model
    lqi: int = 120
    online: bool = True
    available: bool = True
    in_table: bool = True
    interviewed: bool = True
    messages: int = 0
    leave_count: int = 0
    address_changes: int = 0
    silence: int = 0
    last_seen: float = field(default_factory=time.time)

    @property
    def router(self) -> bool:
        """Whether it passes messages on, as everything with mains power does."""
        return not self.model.battery

    @property
    def type(self) -> str:
        """Its role in the network."""
        return "Router" if self.router else "EndDevice"

    def hear(self) -> None:
        """Count a message of it."""
        self.messages += 1
        self.silence, self.last_seen = 0, time.time()


@dataclass(slots=True, kw_only=True, eq=False)
class Network:
    """A stick and its devices."""

    stick: Stick
    devices: list[Device]

    def find(self, name: object) -> Device | None:
        """Return the device of a friendly name or an IEEE address."""
        for device in self.devices:
            if name in (device.name, device.ieee):
                return device
        return None

    @property
    def routers(self) -> list[Device]:
        """The devices with mains power."""
        return [device for device in self.devices if device.router]

    def make_device(self, name: str, kind: str) -> Device:
        """Make a device that is not in the network yet; KeyError without that kind."""
        number = 1 + max(
            (int(device.ieee, 16) & 0xFFFF for device in self.devices), default=0
        )
        return make_device(self.stick.pan_id, number, name, kind)


def make_device(pan_id: int, number: int, name: str, kind: str) -> Device:
    """Make a device that is the same at every start."""
    return Device(
        ieee=f"0x00158d{pan_id:06x}{number:04x}",
        address=(pan_id * 31 + number * 257) % 0xFFF0 + 1,
        name=name,
        model=MODELS[kind],
        lqi=random.Random(f"{pan_id}/{number}").randint(40, 255),
    )


def make_network(
    devices: Mapping[str, str],
    *,
    adapter: str = "zstack",
    port: str = "/dev/ttyUSB0",
    channel: int = 15,
    pan_id: int = 6754,
) -> Network:
    """Make a network of devices by name and kind (a key of `MODELS`)."""
    stick = Stick(
        adapter=ADAPTERS[adapter],
        port=port,
        ieee=f"0x00124b0025{pan_id:06x}",
        channel=channel,
        pan_id=pan_id,
    )
    made = [
        make_device(pan_id, number, name, kind)
        for number, (name, kind) in enumerate(devices.items(), 1)
    ]
    return Network(stick=stick, devices=made)


def make_many(count: int) -> dict[str, str]:
    """Return names and kinds of that many devices, a third of them with mains power."""
    kinds = ["plug", "temperature", "contact", "bulb", "motion", "leak"]
    return {f"device_{number:03}": kinds[number % 6] for number in range(1, count + 1)}
