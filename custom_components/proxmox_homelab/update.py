"""Updates: one class, the rows come from the sources. They inform, never install."""

from typing import Any, override

from homeassistant.components.update import UpdateEntity, UpdateEntityFeature
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import HomelabEntity, HomelabUpdateDescription, async_setup_rows
from .source import HomelabConfigEntry

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: HomelabConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the updates of the entry's source."""
    rows = entry.runtime_data.tables.get(Platform.UPDATE, ())
    await async_setup_rows(entry, rows, HomelabUpdate, async_add_entities)


class HomelabUpdate(HomelabEntity, UpdateEntity):
    """What could be updated on one item of a source."""

    entity_description: HomelabUpdateDescription

    _attr_supported_features = UpdateEntityFeature.RELEASE_NOTES

    @override
    def _read(self) -> Any:
        row, item = self.entity_description, self.item
        self._attr_installed_version = row.installed_fn(self._source, self.key, item)
        self._attr_latest_version = row.latest_fn(self._source, self.key, item)
        return self._attr_installed_version, self._attr_latest_version

    @override
    async def async_release_notes(self) -> str | None:
        if self.item is None:
            return None
        return self.entity_description.notes_fn(self._source, self.item)
