"""What a deCONZ gateway says, parsed once: no raw answer leaves the ground floor."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicConfig:
    """What a gateway tells anybody on `GET /api/config`, and a refused key, too.

    bridge_id: the MAC address of the stick as hex digits, None before one was found.
    """

    bridge_id: str | None
    name: str | None
    device_name: str | None
    software_version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfig(PublicConfig):
    """The configuration as it is told to a valid key.

    radio_connected: whether a stick is there and its network is up.
    channel: the Zigbee channel, None while it is not known.
    permit_join_seconds: how long devices may still join; 0 is closed.
    permits_forever: the network stays open until somebody closes it.
    network_open_seconds: how long the gateway opens the network when it is asked to.
    websocket_port: where it pushes events.
    mac: the address of the network card of the computer that it runs on.
    """

    api_version: str | None
    firmware_version: str | None
    radio_connected: bool | None
    channel: int | None
    pan_id: int | None
    permit_join_seconds: int | None
    permits_forever: bool
    network_open_seconds: int | None
    websocket_port: int | None
    mac: str | None


class Collection(StrEnum):
    """The two lists of the gateway that devices are in."""

    LIGHTS = "lights"
    SENSORS = "sensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One function of a device: a light, or one of its sensors.

    mac: which device it belongs to, None for what is no device on the network:
        the gateway itself, its daylight sensor, and virtual sensors.
    reachable: None where the gateway does not say.
    """

    name: str | None
    mac: str | None
    reachable: bool | None


type PartKey = tuple[Collection, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A physical device, which may have several parts."""

    mac: str
    name: str
    reachable: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The physical devices of the gateway, sorted by name."""

    devices: tuple[Device, ...]

    @classmethod
    def of(cls, parts: Mapping[PartKey, Part]) -> Self:
        """Put the parts together to devices.

        A device answers when any of its parts does: deCONZ marks each part by what it
        heard of that one, and some parts of a device are silent for days.
        """
        by_mac: dict[str, list[Part]] = {}
        for _, part in sorted(parts.items()):
            if part.mac is not None:
                by_mac.setdefault(part.mac, []).append(part)
        devices = (_device(mac, found) for mac, found in by_mac.items())
        return cls(
            devices=tuple(
                sorted(devices, key=lambda item: (item.name.casefold(), item.mac))
            )
        )

    @property
    def unreachable(self) -> tuple[str, ...]:
        """The names of the devices that do not answer."""
        return tuple(
            device.name for device in self.devices if device.reachable is False
        )


def _device(mac: str, found: list[Part]) -> Device:
    """Return the device of some parts; lights come first and have the better name."""
    said = {part.reachable for part in found}
    names = (part.name for part in found if part.name)
    return Device(
        mac=mac,
        name=next(names, mac),
        reachable=True if True in said else False if False in said else None,
    )


class Change(StrEnum):
    """What happened to a part."""

    ADDED = "added"
    CHANGED = "changed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartEvent:
    """A message of the websocket about one part.

    name, reachable: their new values, None when the message does not tell them.
    """

    change: Change
    key: PartKey
    name: str | None = None
    reachable: bool | None = None

    def applied(self, part: Part) -> Part:
        """Return the part as it is after a change."""
        return replace(
            part,
            name=part.name if self.name is None else self.name,
            reachable=part.reachable if self.reachable is None else self.reachable,
        )
