"""The entities of a cluster, as tables of rows by platform."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.const import Platform

from . import cluster, guest, node, storage

TABLES: Final[Mapping[Platform, tuple[Any, ...]]] = {
    Platform.BINARY_SENSOR: (
        *cluster.BINARY_SENSORS,
        *node.BINARY_SENSORS,
        *storage.BINARY_SENSORS,
    ),
    Platform.BUTTON: (*node.BUTTONS, *guest.BUTTONS),
    Platform.SELECT: guest.SELECTS,
    Platform.SENSOR: (
        *cluster.SENSORS,
        *node.SENSORS,
        *guest.SENSORS,
        *storage.SENSORS,
    ),
    Platform.SWITCH: guest.SWITCHES,
    Platform.UPDATE: node.UPDATES,
}
