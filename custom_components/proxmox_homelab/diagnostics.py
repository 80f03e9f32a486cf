"""What helps to find a fault, without any secret and without any address."""

from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, Final

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.const import CONF_PASSWORD, CONF_USERNAME
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import DeviceEntry

from .const import (
    CONF_CA_PEM,
    CONF_FINGERPRINT,
    CONF_HOSTS,
    CONF_MEMBER_FINGERPRINTS,
    CONF_TOKEN_ID,
    CONF_TOKEN_SECRET,
)
from .proxmox import keys
from .proxmox.devices import key_of
from .source import HomelabConfigEntry

_SECRET: Final = frozenset(
    {
        CONF_CA_PEM,
        CONF_FINGERPRINT,
        CONF_HOSTS,
        CONF_MEMBER_FINGERPRINTS,
        CONF_PASSWORD,
        CONF_TOKEN_ID,
        CONF_TOKEN_SECRET,
        CONF_USERNAME,
    }
)
# What of the models names a machine, a person or a place on a disk. A disk's
# identity is its serial number, and people put passwords into descriptions.
_PRIVATE: Final = frozenset(
    {
        "address",
        "addresses",
        "bind_mounts",
        "description",
        "fingerprint",
        "identity",
        "macs",
        "notes",
        "passthrough",
        "serial",
        "smbios_uuid",
        "subject",
        "user",
    }
)


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: HomelabConfigEntry
) -> dict[str, Any]:
    """Return how the entry is set up and how each section fares."""
    return {
        "data": async_redact_data(entry.data, _SECRET),
        "options": dict(entry.options),
        **entry.runtime_data.diagnostics(),
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
        if key in section.data and key != keys.CLUSTER
    }
    return {
        "kind": None if key is None else keys.kind_of(key),
        "reachable": key is not None and source.is_reachable(key),
        "item": async_redact_data(known, _PRIVATE),
        **source.diagnostics(),
    }


def _plain(value: Any) -> Any:
    """Return a model as what JSON knows."""
    match value:
        case datetime():
            return value.isoformat()
        case tuple() | frozenset():
            return [_plain(item) for item in value]
    if is_dataclass(value):
        return {part.name: _plain(getattr(value, part.name)) for part in fields(value)}
    return value
