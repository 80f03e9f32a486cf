"""Setting a cluster up: from an address to an entry."""

import json
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import InvalidData
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.proxmox_homelab.config_flow import KINDS
from custom_components.proxmox_homelab.const import DOMAIN
from custom_components.proxmox_homelab.proxmox.flow import steps
from custom_components.proxmox_homelab.proxmox.privileges import Feature

from .conftest import CLOSED_PORT, OWN_MAC, PASSWORD, Cluster, MakeCluster, guest
from .walk import (
    begin,
    choose,
    entry_for,
    options_of,
    reach_access,
    reach_found,
    reach_token,
    start,
    submit,
    suggested,
)

GARBAGE = "{;'\" äöü\n<script>\u202e" * 18


async def test_a_cluster_is_set_up_by_an_administrator(
    hass: HomeAssistant, cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    result = await start(hass)
    assert result["step_id"] == "proxmox_address"

    result = await submit(
        hass, result, address=f"https://{cluster.address}/#v1:0:=node%2Fpve1:4:::::::"
    )
    shown = result["description_placeholders"]
    assert shown is not None
    assert result["step_id"] == "proxmox_certificate"
    assert shown["fingerprint"] == cluster.fingerprint()
    assert "pve1.lab.test" in shown["subject"]
    assert "PVE Cluster Manager CA" in shown["issuer"]
    assert shown["expires"].startswith("20")
    assert not cluster.server.requests

    result = await submit(hass, result)
    assert result["step_id"] == "proxmox_access"

    result = await choose(hass, result, "proxmox_create_access")
    assert suggested(result) == {"level": "control", "username": "root@pam"}
    result = await submit(
        hass, result, level="control", username="root", password=PASSWORD
    )
    assert result["step_id"] == "proxmox_permissions"
    shown = result["description_placeholders"]
    assert shown is not None
    assert set(shown) == set(Feature)
    assert shown["guest_power"] == "✅"
    assert shown["node_power"] == "❌ Sys.PowerMgmt (/nodes)"

    result = await choose(hass, result, "proxmox_found")
    assert result["step_id"] == "proxmox_found"
    shown = result["description_placeholders"]
    assert shown is not None
    assert shown["own_guest"] == "VM 103 (home-assistant)"
    assert (shown["nodes"], shown["vms"], shown["containers"]) == ("1", "1", "2")
    assert shown["storages"] == "1"
    assert options_of(result, "exclude_guests") == ["103", "104", "105"]
    assert options_of(result, "exclude_tags") == ["critical", "home", "office"]
    assert options_of(result, "exclude_pools") == ["cameras"]

    result = await submit(hass, result)
    assert result["type"] == "create_entry"
    assert result["title"] == "home"
    assert result["description"] == "created"
    assert result["description_placeholders"] == {
        "dashboard_url": "/config/lovelace/dashboards"
    }
    entry = result["result"]
    digits = cluster.tls.ca_fingerprint.replace(":", "").lower()[:16]
    assert entry.unique_id == f"home-{digits}"
    secret = entry.data["token_secret"]
    assert dict(entry.data) == {
        "kind": "proxmox",
        "hosts": [cluster.host],
        "port": cluster.server.port,
        "auth": "token",
        "token_id": "homeassistant@pve!homelab",
        "token_secret": secret,
        "level": "control",
        "fingerprint": cluster.fingerprint(),
        "ca_pem": cluster.tls.ca_pem,
        "member_fingerprints": [],
    }
    assert dict(entry.options) == {
        "exclude_guests": [],
        "exclude_tags": [],
        "exclude_pools": [],
        "include_new": True,
    }
    assert PASSWORD not in json.dumps([dict(entry.data), dict(entry.options)])
    assert PASSWORD not in caplog.text
    assert secret not in caplog.text


async def test_what_is_left_out_is_kept_as_options(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    result = await reach_found(hass, cluster)
    result = await submit(
        hass,
        result,
        exclude_guests=["105", "104"],
        exclude_tags=["office"],
        include_new=False,
    )
    assert result["result"].options == {
        "exclude_guests": [104, 105],
        "exclude_tags": ["office"],
        "exclude_pools": [],
        "include_new": False,
        "known_guests": [103, 104, 105],
    }
    assert cluster.writes() == []


async def test_a_house_without_tags_and_pools_is_not_asked_about_them(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    cluster.resources = [
        {"type": "node", "node": "pve1", "status": "online"},
        {"type": "lxc", "vmid": 7, "node": "pve1", "status": "stopped"},
    ]
    result = await reach_found(hass, cluster)
    schema = result["data_schema"]
    assert schema is not None
    assert [str(key) for key in schema.schema] == ["exclude_guests", "include_new"]
    shown = result["description_placeholders"]
    assert shown is not None
    assert shown["own_guest"] == "-"
    assert schema.schema["exclude_guests"].config["options"] == [
        {"value": "7", "label": "CT 7"}
    ]


@pytest.mark.parametrize(
    ("answer", "option"), [("104", 104), ("0", 0), ("automatic", None)]
)
async def test_contradicting_proofs_are_decided_by_the_user(
    hass: HomeAssistant, cluster: Cluster, answer: str, option: int | None
) -> None:
    cluster.macs = {103: OWN_MAC, 104: OWN_MAC}
    result = await reach_found(hass, cluster)
    assert options_of(result, "own_guest") == ["automatic", "0", "103", "104"]
    result = await submit(hass, result, own_guest=answer)
    assert result["result"].options["own_guest"] == option


async def test_a_search_that_takes_long_does_not_hold_the_user_up(
    hass: HomeAssistant, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "_OWN_GUEST_SECONDS", 0)
    result = await reach_found(hass, cluster)
    shown = result["description_placeholders"]
    assert shown is not None
    assert shown["own_guest"] == "-"


@pytest.mark.parametrize(
    "typed", ["", "   ", "no spaces here", "10.0.0", "300.1.2.3", "host:99999", GARBAGE]
)
async def test_an_address_that_is_none_is_kept_to_be_corrected(
    hass: HomeAssistant, cluster: Cluster, typed: str
) -> None:
    result = await submit(hass, await start(hass), address=typed)
    assert result["errors"] == {"address": "address_invalid"}
    assert suggested(result)["address"] == typed
    result = await submit(hass, result, address=cluster.address)
    assert result["step_id"] == "proxmox_certificate"


async def test_an_address_where_nothing_answers(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    typed = f"{cluster.host}:{CLOSED_PORT}"
    result = await submit(hass, await start(hass), address=typed)
    assert result["errors"] == {"base": "cannot_connect"}
    assert result["description_placeholders"] is not None
    assert result["description_placeholders"]["address"] == typed
    assert suggested(result) == {"address": typed}
    result = await submit(hass, result, address=cluster.address)
    assert result["step_id"] == "proxmox_certificate"


async def test_another_server_is_told_from_proxmox(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    result = await reach_token(hass, await reach_access(hass, cluster))
    fault = cluster.faults.html("/version")
    result = await submit(hass, result, token=cluster.tokens["monitor"])
    assert result["errors"] == {"base": "not_proxmox"}
    cluster.faults.remove(fault)
    result = await submit(hass, result, token=cluster.tokens["monitor"])
    assert result["step_id"] == "proxmox_permissions"


@pytest.mark.parametrize(
    ("data", "address"),
    [
        ({"host": "10.0.0.5", "port": 8006}, "10.0.0.5"),
        ({"host": "pve.lan", "port": 443}, "pve.lan:443"),
        ({"host": "fd00::5"}, "[fd00::5]"),
        ({}, ""),
    ],
)
async def test_the_host_of_the_integration_in_core_is_suggested(
    hass: HomeAssistant, data: dict[str, Any], address: str
) -> None:
    MockConfigEntry(domain="proxmoxve", data=data).add_to_hass(hass)
    assert suggested(await start(hass)) == {"address": address}


async def test_a_cluster_is_set_up_once(hass: HomeAssistant, cluster: Cluster) -> None:
    entry_for(hass, cluster)
    cluster.addresses["pve1"] = "127.0.0.1"
    result = await reach_token(hass, await reach_access(hass, other_member(cluster)))
    result = await submit(hass, result, token=cluster.tokens["root"])
    assert result["type"] == "abort"
    assert result["reason"] == "already_configured"


async def test_a_set_up_that_was_left_does_not_block_another(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    await reach_found(hass, cluster)
    found = await reach_found(hass, cluster)
    result = await submit(hass, found, exclude_guests=[], include_new=True)
    assert result["type"] == "create_entry"
    assert hass.config_entries.flow.async_progress_by_handler(DOMAIN) == []


def other_member(cluster: Cluster) -> Cluster:
    """Let the user type the address of the second node."""
    cluster.addresses = {"pve1": cluster.addresses["pve2"]}
    return cluster


async def test_nothing_is_made_in_a_cluster_that_is_set_up_already(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    entry_for(hass, cluster)
    result = await choose(
        hass, await reach_access(hass, cluster), "proxmox_create_access"
    )
    result = await submit(
        hass, result, level="control", username="root@pam", password=PASSWORD
    )
    assert result["reason"] == "already_configured"
    assert cluster.writes() == []


async def test_a_cluster_is_recognised_by_an_access_that_does_not_see_its_name(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    entry_for(hass, cluster)
    cluster.access.add_user("narrow@pve", PASSWORD)
    cluster.access.grant("/vms", "PVEAuditor", users=["narrow@pve"])
    result = await choose(hass, await reach_access(hass, cluster), "proxmox_password")
    result = await submit(hass, result, username="narrow@pve", password=PASSWORD)
    assert result["reason"] == "already_configured"


async def test_two_clusters_are_two_entries(
    hass: HomeAssistant, make_cluster: MakeCluster
) -> None:
    first, second = await make_cluster(), await make_cluster(None)
    assert (await submit(hass, await reach_found(hass, first)))["title"] == "home"
    assert (await submit(hass, await reach_found(hass, second)))["title"] == "pve1"
    assert len(hass.config_entries.async_entries(DOMAIN)) == 2


async def test_without_a_readable_authority_the_nodes_identify_a_host(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    cluster.faults.fail("GET", "/nodes/*/certificates/info", 500, "no")
    result = await submit(hass, await reach_found(hass, cluster))
    assert result["result"].unique_id == "home-pve1.pve2"
    assert result["result"].data["ca_pem"] is None
    result = await reach_token(hass, await reach_access(hass, cluster))
    result = await submit(hass, result, token=cluster.tokens["root"])
    assert result["reason"] == "already_configured"


async def test_the_kinds_are_a_menu(hass: HomeAssistant) -> None:
    result = await begin(hass)
    assert (result["type"], result["step_id"]) == ("menu", "user")
    assert result["menu_options"] == [kind.first for kind in KINDS.values()]
    result = await choose(hass, result, "proxmox_address")
    assert result["step_id"] == "proxmox_address"


async def test_what_was_found_can_be_asked_again(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    result = await reach_token(hass, await reach_access(hass, cluster))
    result = await submit(hass, result, token=cluster.tokens["monitor"])
    fault = cluster.faults.cut("/cluster/resources")
    result = await choose(hass, result, "proxmox_found")
    assert result["step_id"] == "proxmox_recheck"
    assert result["errors"] == {"base": "cannot_connect"}
    cluster.faults.remove(fault)
    result = await submit(hass, result)
    assert result["step_id"] == "proxmox_permissions"
    result = await choose(hass, result, "proxmox_found")
    assert result["step_id"] == "proxmox_found"


async def test_a_publicly_trusted_certificate_is_not_asked_about(
    hass: HomeAssistant,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    authority = tmp_path / "authority.pem"
    authority.write_text(cluster.tls.ca_pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    result = await submit(hass, await start(hass), address=cluster.address)
    assert result["step_id"] == "proxmox_access"

    # Home Assistant brings its own list of authorities, and this is not in it.
    result = await reach_token(hass, result)
    result = await submit(hass, result, token=cluster.tokens["monitor"])
    assert result["step_id"] == "proxmox_certificate"
    result = await reach_token(hass, await submit(hass, result))
    result = await submit(hass, result, token=cluster.tokens["monitor"])
    assert result["step_id"] == "proxmox_permissions"


async def test_a_guest_that_does_not_exist_cannot_be_left_out(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    cluster.resources.append(guest(106, "emqx"))
    result = await reach_found(hass, cluster)
    with pytest.raises(InvalidData):
        await submit(hass, result, exclude_guests=["999"])
    result = await submit(hass, result, exclude_guests=["106"])
    assert result["result"].options["exclude_guests"] == [106]
