"""Switches: one class, the rows come from the sources."""

from typing import Any, override

from homeassistant.components.switch import SwitchEntity
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import HomelabEntity, HomelabSwitchDescription, async_setup_rows
from .operations import async_execute
from .source import HomelabConfigEntry

# The door for commands itself lets only so many through at a time per node: a
# shutdown of minutes must not make the other switches wait.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: HomelabConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the switches of the entry's source."""
    rows = entry.runtime_data.tables.get(Platform.SWITCH, ())
    await async_setup_rows(entry, rows, HomelabSwitch, async_add_entities)


class HomelabSwitch(HomelabEntity, SwitchEntity):
    """Something of a source that is on or off, and that can be asked to change."""

    entity_description: HomelabSwitchDescription

    @override
    def _read(self) -> Any:
        self._attr_is_on = self.entity_description.value_fn(self.item)
        return self._attr_is_on

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        await async_execute(
            self._source, self.key, self.entity_description.on_command, self._context
        )

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        await async_execute(
            self._source, self.key, self.entity_description.off_command, self._context
        )
