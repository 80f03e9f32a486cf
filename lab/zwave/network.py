"""What is in the simulated Z-Wave network, in the shapes that the server tells it."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

_ACTUATOR = {
    "basic": {"key": 4, "label": "Routing End Node"},
    "generic": {"key": 16, "label": "Binary Switch"},
    "specific": {"key": 1, "label": "Binary Power Switch"},
}
_STATIC_CONTROLLER = {
    "basic": {"key": 2, "label": "Static Controller"},
    "generic": {"key": 1, "label": "Remote Controller"},
    "specific": {"key": 0, "label": "Unused"},
}
GET_BACKGROUND_RSSI = 0x3B
IS_FAILED_NODE = 0x62
_FUNCTIONS = (2, 5, 8, 19, 20, 21, 32, 65, 74, 75, 81, 85, 96, 169, 171)


class NodeStatus(IntEnum):
    """How a node is, by the numbers of zwave-js."""

    UNKNOWN = 0
    ASLEEP = 1
    AWAKE = 2
    DEAD = 3
    ALIVE = 4


class ControllerStatus(IntEnum):
    """How the stick is."""

    READY = 0
    UNRESPONSIVE = 1
    JAMMED = 2


class InclusionState(IntEnum):
    """What the stick does about coming and going nodes."""

    IDLE = 0
    INCLUDING = 1
    EXCLUDING = 2
    BUSY = 3
    SMART_START = 4


@dataclass(slots=True, kw_only=True)
class Node:
    """A node; `values` is how many values it tells of, which is what fills the state.

    `answers` is whether it acknowledges: one that does not is dead after a ping.
    """

    node_id: int
    name: str | None = None
    location: str | None = None
    manufacturer: str | None = "AEON Labs"
    label: str | None = "ZW096"
    description: str | None = "Smart Switch 6"
    firmware: str | None = "2.1"
    status: NodeStatus = NodeStatus.ALIVE
    listening: bool = True
    answers: bool = True
    values: int = 3

    def dump(self, *, own: bool = False) -> dict[str, Any]:
        """Return the node as schema 44 has it; what is None is left out, as there."""
        device_class = _STATIC_CONTROLLER if own else _ACTUATOR
        found = {
            "nodeId": self.node_id,
            "index": 0,
            "status": self.status.value,
            "ready": True,
            "isListening": self.listening,
            "isRouting": True,
            "isSecure": None if own else False,
            "manufacturerId": 134,
            "productId": 96,
            "productType": 3,
            "firmwareVersion": self.firmware,
            "name": self.name,
            "location": self.location,
            "deviceConfig": self._device_config(),
            "label": self.label,
            "interviewAttempts": 0,
            "endpoints": [self._endpoint(device_class)],
            "values": [self._value(number) for number in range(self.values)],
            "isFrequentListening": False,
            "maxDataRate": 100000,
            "supportedDataRates": [40000, 9600, 100000],
            "protocolVersion": 3,
            "supportsBeaming": True,
            "supportsSecurity": False,
            "nodeType": 0 if own else 1,
            "deviceClass": device_class,
            "interviewStage": "Complete",
            "statistics": self.statistics(),
            "highestSecurityClass": None if own else -1,
            "isControllerNode": own,
            "keepAwake": False,
            "lastSeen": None if own else "2026-11-25T14:26:54.833Z",
            "protocol": 0,
        }
        return {key: value for key, value in found.items() if value is not None}

    def statistics(self) -> dict[str, Any]:
        """Return what the server counts about the node."""
        return {
            "commandsTX": 10,
            "commandsRX": 8,
            "commandsDroppedRX": 0,
            "commandsDroppedTX": 0,
            "timeoutResponse": 0,
        }

    def _device_config(self) -> dict[str, Any] | None:
        """Return what the device database knows; an unknown product is not there."""
        if self.manufacturer is None or self.label is None:
            return None
        return {
            "filename": "/config/devices/0x0086/zw096.json",
            "isEmbedded": True,
            "manufacturer": self.manufacturer,
            "manufacturerId": 134,
            "label": self.label,
            "description": self.description,
            "devices": [{"productType": 3, "productId": 96}],
            "firmwareVersion": {"min": "0.0", "max": "255.255"},
            "preferred": False,
            "paramInformation": {"_map": {}},
        }

    def _endpoint(self, device_class: dict[str, Any]) -> dict[str, Any]:
        return {
            "nodeId": self.node_id,
            "index": 0,
            "deviceClass": device_class,
            "commandClasses": [
                {"id": 37, "name": "Binary Switch", "version": 1, "isSecure": False}
            ],
        }

    def _value(self, number: int) -> dict[str, Any]:
        return {
            "endpoint": 0,
            "commandClass": 112,
            "commandClassName": "Configuration",
            "property": number,
            "propertyName": f"Parameter {number}",
            "ccVersion": 1,
            "metadata": {
                "type": "number",
                "readable": True,
                "writeable": True,
                "description": "What this parameter of the device is for",
                "label": f"Parameter {number}",
                "default": 0,
                "min": 0,
                "max": 255,
                "states": {"0": "Disable", "1": "Enable"},
                "valueSize": 1,
                "format": 0,
                "allowManualEntry": True,
                "isFromConfig": True,
            },
            "value": 0,
        }


@dataclass(slots=True, kw_only=True)
class Counters:
    """What the driver counts about the stick since it started."""

    sent: int = 25
    received: int = 65
    dropped_received: int = 0
    dropped_sent: int = 0
    nak: int = 0
    can: int = 0
    timeout_ack: int = 0
    timeout_response: int = 0
    timeout_callback: int = 0

    def dump(self) -> dict[str, Any]:
        """Return them by the server's names."""
        return {
            "messagesTX": self.sent,
            "messagesRX": self.received,
            "messagesDroppedRX": self.dropped_received,
            "NAK": self.nak,
            "CAN": self.can,
            "timeoutACK": self.timeout_ack,
            "timeoutResponse": self.timeout_response,
            "timeoutCallback": self.timeout_callback,
            "messagesDroppedTX": self.dropped_sent,
        }


