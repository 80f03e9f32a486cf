"""Selects: one class, the rows come from the sources."""

from typing import Any, override

from homeassistant.components.select import SelectEntity
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import HomelabEntity, HomelabSelectDescription, async_setup_rows
from .operations import async_execute
from .source import HomelabConfigEntry

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: HomelabConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the selects of the entry's source."""
    rows = entry.runtime_data.tables.get(Platform.SELECT, ())
    await async_setup_rows(entry, rows, HomelabSelect, async_add_entities)


class HomelabSelect(HomelabEntity, SelectEntity):
    """A choice of the user about one item of a source."""

    entity_description: HomelabSelectDescription

    @override
    def _read(self) -> Any:
        self._attr_current_option = self.entity_description.current_fn(
            self._source, self.item
        )
        return self._attr_current_option

    @override
    async def async_select_option(self, option: str) -> None:
        row = self.entity_description
        if row.select_fn is not None:
            row.select_fn(self._source, self.key, option)
        if row.command is not None:
            await async_execute(
                self._source,
                self.key,
                row.command,
                self._context,
                {row.argument: option},
            )
        self._handle_change()
