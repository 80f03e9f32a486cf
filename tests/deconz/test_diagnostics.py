"""What is handed out to find a fault: nothing of it is a secret or an address."""

import json

from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.proxmox_homelab.diagnostics import (
    async_get_config_entry_diagnostics,
    async_get_device_diagnostics,
)
from lab.deconz import DeconzGateway

from .common import BRIDGE, KEY, device, eventually, source_of


async def test_an_entry_and_its_device(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: DeconzGateway
) -> None:
    found = await async_get_config_entry_diagnostics(hass, entry)
    assert found["data"]["kind"] == "deconz"
    assert (found["version"], found["stick"]) == ("2.28.1", "ConBee II")
    assert (found["listening"], found["devices"]) == (True, 4)
    assert found["sections"]["gateway"]["healthy"] is True
    of_device = await async_get_device_diagnostics(hass, entry, device(hass, entry))
    assert of_device["item"]["gateway"]["config"]["channel"] == 15
    text = json.dumps([found, of_device]).lower()
    private = [KEY, BRIDGE.lower(), gateway.host, "00:0b:57", "bc:24:11", "17539"]
    assert [secret for secret in private if secret in text] == []


async def test_a_gateway_that_is_away(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: DeconzGateway
) -> None:
    await gateway.stop()
    await eventually(hass, lambda: not source_of(entry).is_connected)
    found = await async_get_config_entry_diagnostics(hass, entry)
    assert found["sections"]["gateway"]["error"] == "CannotConnectError"
