"""One house with all four kinds of systems: what happens to one concerns no other."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
import logging
from pathlib import Path
from typing import Any, Final

from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    get_system_health_info,
)

from custom_components.proxmox_homelab.const import CONF_INTERVAL_RESOURCES, DOMAIN
from custom_components.proxmox_homelab.deconz import coordinator as deconz_coordinator
from custom_components.proxmox_homelab.devices import key_of
from custom_components.proxmox_homelab.keys import kind_of
from custom_components.proxmox_homelab.mqtt import (
    client as mqtt_client,
    coordinator as mqtt_coordinator,
)
from custom_components.proxmox_homelab.services import SPECS
from custom_components.proxmox_homelab.zwave_js import (
    coordinator as zwave_coordinator,
    link as zwave_link,
)
from lab import Churn, Lab, LabSettings
from lab.deconz import DeconzGateway, Gateway
from lab.mqtt import Bridge, Broker
from lab.zwave import ZwaveServer

from .common import OWN_MAC, async_set_up
from .deconz.common import (
    KEY as DECONZ_KEY,
    async_listening,
    async_set_up as async_set_up_deconz,
)
from .deconz.conftest import impatient
from .mqtt.conftest import async_set_up as async_set_up_mqtt, until
from .zwave_js.common import async_set_up as async_set_up_zwave

__all__ = ["impatient"]

NODE: Final = "pve-core"
KINDS: Final = ("proxmox", "mqtt", "zwave_js", "deconz")

# What an action wants to be told besides its device.
ARGUMENTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "migrate_guest": {"node": NODE},
    "create_snapshot": {"snapshot": "before"},
    "delete_snapshot": {"snapshot": "before"},
    "rollback_snapshot": {"snapshot": "before"},
}
WRONG_KINDS: Final = {
    "not_a_guest",
    "not_a_node",
    "not_a_zigbee_network",
    "not_zigbee2mqtt",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One of the systems, and how it dies and comes back."""

    entry: MockConfigEntry
    die: Callable[[], Awaitable[None]]
    revive: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The systems by kind, and what was sent to change something."""

    systems: Mapping[str, System]
    lab: Lab
    bridge: Bridge
    server: ZwaveServer
    gateway: DeconzGateway


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, impatient: None) -> None:
    """Notice in tenths of seconds what takes seconds in a real house."""
    monkeypatch.setattr(mqtt_client, "FIRST_DELAY", 0.02)
    monkeypatch.setattr(mqtt_client, "LONGEST_DELAY", 0.1)
    monkeypatch.setattr(mqtt_coordinator, "FIRST_CHECK", timedelta(seconds=0.05))
    monkeypatch.setattr(zwave_link, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(zwave_coordinator, "HOLD_OFF", timedelta(seconds=0.3))
    interval = timedelta(seconds=1)
    monkeypatch.setattr(deconz_coordinator, "_INTERVAL_CONFIG", interval)


@pytest.fixture
async def house(
    hass: HomeAssistant, own_host: Path, socket_enabled: None
) -> AsyncIterator[House]:
    """Run the four systems, with figures that do not change by themselves."""
    assert await async_setup_component(hass, "system_health", {})
    settings = LabSettings(self_mac=OWN_MAC, churn=Churn.FROZEN)
    knows = Gateway()
    knows.keys[DECONZ_KEY] = "test"
    knows.add_device("Lamp", "light")
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(Lab("house", settings=settings))
        broker = await stack.enter_async_context(Broker())
        bridge = await stack.enter_async_context(Bridge(broker))
        server = await stack.enter_async_context(ZwaveServer(settings=settings))
        gateway = await stack.enter_async_context(DeconzGateway(gateway=knows))
        # Before the others, whose connections never end while they are waited for.
        proxmox = await async_set_up(hass, lab, options={CONF_INTERVAL_RESOURCES: 1})
        mqtt = await async_set_up_mqtt(hass, broker, unique_id="mqtt")
        zwave = await async_set_up_zwave(hass, server, unique_id="zwave")
        deconz = await async_set_up_deconz(hass, gateway, "deconz")
        await async_listening(hass, deconz)
        await until(hass, lambda: _shows_radio(hass, mqtt))

        async def node_dead() -> None:
            lab.pve.faults.node_dead(NODE)

        async def node_alive() -> None:
            lab.pve.faults.node_alive(NODE)

        yield House(
            systems={
                "proxmox": System(entry=proxmox, die=node_dead, revive=node_alive),
                "mqtt": System(entry=mqtt, die=broker.stop, revive=broker.start),
                "zwave_js": System(entry=zwave, die=server.stop, revive=server.start),
                "deconz": System(entry=deconz, die=gateway.stop, revive=gateway.start),
            },
            lab=lab,
            bridge=bridge,
            server=server,
            gateway=gateway,
        )
        for entry in hass.config_entries.async_loaded_entries(DOMAIN):
            await hass.config_entries.async_unload(entry.entry_id)


def _shows_radio(hass: HomeAssistant, mqtt: MockConfigEntry) -> bool:
    """Say whether everything has been heard of the bridge, its stick included."""
    shown = states(hass, mqtt)
    return (
        shown.get("binary_sensor.zigbee2mqtt_radio_problem") == "off"
        and shown.get("sensor.zigbee2mqtt_devices") == "5"
        and shown.get("sensor.zigbee2mqtt_devices_offline") == "0"
    )


def states(hass: HomeAssistant, *entries: MockConfigEntry) -> dict[str, str]:
    """Return what the entities of entries show, by entity id."""
    registry = er.async_get(hass)
    return {
        found.entity_id: shown.state
        for entry in entries
        for found in er.async_entries_for_config_entry(registry, entry.entry_id)
        if (shown := hass.states.get(found.entity_id)) is not None
    }


def changes(hass: HomeAssistant, entity_ids: set[str]) -> list[str]:
    """Return the list that fills with the entities that change from now on."""
    seen: list[str] = []

    @callback
    def note(event: Event[Any]) -> None:
        if event.data["entity_id"] in entity_ids:
            seen.append(event.data["entity_id"])

    hass.bus.async_listen("state_changed", note)
    return seen


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the lines of errors; nothing that users see of a log has a traceback."""
    found = [record for record in caplog.records if record.levelno > logging.DEBUG]
    assert [record.message for record in found if record.exc_info] == []
    return [record.message for record in found if record.levelno >= logging.ERROR]


