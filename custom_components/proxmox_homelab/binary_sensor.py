"""Binary sensors: one class, the rows come from the sources."""

from typing import Any, override

from homeassistant.components.binary_sensor import BinarySensorEntity
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import HomelabBinarySensorDescription, HomelabEntity, async_setup_rows
from .source import HomelabConfigEntry

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: HomelabConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the binary sensors of the entry's source."""
    rows = entry.runtime_data.tables.get(Platform.BINARY_SENSOR, ())
    await async_setup_rows(entry, rows, HomelabBinarySensor, async_add_entities)


class HomelabBinarySensor(HomelabEntity, BinarySensorEntity):
    """A yes or no about one item of a source."""

    entity_description: HomelabBinarySensorDescription

    @override
    def _read(self) -> Any:
        self._attr_is_on = self.entity_description.read(self._source, self.item)
        return self._attr_is_on
