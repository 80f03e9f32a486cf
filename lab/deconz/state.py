"""What a gateway knows: its configuration, who may ask, and its devices."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil, inf
import secrets
from time import monotonic
from typing import Any, Final

from lab.deconz.devices import (
    KINDS,
    LabDevice,
    daylight_sensor,
    gateway_light,
    virtual_sensor,
)

# What it says of its stick's address before it saw one.
NO_BRIDGE: Final = "0" * 16
_NO_FIRMWARE: Final = "0x00000000"
# An application that asks twice within this time gets the same key, in seconds.
_SAME_KEY: Final = 30.0
# The network is opened for so long at a time, in seconds.
_CHUNK: Final = 60
_BEAT: Final = 1.0


@dataclass(slots=True, kw_only=True)
class Gateway:
    """One gateway.

    clock: seconds that only ever grow, by which locks and open networks close.
    stick: whether the radio is there and its network up.
    extra: fields that a newer version might add to its configuration.
    """

    name: str = "Phoscon-GW"
    bridge_id: str = "00212EFFFF00C5FB"
    device_name: str = "ConBee II"
    mac: str = "bc:24:11:00:00:6e"
    firmware: str = "0x26780700"
    version: str = "2.28.1"
    channel: int = 15
    pan_id: int = 17539
    network_open_seconds: int = 60
    websocket_port: int = 0
    clock: Callable[[], float] = monotonic
    stick: bool = True
    extra: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    lights: dict[str, dict[str, Any]] = field(default_factory=dict)
    sensors: dict[str, dict[str, Any]] = field(default_factory=dict)
    devices: dict[str, LabDevice] = field(default_factory=dict)
    _created: dict[str, float] = field(default_factory=dict)
    _unlocked_until: float = -inf
    _opened_at: float = -inf
    _closes_at: float = inf

    def __post_init__(self) -> None:
        """List what every gateway lists."""
        self._list("lights", gateway_light(self.bridge_mac))
        self._list("sensors", daylight_sensor(self.bridge_mac))

    @property
    def bridge_mac(self) -> str:
        """The address of the stick with colons."""
        digits = self.bridge_id.lower()
        return ":".join(digits[at : at + 2] for at in range(0, 16, 2))

    # --- who may ask -----------------------------------------------------------

    @property
    def unlocked(self) -> bool:
        """Whether an application may get a key now."""
        return self.clock() < self._unlocked_until

    def unlock(self, seconds: float = 60.0) -> None:
        """Do what the button "Authenticate app" does."""
        self._unlocked_until = self.clock() + seconds

    def create_key(self, application: str) -> str:
        """Return a key for an application, or the one that it just got."""
        now = self.clock()
        for key, owner in self.keys.items():
            if owner == application and now - self._created.get(key, now) < _SAME_KEY:
                return key
        key = secrets.token_hex(5).upper()
        self.keys[key] = application
        self._created[key] = now
        return key

    # --- the network -----------------------------------------------------------

    def permit_join(self, seconds: int) -> None:
        """Open the network for as long as the setting says, or close it with 0.

        It is not closed at once, but with the next beat of a timer.
        """
        now = self.clock()
        if seconds == 0:
            self._closes_at = now + _BEAT
        else:
            self._opened_at, self._closes_at = now, inf

    @property
    def permit_join_left(self) -> tuple[int, int]:
        """How long this opening goes on, and what follows after it, in seconds."""
        now, total = self.clock(), self.network_open_seconds
        elapsed = now - self._opened_at
        if elapsed >= total or now >= self._closes_at:
            return 0, 0
        begun = int(elapsed) // _CHUNK * _CHUNK
        this = min(_CHUNK, total - begun)
        following = 0 if self._closes_at < inf else total - begun - this
        return ceil(this - (elapsed - begun)), following

    # --- devices ---------------------------------------------------------------

    def add_device(
        self, name: str, kind: str = "light", mac: str | None = None
    ) -> list[tuple[str, str]]:
        """Let a device join; return its entries as (collection, number)."""
        if name in self.devices:
            raise ValueError(f"there are two devices {name}")
        if kind not in KINDS:
            raise ValueError(f"there is no kind {kind}; there are {sorted(KINDS)}")
        number = len(self.devices) + 1
        device = LabDevice(
            name=name,
            kind=kind,
            mac=mac
            or f"00:0b:57:ff:fe:{number >> 16:02x}"
            f":{number >> 8 & 255:02x}:{number & 255:02x}",
        )
        self.devices[name] = device
        device.entries = [self._list(*entry) for entry in device.documents()]
        return device.entries

    def remove_device(self, name: str) -> list[tuple[str, str]]:
        """Let a device leave; return the entries that it had."""
        device = self.devices.pop(name)
        for collection, number in device.entries:
            del self._collection(collection)[number]
        return device.entries

    def set_reachable(self, name: str, *, reachable: bool) -> list[tuple[str, str]]:
        """Let a device answer or not; return its entries."""
        device = self.devices[name]
        device.reachable = reachable
        for collection, number in device.entries:
            where = "state" if collection == "lights" else "config"
            self._collection(collection)[number][where]["reachable"] = reachable
        return device.entries

    def add_virtual_sensor(self, name: str) -> tuple[str, str]:
        """Make a sensor that is no device."""
        return self._list("sensors", virtual_sensor(name))

    def entry(self, collection: str, number: str) -> dict[str, Any]:
        """Return one light or sensor."""
        return self._collection(collection)[number]

    def _collection(self, collection: str) -> dict[str, dict[str, Any]]:
        return self.lights if collection == "lights" else self.sensors

    def _list(self, collection: str, document: dict[str, Any]) -> tuple[str, str]:
        entries = self._collection(collection)
        number = str(max(map(int, entries), default=0) + 1)
        entries[number] = document
        return collection, number

    # --- what it says ----------------------------------------------------------

    def public_config(self) -> dict[str, Any]:
        """Return what anybody is told."""
        return {
            "apiversion": "1.16.0",
            "bridgeid": self.bridge_id,
            "datastoreversion": "93",
            **({"devicename": self.device_name} if self.stick else {}),
            "factorynew": False,
            "mac": self.mac,
            "modelid": "deCONZ",
            "name": self.name,
            "replacesbridgeid": None,
            "starterkitid": "",
            "swversion": self.version,
        }

    def config(self, *, extended: bool) -> dict[str, Any]:
        """Return the configuration; what is `extended` an Accept header asks for."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return {
            **self.public_config(),
            "UTC": now,
            "dhcp": True,
            "disablePermitJoinAutoOff": False,
            "fwversion": self.firmware if self.stick else _NO_FIRMWARE,
            "gateway": "127.0.0.254",
            "ipaddress": "127.0.0.1",
            "linkbutton": self.unlocked,
            "localtime": now,
            "netmask": "255.0.0.0",
            "networkopenduration": self.network_open_seconds,
            "panid": self.pan_id,
            "portalservices": False,
            "proxyaddress": "none",
            "proxyport": 0,
            "rfconnected": self.stick,
            "timeformat": "24h",
            "timezone": "Etc/UTC",
            "uuid": "a65d80a1-975a-4598-8d5a-2547bc18d63b",
            "websocketnotifyall": True,
            "websocketport": self.websocket_port,
            "whitelist": dict(self._whitelist(now)),
            "zigbeechannel": self.channel,
            **(self._extended() if extended else {"portalconnection": "disconnected"}),
            **self.extra,
        }

    def _whitelist(self, now: str) -> Iterator[tuple[str, Mapping[str, str]]]:
        for key, application in self.keys.items():
            yield (
                key,
                {"create date": now, "last use date": now, "name": application},
            )

    def _extended(self) -> dict[str, Any]:
        left, following = self.permit_join_left
        return {
            "apiversion": self.version,
            "fwneedupdate": False,
            "fwupdatestate": "idle",
            "permitjoin": left,
            "permitjoinfull": following,
            "runmode": "docker",
        }

    def full_state(self, *, extended: bool) -> dict[str, Any]:
        """Return everything."""
        return {
            "alarmsystems": {},
            "config": self.config(extended=extended),
            "groups": {},
            "lights": self.lights,
            "resourcelinks": {},
            "rules": {},
            "scenes": {},
            "schedules": {},
            "sensors": self.sensors,
        }
