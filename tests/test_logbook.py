"""The trace that a command leaves."""

from typing import Any

from homeassistant.core import Context, Event, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest

from custom_components.proxmox_homelab.const import DOMAIN, EVENT_COMMAND
from custom_components.proxmox_homelab.logbook import async_describe_events
from custom_components.proxmox_homelab.services import Action
from lab import Lab

from .actions import async_act, events
from .common import async_set_up, device, entity_id

type Describe = Any


def describe(hass: HomeAssistant, event: Event[Any]) -> dict[str, str]:
    """Return what the logbook says of an event."""
    known: dict[tuple[str, str], Describe] = {}

    def register(domain: str, name: str, function: Describe) -> None:
        known[domain, name] = function

    async_describe_events(hass, register)
    found = known[DOMAIN, EVENT_COMMAND](event)
    assert isinstance(found, dict)
    return found


async def test_a_command_that_was_carried_out(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    fired = events(hass)
    (result,) = await async_act(hass, entry, Action.START_GUEST, "guest/111")
    (event,) = fired
    assert event.data == {
        "entry_id": entry.entry_id,
        "device_id": device(hass, entry, "guest/111").id,
        "name": "zigbee2mqtt-garasje",
        "command": "start",
        "result": "done",
        "reason": None,
        "task": result["task"],
        "seconds": event.data["seconds"],
    }
    assert event.data["seconds"] >= 0
    said = describe(hass, event)
    assert said["name"] == "zigbee2mqtt-garasje"
    assert said["message"] == f"start done in {event.data['seconds']} s"


@pytest.mark.parametrize(
    ("action", "key", "data", "command", "result", "message"),
    [
        (
            Action.SHUTDOWN_GUEST,
            "guest/103",
            {},
            "shutdown",
            "refused",
            "shutdown refused (own guest)",
        ),
        (
            Action.SHUTDOWN_GUEST,
            "guest/111",
            {},
            "shutdown",
            "already",
            "shutdown: nothing to do",
        ),
        (
            Action.START_GUEST,
            "guest/111",
            {"wait": False},
            "start",
            "started",
            "start started",
        ),
        (
            Action.REBOOT_NODE,
            "node/pve-core",
            {},
            "node_reboot",
            "refused",
            "node reboot refused (own node)",
        ),
        (
            Action.DELETE_SNAPSHOT,
            "guest/200",
            {"snapshot": "no_such"},
            "delete_snapshot",
            "refused",
            "delete snapshot refused (unknown snapshot)",
        ),
    ],
)
async def test_what_else_can_come_of_a_command(
    hass: HomeAssistant,
    lab: Lab,
    action: str,
    key: str,
    data: dict[str, Any],
    command: str,
    result: str,
    message: str,
) -> None:
    entry = await async_set_up(hass, lab)
    fired = events(hass)
    if result == "refused":
        with pytest.raises(ServiceValidationError):
            await async_act(hass, entry, action, key, **data)
    else:
        await async_act(hass, entry, action, key, **data)
    (event,) = fired
    assert event.data["command"] == command
    assert event.data["result"] == result
    assert describe(hass, event)["message"] == message


async def test_a_command_that_failed(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    lab.pve.faults.fail("POST", "/nodes/*/lxc/111/status/start", 500, "no luck")
    fired = events(hass)
    with pytest.raises(HomeAssistantError):
        await async_act(hass, entry, Action.START_GUEST, "guest/111")
    (event,) = fired
    assert event.data["result"] == "failed"
    assert event.data["reason"] == "command_refused"
    assert describe(hass, event)["message"].endswith(" s (command refused)")


async def test_the_event_belongs_to_whoever_gave_the_command(
    hass: HomeAssistant, lab: Lab
) -> None:
    await async_set_up(hass, lab)
    fired = events(hass)
    context = Context(user_id=None)
    await hass.services.async_call(
        "switch",
        "turn_on",
        {"entity_id": entity_id(hass, "switch", "guest/111", "power")},
        blocking=True,
        context=context,
    )
    (event,) = fired
    assert event.context is context
    assert event.data["command"] == "start"
