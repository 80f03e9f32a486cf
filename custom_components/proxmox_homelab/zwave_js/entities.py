"""The entities of a Z-Wave JS server, as tables of rows by platform."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from homeassistant.components.binary_sensor import BinarySensorDeviceClass
from homeassistant.components.button import ButtonDeviceClass
from homeassistant.components.sensor import SensorDeviceClass, SensorStateClass
from homeassistant.const import (
    SIGNAL_STRENGTH_DECIBELS_MILLIWATT,
    EntityCategory,
    Platform,
)

from ..const import RadioCommand
from ..entity import (
    HomelabBinarySensorDescription,
    HomelabButtonDescription,
    HomelabSensorDescription,
)
from ..rows import COMMAND, ON_REQUEST
from .coordinator import Section
from .models import InclusionState, Network, Node, NodeStatus, Radio

if TYPE_CHECKING:
    from .source import ZwaveSource

_RADIO: Final[dict[str, Any]] = {
    "section": Section.RADIO,
    "kind": "zwave",
    "always_available": True,
}
_NETWORK: Final[dict[str, Any]] = {"section": Section.NETWORK, "kind": "zwave"}


def _reason(radio: Radio) -> Mapping[str, Any]:
    return {"reason": radio.problem}


def _nodes(network: Network, status: NodeStatus | None = None) -> Iterator[Node]:
    """Yield the nodes that are in this status, or all; the stick is none of them."""
    for node in network.nodes.values():
        if not node.is_controller and status in (None, node.status):
            yield node


def _count(status: NodeStatus | None, network: Network) -> int:
    return sum(1 for _ in _nodes(network, status))


def _dead(network: Network) -> Mapping[str, Any]:
    return {
        "devices": [
            node.name or f"Node {node.node_id}"
            for node in _nodes(network, NodeStatus.DEAD)
        ]
    }


def _statistic(name: str, network: Network) -> int | None:
    statistics = network.controller.statistics
    return None if statistics is None else getattr(statistics, name)


def _counter_row(key: str, field: str) -> HomelabSensorDescription:
    """Return a row for something that the driver counts from its start on."""
    return HomelabSensorDescription(
        key=key,
        state_class=SensorStateClass.TOTAL_INCREASING,
        value_fn=partial(_statistic, field),
        **_NETWORK,
        **ON_REQUEST,
    )


def _noise(channel: int, network: Network) -> int | None:
    statistics = network.controller.statistics
    return None if statistics is None else statistics.noise.get(channel)


def _has_channel(channel: int, source: ZwaveSource, key: str) -> bool:
    network = source.network.network
    statistics = network.controller.statistics if network else None
    return statistics is not None and channel in statistics.noise


def _noise_row(channel: int) -> HomelabSensorDescription:
    """Return a row for the background noise of a channel."""
    return HomelabSensorDescription(
        key=f"noise_channel_{channel}",
        device_class=SensorDeviceClass.SIGNAL_STRENGTH,
        native_unit_of_measurement=SIGNAL_STRENGTH_DECIBELS_MILLIWATT,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=partial(_noise, channel),
        exists_fn=partial(_has_channel, channel),
        **_NETWORK,
        **ON_REQUEST,
    )


BINARY_SENSORS: Final = (
    HomelabBinarySensorDescription(
        key="connected",
        device_class=BinarySensorDeviceClass.CONNECTIVITY,
        value_fn=lambda radio: radio.connected,
        **_RADIO,
    ),
    HomelabBinarySensorDescription(
        key="radio_problem",
        device_class=BinarySensorDeviceClass.PROBLEM,
        value_fn=lambda radio: radio.problem is not None,
        attributes_fn=_reason,
        **_RADIO,
    ),
    HomelabBinarySensorDescription(
        key="zwave_js_ui_healthy",
        section=Section.UI,
        kind="zwave",
        device_class=BinarySensorDeviceClass.CONNECTIVITY,
        entity_category=EntityCategory.DIAGNOSTIC,
        always_available=True,
        exists_fn=lambda source, key: source.ui is not None,
        value_fn=lambda health: health.healthy,
    ),
)

SENSORS: Final = (
    HomelabSensorDescription(
        key="nodes",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=partial(_count, None),
        **_NETWORK,
    ),
    HomelabSensorDescription(
        key="nodes_dead",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=partial(_count, NodeStatus.DEAD),
        attributes_fn=_dead,
        **_NETWORK,
    ),
    HomelabSensorDescription(
        key="nodes_asleep",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=partial(_count, NodeStatus.ASLEEP),
        **_NETWORK,
        **ON_REQUEST,
    ),
    HomelabSensorDescription(
        key="inclusion",
        device_class=SensorDeviceClass.ENUM,
        options=[state.value for state in InclusionState],
        value_fn=lambda network: network.controller.inclusion,
        **_NETWORK,
        **ON_REQUEST,
    ),
    _counter_row("frames_refused", "nak"),
    _counter_row("frame_collisions", "can"),
    _counter_row("timeouts_ack", "timeout_ack"),
    _counter_row("timeouts_response", "timeout_response"),
    _counter_row("timeouts_callback", "timeout_callback"),
    _counter_row("messages_dropped_received", "dropped_received"),
    _counter_row("messages_dropped_sent", "dropped_sent"),
    *(_noise_row(channel) for channel in range(4)),
    HomelabSensorDescription(
        key="zwave_js_server_version",
        value_fn=lambda network: network.version.server,
        **_NETWORK,
        **ON_REQUEST,
    ),
    HomelabSensorDescription(
        key="zwave_js_driver_version",
        value_fn=lambda network: network.version.driver,
        **_NETWORK,
        **ON_REQUEST,
    ),
)

BUTTONS: Final = (
    HomelabButtonDescription(
        key="soft_reset",
        device_class=ButtonDeviceClass.RESTART,
        command=RadioCommand.SOFT_RESET,
        **COMMAND,
        **_NETWORK,
    ),
)

TABLES: Final[Mapping[Platform, tuple[Any, ...]]] = {
    Platform.BINARY_SENSOR: BINARY_SENSORS,
    Platform.BUTTON: BUTTONS,
    Platform.SENSOR: SENSORS,
}
