"""What a broker and its Zigbee2MQTT bridges say, as frozen models."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ..keys import kind_of

BROKER = "broker"
BRIDGE = "z2m"


def bridge_key(base: str) -> str:
    """Return the key of the bridge with this base topic."""
    return f"{BRIDGE}/{base}"


def base_of(key: str) -> str:
    """Return the base topic in the key of a bridge."""
    if kind_of(key) != BRIDGE:
        raise ValueError(key)
    return key.removeprefix(f"{BRIDGE}/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """A broker, as its client sees it.

    version, started_at, clients: from the `$SYS` topics, which a broker may keep to
        itself; not told is unknown.
    clients: how many are connected now.
    """

    connected: bool
    version: str | None = None
    started_at: datetime | None = None
    clients: int | None = None


class DeviceType(StrEnum):
    """The roles in a Zigbee network, as Zigbee2MQTT names them."""

    COORDINATOR = "Coordinator"
    ROUTER = "Router"
    END_DEVICE = "EndDevice"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device of a bridge; `disabled` ones are known and not used."""

    ieee_address: str
    name: str
    type: DeviceType
    disabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeInfo:
    """What `bridge/info` says (measured on Zigbee2MQTT 2.14.1).

    firmware: the revision of the coordinator's firmware, in the form of its maker.
    serial_port: where the stick is, a path or `tcp://host:port`.
    permit_join_end: when the network closes by itself, None while it is closed.
    frontend_url: where the web page is, as far as its configuration tells.
    availability: whether the bridge watches if its devices answer.
    """

    version: str | None = None
    coordinator_type: str | None = None
    ieee_address: str | None = None
    firmware: str | None = None
    channel: int | None = None
    pan_id: int | None = None
    extended_pan_id: str | None = None
    log_level: str | None = None
    permit_join: bool | None = None
    permit_join_end: datetime | None = None
    restart_required: bool | None = None
    adapter: str | None = None
    serial_port: str | None = None
    frontend_url: str | None = None
    availability: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What `bridge/health` says, every ten minutes unless configured otherwise.

    messages: how many came from each device since the start, by IEEE address.
    per_second: the mean of all of them since the start.
    """

    at: datetime
    messages: dict[str, int] = field(default_factory=dict)
    per_second: float = 0.0

    @property
    def total(self) -> int:
        """The messages of all devices together."""
        return sum(self.messages.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer to a request: its data, or the error in the words of Zigbee2MQTT."""

    transaction: str | None
    data: dict[str, object]
    error: str | None = None


class RadioFault(StrEnum):
    """Why the radio of a bridge that is online is taken to be out of order."""

    STICK_HANGS = "stick_hangs"
    NOT_ANSWERING = "not_answering"
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Radio:
    """What is known of the radio itself.

    problem: None until it was asked, or heard, for the first time.
    error: what the bridge said, in its own words.
    missing_routers: names of routers that the stick has lost; None when not told.
    """

    problem: bool | None = None
    fault: RadioFault | None = None
    error: str | None = None
    checked_at: datetime | None = None
    missing_routers: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """A Zigbee2MQTT instance.

    online: None while the broker has no state of it.
    info: None when the broker has lost it ("online without info").
    devices: without the coordinator; None while the bridge has not told.
    offline: names of devices that do not answer; None when nobody watches that.
    messages_per_minute: from all devices, between the last two reports.
    last_message_at: when a device was heard last, as exact as the reports come.
    """

    base: str
    online: bool | None = None
    info: BridgeInfo | None = None
    devices: tuple[Device, ...] | None = None
    offline: tuple[str, ...] | None = None
    messages_per_minute: float | None = None
    last_message_at: datetime | None = None
    radio: Radio = field(default_factory=Radio)
