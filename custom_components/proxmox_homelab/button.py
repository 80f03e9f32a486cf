"""Buttons: one class, the rows come from the sources."""

from typing import Any, override

from homeassistant.components.button import ButtonEntity
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import HomelabButtonDescription, HomelabEntity, async_setup_rows
from .operations import async_execute
from .source import HomelabConfigEntry

# As for switches: a long restart must not make other buttons wait.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: HomelabConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the buttons of the entry's source."""
    rows = entry.runtime_data.tables.get(Platform.BUTTON, ())
    await async_setup_rows(entry, rows, HomelabButton, async_add_entities)


class HomelabButton(HomelabEntity, ButtonEntity):
    """A command to one item of a source."""

    entity_description: HomelabButtonDescription

    @override
    def _read(self) -> Any:
        return None

    @override
    async def async_press(self) -> None:
        await async_execute(
            self._source, self.key, self.entity_description.command, self._context
        )
