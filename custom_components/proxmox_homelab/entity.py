"""The base entity, what an entity row says, and how rows become entities."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, override

from homeassistant.core import callback
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

# The sources' tables are made of these descriptions, so that a run-time import of
# the sources' protocol would go in a circle.
if TYPE_CHECKING:
    from .source import HomelabConfigEntry, Source


@dataclass(frozen=True, kw_only=True)
class HomelabEntityDescription(EntityDescription):
    """What every row of a source's entity tables says.

    section: the coordinator that delivers the item, by its name.
    kind: the first part of the item keys that the row is for ("guest").
    exists_fn: whether the entity makes sense for the item with this key, asked
        again whenever the shape of the source changes.
    attributes_fn: a few extra facts about the item, for people and automations.
    always_available: the row says something even while its item is out of reach.
    """

    section: str
    kind: str
    exists_fn: Callable[[Any, str], bool] = lambda source, key: True
    attributes_fn: Callable[[Any], Mapping[str, Any]] | None = None
    always_available: bool = False


class HomelabEntity[DescriptionT: HomelabEntityDescription](Entity):
    """An entity that shows one item of one section of a source.

    It writes its state only when what it shows has changed: most of what a poll
    brings concerns figures that nobody looks at.
    """

    entity_description: DescriptionT
    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, source: Source, description: DescriptionT, key: str) -> None:
        """Bind the row to the item `key`."""
        self.entity_description = description
        self.key = key
        self._source = source
        self._coordinator = source.coordinators[description.section]
        self._shown: tuple[Any, ...] | None = None
        self._attr_unique_id = f"{source.entry.unique_id}_{key}_{description.key}"
        self._attr_device_info = source.device_info(key)
        if description.translation_key is None and description.device_class is None:
            self._attr_translation_key = description.key

    @property
    def item(self) -> Any:
        """The item as its section knows it now, None while it is missing there."""
        return self._coordinator.data.get(self.key)

    @property
    @override
    def available(self) -> bool:
        if not self._coordinator.last_update_success or self.item is None:
            return False
        return self.entity_description.always_available or self._source.is_reachable(
            self.key
        )

    @abstractmethod
    def _read(self) -> Any:
        """Put the state into the entity's attributes and return it for comparison."""

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self._refresh()
        self.async_on_remove(
            self._coordinator.async_add_item_listener(self.key, self._handle_change)
        )
        if self._coordinator is not self._source.inventory:
            self.async_on_remove(
                self._source.inventory.async_add_item_listener(
                    self.key, self._handle_change
                )
            )

    @callback
    def async_entity_id_changed(self) -> None:
        """Nothing here depends on the entity id, so it may change in place."""

    def _refresh(self) -> bool:
        """Read the item again; say whether what is shown changes by it."""
        available = self.available
        attributes: Mapping[str, Any] | None = None
        value = None
        if available:
            value = self._read()
            if (attributes_fn := self.entity_description.attributes_fn) is not None:
                attributes = self._attr_extra_state_attributes = dict(
                    attributes_fn(self.item)
                )
        shown = (available, value, attributes)
        changed = shown != self._shown
        self._shown = shown
        return changed

    @callback
    def _handle_change(self) -> None:
        if self._refresh():
            self.async_write_ha_state()


@callback
def async_setup_rows[DescriptionT: HomelabEntityDescription](
    entry: HomelabConfigEntry,
    rows: tuple[DescriptionT, ...],
    factory: Callable[[Source, DescriptionT, str], Entity],
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the entities of a platform now and whenever the source has new items.

    What is confirmed gone goes with its device, which the source removes.
    """
    source = entry.runtime_data
    known: set[tuple[str, str]] = set()

    @callback
    def add_new() -> None:
        keys = source.item_keys()
        known.intersection_update(
            {pair for pair in known if pair[0] in keys.get(pair[0].split("/")[0], ())}
        )
        new = [
            (row, key)
            for row in rows
            for key in keys.get(row.kind, ())
            if (key, row.key) not in known and row.exists_fn(source, key)
        ]
        known.update((key, row.key) for row, key in new)
        async_add_entities([factory(source, row, key) for row, key in new])

    add_new()
    entry.async_on_unload(source.async_on_shape_change(add_new))
