"""Large clusters: what many guests do shows at once, their figures take turns."""

import itertools

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest

from custom_components.proxmox_homelab.const import CONF_INTERVAL_RESOURCES
from lab import Churn, Lab
from lab.pve.guests import GuestState

from .common import async_poll, async_set_up, source_of, state

GUESTS = 120
TURNS = 2

large = pytest.mark.parametrize("lab", [f"large:2/{GUESTS}"], indirect=True)


def _figures(hass: HomeAssistant, guests: list[int]) -> dict[int, str]:
    return {
        vmid: state(hass, "sensor", f"guest/{vmid}", "cpu").state for vmid in guests
    }


def _running(lab: Lab) -> list[int]:
    return [
        guest.vmid
        for guest in lab.pve.cluster.guests.values()
        if guest.state is GuestState.RUNNING
    ]


@large
async def test_figures_take_turns(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    await async_set_up(hass, lab)
    running = _running(lab)
    lab.pve.cluster.churn = Churn.CHANGING
    shown = [_figures(hass, running)]
    for _ in range(TURNS):
        await async_poll(hass, freezer)
        shown.append(_figures(hass, running))

    changed = [
        {vmid for vmid in running if before[vmid] != after[vmid]}
        for before, after in itertools.pairwise(shown)
    ]
    first, second = changed
    assert {vmid % TURNS for vmid in first} != {vmid % TURNS for vmid in second}
    assert first.isdisjoint(second)
    # A figure may by chance be the same again after rounding.
    assert len(first | second) > 0.9 * len(running)


@large
async def test_a_state_never_waits_for_its_turn(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    await async_set_up(hass, lab)
    stopped = _running(lab)[:4]
    for vmid in stopped:
        lab.pve.cluster.set_state(vmid, GuestState.STOPPED)
    await async_poll(hass, freezer)
    for vmid in stopped:
        assert state(hass, "sensor", f"guest/{vmid}", "status").state == "stopped"


@large
async def test_a_slow_rhythm_needs_no_turns(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    entry = await async_set_up(hass, lab, options={CONF_INTERVAL_RESOURCES: 60})
    running = _running(lab)
    lab.pve.cluster.churn = Churn.CHANGING
    before = _figures(hass, running)
    await source_of(entry).resources.async_refresh()
    await hass.async_block_till_done()
    after = _figures(hass, running)
    changed = {vmid for vmid in running if before[vmid] != after[vmid]}
    assert len(changed) > 0.9 * len(running)