async def reachable(hass: HomeAssistant) -> str:
    """Return how many systems the system information calls reachable."""
    found = await get_system_health_info(hass, DOMAIN)
    assert found["entries"] == 4
    assert isinstance(found["reachable"], str)
    return found["reachable"]


def others_of(house: House, kind: str) -> list[MockConfigEntry]:
    """Return the entries of all other kinds."""
    return [system.entry for name, system in house.systems.items() if name != kind]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_system_that_dies_takes_no_other_with_it(
    hass: HomeAssistant, house: House, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    dead = house.systems[kind]
    others = others_of(house, kind)
    assert await reachable(hass) == "4/4"
    before = states(hass, dead.entry)
    assert STATE_UNAVAILABLE not in states(hass, *others).values()
    seen = changes(hass, set(states(hass, *others)))
    caplog.clear()

    await dead.die()
    await until(hass, lambda: not dead.entry.runtime_data.is_connected, 8)
    await until(hass, lambda: STATE_UNAVAILABLE in states(hass, dead.entry).values())
    assert await reachable(hass) == "3/4"

    await dead.revive()
    await until(hass, lambda: states(hass, dead.entry) == before, 8)
    assert await reachable(hass) == "4/4"
    assert seen == []
    lines = errors(caplog)
    title = dead.entry.title
    assert [line for line in lines if title not in line or "\n" in line] == []
    assert len(lines) == len(set(lines))


async def test_an_entry_that_is_removed_leaves_the_others_alone(
    hass: HomeAssistant, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    left = {kind: system.entry for kind, system in house.systems.items()}
    for kind in ("mqtt", "proxmox", "deconz"):
        removed = left.pop(kind)
        there = states(hass, *left.values())
        seen = changes(hass, set(there))
        await hass.config_entries.async_remove(removed.entry_id)
        await hass.async_block_till_done()
        assert states(hass, removed) == {}
        assert seen == []
        assert states(hass, *left.values()) == there
    # What is left is still followed.
    house.server.kill_node(3)
    zwave = left["zwave_js"]
    await until(hass, lambda: "1" in states(hass, zwave).values())
    assert errors(caplog) == []


async def test_no_action_takes_a_device_of_another_kind(
    hass: HomeAssistant, house: House
) -> None:
    house.lab.pve.requests.clear()
    commands = len(house.server.commands)
    received = house.bridge.received
    devices = {
        kind_of(key): found.id
        for system in house.systems.values()
        for found in dr.async_entries_for_config_entry(
            dr.async_get(hass), system.entry.entry_id
        )
        if (key := key_of(found)) is not None
    }
    assert devices.keys() >= {"guest", "node", "broker", "z2m", "zwave", "deconz"}
    for_radios = {name for name, s in SPECS.items() if not s.kinds <= {"guest", "node"}}
    assert for_radios == {"permit_join", "zigbee_network_map", "check_coordinator"}
    for action, spec in SPECS.items():
        for kind in devices.keys() - spec.kinds:
            with pytest.raises(ServiceValidationError) as raised:
                await hass.services.async_call(
                    DOMAIN,
                    action,
                    {"device_id": devices[kind], **ARGUMENTS.get(action, {})},
                    blocking=True,
                    return_response=True,
                )
            assert raised.value.translation_key in WRONG_KINDS, (action, kind)
            assert raised.value.translation_key == spec.wrong_kind
    # Not even one of a fitting kind is touched when another does not fit.
    with pytest.raises(ServiceValidationError):
        await hass.services.async_call(
            DOMAIN,
            "permit_join",
            {"device_id": [devices["z2m"], devices["deconz"], devices["zwave"]]},
            blocking=True,
        )
    assert {r.method for r in house.lab.pve.requests} <= {"GET"}
    assert len(house.server.commands) == commands
    assert house.bridge.received == received
    assert house.bridge.join_end is None
    assert not [r for r in house.gateway.requests if not r.startswith("GET")]


async def test_both_zigbee_networks_are_opened_by_one_action(
    hass: HomeAssistant, house: House
) -> None:
    ids = {
        kind_of(key): found.id
        for kind in ("mqtt", "deconz")
        for found in dr.async_entries_for_config_entry(
            dr.async_get(hass), house.systems[kind].entry.entry_id
        )
        if (key := key_of(found)) is not None
    }
    response = await hass.services.async_call(
        DOMAIN,
        "permit_join",
        {"device_id": [ids["z2m"], ids["deconz"]], "duration": 60},
        blocking=True,
        return_response=True,
    )
    assert isinstance(response, dict)
    assert house.bridge.join_end is not None
    shown = states(hass, *(house.systems[kind].entry for kind in ("mqtt", "deconz")))
    switches = {key: value for key, value in shown.items() if key.startswith("switch.")}
    assert set(switches.values()) == {"on"}
    assert len(switches) == 2
