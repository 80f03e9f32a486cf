"""A refused access, and a connection that changes, for an entry that exists."""

import logging
from typing import Any

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.proxmox_homelab.const import DOMAIN

from .conftest import PASSWORD, Cluster, MakeCluster
from .walk import choose, entry_for, reach_token, submit, suggested


def only_entry(hass: HomeAssistant) -> dict[str, Any]:
    """Return the data of the entry that there still is alone."""
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    assert entry.options == {"importance": {"103": "critical"}}
    return dict(entry.data)


# --- a refused access ---------------------------------------------------------------


async def test_a_refused_access_is_replaced_by_a_token(
    hass: HomeAssistant, cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    entry = entry_for(hass, cluster, last_own_guest=103)
    cluster.faults.revoke_token(cluster.tokens["monitor"])
    result = await entry.start_reauth_flow(hass)
    assert (result["type"], result["step_id"]) == ("menu", "proxmox_reauth")
    assert result["description_placeholders"] is not None
    assert result["description_placeholders"]["name"] == "home"
    result = await reach_token(hass, result, "everything")
    assert suggested(result) == {}
    result = await submit(hass, result, token=cluster.tokens["monitor"])
    assert result["errors"] == {"base": "invalid_auth"}
    result = await submit(hass, result, token=cluster.tokens["root"])
    assert result["reason"] == "reauth_successful"
    data = only_entry(hass)
    assert data["token_id"] == "root@pam!lab"
    assert data["level"] == "everything"
    assert data["last_own_guest"] == 103
    assert data["hosts"] == [cluster.host]
    assert data["token_secret"] not in caplog.text


async def test_a_refused_access_is_made_anew(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    result = await entry_for(hass, cluster).start_reauth_flow(hass)
    result = await choose(hass, result, "proxmox_create_access")
    assert suggested(result) == {"level": "monitor", "username": "root@pam"}
    result = await submit(
        hass, result, level="monitor", username="root@pam", password=PASSWORD
    )
    assert result["reason"] == "reauth_successful"
    assert only_entry(hass)["token_id"] == "homeassistant@pve!homelab"


async def test_a_password_takes_the_place_of_a_token(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    result = await entry_for(hass, cluster).start_reauth_flow(hass)
    result = await choose(hass, result, "proxmox_password")
    assert suggested(result) == {"username": ""}
    result = await submit(hass, result, username="demo@pve", password=PASSWORD)
    assert result["reason"] == "reauth_successful"
    assert not {"token_id", "token_secret"} & only_entry(hass).keys()


async def test_a_new_access_without_rights_does_not_replace_the_old_one(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    result = await entry_for(hass, cluster).start_reauth_flow(hass)
    result = await reach_token(hass, result)
    result = await submit(hass, result, token=cluster.tokens["empty"])
    assert result["step_id"] == "proxmox_no_permissions"
    assert only_entry(hass)["token_id"] == "demo@pve!lab"
    cluster.access.grant("/", "PVEAuditor", tokens=["demo@pve!empty"])
    result = await choose(hass, result, "proxmox_recheck")
    assert result["reason"] == "reauth_successful"
    assert only_entry(hass)["token_id"] == "demo@pve!empty"


async def test_a_certificate_that_changed_is_compared_before_the_access(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    result = await entry_for(hass, cluster, ca_pem=None).start_reauth_flow(hass)
    fresh = cluster.tls.renew("pve1")
    result = await reach_token(hass, result)
    result = await submit(hass, result, token=cluster.tokens["root"])
    assert result["step_id"] == "proxmox_certificate"
    result = await submit(hass, result)
    assert result["step_id"] == "proxmox_reauth"
    result = await reach_token(hass, result)
    result = await submit(hass, result, token=cluster.tokens["root"])
    assert result["reason"] == "reauth_successful"
    assert only_entry(hass)["fingerprint"] == fresh


async def test_reauthentication_of_an_entry_without_a_fingerprint(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    entry = entry_for(hass, cluster, fingerprint=None)
    result = await entry.start_reauth_flow(hass)
    result = await submit(
        hass, await reach_token(hass, result), token=cluster.tokens["root"]
    )
    assert result["reason"] == "reauth_successful"
    assert only_entry(hass)["fingerprint"] is None


# --- a connection that changes --------------------------------------------------------


async def reconfigure(
    hass: HomeAssistant, entry: MockConfigEntry, option: str
) -> ConfigFlowResult:
    """Choose what of the connection is to change."""
    result = await entry.start_reconfigure_flow(hass)
    assert result["step_id"] == "proxmox_reconfigure"
    return await choose(hass, result, option)


async def test_a_new_address_is_another_member_of_the_same_cluster(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    entry = entry_for(hass, cluster)
    result = await reconfigure(hass, entry, "proxmox_address")
    assert suggested(result) == {"address": cluster.address}
    other = cluster.addresses["pve2"]
    result = await submit(hass, result, address=f"{other}:{cluster.server.port}")
    assert result["step_id"] == "proxmox_certificate"
    result = await submit(hass, result)
    assert result["reason"] == "reconfigure_successful"
    data = only_entry(hass)
    assert data["hosts"] == [other]
    assert data["fingerprint"] == cluster.fingerprint("pve2")
    assert data["token_id"] == "demo@pve!lab"


async def test_a_member_that_the_cluster_vouches_for_is_not_asked_about(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    entry = entry_for(hass, cluster, member_fingerprints=[cluster.fingerprint("pve2")])
    result = await reconfigure(hass, entry, "proxmox_address")
    other = cluster.addresses["pve2"]
    result = await submit(hass, result, address=f"{other}:{cluster.server.port}")
    assert result["reason"] == "reconfigure_successful"
    assert only_entry(hass)["hosts"] == [other]


async def test_the_address_of_another_cluster_is_refused(
    hass: HomeAssistant, make_cluster: MakeCluster
) -> None:
    ours, other = await make_cluster(), await make_cluster("elsewhere")
    token = ours.tokens["monitor"].partition("=")[2]
    other.access.user("demo@pve").tokens["lab"].secret = token
    entry = entry_for(hass, ours)
    result = await reconfigure(hass, entry, "proxmox_address")
    result = await submit(hass, result, address=other.address)
    result = await submit(hass, result)
    assert result["reason"] == "unique_id_mismatch"
    assert result["description_placeholders"] == {
        "expected": "home",
        "found": "elsewhere",
    }
    assert only_entry(hass)["hosts"] == [ours.host]


async def test_nothing_is_made_in_another_cluster(
    hass: HomeAssistant, make_cluster: MakeCluster
) -> None:
    ours, other = await make_cluster(), await make_cluster("elsewhere")
    entry = entry_for(hass, ours)
    result = await reconfigure(hass, entry, "proxmox_address")
    result = await submit(hass, result, address=other.address)
    result = await submit(hass, result)
    # The stored token is unknown there, so the flow asks for an access.
    assert result["step_id"] == "proxmox_access"
    result = await choose(hass, result, "proxmox_create_access")
    result = await submit(
        hass, result, level="monitor", username="root@pam", password=PASSWORD
    )
    assert result["reason"] == "unique_id_mismatch"
    assert other.writes() == []


async def test_another_server_at_the_new_address(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    entry = entry_for(hass, cluster)
    result = await reconfigure(hass, entry, "proxmox_address")
    cluster.faults.html("*")
    result = await submit(hass, result, address=cluster.address)
    assert result["step_id"] == "proxmox_address"
    assert result["errors"] == {"base": "not_proxmox"}
    cluster.faults.clear()
    result = await submit(hass, result, address=cluster.address)
    assert result["reason"] == "reconfigure_successful"


async def test_a_new_certificate_is_compared_and_kept(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    entry = entry_for(hass, cluster)
    fresh = cluster.tls.renew("pve1")
    result = await reconfigure(hass, entry, "proxmox_certificate")
    assert result["description_placeholders"] is not None
    assert result["description_placeholders"]["fingerprint"] == fresh
    assert only_entry(hass)["fingerprint"] != fresh
    result = await submit(hass, result)
    assert result["reason"] == "reconfigure_successful"
    assert only_entry(hass)["fingerprint"] == fresh


async def test_a_certificate_that_is_still_the_same(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    entry = entry_for(hass, cluster)
    result = await reconfigure(hass, entry, "proxmox_certificate")
    assert result["reason"] == "reconfigure_successful"


async def test_a_certificate_that_cannot_be_fetched(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    entry = entry_for(hass, cluster)
    cluster.faults.node_dead("pve1")
    result = await reconfigure(hass, entry, "proxmox_certificate")
    assert result["step_id"] == "proxmox_address"
    assert result["errors"] == {"base": "cannot_connect"}
    assert suggested(result) == {"address": cluster.address}
    cluster.faults.node_alive("pve1")
    result = await submit(hass, result, address=cluster.address)
    assert result["reason"] == "reconfigure_successful"


async def test_a_new_access_is_kept(hass: HomeAssistant, cluster: Cluster) -> None:
    entry = entry_for(hass, cluster)
    result = await reconfigure(hass, entry, "proxmox_access")
    assert result["step_id"] == "proxmox_access"
    result = await reach_token(hass, result, "everything")
    result = await submit(hass, result, token=cluster.tokens["root"])
    assert result["reason"] == "reconfigure_successful"
    assert only_entry(hass)["token_id"] == "root@pam!lab"
