"""The set-up of the whole simulated house, up to a running entry."""

from collections.abc import Iterator
from unittest.mock import AsyncMock

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
import pytest

from lab import Lab

from .walk import choose, options_of, start, submit


@pytest.fixture(autouse=True)
def setup_entry() -> Iterator[AsyncMock | None]:
    """Let what the flow makes be started, here alone."""
    return iter([None])


@pytest.fixture(autouse=True)
def _own_identity(own_host: object) -> None:
    """Be the guest that the scenario says we are."""


async def test_the_house_is_set_up_and_runs(hass: HomeAssistant, lab: Lab) -> None:

    node = next(iter(lab.pve.cluster.nodes))
    address = f"{lab.pve.host(node)}:{lab.pve.port}"
    result = await submit(hass, await start(hass), address=address)
    result = await submit(hass, result)
    result = await choose(hass, result, "proxmox_create_access")
    result = await submit(
        hass,
        result,
        level="control",
        username="root@pam",
        password=lab.pve.passwords["root@pam"],
    )
    result = await choose(hass, result, "proxmox_found")
    shown = result["description_placeholders"]
    assert shown is not None
    assert shown["own_guest"].startswith("VM 103 ")
    offered = options_of(result, "exclude_guests")
    assert len(offered) == int(shown["vms"]) + int(shown["containers"])
    result = await submit(hass, result, exclude_guests=["111"])
    await hass.async_block_till_done(wait_background_tasks=True)
    entry = result["result"]
    assert entry.state is ConfigEntryState.LOADED
    refused = [r.path for r in lab.pve.requests if r.status >= 400]
    # That the user exists already is the one thing that the flow learns this way.
    assert refused == ["/access/users"]
