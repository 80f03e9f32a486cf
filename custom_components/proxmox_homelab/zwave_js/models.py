"""What is kept of a Z-Wave JS server: small frozen models, and no value of any node.

The names and numbers are those of the zwave-js server 3.10.2 (schema 50) with the
driver 15.29.0; the shapes are the same from schema 32 on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class NodeStatus(IntEnum):
    """How a node is."""

    UNKNOWN = 0
    ASLEEP = 1
    AWAKE = 2
    DEAD = 3
    ALIVE = 4


class ControllerStatus(IntEnum):
    """How the driver believes that its stick is.

    After a stick has been unresponsive the driver opens the serial port again and
    says ready, without knowing whether it answers now.
    """

    READY = 0
    UNRESPONSIVE = 1
    JAMMED = 2


class InclusionState(StrEnum):
    """What the stick does about nodes that come or go, in the order of the numbers."""

    IDLE = "idle"
    INCLUDING = "including"
    EXCLUDING = "excluding"
    BUSY = "busy"
    SMART_START = "smart_start"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerVersion:
    """What a server says as soon as somebody connects.

    home_id: the identity of the Z-Wave network, kept on the stick.
    schemas: the oldest and the newest form of the protocol that it speaks.
    """

    home_id: int
    driver: str | None
    server: str | None
    schemas: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What the driver has counted about its stick since the driver started.

    noise: the background noise by channel in dBm, None where the stick hears nothing
        or too much to tell. A channel that the stick does not have is missing; sticks
        of the 500 series and older measure none.
    """

    received: int | None = None
    dropped_received: int | None = None
    dropped_sent: int | None = None
    nak: int | None = None
    can: int | None = None
    timeout_ack: int | None = None
    timeout_response: int | None = None
    timeout_callback: int | None = None
    noise: Mapping[int, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """The stick as the driver knows it.

    functions: the numbers of the commands that the stick knows, empty if unknown.
    """

    home_id: int
    own_node_id: int | None
    status: ControllerStatus | None
    inclusion: InclusionState | None
    firmware: str | None
    functions: frozenset[int]
    statistics: Statistics | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node; manufacturer and product are None for what no database knows."""

    node_id: int
    status: NodeStatus
    is_controller: bool
    name: str | None = None
    manufacturer: str | None = None
    product: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """All that is kept of a server's state."""

    version: ServerVersion
    controller: Controller
    nodes: Mapping[int, Node]


class RadioProblem(StrEnum):
    """Why nothing can be expected of the network, the most telling first.

    DRIVER_FAILED: the server runs, and its driver has no stick.
    NO_CONNECTION: the server is away, which is also how a driver fails that ends it.
    OTHER_NETWORK: another stick with another network is at the address now.
    """

    DRIVER_FAILED = "driver_failed"
    OTHER_NETWORK = "other_network"
    NO_CONNECTION = "no_connection"
    UNRESPONSIVE = "unresponsive"
    JAMMED = "jammed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Radio:
    """Whether the server is there, and what is wrong with its radio, if anything."""

    connected: bool = True
    problem: RadioProblem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UiVersion:
    """The versions that zwave-js-ui tells."""

    ui: str
    driver: str | None
    server: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UiHealth:
    """How zwave-js-ui is; the version is None until it was asked."""

    healthy: bool
    version: UiVersion | None
