"""The three ways to an access, what goes wrong on each, and how it goes on."""

import logging
from typing import Any

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import HomeAssistant
import pytest

from custom_components.proxmox_homelab.proxmox.client import ProxmoxClient
from custom_components.proxmox_homelab.proxmox.privileges import (
    AccessLevel,
    pveum_block,
)

from .conftest import PASSWORD, Cluster, MakeCluster
from .walk import choose, reach_access, reach_token, submit, suggested

SECRET = "5f8e2a3b-1c4d-4e5f-8a9b-0c1d2e3f4a5b"


async def reach(hass: HomeAssistant, cluster: Cluster, way: str) -> ConfigFlowResult:
    """Go as far as the form of one way to an access."""
    return await choose(hass, await reach_access(hass, cluster), way)


async def create(
    hass: HomeAssistant, result: ConfigFlowResult, **answers: Any
) -> ConfigFlowResult:
    """Have the access made, by root if nothing else is said."""
    filled = {"level": "everything", "username": "root@pam", "password": PASSWORD}
    return await submit(hass, result, **(filled | answers))


def errors(result: ConfigFlowResult) -> dict[str, str]:
    """Return the errors that a form shows."""
    assert result["type"] == "form", result
    return result["errors"] or {}


# --- created for the user --------------------------------------------------------


@pytest.mark.parametrize("version", ["9.2", "8.4"])
@pytest.mark.parametrize("level", list(AccessLevel))
async def test_the_made_access_has_exactly_the_chosen_level(
    hass: HomeAssistant, make_cluster: MakeCluster, level: str, version: str
) -> None:
    cluster = await make_cluster(version=version)
    result = await reach(hass, cluster, "proxmox_create_access")
    result = await create(hass, result, level=level)
    assert result["step_id"] == "proxmox_permissions"
    cells = result["description_placeholders"]
    assert cells is not None
    assert cells["guests"] == cells["guest_agent"] == "✅"
    assert (cells["guest_power"] == "✅") is (level != "monitor")
    assert (cells["node_power"] == "✅") is (level == "everything")


