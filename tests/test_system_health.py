"""What the system information page says."""

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import get_system_health_info

from custom_components.proxmox_homelab.const import DOMAIN
from lab import Lab

from .common import async_set_up


async def test_a_healthy_entry(hass: HomeAssistant, lab: Lab) -> None:
    assert await async_setup_component(hass, "system_health", {})
    await async_set_up(hass, lab)
    found = await get_system_health_info(hass, DOMAIN)
    assert found["entries"] == 1
    assert found["reachable"] == "1/1"
    assert found["version"].startswith("9.2")
    assert found["poll_time"].endswith(" ms")
    assert found["failing_sections"] == "-"


async def test_a_section_that_fails(hass: HomeAssistant, lab: Lab) -> None:
    assert await async_setup_component(hass, "system_health", {})
    lab.pve.faults.fail("GET", "/cluster/tasks", 500, "got no worker")
    await async_set_up(hass, lab)
    found = await get_system_health_info(hass, DOMAIN)
    assert found["reachable"] == "1/1"
    assert found["failing_sections"] == "tasks"


async def test_an_entry_that_is_not_loaded(hass: HomeAssistant, lab: Lab) -> None:
    assert await async_setup_component(hass, "system_health", {})
    entry = await async_set_up(hass, lab)
    await hass.config_entries.async_unload(entry.entry_id)
    found = await get_system_health_info(hass, DOMAIN)
    assert found == {
        "entries": 1,
        "reachable": "0/1",
        "version": "-",
        "poll_time": "-",
        "failing_sections": "-",
    }
