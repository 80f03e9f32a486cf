"""What a source is, and the table of sources.

A source is the system behind one config entry: it polls or listens to it, keeps
what it said, knows its devices and carries out commands on it. Platforms,
diagnostics and commands know a source by this protocol only.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Protocol

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import CALLBACK_TYPE, HomeAssistant
from homeassistant.helpers.device_registry import DeviceEntry, DeviceInfo

from .const import CONF_KIND, Kind
from .coordinator import HomelabCoordinator
from .deconz.source import DeconzSource
from .mqtt.source import MqttSource
from .proxmox.source import ProxmoxSource
from .zwave_js.source import ZwaveSource


class Source(Protocol):
    """The running system of one loaded config entry.

    hass: the Home Assistant that it runs in.
    entry: the config entry that the source belongs to.
    coordinators: the sections by name, each with its own rhythm and error.
    inventory: the section that says which items exist.
    tables: the rows of entities that the source offers, by platform.
    """

    @property
    def hass(self) -> HomeAssistant:
        """The Home Assistant that this source runs in."""

    @property
    def entry(self) -> ConfigEntry[Any]:
        """The config entry that this source belongs to."""

    @property
    def coordinators(self) -> Mapping[str, HomelabCoordinator[Any]]:
        """The sections by name."""

    @property
    def inventory(self) -> HomelabCoordinator[Any]:
        """The section that says which items exist."""

    @property
    def tables(self) -> Mapping[Platform, tuple[Any, ...]]:
        """The entity rows by platform."""

    @property
    def is_connected(self) -> bool:
        """Whether the system answers now."""

    async def async_start(self) -> None:
        """Get what the entities need to exist.

        Raises ConfigEntryNotReady, ConfigEntryAuthFailed or ConfigEntryError.
        """

    async def async_fetch_details(self) -> None:
        """Ask for what the entities can do without at first; raises nothing."""

    def item_keys(self) -> Mapping[str, list[str]]:
        """Return the keys of all items by kind, the first part of the key."""

    def is_reachable(self, key: str) -> bool:
        """Say whether what is known of the item is from now."""

    def device_info(self, key: str) -> DeviceInfo:
        """Return the device of the item."""

    def device_name(self, key: str) -> str | None:
        """Return how the item's device is called, None without a device."""

    def async_on_shape_change(self, update: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call back when items came or went, or what is possible with them changed."""

    def may_remove_device(self, device: DeviceEntry) -> bool:
        """Say whether the user may delete the device: the system has it no more."""

    def diagnostics(self) -> dict[str, Any]:
        """Return what helps to find a fault, without any secret, sections apart."""


class RadioSource(Source, Protocol):
    """A source of radios: its commands are all of one form."""

    async def async_command(
        self, key: str, command: StrEnum, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Carry out a command on the item and return what the system answers.

        Raises a `HomelabError`.
        """


type HomelabConfigEntry = ConfigEntry[Source]


def source_of(hass: HomeAssistant, entry: HomelabConfigEntry) -> Source:
    """Build the source of an entry; nothing is asked of the system yet."""
    return _SOURCES[Kind(entry.data[CONF_KIND])](hass, entry)


_SOURCES: Mapping[Kind, Callable[[HomeAssistant, HomelabConfigEntry], Source]] = {
    Kind.PROXMOX: ProxmoxSource,
    Kind.MQTT: MqttSource,
    Kind.ZWAVE_JS: ZwaveSource,
    Kind.DECONZ: DeconzSource,
}
