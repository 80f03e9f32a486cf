"""What the sources' devices have in common: created, looked up and removed by key."""

from collections.abc import Callable
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntry, DeviceInfo

from .const import DOMAIN


def key_of(device: DeviceEntry) -> str | None:
    """Return the key of the item that a device stands for."""
    return next(
        (key for domain, key in device.identifiers if domain == DOMAIN),
        None,
    )


class HomelabDevices:
    """The devices of one entry, by the keys of their items."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Prepare; nothing is registered yet."""
        self._registry = dr.async_get(hass)
        self._entry_id = entry_id
        self._registered: dict[str, tuple[Any, ...]] = {}
        self._links: dict[str, DeviceInfo] = {}

    def info(self, key: str) -> DeviceInfo:
        """Return what links an entity to its device, which exists already."""
        # The same for all entities of an item: a thousand guests have twenty each.
        if (link := self._links.get(key)) is None:
            link = self._links[key] = DeviceInfo(identifiers={(DOMAIN, key)})
        return link

    def known_keys(self) -> set[str]:
        """Return the keys of the devices that the registry has for this entry."""
        return {
            key
            for device in dr.async_entries_for_config_entry(
                self._registry, self._entry_id
            )
            if (key := key_of(device)) is not None
        }

    @callback
    def async_remove(self, key: str) -> None:
        """Remove the device of an item that is confirmed gone."""
        self._registered.pop(key, None)
        self._links.pop(key, None)
        if (device := self._get(key)) is not None:
            self._registry.async_remove_device(device.id)

    @callback
    def async_register(
        self, key: str, shown: tuple[Any, ...], build: Callable[[], dict[str, Any]]
    ) -> None:
        """Create the device, or bring it up to date with what it shows.

        shown: all that `build` depends on. Called after every change of the source:
            only what the device shows leads to the registry.
        """
        if self._registered.get(key) == shown:
            return
        self._registry.async_get_or_create(
            config_entry_id=self._entry_id, identifiers={(DOMAIN, key)}, **build()
        )
        self._registered[key] = shown

    def id_of(self, key: str) -> str | None:
        """Return what Home Assistant calls the device, None if there is none."""
        device = self._get(key)
        return None if device is None else device.id

    def last_name(self, key: str) -> str | None:
        """Return the name from before a restart, while the source does not say."""
        device = self._get(key)
        return None if device is None else device.name

    def name_of(self, key: str) -> str | None:
        """Return how the user calls the device, None if there is none."""
        device = self._get(key)
        return None if device is None else device.name_by_user or device.name

    def _get(self, key: str) -> DeviceEntry | None:
        return self._registry.async_get_device_by_identifier(
            (DOMAIN, key), self._entry_id
        )
