"""What the user has to do something about, and how it is fixed together."""

from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.repairs import DOMAIN as REPAIRS, repairs_flow_manager
from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest

from custom_components.proxmox_homelab.const import (
    CONF_CA_PEM,
    CONF_FINGERPRINT,
    CONF_OWN_GUEST,
    DOMAIN,
    NO_OWN_GUEST,
)
from lab import Lab

from .common import OWN_MAC, async_pass_time, async_poll, async_set_up, source_of


def issues(hass: HomeAssistant) -> dict[str, ir.IssueEntry]:
    """Return our active issues by the key of their texts."""
    return {
        issue.translation_key or "": issue
        for issue in ir.async_get(hass).issues.values()
        if issue.domain == DOMAIN and issue.active
    }


def give_address(lab: Lab, vmid: int, mac: str) -> None:
    """Give the network card of a guest another address."""
    config = lab.pve.cluster.guests[vmid].config
    config["net0"] = f"virtio={mac},bridge=vmbr0"


def give_own_address(lab: Lab, vmid: int) -> None:
    """Let a second guest look as if this Home Assistant ran in it."""
    give_address(lab, vmid, OWN_MAC)


async def async_fix(
    hass: HomeAssistant, key: str, *inputs: dict[str, Any]
) -> dict[str, Any]:
    """Start the flow of an issue, answer its steps, and return the last result."""
    assert await async_setup_component(hass, REPAIRS, {})
    await hass.async_block_till_done()
    manager = repairs_flow_manager(hass)
    assert manager is not None
    issue_id = issues(hass)[key].issue_id
    result: Any = await manager.async_init(
        DOMAIN, context={"issue_id": issue_id}, data={"issue_id": issue_id}
    )
    for answer in inputs:
        result = await manager.async_configure(result["flow_id"], answer)
    await hass.async_block_till_done(wait_background_tasks=True)
    return dict(result)


# --- which guest runs Home Assistant ------------------------------------------


async def test_no_issue_while_the_own_guest_is_certain(
    hass: HomeAssistant, lab: Lab
) -> None:
    await async_set_up(hass, lab)
    assert issues(hass) == {}


