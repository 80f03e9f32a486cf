"""What the tests of the integration share."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_PORT
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import device_registry as dr, entity_registry as er
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.proxmox_homelab.const import (
    CONF_AUTH,
    CONF_CA_PEM,
    CONF_HOSTS,
    CONF_KIND,
    CONF_LEVEL,
    CONF_TOKEN_ID,
    CONF_TOKEN_SECRET,
    DOMAIN,
    Auth,
    Kind,
)
from custom_components.proxmox_homelab.proxmox.source import ProxmoxSource
from lab import Lab
from lab.mqtt import Bridge

type MakeBridge = Callable[..., Awaitable[Bridge]]

# The MAC address by which the own guest of every scenario recognises this host.
OWN_MAC = "bc:24:11:5e:1f:03"


def entry_data(lab: Lab, access: str = "everything") -> dict[str, Any]:
    """Return the data of an entry that uses one of the lab's tokens."""
    token_id, _, secret = lab.pve.tokens[access].partition("=")
    return {
        CONF_KIND: Kind.PROXMOX,
        CONF_HOSTS: [lab.pve.host(next(iter(lab.pve.cluster.nodes)))],
        CONF_PORT: lab.pve.port,
        CONF_AUTH: Auth.TOKEN,
        CONF_TOKEN_ID: token_id,
        CONF_TOKEN_SECRET: secret,
        CONF_CA_PEM: lab.pve.ca_pem,
        CONF_LEVEL: access,
    }


async def async_set_up(
    hass: HomeAssistant,
    lab: Lab,
    *,
    access: str = "everything",
    options: dict[str, Any] | None = None,
    data: dict[str, Any] | None = None,
) -> MockConfigEntry:
    """Set the integration up against the lab, details included."""
    entry = MockConfigEntry(
        domain=DOMAIN,
        title=lab.pve.cluster.name or next(iter(lab.pve.cluster.nodes)),
        unique_id="the-lab",
        data={**entry_data(lab, access), **(data or {})},
        options=options or {},
    )
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    return entry


def source_of(entry: ConfigEntry[Any]) -> ProxmoxSource:
    """Return the running source of a loaded entry."""
    source = entry.runtime_data
    assert isinstance(source, ProxmoxSource)
    return source


def entity_id(hass: HomeAssistant, platform: str, key: str, row: str) -> str:
    """Return the id of the entity of one row for one item."""
    found = er.async_get(hass).async_get_entity_id(
        platform, DOMAIN, f"the-lab_{key}_{row}"
    )
    assert found is not None, f"{platform} {row} of {key} is not registered"
    return found


def has_entity(hass: HomeAssistant, platform: str, key: str, row: str) -> bool:
    """Say whether the row is registered for the item."""
    return (
        er.async_get(hass).async_get_entity_id(platform, DOMAIN, f"the-lab_{key}_{row}")
        is not None
    )


def state(hass: HomeAssistant, platform: str, key: str, row: str) -> State:
    """Return the state of the entity of one row for one item."""
    found = hass.states.get(entity_id(hass, platform, key, row))
    assert found is not None, f"{platform} {row} of {key} has no state"
    return found


def device(hass: HomeAssistant, entry: ConfigEntry[Any], key: str) -> dr.DeviceEntry:
    """Return the device of an item."""
    found = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, key), entry.entry_id
    )
    assert found is not None, f"no device for {key}"
    return found


def has_device(hass: HomeAssistant, entry: ConfigEntry[Any], key: str) -> bool:
    """Say whether the item has a device."""
    return (
        dr.async_get(hass).async_get_device_by_identifier((DOMAIN, key), entry.entry_id)
        is not None
    )


async def async_pass_time(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, seconds: float
) -> None:
    """Let time pass and everything that was due by then come to rest."""
    freezer.tick(timedelta(seconds=seconds))
    async_fire_time_changed(hass)
    await hass.async_block_till_done(wait_background_tasks=True)


async def async_poll(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, times: int = 1
) -> None:
    """Let the list be polled so many times."""
    for _ in range(times):
        await async_pass_time(hass, freezer, 11)


async def async_press(hass: HomeAssistant, key: str, row: str) -> None:
    """Press a button."""
    await hass.services.async_call(
        "button",
        "press",
        {"entity_id": entity_id(hass, "button", key, row)},
        blocking=True,
    )


async def async_switch(hass: HomeAssistant, key: str, row: str, *, on: bool) -> None:
    """Turn a switch on or off."""
    await hass.services.async_call(
        "switch",
        "turn_on" if on else "turn_off",
        {"entity_id": entity_id(hass, "switch", key, row)},
        blocking=True,
    )
