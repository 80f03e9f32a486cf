"""What is handed out to find a fault: everything useful and nothing private."""

import json
from typing import Any

from homeassistant.components.diagnostics import REDACTED
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
import pytest

from custom_components.proxmox_homelab.diagnostics import (
    async_get_config_entry_diagnostics,
    async_get_device_diagnostics,
)
from lab import Lab

from .common import async_set_up, device

# What must not be found anywhere: addresses, hardware, accounts, people's texts.
MAC = "bc:24:11"


def as_text(document: dict[str, Any]) -> str:
    """Return a document as it is downloaded; nothing in it needs a special encoder."""
    return json.dumps(document).lower()


def secrets(lab: Lab) -> list[str]:
    """Return what the entry knows and nobody else may."""
    token_id, _, secret = lab.pve.tokens["everything"].partition("=")
    host = lab.pve.host(next(iter(lab.pve.cluster.nodes)))
    return [secret, token_id, f'"{host}"', "-----begin"]


async def test_an_entry(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab, options={"exclude_tags": ["mqtt"]})
    found = await async_get_config_entry_diagnostics(hass, entry)
    assert found["data"]["hosts"] == REDACTED
    assert found["data"]["kind"] == "proxmox"
    assert found["options"] == {"exclude_tags": ["mqtt"]}
    assert found["own_guest"]["vmid"] == 103
    assert found["items"]["node"] == 1
    assert "VM.PowerMgmt" in found["permissions"]["/vms"]
    resources = found["sections"]["resources"]
    assert resources["healthy"] is True
    assert resources["error"] is None
    assert resources["seconds"] > 0
    text = as_text(found)
    assert [secret for secret in secrets(lab) if secret.lower() in text] == []
    assert MAC not in text


async def test_a_section_that_fails_is_named(hass: HomeAssistant, lab: Lab) -> None:
    lab.pve.faults.fail("GET", "/cluster/tasks", 500, "got no worker")
    lab.pve.faults.fail("GET", "/nodes/*/lxc/106/config", 500, "broken pipe")
    entry = await async_set_up(hass, lab)
    found = await async_get_config_entry_diagnostics(hass, entry)
    tasks = found["sections"]["tasks"]
    assert tasks["healthy"] is False
    assert tasks["error"] == "CommandRefusedError"
    assert found["sections"]["configs"]["failed_parts"] == {
        "guest/106": "CommandRefusedError"
    }


@pytest.mark.parametrize(
    ("key", "kind", "section"),
    [
        ("guest/103", "guest", "configs"),
        ("node/pve-core", "node", "nodes"),
        ("storage/pve-core/local", "storage", "resources"),
    ],
)
async def test_a_device(
    hass: HomeAssistant, lab: Lab, key: str, kind: str, section: str
) -> None:
    entry = await async_set_up(hass, lab)
    found = await async_get_device_diagnostics(hass, entry, device(hass, entry, key))
    assert found["kind"] == kind
    assert found["reachable"] is True
    assert section in found["item"]
    text = as_text(found)
    assert [secret for secret in secrets(lab) if secret.lower() in text] == []
    assert MAC not in text


async def test_what_a_guest_says_of_itself_is_private(
    hass: HomeAssistant, lab: Lab
) -> None:
    entry = await async_set_up(hass, lab)
    found = await async_get_device_diagnostics(
        hass, entry, device(hass, entry, "guest/103")
    )
    config = found["item"]["configs"]
    assert config["macs"] == REDACTED
    assert config["cores"]


async def test_a_disk_keeps_its_serial_number(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    disks = [
        found
        for found in dr.async_entries_for_config_entry(
            dr.async_get(hass), entry.entry_id
        )
        if found.serial_number
    ]
    assert disks
    for disk in disks:
        text = as_text(await async_get_device_diagnostics(hass, entry, disk))
        assert str(disk.serial_number).lower() not in text
