"""The entities of storages."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from homeassistant.components.binary_sensor import BinarySensorDeviceClass
from homeassistant.components.sensor import SensorDeviceClass, SensorStateClass
from homeassistant.const import EntityCategory, UnitOfTime

from ...const import (
    CONF_STORAGE_CRITICAL,
    CONF_STORAGE_WARNING,
    DEFAULT_STORAGE_CRITICAL,
    DEFAULT_STORAGE_WARNING,
)
from ...entity import HomelabBinarySensorDescription, HomelabSensorDescription
from ...rows import ON_REQUEST
from .. import keys
from ..coordinator import Section
from ..models import Storage
from .common import percent_row, share, size_row

if TYPE_CHECKING:
    from ..source import ProxmoxSource


def _used(storage: Storage) -> float | None:
    return share(storage.used, storage.total)


def _free(storage: Storage) -> int | None:
    if storage.used is None or storage.total is None:
        return None
    return storage.total - storage.used


def _problem(source: ProxmoxSource, storage: Storage) -> bool | None:
    return None if storage.available is None else _level(source, storage) is not None


def _level(source: ProxmoxSource, storage: Storage) -> str | None:
    """Return how bad it is, by the user's limits: warning, critical or inactive."""
    if storage.available is False:
        return "inactive"
    used = _used(storage)
    options = source.entry.options
    if used is None:
        return None
    if used >= options.get(CONF_STORAGE_CRITICAL, DEFAULT_STORAGE_CRITICAL):
        return "critical"
    if used >= options.get(CONF_STORAGE_WARNING, DEFAULT_STORAGE_WARNING):
        return "warning"
    return None


def _days_until_full(source: ProxmoxSource, storage: Storage) -> float | None:
    return source.forecast.days_until_full(keys.storage_key(storage))


def _problem_attributes(source: ProxmoxSource, storage: Storage) -> Mapping[str, Any]:
    return {"level": _level(source, storage)}


def _attributes(storage: Storage) -> Mapping[str, Any]:
    return {"content": list(storage.content), "nodes": list(storage.nodes)}


_STORAGE: Final[dict[str, Any]] = {"section": Section.RESOURCES, "kind": "storage"}

SENSORS = (
    percent_row(
        key="used_share", value_fn=_used, attributes_fn=_attributes, **_STORAGE
    ),
    size_row(key="used", value_fn=lambda storage: storage.used, **_STORAGE),
    size_row(key="free", value_fn=_free, **_STORAGE),
    size_row(key="total", value_fn=lambda storage: storage.total, **_STORAGE),
    HomelabSensorDescription(
        key="days_until_full",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.DAYS,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        source_fn=_days_until_full,
        **ON_REQUEST,
        **_STORAGE,
    ),
)

BINARY_SENSORS = (
    HomelabBinarySensorDescription(
        key="storage_problem",
        device_class=BinarySensorDeviceClass.PROBLEM,
        entity_category=EntityCategory.DIAGNOSTIC,
        source_fn=_problem,
        source_attributes_fn=_problem_attributes,
        **_STORAGE,
    ),
    HomelabBinarySensorDescription(
        key="shared",
        value_fn=lambda storage: storage.node is None,
        **ON_REQUEST,
        **_STORAGE,
    ),
)
