"""Proxmox Homelab: the machinery under a smart home, in Home Assistant."""

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ConfigEntryError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.device_registry import DeviceEntry
from homeassistant.helpers.start import async_at_started
from homeassistant.helpers.typing import ConfigType

from .const import DOMAIN
from .issues import async_clear, async_explain, async_watch
from .services import async_setup_services
from .source import HomelabConfigEntry, source_of

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)

PLATFORMS = (
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.SELECT,
    Platform.SENSOR,
    Platform.SWITCH,
    Platform.UPDATE,
)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the actions, which exist whether or not an entry is loaded."""
    async_setup_services(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: HomelabConfigEntry) -> bool:
    """Start the source of an entry and show what it has."""
    source = source_of(hass, entry)
    try:
        await source.async_start()
    except ConfigEntryError as err:
        async_explain(hass, entry, err)
        raise
    entry.runtime_data = source
    async_watch(hass, entry)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)

    async def fetch_details(hass: HomeAssistant) -> None:
        entry.async_create_background_task(
            hass, source.async_fetch_details(), f"{entry.title} details"
        )

    # What the entities can do without at first must not slow down the start.
    entry.async_on_unload(async_at_started(hass, fetch_details))
    return True


async def async_unload_entry(hass: HomeAssistant, entry: HomelabConfigEntry) -> bool:
    """Stop the source of an entry."""
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


async def async_remove_entry(hass: HomeAssistant, entry: HomelabConfigEntry) -> None:
    """Drop what would outlive the entry."""
    async_clear(hass, entry)


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: HomelabConfigEntry, device: DeviceEntry
) -> bool:
    """Let the user delete a device that its system does not have any more."""
    return entry.runtime_data.may_remove_device(device)
