"""The entities of a broker and of its Zigbee2MQTT bridges, as tables of rows."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from awesomeversion import AwesomeVersion, AwesomeVersionException
from homeassistant.components.binary_sensor import BinarySensorDeviceClass
from homeassistant.components.button import ButtonDeviceClass
from homeassistant.components.sensor import SensorDeviceClass, SensorStateClass
from homeassistant.const import EntityCategory, Platform

from ..const import RadioCommand
from ..entity import (
    HomelabBinarySensorDescription,
    HomelabButtonDescription,
    HomelabSelectDescription,
    HomelabSensorDescription,
    HomelabSwitchDescription,
    HomelabUpdateDescription,
)
from ..rows import COMMAND, ON_REQUEST, closing
from .coordinator import Section
from .devices import bridge_name
from .models import BRIDGE, BROKER, Bridge

if TYPE_CHECKING:
    from .source import MqttSource

# The levels that Zigbee2MQTT knows, the most talkative first.
_LOG_LEVELS: Final = ("debug", "info", "warning", "error")

_BROKER: Final[dict[str, Any]] = {"section": Section.BROKER, "kind": BROKER}
_BRIDGE: Final[dict[str, Any]] = {"section": Section.BRIDGES, "kind": BRIDGE}


def _radio_attributes(bridge: Bridge) -> Mapping[str, Any]:
    radio = bridge.radio
    return {
        "reason": radio.fault,
        "error": radio.error,
        "checked_at": radio.checked_at
        and radio.checked_at.isoformat(timespec="seconds"),
    }


def _offline_attributes(bridge: Bridge) -> Mapping[str, Any]:
    return {"devices": list(bridge.offline or ())}


def _missing(bridge: Bridge) -> int | None:
    missing = bridge.radio.missing_routers
    return None if missing is None else len(missing)


def _missing_attributes(bridge: Bridge) -> Mapping[str, Any]:
    return {"devices": list(bridge.radio.missing_routers or ())}


def _closes_at(bridge: Bridge) -> datetime | None:
    end = bridge.info.permit_join_end if bridge.info else None
    return end.replace(microsecond=0) if end else None


def _join_attributes(bridge: Bridge) -> Mapping[str, Any]:
    return closing(_closes_at(bridge))


def _pan_id(bridge: Bridge) -> str | None:
    pan_id = bridge.info.pan_id if bridge.info else None
    return None if pan_id is None else f"0x{pan_id:04x}"


def _installed(source: MqttSource, key: str, bridge: Bridge) -> str | None:
    return bridge.info.version if bridge.info else None


def _latest(source: MqttSource, key: str, bridge: Bridge) -> str | None:
    """Return the newest version that any bridge runs which this Home Assistant sees.

    No bridge tells what the newest of all is, and nobody else is asked.
    """
    return max(
        (b.info.version for b in source.all_bridges() if b.info and b.info.version),
        key=_version_order,
        default=None,
    )


def _version_order(version: str) -> AwesomeVersion:
    try:
        known = AwesomeVersion(version)
        # Compared once, so that one that cannot be compared fails here.
        _ = known > AwesomeVersion("0.0.0")
    except AwesomeVersionException:
        return AwesomeVersion("0.0.0")
    return known


def _has_company(source: MqttSource, key: str) -> bool:
    return len(source.all_bridges()) > 1


def _who_runs_what(source: MqttSource, bridge: Bridge) -> str:
    rows = sorted(
        f"| {bridge_name(b.base)} | {b.info.version} |"
        for b in source.all_bridges()
        if b.info
    )
    return "\n".join(("| | |", "|---|---|", *rows))


SENSORS: Final = (
    HomelabSensorDescription(
        key="started",
        device_class=SensorDeviceClass.UPTIME,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda broker: broker.started_at,
        **_BROKER,
    ),
    HomelabSensorDescription(
        key="clients",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda broker: broker.clients,
        **ON_REQUEST,
        **_BROKER,
    ),
    HomelabSensorDescription(
        key="version",
        value_fn=lambda broker: broker.version,
        **ON_REQUEST,
        **_BROKER,
    ),
    HomelabSensorDescription(
        key="devices",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda bridge: None if bridge.devices is None else len(bridge.devices),
        **_BRIDGE,
    ),
    HomelabSensorDescription(
        key="devices_offline",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda bridge: None if bridge.offline is None else len(bridge.offline),
        attributes_fn=_offline_attributes,
        **_BRIDGE,
    ),
    HomelabSensorDescription(
        key="missing_routers",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=_missing,
        attributes_fn=_missing_attributes,
        **ON_REQUEST,
        **_BRIDGE,
    ),
    HomelabSensorDescription(
        key="messages_per_minute",
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        value_fn=lambda bridge: bridge.messages_per_minute,
        **ON_REQUEST,
        **_BRIDGE,
    ),
    HomelabSensorDescription(
        key="last_message",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda bridge: bridge.last_message_at,
        **ON_REQUEST,
        **_BRIDGE,
    ),
    HomelabSensorDescription(
        key="permit_join_ends",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=_closes_at,
        **ON_REQUEST,
        **_BRIDGE,
    ),
    HomelabSensorDescription(
        key="channel",
        value_fn=lambda bridge: bridge.info and bridge.info.channel,
        **ON_REQUEST,
        **_BRIDGE,
    ),
    HomelabSensorDescription(key="pan_id", value_fn=_pan_id, **ON_REQUEST, **_BRIDGE),
    HomelabSensorDescription(
        key="firmware",
        value_fn=lambda bridge: bridge.info and bridge.info.firmware,
        **ON_REQUEST,
        **_BRIDGE,
    ),
)

BINARY_SENSORS: Final = (
    HomelabBinarySensorDescription(
        key="connected",
        device_class=BinarySensorDeviceClass.CONNECTIVITY,
        value_fn=lambda broker: broker.connected,
        always_available=True,
        **_BROKER,
    ),
    HomelabBinarySensorDescription(
        key="online",
        device_class=BinarySensorDeviceClass.CONNECTIVITY,
        value_fn=lambda bridge: bridge.online,
        always_available=True,
        **_BRIDGE,
    ),
    HomelabBinarySensorDescription(
        key="radio_problem",
        device_class=BinarySensorDeviceClass.PROBLEM,
        value_fn=lambda bridge: bridge.radio.problem,
        attributes_fn=_radio_attributes,
        **_BRIDGE,
    ),
    HomelabBinarySensorDescription(
        key="restart_required",
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda bridge: bridge.info and bridge.info.restart_required,
        **_BRIDGE,
    ),
)

SWITCHES: Final = (
    HomelabSwitchDescription(
        key="permit_join",
        entity_category=EntityCategory.CONFIG,
        value_fn=lambda bridge: bridge.info and bridge.info.permit_join,
        attributes_fn=_join_attributes,
        on_command=RadioCommand.PERMIT_JOIN,
        off_command=RadioCommand.FORBID_JOIN,
        **_BRIDGE,
    ),
)

BUTTONS: Final = (
    HomelabButtonDescription(
        key="restart",
        device_class=ButtonDeviceClass.RESTART,
        entity_category=EntityCategory.CONFIG,
        command=RadioCommand.RESTART,
        **_BRIDGE,
    ),
    HomelabButtonDescription(
        key="check_radio",
        command=RadioCommand.CHECK,
        **ON_REQUEST,
        **_BRIDGE,
    ),
)

SELECTS: Final = (
    HomelabSelectDescription(
        key="log_level",
        options=list(_LOG_LEVELS),
        current_fn=lambda source, bridge: bridge.info and bridge.info.log_level,
        command=RadioCommand.SET_LOG_LEVEL,
        **COMMAND,
        **_BRIDGE,
    ),
)

UPDATES: Final = (
    HomelabUpdateDescription(
        key="zigbee2mqtt",
        entity_category=EntityCategory.DIAGNOSTIC,
        installed_fn=_installed,
        latest_fn=_latest,
        notes_fn=_who_runs_what,
        exists_fn=_has_company,
        **_BRIDGE,
    ),
)

TABLES: Final[Mapping[Platform, tuple[Any, ...]]] = {
    Platform.BINARY_SENSOR: BINARY_SENSORS,
    Platform.BUTTON: BUTTONS,
    Platform.SELECT: SELECTS,
    Platform.SENSOR: SENSORS,
    Platform.SWITCH: SWITCHES,
    Platform.UPDATE: UPDATES,
}
