"""What the demo does inside Home Assistant once its web server answers."""

import asyncio
from typing import Any, Final

from . import dashboard, flow
from .client import POLL_SECONDS, HomeAssistantClient
from .homelab import ADMINISTRATOR, Homelab
from .processes import DemoError
from .registry import CLUSTER_KINDS, DOMAIN, RADIO_KINDS, Registry

USER: Final = "demo"
PASSWORD: Final = "demo"

ENTITIES_SECONDS: Final = 60.0

# With several kinds of systems, the first step is a menu of them.
_CHOICES: Final = {
    "user": "proxmox_address",
    "proxmox_permissions": "proxmox_found",
}


async def sign_in(client: HomeAssistantClient) -> None:
    """Create the user at the first start, sign in, wait for the start's end."""
    await client.onboard(user=USER, password=PASSWORD)
    await client.log_in(user=USER, password=PASSWORD)
    await client.wait_until_started()
    if (await client.command("get_config"))["recovery_mode"]:
        raise DemoError("Home Assistant is in recovery mode: its log tells why")


async def add_integration(client: HomeAssistantClient, homelab: Homelab) -> None:
    """Set everything up with a token, unless it works since the last time."""
    entries = await _entries(client)
    wanted = 1 + sum(len(homelab.equipment(kind)) for kind in RADIO_KINDS)
    if [entry["state"] for entry in entries] == ["loaded"] * wanted:
        return
    for entry in entries:
        await client.delete(f"/api/config/config_entries/entry/{entry['entry_id']}")
    await flow.set_up(
        client,
        choices={**_CHOICES, "proxmox_access": "proxmox_token_level"},
        answers={
            "address": homelab.address,
            "level": "everything",
            "token": homelab.token,
        },
    )


async def add_radios(client: HomeAssistantClient, homelab: Homelab) -> None:
    """Set up the brokers, the Z-Wave servers and the gateways of the homelab."""
    if len(await _entries(client)) > 1:
        return
    for broker in homelab.equipment("broker"):
        await flow.set_up(
            client,
            choices={"user": "mqtt_start"},
            answers={
                "host": broker["host"],
                "port": broker["port"],
                "username": broker["user"],
                "password": broker["password"],
            },
        )
    for server in homelab.equipment("zwave_js"):
        await flow.set_up(
            client,
            choices={"user": "zwave_js_address"},
            answers={
                "url": f"ws://{server['host']}:{server['port']}",
                "ui_url": f"http://{server['host']}:{server['ui_port']}",
            },
        )
    for gateway in homelab.equipment("deconz"):
        await flow.set_up(
            client,
            choices={"user": "deconz_address", "deconz_access": "deconz_key"},
            answers={
                "address": f"{gateway['host']}:{gateway['port']}",
                "api_key": gateway["keys"][0],
            },
        )


async def create_access(client: HomeAssistantClient, homelab: Homelab) -> None:
    """Set the integration up as a person would: it makes an access for itself."""
    await flow.set_up(
        client,
        choices={**_CHOICES, "proxmox_access": "proxmox_create_access"},
        answers={
            "address": homelab.address,
            "level": "everything",
            "username": ADMINISTRATOR,
            "password": homelab.password,
        },
    )


async def complete_registry(client: HomeAssistantClient, homelab: Homelab) -> Registry:
    """Return what the registries say, once every part of the homelab is there.

    Storages and disks come with slower sections than nodes and guests, bridges when
    they have said what they are.
    """
    wanted = CLUSTER_KINDS.union(
        *(kinds for kind, kinds in RADIO_KINDS.items() if homelab.equipment(kind))
    )
    try:
        async with asyncio.timeout(ENTITIES_SECONDS):
            while True:
                registry = await read_registry(client)
                if registry.has(wanted):
                    return registry
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise DemoError(
            f"after {ENTITIES_SECONDS:.0f} s there are only {len(registry.devices)} "
            "devices: the log of Home Assistant tells why"
        ) from None


async def read_registry(client: HomeAssistantClient) -> Registry:
    """Return what the registries say now."""
    return Registry.from_lists(
        await client.command("config/device_registry/list"),
        await client.command("config/entity_registry/list"),
    )


async def make_dashboard(client: HomeAssistantClient, registry: Registry) -> Any:
    """Put the dashboard in place as the first page, and return what it shows."""
    there = await client.command("lovelace/dashboards/list")
    if not any(row["url_path"] == dashboard.URL_PATH for row in there):
        await client.command(
            "lovelace/dashboards/create",
            url_path=dashboard.URL_PATH,
            title=dashboard.TITLE,
            icon=dashboard.ICON,
            mode="storage",
            show_in_sidebar=True,
            require_admin=False,
        )
    config = dashboard.dashboard(registry)
    await client.command(
        "lovelace/config/save", url_path=dashboard.URL_PATH, config=config
    )
    await client.command(
        "frontend/set_system_data",
        key="core",
        value={"default_panel": dashboard.URL_PATH},
    )
    return config


async def _entries(client: HomeAssistantClient) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = await client.get(
        f"/api/config/config_entries/entry?domain={DOMAIN}"
    )
    return entries
