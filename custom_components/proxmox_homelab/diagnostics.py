"""What helps to find a fault, without any secret and without any address."""

from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, Final

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.const import CONF_PORT
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import DeviceEntry

from .const import CONF_AUTH, CONF_KIND, CONF_LEVEL
from .devices import key_of
from .keys import kind_of
from .proxmox.keys import CLUSTER
from .source import HomelabConfigEntry

# What of an entry is neither a secret nor an address. Everything else is left out.
_PUBLIC: Final = frozenset({CONF_AUTH, CONF_KIND, CONF_LEVEL, CONF_PORT})
# What of the models names a machine, a person or a place on a disk. A disk's
# identity is its serial number, and people put passwords into descriptions.
_PRIVATE: Final = frozenset(
    {
        "address",
        "addresses",
        "bind_mounts",
        "bridge_id",
        "description",
        "extended_pan_id",
        "fingerprint",
        "frontend_url",
        "home_id",
        "host",
        "identity",
        "ieee_address",
        "mac",
        "macs",
        "notes",
        "pan_id",
        "passthrough",
        "serial",
        "serial_port",
        "smbios_uuid",
        "subject",
        "url",
        "user",
    }
)


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: HomelabConfigEntry
) -> dict[str, Any]:
    """Return how the entry is set up and how each section fares."""
    return {
        "data": async_redact_data(entry.data, entry.data.keys() - _PUBLIC),
        "options": dict(entry.options),
        **_source(entry),
    }


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: HomelabConfigEntry, device: DeviceEntry
) -> dict[str, Any]:
    """Return what each section knows of the thing behind the device."""
    key = key_of(device)
    source = entry.runtime_data
    known = {
        name: _plain(section.data[key])
        for name, section in source.coordinators.items()
        if key in section.data and key != CLUSTER
    }
    return {
        "kind": None if key is None else kind_of(key),
        "reachable": key is not None and source.is_reachable(key),
        "item": async_redact_data(known, _PRIVATE),
        **_source(entry),
    }


def _source(entry: HomelabConfigEntry) -> dict[str, Any]:
    """Return how the source fares, section by section."""
    source = entry.runtime_data
    sections = {
        name: section.diagnostics() for name, section in source.coordinators.items()
    }
    return {**source.diagnostics(), "sections": sections}


def _plain(value: Any) -> Any:
    """Return a model as what JSON knows."""
    match value:
        case datetime():
            return value.isoformat()
        case tuple() | frozenset():
            return [_plain(item) for item in value]
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
    if is_dataclass(value):
        return {part.name: _plain(getattr(value, part.name)) for part in fields(value)}
    return value
