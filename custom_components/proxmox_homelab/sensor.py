"""Sensors: one class, the rows come from the sources."""

from typing import Any, override

from homeassistant.components.sensor import SensorEntity
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import HomelabEntity, HomelabSensorDescription, async_setup_rows
from .source import HomelabConfigEntry

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: HomelabConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the sensors of the entry's source."""
    rows = entry.runtime_data.tables.get(Platform.SENSOR, ())
    await async_setup_rows(entry, rows, HomelabSensor, async_add_entities)


class HomelabSensor(HomelabEntity, SensorEntity):
    """A figure or word about one item of a source."""

    entity_description: HomelabSensorDescription

    @override
    def _read(self) -> Any:
        self._attr_native_value = self.entity_description.read(self._source, self.item)
        return self._attr_native_value
