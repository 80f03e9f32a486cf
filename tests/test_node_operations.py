"""What is done to a node: the plan for the own one, and what is for many guests."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import pytest

from custom_components.proxmox_homelab.const import CONF_IMPORTANCE, NO_OWN_GUEST
from custom_components.proxmox_homelab.services import Action
from lab import Lab

from .actions import async_act, fails, sent, written
from .common import async_press, async_set_up, source_of

NODE = "node/pve-core"
NOBODY = {"own_guest": NO_OWN_GUEST}


def shut_down(lab: Lab) -> list[int]:
    """Return the guests that were asked to shut down, in order."""
    return [
        int(path.split("/")[-3])
        for method, path in written(lab)
        if method == "POST" and path.endswith("/status/shutdown")
    ]


async def test_the_own_node_is_protected(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    lab.pve.requests.clear()
    for action in (Action.REBOOT_NODE, Action.SHUTDOWN_NODE):
        with fails("refused_own_node", ServiceValidationError):
            await async_act(hass, entry, action, NODE, allow_impact=True)
    assert written(lab) == []


async def test_the_plan_for_the_own_node(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(
        hass,
        lab,
        options={
            CONF_IMPORTANCE: {
                "106": "critical",
                "107": "critical",
                "105": "nice_to_have",
                "200": "nice_to_have",
            }
        },
    )
    running = {guest.vmid for guest in source_of(entry).running_on("pve-core")}
    lab.pve.requests.clear()
    (result,) = await async_act(
        hass,
        entry,
        Action.SHUTDOWN_NODE,
        NODE,
        confirm_self=True,
        allow_impact=True,
    )
    assert result["node"] == "pve-core"
    order = shut_down(lab)
    assert set(order) == running - {103}
    assert set(order[:2]) == {105, 200}
    assert set(order[-2:]) == {106, 107}
    assert sent(lab)[-1] == ("POST", "status")


async def test_the_plan_needs_a_word_for_what_is_critical(
    hass: HomeAssistant, lab: Lab
) -> None:
    entry = await async_set_up(
        hass, lab, options={CONF_IMPORTANCE: {"106": "critical"}}
    )
    lab.pve.requests.clear()
    with fails("refused_impact", ServiceValidationError) as found:
        await async_act(hass, entry, Action.REBOOT_NODE, NODE, confirm_self=True)
    assert "emqx (106)" in str(found.value)
    assert written(lab) == []


async def test_a_guest_that_will_not_go_stops_the_plan(
    hass: HomeAssistant, lab: Lab
) -> None:
    lab.pve.cluster.guests[105].ignores_shutdown = True
    entry = await async_set_up(
        hass, lab, options={CONF_IMPORTANCE: {"105": "nice_to_have"}}
    )
    lab.pve.requests.clear()
    with fails("task_failed"):
        await async_act(
            hass, entry, Action.SHUTDOWN_NODE, NODE, confirm_self=True, timeout=10
        )
    assert sent(lab) == [("POST", "shutdown")]
    assert shut_down(lab) == [105]


async def test_the_plan_is_checked_before_its_first_step(
    hass: HomeAssistant, lab: Lab
) -> None:
    lab.pve.cluster.guests[106].lock = "backup"
    entry = await async_set_up(hass, lab)
    lab.pve.requests.clear()
    with fails("refused_locked", ServiceValidationError) as found:
        await async_act(hass, entry, Action.SHUTDOWN_NODE, NODE, confirm_self=True)
    assert "emqx (106)" in str(found.value)
    assert written(lab) == []


async def test_a_node_without_the_own_guest_is_left_to_itself(
    hass: HomeAssistant, lab: Lab
) -> None:
    entry = await async_set_up(hass, lab, options=NOBODY)
    lab.pve.requests.clear()
    await async_act(hass, entry, Action.REBOOT_NODE, NODE)
    assert sent(lab) == [("POST", "status")]
    (request,) = [r for r in lab.pve.requests if r.method == "POST"]
    assert request.params["command"] == "reboot"


@pytest.mark.usefixtures("all_entities_enabled")
@pytest.mark.parametrize(
    ("row", "path"),
    [("stop_all", "stopall"), ("suspend_all", "suspendall"), ("start_all", "startall")],
)
async def test_all_guests_but_the_own_one(
    hass: HomeAssistant, lab: Lab, row: str, path: str
) -> None:
    entry = await async_set_up(hass, lab)
    lab.pve.requests.clear()
    await async_press(hass, NODE, row)
    (request,) = [r for r in lab.pve.requests if r.method == "POST"]
    assert request.path.endswith(f"/{path}")
    guests = {int(vmid) for vmid in str(request.params["vms"]).split(",")}
    assert guests == set(source_of(entry).resources.guests()) - {103}


@pytest.mark.usefixtures("all_entities_enabled")
async def test_no_guests_are_never_all_guests(hass: HomeAssistant, lab: Lab) -> None:
    """Proxmox VE takes an empty list for all of them, the own one too."""
    options: dict[str, Any] = {"include_new": False, "known_guests": [103]}
    await async_set_up(hass, lab, options=options)
    lab.pve.requests.clear()
    await async_press(hass, NODE, "stop_all")
    assert written(lab) == []


async def test_an_own_guest_that_is_left_out_is_protected_all_the_same(
    hass: HomeAssistant, lab: Lab
) -> None:
    entry = await async_set_up(hass, lab, options={"exclude_guests": [103]})
    assert source_of(entry).own_guest.vmid == 103
    lab.pve.requests.clear()
    with fails("refused_own_node", ServiceValidationError):
        await async_act(hass, entry, Action.REBOOT_NODE, NODE)
    assert written(lab) == []