@dataclass(slots=True, kw_only=True)
class Network:
    """The stick and its nodes.

    `noise` is the background noise per channel in dBm, empty for a stick that cannot
    measure it (the 500 series and older); `heard` is whether it was measured since the
    driver started, which is when the server tells it.
    """

    home_id: int = 3237998146
    own: Node = field(
        default_factory=lambda: Node(
            node_id=1,
            manufacturer="Zooz",
            label="ZST39 LR",
            description="800 Series Long Range USB Controller",
            firmware="7.22",
            values=0,
        )
    )
    sdk: str = "7.22"
    nodes: dict[int, Node] = field(default_factory=dict)
    counters: Counters = field(default_factory=Counters)
    noise: list[int] = field(default_factory=lambda: [-92, -95, -101])
    heard: bool = True
    status: ControllerStatus = ControllerStatus.READY
    inclusion: InclusionState = InclusionState.IDLE

    def add(self, node: Node) -> None:
        """Put a node into the network."""
        self.nodes[node.node_id] = node

    def statistics(self) -> dict[str, Any]:
        """Return what the driver counts and measures."""
        found = self.counters.dump()
        if self.noise and self.heard:
            found["backgroundRSSI"] = {
                **{
                    f"channel{number}": {"current": level, "average": level}
                    for number, level in enumerate(self.noise)
                },
                "timestamp": 1795616503706,
            }
        return found

    def dump_controller(self) -> dict[str, Any]:
        """Return the controller as schema 44 has it."""
        functions = [*_FUNCTIONS, GET_BACKGROUND_RSSI if self.noise else IS_FAILED_NODE]
        return {
            "type": 1,
            "homeId": self.home_id,
            "ownNodeId": self.own.node_id,
            "isUsingHomeIdFromOtherNetwork": False,
            "isSISPresent": True,
            "wasRealPrimary": True,
            "manufacturerId": 634,
            "productType": 4,
            "productId": 1552,
            "supportedFunctionTypes": functions,
            "sucNodeId": self.own.node_id,
            "supportsTimers": False,
            "statistics": self.statistics(),
            "inclusionState": self.inclusion.value,
            "sdkVersion": self.sdk,
            "firmwareVersion": self.own.firmware,
            "isPrimary": True,
            "isSUC": True,
            "nodeType": 0,
            "status": self.status.value,
            "isRebuildingRoutes": False,
            "supportsLongRange": False,
            "supportsLongRangeAutoChannelSelection": False,
        }

    def dump(self) -> dict[str, Any]:
        """Return all that `start_listening` tells."""
        return {
            "driver": {
                "logConfig": {
                    "enabled": True,
                    "level": "info",
                    "logToFile": False,
                    "maxFiles": 7,
                    "filename": "/usr/src/app/store/logs/zwavejs_%DATE%.log",
                    "forceConsole": False,
                },
                "statisticsEnabled": False,
            },
            "controller": self.dump_controller(),
            "nodes": [
                self.own.dump(own=True),
                *(node.dump() for node in self.nodes.values()),
            ],
        }
