"""The base entity, what an entity row says, and how rows become entities."""

from abc import abstractmethod
import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import batched
from typing import TYPE_CHECKING, Any, override

from homeassistant.components.binary_sensor import BinarySensorEntityDescription
from homeassistant.components.button import ButtonEntityDescription
from homeassistant.components.select import SelectEntityDescription
from homeassistant.components.sensor import SensorEntityDescription
from homeassistant.components.switch import SwitchEntityDescription
from homeassistant.components.update import UpdateEntityDescription
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.typing import StateType

from .const import DOMAIN

# The sources' tables are made of these descriptions, so that a run-time import of
# the sources' protocol would go in a circle.
if TYPE_CHECKING:
    from .source import HomelabConfigEntry, Source

# Adding an entity costs Home Assistant some 0.3 ms: a thousand guests at once would
# keep the event loop for seconds.
_ADDED_AT_ONCE = 30


@dataclass(frozen=True, kw_only=True)
class HomelabEntityDescription(EntityDescription):
    """What every row of a source's entity tables says.

    section: the coordinator that delivers the item, by its name.
    kind: the first part of the item keys that the row is for ("guest").
    exists_fn: whether the entity makes sense for the item with this key, asked
        again whenever the shape of the source changes.
    attributes_fn: a few extra facts about the item, for people and automations.
    source_attributes_fn: the same, from the item and what is around it.
    always_available: the row says something even while its item is out of reach.
    cuts_power: the row must not exist for whatever runs this Home Assistant.
    """

    section: str
    kind: str
    exists_fn: Callable[[Any, str], bool] = lambda source, key: True
    attributes_fn: Callable[[Any], Mapping[str, Any]] | None = None
    source_attributes_fn: Callable[[Any, Any], Mapping[str, Any]] | None = None
    always_available: bool = False
    cuts_power: bool = False

    def attributes(self, source: Source, item: Any) -> dict[str, Any] | None:
        """Return the extra facts about the item, None for a row without any."""
        if self.attributes_fn is not None:
            return dict(self.attributes_fn(item))
        if self.source_attributes_fn is not None:
            return dict(self.source_attributes_fn(source, item))
        return None


@dataclass(frozen=True, kw_only=True)
class HomelabSensorDescription(HomelabEntityDescription, SensorEntityDescription):
    """A sensor: `value_fn` reads the item, `source_fn` also what is around it."""

    value_fn: Callable[[Any], StateType | datetime] = lambda item: None
    source_fn: Callable[[Any, Any], StateType | datetime] | None = None

    def read(self, source: Source, item: Any) -> StateType | datetime:
        """Return the state for the item."""
        return self.source_fn(source, item) if self.source_fn else self.value_fn(item)


@dataclass(frozen=True, kw_only=True)
class HomelabBinarySensorDescription(
    HomelabEntityDescription, BinarySensorEntityDescription
):
    """A binary sensor, read as a sensor is."""

    value_fn: Callable[[Any], bool | None] = lambda item: None
    source_fn: Callable[[Any, Any], bool | None] | None = None

    def read(self, source: Source, item: Any) -> bool | None:
        """Return the state for the item."""
        return self.source_fn(source, item) if self.source_fn else self.value_fn(item)


@dataclass(frozen=True, kw_only=True)
class HomelabSwitchDescription(HomelabEntityDescription, SwitchEntityDescription):
    """A switch: whether it is on, and the command for either way."""

    value_fn: Callable[[Any], bool | None]
    on_command: StrEnum
    off_command: StrEnum


@dataclass(frozen=True, kw_only=True)
class HomelabButtonDescription(HomelabEntityDescription, ButtonEntityDescription):
    """A button: the command that a press is."""

    command: StrEnum


@dataclass(frozen=True, kw_only=True)
class HomelabSelectDescription(HomelabEntityDescription, SelectEntityDescription):
    """A select: the chosen option, and what choosing another one does.

    select_fn: keeps a choice of the user, which the system knows nothing of.
    command: asks the system for the chosen option, under the name of `argument`.
    """

    current_fn: Callable[[Any, Any], str | None]
    select_fn: Callable[[Any, str, str], None] | None = None
    command: StrEnum | None = None
    argument: str = "option"


@dataclass(frozen=True, kw_only=True)
class HomelabUpdateDescription(HomelabEntityDescription, UpdateEntityDescription):
    """An update: the two versions and the notes in Markdown.

    installed_fn and latest_fn get the source, the key and the item, notes_fn the source
    and the item.
    """

    installed_fn: Callable[[Any, str, Any], str | None]
    latest_fn: Callable[[Any, str, Any], str | None]
    notes_fn: Callable[[Any, Any], str]


class HomelabEntity(Entity):
    """An entity that shows one item of one section of a source.

    It writes its state only when what it shows has changed: most of what a poll
    brings concerns figures that nobody looks at.
    """

    entity_description: HomelabEntityDescription
    _attr_has_entity_name = True
    _attr_should_poll = False
    # Names of devices: long, and of no use in the history.
    _unrecorded_attributes = frozenset({"devices"})

    def __init__(
        self, source: Source, description: HomelabEntityDescription, key: str
    ) -> None:
        """Bind the row to the item `key`."""
        self.entity_description = description
        self.key = key
        self._source = source
        self._coordinator = source.coordinators[description.section]
        self._shown: tuple[Any, ...] | None = None
        self._attr_unique_id = f"{source.entry.unique_id}_{key}_{description.key}"
        self._attr_device_info = source.device_info(key)
        self._attr_translation_key = description.translation_key or description.key
        if description.name is None:
            self._attr_name = None

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
        attributes: dict[str, Any] | None = None
        value = None
        if available:
            value = self._read()
            attributes = self.entity_description.attributes(self._source, self.item)
            if attributes is not None:
                self._attr_extra_state_attributes = attributes
        shown = (available, value, attributes)
        changed = shown != self._shown
        self._shown = shown
        return changed

    @callback
    def _handle_change(self) -> None:
        if self._refresh():
            self.async_write_ha_state()


async def async_setup_rows[DescriptionT: HomelabEntityDescription](
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

    def new_entities() -> Iterator[Entity]:
        keys = source.item_keys()
        there = {key for kind in keys.values() for key in kind}
        known.intersection_update({pair for pair in known if pair[0] in there})
        for row in rows:
            for key in keys.get(row.kind, ()):
                if (key, row.key) not in known and row.exists_fn(source, key):
                    known.add((key, row.key))
                    yield factory(source, row, key)

    async def add_new() -> None:
        for some in batched(new_entities(), _ADDED_AT_ONCE, strict=False):
            async_add_entities(some)
            await asyncio.sleep(0)

    @callback
    def shape_changed() -> None:
        entry.async_create_task(
            source.inventory.hass, add_new(), f"{entry.title} new entities"
        )

    await add_new()
    entry.async_on_unload(source.async_on_shape_change(shape_changed))


@callback
def async_drop_power(hass: HomeAssistant, source: Source, key: str) -> None:
    """Remove what could cut the power of the item, from before that was known."""
    registry = er.async_get(hass)
    for platform, rows in source.tables.items():
        for row in rows:
            if row.cuts_power and key.startswith(f"{row.kind}/"):
                unique_id = f"{source.entry.unique_id}_{key}_{row.key}"
                if entity_id := registry.async_get_entity_id(
                    platform, DOMAIN, unique_id
                ):
                    registry.async_remove(entity_id)
