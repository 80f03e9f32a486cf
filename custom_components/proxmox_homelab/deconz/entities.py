"""The entities of a gateway."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.components.binary_sensor import BinarySensorDeviceClass
from homeassistant.components.sensor import SensorStateClass
from homeassistant.const import EntityCategory, Platform

from ..const import RadioCommand
from ..entity import (
    HomelabBinarySensorDescription,
    HomelabSensorDescription,
    HomelabSwitchDescription,
)
from .coordinator import GatewayNow
from .models import Network

_GATEWAY: Final[dict[str, Any]] = {"section": "gateway", "kind": "deconz"}
_NETWORK: Final[dict[str, Any]] = {"section": "network", "kind": "deconz"}

# A reading for people who look closer: registered, and off until somebody wants it.
_ON_REQUEST: Final[dict[str, Any]] = {
    "entity_category": EntityCategory.DIAGNOSTIC,
    "entity_registry_enabled_default": False,
}


def _radio_problem(now: GatewayNow) -> bool | None:
    connected = now.config.radio_connected
    return None if connected is None else not connected


def _radio_attributes(now: GatewayNow) -> Mapping[str, Any]:
    return {"reason": "not_connected" if _radio_problem(now) else None}


def _unreachable(network: Network) -> Mapping[str, Any]:
    return {"devices": list(network.unreachable)}


def _join_attributes(now: GatewayNow) -> Mapping[str, Any]:
    return {"until": now.permits_until}


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
        key="channel",
        value_fn=lambda now: now.config.channel,
        **_ON_REQUEST,
        **_GATEWAY,
    ),
    HomelabSensorDescription(
        key="firmware",
        value_fn=lambda now: now.config.firmware_version,
        **_ON_REQUEST,
        **_GATEWAY,
    ),
    HomelabSensorDescription(
        key="version",
        value_fn=lambda now: now.config.software_version,
        **_ON_REQUEST,
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