async def test_an_administrator_with_a_second_factor(
    hass: HomeAssistant, cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    result = await reach(hass, cluster, "proxmox_create_access")
    result = await create(hass, result, username="totp@pve")
    assert errors(result) == {"base": "totp_required"}
    assert suggested(result) == {"level": "everything", "username": "totp@pve"}

    result = await create(hass, result, username="totp@pve", totp="12 34 56")
    assert errors(result) == {"base": "invalid_auth"}

    code = cluster.access.totp("totp@pve")
    result = await create(
        hass, result, username="totp@pve", totp=f"{code[:3]} {code[3:]}"
    )
    assert result["step_id"] == "proxmox_permissions"
    assert PASSWORD not in caplog.text
    assert code not in caplog.text


async def test_a_wrong_password_can_be_corrected(
    hass: HomeAssistant, cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    result = await reach(hass, cluster, "proxmox_create_access")
    result = await create(hass, result, password="hunter2 hunter2", level="monitor")
    assert errors(result) == {"base": "invalid_auth"}
    assert suggested(result) == {"level": "monitor", "username": "root@pam"}
    assert "hunter2" not in caplog.text
    result = await create(hass, result)
    assert result["step_id"] == "proxmox_permissions"


async def test_an_account_that_may_not_make_accesses_is_told_what_it_lacks(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    result = await reach(hass, cluster, "proxmox_create_access")
    result = await create(hass, result, username="demo@pve")
    assert errors(result) == {"base": "permission_denied"}
    shown = result["description_placeholders"]
    assert shown is not None
    assert (shown["path"], shown["privilege"]) == ("/access", "Sys.Modify")
    result = await create(hass, result)
    assert result["step_id"] == "proxmox_permissions"


async def test_a_name_without_realm_is_explained(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    result = await reach(hass, cluster, "proxmox_create_access")
    result = await create(hass, result, username="anna")
    assert errors(result) == {"username": "realm_missing"}
    assert suggested(result)["username"] == "anna"
    result = await create(hass, result, username=" root ")
    assert result["step_id"] == "proxmox_permissions"


@pytest.mark.parametrize(
    ("fault", "key"),
    [
        ((500, "cluster not ready - no quorum?"), "no_quorum"),
        ((500, "role 'x' is special"), "command_refused"),
        ((595, "No route to host"), "node_unreachable"),
        ((501, "Method 'POST /access/roles' not implemented"), "not_proxmox"),
    ],
)
async def test_what_the_cluster_says_while_the_access_is_made(
    hass: HomeAssistant, cluster: Cluster, fault: tuple[int, str], key: str
) -> None:
    result = await reach(hass, cluster, "proxmox_create_access")
    cluster.faults.fail("POST", "/access/roles", *fault)
    result = await create(hass, result)
    assert errors(result) == {"base": key}
    cluster.faults.clear()
    result = await create(hass, result)
    assert result["step_id"] == "proxmox_permissions"


async def test_a_refused_value_is_shown(hass: HomeAssistant, cluster: Cluster) -> None:
    result = await reach(hass, cluster, "proxmox_create_access")
    cluster.faults.fail(
        "POST",
        "/access/users",
        400,
        "Parameter verification failed.",
        errors={"userid": "value does not look like a valid user name"},
    )
    result = await create(hass, result)
    assert errors(result) == {"base": "invalid_request"}
    shown = result["description_placeholders"]
    assert shown is not None
    assert shown["reasons"] == "userid: value does not look like a valid user name"


async def test_a_certificate_that_changes_in_between_is_compared_again(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    result = await reach(hass, cluster, "proxmox_create_access")
    fresh = cluster.tls.renew("pve1")
    result = await create(hass, result)
    assert result["step_id"] == "proxmox_certificate"
    shown = result["description_placeholders"]
    assert shown is not None
    assert shown["fingerprint"] == fresh
    result = await submit(hass, result)
    assert result["step_id"] == "proxmox_access"
    assert cluster.server.requests == []


async def test_a_node_that_goes_while_its_certificate_is_in_question(
    hass: HomeAssistant, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = await reach_token(hass, await reach_access(hass, cluster))
    cluster.tls.renew("pve1")
    version = ProxmoxClient.version

    async def dies_afterwards(client: ProxmoxClient) -> object:
        try:
            return await version(client)
        finally:
            cluster.faults.node_dead("pve1")

    monkeypatch.setattr(ProxmoxClient, "version", dies_afterwards)
    result = await submit(hass, result, token=cluster.tokens["monitor"])
    assert errors(result) == {"base": "cannot_connect"}


# --- a pasted token ----------------------------------------------------------------


@pytest.mark.parametrize("level", list(AccessLevel))
async def test_the_commands_for_a_token_are_shown(
    hass: HomeAssistant, cluster: Cluster, level: AccessLevel
) -> None:
    result = await reach(hass, cluster, "proxmox_token_level")
    assert suggested(result) == {"level": "control"}
    result = await submit(hass, result, level=level.value)
    shown = result["description_placeholders"]
    assert shown is not None
    assert shown["commands"] == pveum_block(level, 9)
    assert shown["commands_before_9"] == pveum_block(level, 8)
    assert suggested(result) == {}


@pytest.mark.parametrize("around", ["{}", "PVEAPIToken={}", '  "{}"\n'])
async def test_a_token_is_taken_as_it_is_copied(
    hass: HomeAssistant,
    cluster: Cluster,
    caplog: pytest.LogCaptureFixture,
    around: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    result = await reach_token(hass, await reach_access(hass, cluster))
    token = cluster.tokens["monitor"]
    result = await submit(hass, result, token=around.format(token))
    assert result["step_id"] == "proxmox_permissions"
    assert token.partition("=")[2] not in caplog.text


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        (" ", "token_empty"),
        (SECRET, "token_without_name"),
        (f"demo!lab={SECRET}", "token_without_realm"),
        ("demo@pve!lab", "token_without_secret"),
        ("demo@pve!lab=secret", "token_secret_malformed"),
        (f"demo@pve!l a b={SECRET}", "token_malformed"),
        ("x" * 360, "token_without_name"),
        ("@ü!=;\n" * 60, "token_malformed"),
    ],
)
async def test_what_is_no_token_is_explained(
    hass: HomeAssistant,
    cluster: Cluster,
    caplog: pytest.LogCaptureFixture,
    typed: str,
    key: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    result = await reach_token(hass, await reach_access(hass, cluster))
    result = await submit(hass, result, token=typed)
    assert errors(result) == {"token": key}
    assert suggested(result) == {}
    assert SECRET not in caplog.text
    result = await submit(hass, result, token=cluster.tokens["monitor"])
    assert result["step_id"] == "proxmox_permissions"


async def test_a_refused_token_can_be_corrected(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    result = await reach_token(hass, await reach_access(hass, cluster))
    result = await submit(hass, result, token=f"demo@pve!lab={SECRET}")
    assert errors(result) == {"base": "invalid_auth"}
    result = await submit(hass, result, token=cluster.tokens["monitor"])
    assert result["step_id"] == "proxmox_permissions"


async def test_a_token_without_rights_is_explained_and_checked_again(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    result = await reach_token(hass, await reach_access(hass, cluster))
    result = await submit(hass, result, token=cluster.tokens["empty"])
    assert result["step_id"] == "proxmox_no_permissions"
    assert result["menu_options"] == ["proxmox_recheck", "proxmox_access"]
    assert result["description_placeholders"] == {"account": "demo@pve!empty"}

    result = await choose(hass, result, "proxmox_recheck")
    assert result["step_id"] == "proxmox_no_permissions"

    cluster.access.grant("/vms", "PVEAuditor", tokens=["demo@pve!empty"])
    result = await choose(hass, result, "proxmox_recheck")
    assert result["step_id"] == "proxmox_permissions"
    cells = result["description_placeholders"]
    assert cells is not None
    assert cells["guests"] == "✅"
    assert cells["nodes"] == "❌ Sys.Audit (/nodes)"


async def test_rights_on_some_guests_name_them(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    cluster.access.grant("/vms/104", "PVEAuditor", tokens=["demo@pve!empty"])
    result = await reach_token(hass, await reach_access(hass, cluster))
    result = await submit(hass, result, token=cluster.tokens["empty"])
    cells = result["description_placeholders"]
    assert cells is not None
    assert cells["guests"] == "✅ (/vms/104)"


async def test_another_access_can_be_chosen_instead(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    result = await reach_token(hass, await reach_access(hass, cluster))
    result = await submit(hass, result, token=cluster.tokens["empty"])
    result = await choose(hass, result, "proxmox_access")
    result = await choose(hass, result, "proxmox_password")
    result = await submit(hass, result, username="demo@pve", password=PASSWORD)
    result = await choose(hass, result, "proxmox_found")
    result = await submit(hass, result)
    data = result["result"].data
    assert data["username"] == "demo@pve"
    assert "token_id" not in data
    assert "token_secret" not in data


async def test_a_token_that_is_revoked_while_it_is_checked(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    result = await reach_token(hass, await reach_access(hass, cluster))
    result = await submit(hass, result, token=cluster.tokens["monitor"])
    cluster.faults.revoke_token(cluster.tokens["monitor"])
    result = await choose(hass, result, "proxmox_recheck")
    assert result["step_id"] == "proxmox_recheck"
    assert errors(result) == {"base": "invalid_auth"}


async def test_what_nobody_foresaw_is_logged_and_can_be_tried_again(
    hass: HomeAssistant,
    cluster: Cluster,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = await reach_token(hass, await reach_access(hass, cluster))
    with monkeypatch.context() as patched:
        patched.setattr(ProxmoxClient, "permissions", None)
        result = await submit(hass, result, token=cluster.tokens["monitor"])
    assert errors(result) == {"base": "unknown"}
    assert "Unexpected error in the flow" in caplog.text
    assert cluster.tokens["monitor"].partition("=")[2] not in caplog.text
    result = await submit(hass, result, token=cluster.tokens["monitor"])
    assert result["step_id"] == "proxmox_permissions"


async def test_an_answer_that_does_not_come_in_time(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    result = await reach_token(hass, await reach_access(hass, cluster))
    cluster.faults.node_hangs("pve1", 0.0)
    result = await submit(hass, result, token=cluster.tokens["monitor"])
    assert errors(result) == {"base": "cannot_connect"}
    cluster.faults.clear()
    result = await submit(hass, result, token=cluster.tokens["monitor"])
    assert result["step_id"] == "proxmox_permissions"


# --- user name and password --------------------------------------------------------


async def test_a_user_with_a_password(
    hass: HomeAssistant, cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    result = await reach(hass, cluster, "proxmox_password")
    result = await submit(hass, result, username="demo", password=PASSWORD)
    assert errors(result) == {"username": "realm_missing"}
    result = await submit(hass, result, username="demo@pve", password="wrong one")
    assert errors(result) == {"base": "invalid_auth"}
    assert suggested(result) == {"username": "demo@pve"}
    result = await submit(hass, result, username="demo@pve", password=PASSWORD)
    assert result["step_id"] == "proxmox_permissions"
    result = await submit(hass, await choose(hass, result, "proxmox_found"))
    data = result["result"].data
    assert (data["auth"], data["level"]) == ("password", "everything")
    assert (data["username"], data["password"]) == ("demo@pve", PASSWORD)
    assert PASSWORD not in caplog.text


async def test_an_account_with_a_second_factor_cannot_stay_signed_in(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    result = await reach(hass, cluster, "proxmox_password")
    result = await submit(hass, result, username="totp@pve", password=PASSWORD)
    assert errors(result) == {"base": "totp_required"}
    result = await submit(hass, result, username="demo@pve", password=PASSWORD)
    assert result["step_id"] == "proxmox_permissions"
