"""The entities of a gateway."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.components.binary_sensor import BinarySensorDeviceClass
from homeassistant.components.sensor import SensorDeviceClass, SensorStateClass
from homeassistant.const import EntityCategory, Platform

from ..const import RadioCommand
from ..entity import (
    HomelabBinarySensorDescription,
    HomelabSensorDescription,
    HomelabSwitchDescription,
)
from ..rows import ON_REQUEST, closing
from .coordinator import GatewayNow
from .models import Network

_GATEWAY: Final[dict[str, Any]] = {"section": "gateway", "kind": "deconz"}
_NETWORK: Final[dict[str, Any]] = {"section": "network", "kind": "deconz"}


def _radio_problem(now: GatewayNow) -> bool | None:
    connected = now.config.radio_connected
    return None if connected is None else not connected


def _radio_attributes(now: GatewayNow) -> Mapping[str, Any]:
    return {"reason": "not_connected" if _radio_problem(now) else None}


def _unreachable(network: Network) -> Mapping[str, Any]:
    return {"devices": list(network.unreachable)}


def _join_attributes(now: GatewayNow) -> Mapping[str, Any]:
    return closing(now.permits_until)


BINARY_SENSORS: Final = (
    HomelabBinarySensorDescription(
        key="connected",
        section="connection",
        kind="deconz",
        device_class=BinarySensorDeviceClass.CONNECTIVITY,
        value_fn=lambda connection: connection.connected,
        always_available=True,
    ),
    HomelabBinarySensorDescription(
        key="radio_problem",
        device_class=BinarySensorDeviceClass.PROBLEM,
        value_fn=_radio_problem,
        attributes_fn=_radio_attributes,
        **_GATEWAY,
    ),
)

SENSORS: Final = (
    HomelabSensorDescription(
        key="devices",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda network: len(network.devices),
        **_NETWORK,
    ),
    HomelabSensorDescription(
        key="devices_offline",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda network: len(network.unreachable),
        attributes_fn=_unreachable,
        **_NETWORK,
    ),
    HomelabSensorDescription(
        key="permit_join_ends",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda now: now.permits_until,
        **ON_REQUEST,
        **_GATEWAY,
    ),
    HomelabSensorDescription(
        key="channel",
        value_fn=lambda now: now.config.channel,
        **ON_REQUEST,
        **_GATEWAY,
    ),
    HomelabSensorDescription(
        key="firmware",
        value_fn=lambda now: now.config.firmware_version,
        **ON_REQUEST,
        **_GATEWAY,
    ),
    HomelabSensorDescription(
        key="version",
        value_fn=lambda now: now.config.software_version,
        **ON_REQUEST,
        **_GATEWAY,
    ),
)

SWITCHES: Final = (
    HomelabSwitchDescription(
        key="permit_join",
        entity_category=EntityCategory.CONFIG,
        value_fn=lambda now: now.permits_join,
        attributes_fn=_join_attributes,
        on_command=RadioCommand.PERMIT_JOIN,
        off_command=RadioCommand.FORBID_JOIN,
        **_GATEWAY,
    ),
)

TABLES: Final[Mapping[Platform, tuple[Any, ...]]] = {
    Platform.BINARY_SENSOR: BINARY_SENSORS,
    Platform.SENSOR: SENSORS,
    Platform.SWITCH: SWITCHES,
}
