"""What is on the Zigbee network of a gateway, as its lights and sensors.

One device is several entries: a plug is a light, a power sensor and a consumption
sensor. Shapes: deconz-rest-doc, "Lights" and "Sensors".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

# By kind of device: the type of its light, and its sensors as (type, cluster).
KINDS: Final[Mapping[str, tuple[str | None, tuple[tuple[str, str], ...]]]] = {
    "light": ("Extended color light", ()),
    "plug": (
        "On/Off plug-in unit",
        (("ZHAConsumption", "0702"), ("ZHAPower", "0b04")),
    ),
    "range_extender": ("Range extender", ()),
    "motion": (
        None,
        (
            ("ZHALightLevel", "0400"),
            ("ZHATemperature", "0402"),
            ("ZHAPresence", "0406"),
        ),
    ),
    "climate": (
        None,
        (
            ("ZHATemperature", "0402"),
            ("ZHAPressure", "0403"),
            ("ZHAHumidity", "0405"),
        ),
    ),
    "contact": (None, (("ZHAOpenClose", "0006"),)),
    "remote": (None, (("ZHASwitch", "0006"),)),
    "green_power": (None, (("ZGPSwitch", ""),)),
}


@dataclass(slots=True, kw_only=True)
class LabDevice:
    """A device on the network; mac is its address with colons."""

    name: str
    kind: str
    mac: str
    reachable: bool = True
    entries: list[tuple[str, str]] = field(default_factory=list)

    def documents(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield its lights and sensors as (collection, document)."""
        light, sensors = KINDS[self.kind]
        if light is not None:
            yield (
                "lights",
                {
                    "ctmax": 65535,
                    "etag": "5d4c3b2a",
                    "hascolor": False,
                    "lastannounced": None,
                    "lastseen": "2026-11-25T10:00Z",
                    "manufacturername": "dresden elektronik",
                    "modelid": f"lab {self.kind}",
                    "name": self.name,
                    "state": {"alert": "none", "on": True, "reachable": self.reachable},
                    "swversion": "1.0",
                    "type": light,
                    "uniqueid": f"{self.mac}-01",
                },
            )
        for kind, cluster in sensors:
            endpoint = f"01-{cluster}" if cluster else "f2"
            yield (
                "sensors",
                {
                    "config": {"battery": 90, "on": True, "reachable": self.reachable},
                    "ep": 1,
                    "etag": "1a2b3c4d",
                    "lastseen": "2026-11-25T10:00Z",
                    "manufacturername": "dresden elektronik",
                    "modelid": f"lab {self.kind}",
                    "name": self.name if light is None else f"{kind} {self.name}",
                    "state": {"lastupdated": "2026-11-25T10:00:00.000"},
                    "swversion": "1.0",
                    "type": kind,
                    "uniqueid": f"{self.mac}-{endpoint}",
                },
            )


def gateway_light(bridge_mac: str) -> dict[str, Any]:
    """Return the entry by which the gateway lists itself."""
    return {
        "etag": "0f0e0d0c",
        "hascolor": False,
        "lastannounced": None,
        "lastseen": None,
        "manufacturername": "dresden elektronik",
        "modelid": "ConBee II",
        "name": "Configuration tool 1",
        "state": {"reachable": True},
        "swversion": "0x26780700",
        "type": "Configuration tool",
        "uniqueid": f"{bridge_mac}-01",
    }


def daylight_sensor(bridge_mac: str) -> dict[str, Any]:
    """Return the clock for dusk and dawn, which carries the address of the gateway."""
    return {
        "config": {"configured": False, "on": True, "sunriseoffset": 30},
        "etag": "0a0b0c0d",
        "manufacturername": "Philips",
        "modelid": "PHDL00",
        "name": "Daylight",
        "state": {"dark": True, "daylight": False, "lastupdated": "none"},
        "swversion": "1.0",
        "type": "Daylight",
        "uniqueid": f"{bridge_mac}-01",
    }


def virtual_sensor(name: str) -> dict[str, Any]:
    """Return a sensor that somebody made by the interface, to keep a value in."""
    return {
        "config": {"on": True, "reachable": True},
        "etag": "2b2c2d2e",
        "manufacturername": "somebody",
        "modelid": "memory",
        "name": name,
        "state": {"lastupdated": "none", "status": 0},
        "swversion": "1.0",
        "type": "CLIPGenericStatus",
        "uniqueid": name.casefold(),
    }