async def test_the_user_picks_among_contradicting_guests(
    hass: HomeAssistant, lab: Lab
) -> None:
    give_own_address(lab, 200)
    entry = await async_set_up(hass, lab)
    issue = issues(hass)["own_guest_unknown"]
    assert issue.is_fixable
    placeholders = issue.translation_placeholders or {}
    assert placeholders["candidates"] == "homeassistant (103), win11-admin (200)"
    result = await async_fix(hass, "own_guest_unknown")
    assert result["type"] is FlowResultType.MENU
    assert result["description_placeholders"] == placeholders
    result = await async_fix(hass, "own_guest_unknown", {"next_step_id": "pick"})
    assert result["type"] is FlowResultType.FORM
    (selector,) = result["data_schema"].schema.values()
    options = [option["value"] for option in selector.config["options"]]
    assert options[:2] == ["103", "200"]
    assert "106" in options
    assert "111" not in options
    result = await async_fix(
        hass, "own_guest_unknown", {"next_step_id": "pick"}, {CONF_OWN_GUEST: "200"}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options[CONF_OWN_GUEST] == 200
    assert source_of(entry).is_own_guest(200)
    assert issues(hass) == {}


async def test_the_user_says_that_it_runs_elsewhere(
    hass: HomeAssistant, lab: Lab
) -> None:
    give_address(lab, 103, "bc:24:11:00:00:01")
    entry = await async_set_up(hass, lab)
    placeholders = issues(hass)["own_guest_unknown"].translation_placeholders or {}
    assert placeholders["candidates"] == "-"
    result = await async_fix(hass, "own_guest_unknown", {"next_step_id": "elsewhere"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options[CONF_OWN_GUEST] == NO_OWN_GUEST
    assert source_of(entry).own_guest.is_certain
    assert issues(hass) == {}


async def test_what_was_ignored_stays_ignored_over_a_reload(
    hass: HomeAssistant, lab: Lab
) -> None:
    give_own_address(lab, 200)
    entry = await async_set_up(hass, lab)
    issue_id = issues(hass)["own_guest_unknown"].issue_id
    ir.async_ignore_issue(hass, DOMAIN, issue_id, ignore=True)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    issue = issues(hass)["own_guest_unknown"]
    assert issue.issue_id == issue_id
    assert issue.dismissed_version is not None


@pytest.mark.parametrize("way", ["removed", "disabled"])
async def test_issues_go_with_their_entry(
    hass: HomeAssistant, lab: Lab, way: str
) -> None:
    give_own_address(lab, 200)
    entry = await async_set_up(hass, lab)
    assert "own_guest_unknown" in issues(hass)
    if way == "removed":
        await hass.config_entries.async_remove(entry.entry_id)
    else:
        await hass.config_entries.async_set_disabled_by(
            entry.entry_id, ConfigEntryDisabler.USER
        )
    assert issues(hass) == {}


async def test_an_entry_that_went_meanwhile(hass: HomeAssistant, lab: Lab) -> None:
    give_own_address(lab, 200)
    entry = await async_set_up(hass, lab)
    await hass.config_entries.async_unload(entry.entry_id)
    result = await async_fix(hass, "own_guest_unknown")
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "not_loaded"
    assert "own_guest_unknown" in issues(hass)


# --- the certificate ------------------------------------------------------------


def confirmed(fingerprint: str) -> dict[str, Any]:
    """Return what an entry knows after a certificate was confirmed."""
    return {CONF_FINGERPRINT: fingerprint, CONF_CA_PEM: None}


async def test_a_certificate_that_changed_while_nobody_looked(
    hass: HomeAssistant, lab: Lab
) -> None:
    old = "AA:" * 31 + "AA"
    entry = await async_set_up(hass, lab, data=confirmed(old))
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert issues(hass)["certificate_changed"].is_fixable
    result = await async_fix(hass, "certificate_changed")
    assert result["type"] is FlowResultType.FORM
    shown = result["description_placeholders"]
    assert shown["old"] == old
    assert shown["new"] == lab.pve.fingerprint("pve-core")
    assert "pve-core" in shown["subject"]
    # Looking is not accepting.
    assert entry.data[CONF_FINGERPRINT] == old
    result = await async_fix(hass, "certificate_changed", {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.data[CONF_FINGERPRINT] == lab.pve.fingerprint("pve-core")
    assert entry.state is ConfigEntryState.LOADED
    assert issues(hass) == {}


async def test_only_what_was_shown_is_accepted(hass: HomeAssistant, lab: Lab) -> None:
    old = "AA:" * 31 + "AA"
    entry = await async_set_up(hass, lab, data=confirmed(old))
    result = await async_fix(hass, "certificate_changed")
    first = result["description_placeholders"]["new"]
    manager = repairs_flow_manager(hass)
    assert manager is not None
    lab.pve.tls.renew("pve-core")
    again: Any = await manager.async_configure(result["flow_id"], {})
    assert again["type"] is FlowResultType.FORM
    assert again["description_placeholders"]["new"] != first
    assert entry.data[CONF_FINGERPRINT] == old


async def test_a_certificate_that_changes_while_running(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    data = confirmed(lab.pve.fingerprint("pve-core"))
    await async_set_up(hass, lab, data=data)
    assert issues(hass) == {}
    lab.pve.tls.replace_ca()
    lab.pve.faults.node_dead("pve-core")
    lab.pve.faults.node_alive("pve-core")
    await async_poll(hass, freezer)
    issue = issues(hass)["certificate_changed"]
    assert (issue.data or {})["old"] == data[CONF_FINGERPRINT]


async def test_a_host_that_does_not_answer_keeps_the_issue(
    hass: HomeAssistant, lab: Lab
) -> None:
    await async_set_up(hass, lab, data=confirmed("AA:" * 31 + "AA"))
    lab.pve.faults.node_dead("pve-core")
    result = await async_fix(hass, "certificate_changed")
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "cannot_connect"
    assert "certificate_changed" in issues(hass)


# --- nodes ----------------------------------------------------------------------


@pytest.mark.parametrize("lab", ["cluster"], indirect=True)
async def test_a_node_that_stays_away(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    await async_set_up(hass, lab)
    lost = list(lab.pve.cluster.nodes)[-1]
    lab.pve.faults.node_dead(lost)
    await async_poll(hass, freezer)
    # A reboot is nothing to worry about.
    assert issues(hass) == {}
    await async_pass_time(hass, freezer, 130)
    issue = issues(hass)["node_offline"]
    assert not issue.is_fixable
    placeholders = issue.translation_placeholders or {}
    waiting = [guest for guest in lab.pve.cluster.guests_on(lost) if not guest.template]
    assert placeholders["node"] == lost
    assert placeholders["count"] == str(len(waiting))
    assert all(str(guest.vmid) in placeholders["guests"] for guest in waiting)
    lab.pve.faults.node_alive(lost)
    await async_poll(hass, freezer)
    assert issues(hass) == {}


async def test_a_single_host_that_is_away_is_no_issue_of_its_own(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    await async_set_up(hass, lab)
    lab.pve.faults.node_dead("pve-core")
    await async_poll(hass, freezer)
    await async_pass_time(hass, freezer, 300)
    assert issues(hass) == {}
