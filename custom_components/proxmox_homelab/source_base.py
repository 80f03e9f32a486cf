"""What the sources have in common: their sections, devices, comings and goings."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.device_registry import DeviceEntry, DeviceInfo

from .coordinator import HomelabCoordinator
from .devices import HomelabDevices, key_of
from .keys import kind_of


class BaseSource[DevicesT: HomelabDevices]:
    """The part of the protocol of a source that is the same for all of them.

    A subclass sets `coordinators`, `tables` and `devices`.
    """

    coordinators: Mapping[str, HomelabCoordinator[Any]]
    tables: Mapping[Platform, tuple[Any, ...]]
    devices: DevicesT

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
        """Remember whose source it is."""
        self.hass = hass
        self.entry = entry
        self._shape_listeners: list[CALLBACK_TYPE] = []

    @property
    @abstractmethod
    def inventory(self) -> HomelabCoordinator[Any]:
        """The section that says which items exist."""

    @property
    def is_connected(self) -> bool:
        """Whether the system answers now."""
        return self.inventory.last_update_success

    def item_keys(self) -> Mapping[str, list[str]]:
        """Return the keys of all items by kind."""
        found: dict[str, list[str]] = {}
        for section in self.coordinators.values():
            for key in section.data:
                keys = found.setdefault(kind_of(key), [])
                if key not in keys:
                    keys.append(key)
        return found

    def device_info(self, key: str) -> DeviceInfo:
        """Return the device of the item."""
        return self.devices.info(key)

    def device_name(self, key: str) -> str | None:
        """Return how the item's device is called, None without a device."""
        return self.devices.name_of(key)

    @callback
    def async_on_shape_change(self, update: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call back when items came or went, or what is possible with them changed."""
        self._shape_listeners.append(update)
        return lambda: self._shape_listeners.remove(update)

    @callback
    def async_shape_changed(self) -> None:
        """Tell those who want to know."""
        for update in tuple(self._shape_listeners):
            update()

    def may_remove_device(self, device: DeviceEntry) -> bool:
        """Say whether the system does not have the device any more."""
        key = key_of(device)
        return key is not None and not any(
            key in known for known in self.item_keys().values()
        )
