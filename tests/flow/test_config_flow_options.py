"""What can be tuned later."""

from typing import Any

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import InvalidData
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from .conftest import Cluster
from .walk import entry_for, options_of, suggested

KEPT = {"importance": {"103": "critical"}}


async def open_page(
    hass: HomeAssistant, entry: MockConfigEntry, page: str
) -> ConfigFlowResult:
    """Choose a page of the options."""
    flow = hass.config_entries.options
    result = await flow.async_init(entry.entry_id)
    assert (result["type"], result["step_id"]) == ("menu", "init")
    return await flow.async_configure(result["flow_id"], {"next_step_id": page})


async def submit(
    hass: HomeAssistant, result: ConfigFlowResult, **answers: Any
) -> ConfigFlowResult:
    """Answer a page."""
    return await hass.config_entries.options.async_configure(result["flow_id"], answers)


async def test_what_to_leave_out(hass: HomeAssistant, cluster: Cluster) -> None:
    entry = entry_for(hass, cluster)
    result = await open_page(hass, entry, "exclusions")
    assert options_of(result, "exclude_guests") == ["103", "104", "105"]
    result = await submit(
        hass, result, exclude_guests=["104"], exclude_tags=["home"], include_new=False
    )
    assert result["type"] == "create_entry"
    assert entry.options == {
        **KEPT,
        "exclude_guests": [104],
        "exclude_tags": ["home"],
        "exclude_pools": [],
        "include_new": False,
        "known_guests": [103, 104, 105],
    }

    # What is left out can be taken back, also when the cluster no longer has it.
    cluster.resources = [row for row in cluster.resources if row.get("vmid") != 104]
    result = await open_page(hass, entry, "exclusions")
    assert suggested(result)["exclude_guests"] == ["104"]
    assert suggested(result)["include_new"] is False
    assert options_of(result, "exclude_guests") == ["103", "105", "104"]
    await submit(hass, result, exclude_guests=[], exclude_tags=[], include_new=True)
    assert entry.options["exclude_guests"] == []
    assert entry.options["exclude_tags"] == []
    assert entry.options["include_new"] is True


async def test_the_cluster_has_to_answer_to_choose_from_it(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    entry = entry_for(hass, cluster)
    for page in ("exclusions", "own_guest"):
        fault = cluster.faults.html("/cluster/resources")
        result = await open_page(hass, entry, page)
        assert result["errors"] == {"base": "not_proxmox"}
        result = await submit(hass, result)
        assert result["errors"] == {"base": "not_proxmox"}
        cluster.faults.remove(fault)
        result = await submit(hass, result)
        assert result["step_id"] == page
        assert result["errors"] == {}
    assert entry.options == KEPT


async def test_intervals_have_sane_limits(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    entry = entry_for(hass, cluster)
    result = await open_page(hass, entry, "intervals")
    good = {"interval_resources": 20, "interval_tasks": 60, "interval_nodes": 120}
    for bad in (
        {"interval_resources": 9},
        {"interval_resources": 301},
        {"interval_tasks": 5},
        {"interval_nodes": 29},
        {"interval_nodes": 3601},
    ):
        with pytest.raises(InvalidData):
            await submit(hass, result, **(good | bad))
    result = await submit(hass, result, **{key: float(good[key]) for key in good})
    assert result["type"] == "create_entry"
    assert entry.options == {**KEPT, **good}
    assert all(isinstance(entry.options[key], int) for key in good)
    result = await open_page(hass, entry, "intervals")
    assert suggested(result) == good


async def test_limits_of_storages_backups_and_shutdowns(
    hass: HomeAssistant, cluster: Cluster
) -> None:
    entry = entry_for(hass, cluster)
    result = await open_page(hass, entry, "limits")
    wrong = {
        "storage_warning_percent": 90,
        "storage_critical_percent": 90,
        "backup_max_age_hours": 48,
        "shutdown_timeout": 60,
    }
    result = await submit(hass, result, **wrong)
    assert result["errors"] == {
        "storage_critical_percent": "critical_not_above_warning"
    }
    assert suggested(result) == wrong
    result = await submit(hass, result, **(wrong | {"storage_critical_percent": 95}))
    assert result["type"] == "create_entry"
    assert entry.options == {**KEPT, **wrong, "storage_critical_percent": 95}


@pytest.mark.parametrize(
    ("answer", "option"), [("104", 104), ("0", 0), ("automatic", None)]
)
async def test_the_own_guest_can_be_picked(
    hass: HomeAssistant, cluster: Cluster, answer: str, option: int | None
) -> None:
    entry = entry_for(hass, cluster)
    result = await open_page(hass, entry, "own_guest")
    assert suggested(result) == {"own_guest": "automatic"}
    await submit(hass, result, own_guest=answer)
    assert entry.options == {**KEPT, "own_guest": option}
    result = await open_page(hass, entry, "own_guest")
    assert suggested(result) == {"own_guest": answer}


async def test_changed_options_reload_the_entry(
    hass: HomeAssistant, cluster: Cluster, setup_entry: Any
) -> None:
    entry = entry_for(hass, cluster)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert setup_entry.call_count == 1
    await submit(hass, await open_page(hass, entry, "own_guest"), own_guest="104")
    await hass.async_block_till_done()
    assert setup_entry.call_count == 2
