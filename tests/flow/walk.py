"""Going through the flow as a person does."""

from typing import Any

from homeassistant.config_entries import SOURCE_USER, ConfigFlowResult
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.proxmox_homelab.const import (
    CONF_AUTH,
    CONF_CA_PEM,
    CONF_FINGERPRINT,
    CONF_HOSTS,
    CONF_KIND,
    CONF_LEVEL,
    CONF_MEMBER_FINGERPRINTS,
    CONF_TOKEN_ID,
    CONF_TOKEN_SECRET,
    DOMAIN,
)

from .conftest import Cluster


async def start(hass: HomeAssistant) -> ConfigFlowResult:
    """Add the integration, for a Proxmox VE."""
    return await choose(hass, await begin(hass), "proxmox_address")


async def begin(hass: HomeAssistant) -> ConfigFlowResult:
    """Add the integration, up to the choice of the kind."""
    return await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )


async def submit(
    hass: HomeAssistant, result: ConfigFlowResult, **answers: Any
) -> ConfigFlowResult:
    """Answer a form."""
    assert result["type"] == "form", result
    return await hass.config_entries.flow.async_configure(result["flow_id"], answers)


async def choose(
    hass: HomeAssistant, result: ConfigFlowResult, option: str
) -> ConfigFlowResult:
    """Choose in a menu."""
    assert result["type"] == "menu", result
    return await hass.config_entries.flow.async_configure(
        result["flow_id"], {"next_step_id": option}
    )


async def reach_access(hass: HomeAssistant, cluster: Cluster) -> ConfigFlowResult:
    """Go as far as the choice of an access."""
    result = await submit(hass, await start(hass), address=cluster.address)
    assert result["step_id"] == "proxmox_certificate"
    result = await submit(hass, result)
    assert result["step_id"] == "proxmox_access"
    return result


async def reach_token(
    hass: HomeAssistant, result: ConfigFlowResult, level: str = "control"
) -> ConfigFlowResult:
    """Go from the choice of an access to the field for the token."""
    result = await choose(hass, result, "proxmox_token_level")
    result = await submit(hass, result, level=level)
    assert result["step_id"] == "proxmox_token"
    return result


async def reach_found(hass: HomeAssistant, cluster: Cluster) -> ConfigFlowResult:
    """Go as far as what was found, with a token."""
    result = await reach_token(hass, await reach_access(hass, cluster))
    result = await submit(hass, result, token=cluster.tokens["monitor"])
    assert result["step_id"] == "proxmox_permissions"
    return await choose(hass, result, "proxmox_found")


def suggested(result: ConfigFlowResult) -> dict[str, Any]:
    """Return what a form shows in its fields."""
    schema = result["data_schema"]
    assert schema is not None
    return {
        str(key): key.description["suggested_value"]
        for key in schema.schema
        if key.description
    }


def options_of(result: ConfigFlowResult, field: str) -> list[str]:
    """Return what can be chosen in a field."""
    schema = result["data_schema"]
    assert schema is not None
    return [option["value"] for option in schema.schema[field].config["options"]]


def entry_for(
    hass: HomeAssistant, cluster: Cluster, token: str = "monitor", **data: Any
) -> MockConfigEntry:
    """Return an entry as the flow makes it."""
    token_id, _, secret = cluster.tokens[token].partition("=")
    digits = cluster.tls.ca_fingerprint.replace(":", "").lower()[:16]
    entry = MockConfigEntry(
        domain=DOMAIN,
        title=cluster.name or "pve1",
        unique_id=f"{cluster.name or 'pve1'}-{digits}",
        data={
            CONF_KIND: "proxmox",
            CONF_HOSTS: [cluster.host],
            "port": cluster.server.port,
            CONF_AUTH: "token",
            CONF_TOKEN_ID: token_id,
            CONF_TOKEN_SECRET: secret,
            CONF_LEVEL: "monitor",
            CONF_FINGERPRINT: cluster.fingerprint(),
            CONF_CA_PEM: cluster.tls.ca_pem,
            CONF_MEMBER_FINGERPRINTS: [],
            **data,
        },
        options={"importance": {"103": "critical"}},
    )
    entry.add_to_hass(hass)
    return entry
