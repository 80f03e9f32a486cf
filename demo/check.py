"""Proof that the demo works: what a person would try first, in a minute."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from . import dashboard
from .client import POLL_SECONDS, HomeAssistantClient
from .dashboard import CONTAINER
from .homelab import Homelab
from .processes import DemoError
from .registry import Device, Registry

CHANGE_SECONDS = 30.0
POWER_ON_REQUEST = frozenset(
    {"stop", "reset", "shutdown", "start_all", "stop_all", "suspend_all", "wake"}
)


async def check(
    client: HomeAssistantClient, homelab: Homelab, registry: Registry, config: Any
) -> AsyncIterator[str]:
    """Try everything, and tell what was seen, one line each."""
    yield await _services_work(client)
    yield await _entities_have_states(client, registry)
    yield _power_is_safe(registry)
    yield _dashboard_is_complete(registry, config)
    yield await _changes_show(client, homelab, registry)
    if homelab.equipment("broker"):
        yield await _a_hung_stick_shows(client, homelab, registry)


async def _services_work(client: HomeAssistantClient) -> str:
    """Without an answer to this command, the web page shows nothing at all."""
    services = await client.command("get_services")
    ours = services.get("proxmox_homelab", {})
    if not ours:
        raise DemoError("the integration offers no actions")
    return f"{len(ours)} actions are offered"


async def _entities_have_states(client: HomeAssistantClient, registry: Registry) -> str:
    wanted = set(registry.entity_ids())
    states = {row["entity_id"]: row["state"] for row in await client.get("/api/states")}
    if missing := wanted - states.keys():
        raise DemoError(f"without a state: {', '.join(sorted(missing))}")
    # What is away on purpose says so itself, and nothing else of it.
    away = {
        entity_id
        for bridge in registry.of_kind("z2m")
        if states.get(registry.find(bridge, "binary_sensor", "online") or "") == "off"
        for entity_id in registry.entity_ids_of(bridge)
    }
    blind = [i for i in wanted - away if states[i] == "unavailable"]
    if blind:
        raise DemoError(f"unavailable: {', '.join(sorted(blind))}")
    return f"{len(registry.devices)} devices with {len(wanted)} enabled entities"


def _power_is_safe(registry: Registry) -> str:
    """No hard stop, no reset, no button of a node, and the own guest has no power."""
    own = [
        guest
        for guest in registry.of_kind("guest")
        if registry.find(guest, "switch", "power") is None
    ]
    loose = [
        entity_id
        for device in registry.devices
        for key in POWER_ON_REQUEST
        if (entity_id := registry.find(device, "button", key))
    ]
    loose += [
        entity_id
        for node in registry.of_kind("node")
        if (entity_id := registry.find(node, "button", "restart"))
    ]
    if loose:
        raise DemoError(f"enabled without being asked for: {', '.join(loose)}")
    return "no power switch for: " + ", ".join(f"{g.name} ({g.key})" for g in own)


def _dashboard_is_complete(registry: Registry, config: Any) -> str:
    used = dashboard.entity_ids(config)
    if unknown := used - set(registry.entity_ids()):
        raise DemoError(f"the dashboard shows unknown: {', '.join(sorted(unknown))}")
    return f"the dashboard shows {len(used)} entities"


async def _changes_show(
    client: HomeAssistantClient, homelab: Homelab, registry: Registry
) -> str:
    """Stop a container behind Home Assistant's back, and start it by its switch."""
    guest, switch = _running_container(registry, await client.get("/api/states"))
    vmid = int(guest.key.rpartition("/")[2])
    loop = asyncio.get_running_loop()
    began = loop.time()
    await homelab.stop_guest(vmid)
    await _wait_for(lambda: _state(client, switch), "off", switch)
    seen = loop.time() - began
    await client.command(
        "call_service",
        domain="switch",
        service="turn_on",
        service_data={},
        target={"entity_id": switch},
    )
    await _wait_for(lambda: _state(client, switch), "on", switch)
    return (
        f"{guest.name} was stopped in Proxmox, seen after {seen:.0f} s, "
        "and started again by its switch"
    )


async def _a_hung_stick_shows(
    client: HomeAssistantClient, homelab: Homelab, registry: Registry
) -> str:
    """Hang the stick of a bridge that stays online, and have it checked."""
    bridge, problem = await _online_bridge(client, registry)
    await homelab.to_equipment(bridge.key.removeprefix("z2m/"), "hang_stick")
    loop = asyncio.get_running_loop()
    began = loop.time()
    await _check_radio(client, bridge)
    await _wait_for(lambda: _state(client, problem), "on", problem)
    seen = loop.time() - began
    await homelab.to_equipment(bridge.key.removeprefix("z2m/"), "plug_stick")
    await _check_radio(client, bridge)
    await _wait_for(lambda: _state(client, problem), "off", problem)
    return f"{bridge.name}: a stick that hangs was seen {seen:.0f} s after it was asked"


async def _online_bridge(
    client: HomeAssistantClient, registry: Registry
) -> tuple[Device, str]:
    for bridge in registry.of_kind("z2m"):
        online = registry.find(bridge, "binary_sensor", "online")
        problem = registry.find(bridge, "binary_sensor", "radio_problem")
        if online and problem and await _state(client, online) == "on":
            return bridge, problem
    raise DemoError("no bridge is online")


async def _check_radio(client: HomeAssistantClient, bridge: Device) -> None:
    await client.command(
        "call_service",
        domain="proxmox_homelab",
        service="check_coordinator",
        service_data={"device_id": [bridge.id]},
    )


def _running_container(
    registry: Registry, states: list[dict[str, Any]]
) -> tuple[Device, str]:
    running = {row["entity_id"] for row in states if row["state"] == "on"}
    for guest in registry.of_kind("guest"):
        switch = registry.find(guest, "switch", "power")
        if guest.model == CONTAINER and switch is not None and switch in running:
            return guest, switch
    raise DemoError("no container with a power switch runs")


async def _state(client: HomeAssistantClient, entity_id: str) -> str:
    return str((await client.get(f"/api/states/{entity_id}"))["state"])


async def _wait_for(read: Callable[[], Awaitable[str]], wanted: str, what: str) -> None:
    try:
        async with asyncio.timeout(CHANGE_SECONDS):
            while await read() != wanted:
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise DemoError(
            f"{what} did not become {wanted} in {CHANGE_SECONDS:.0f} s"
        ) from None
