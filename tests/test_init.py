"""The life of an entry: set-up, reload, unload, removal, start with the source down."""

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest

from custom_components.proxmox_homelab import async_remove_config_entry_device
from custom_components.proxmox_homelab.const import (
    CONF_CA_PEM,
    CONF_FINGERPRINT,
    CONF_HOSTS,
    CONF_TOKEN_SECRET,
    DOMAIN,
)
from lab import Lab

from .common import (
    async_pass_time,
    async_poll,
    async_set_up,
    device,
    has_device,
    has_entity,
    source_of,
    state,
)


async def test_the_house_is_there(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    assert entry.state is ConfigEntryState.LOADED
    assert state(hass, "sensor", "cluster", "vms_running").state == "2"
    assert state(hass, "sensor", "cluster", "containers_running").state == "12"
    assert state(hass, "switch", "guest/106", "power").state == "on"
    assert state(hass, "switch", "guest/111", "power").state == "off"
    assert state(hass, "sensor", "guest/111", "status").state == "stopped"
    assert state(hass, "sensor", "storage/s11", "used_share").state == "52.4"


async def test_the_house_stays_within_its_budget_of_entities(
    hass: HomeAssistant, lab: Lab
) -> None:
    entry = await async_set_up(hass, lab)
    registry = er.async_get(hass)
    enabled = [
        found
        for found in er.async_entries_for_config_entry(registry, entry.entry_id)
        if found.disabled_by is None
    ]
    assert len(enabled) <= 120
    hard = ("_stop", "_reset", "_shutdown", "_stop_all", "_suspend_all")
    assert not [found for found in enabled if found.unique_id.endswith(hard)]
    assert not [
        found
        for found in enabled
        if found.domain == "button" and "_node/" in found.unique_id
    ]


async def test_templates_are_never_devices(hass: HomeAssistant, lab: Lab) -> None:
    entry = await async_set_up(hass, lab)
    assert 9000 in lab.pve.cluster.guests
    assert not has_device(hass, entry, "guest/9000")


async def test_unload_and_reload_leave_nothing_behind(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    entry = await async_set_up(hass, lab)
    before = {found.entity_id for found in hass.states.async_all()}
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED
    lab.pve.requests.clear()
    await async_pass_time(hass, freezer, 3600)
    assert lab.pve.requests == []
    assert state(hass, "switch", "guest/106", "power").state == "unavailable"

    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert {found.entity_id for found in hass.states.async_all()} == before
    assert state(hass, "switch", "guest/106", "power").state == "on"


async def test_removal_takes_devices_and_entities_along(
    hass: HomeAssistant, lab: Lab
) -> None:
    entry = await async_set_up(hass, lab)
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert not dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert not er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    assert not hass.states.async_all("switch")


async def test_adding_the_entry_again_gives_the_same_ids(
    hass: HomeAssistant, lab: Lab
) -> None:
    def ids(entry_id: str) -> set[str]:
        registry = er.async_get(hass)
        return {
            f"{found.entity_id} {found.unique_id}"
            for found in er.async_entries_for_config_entry(registry, entry_id)
        }

    entry = await async_set_up(hass, lab)
    before = ids(entry.entry_id)
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    again = await async_set_up(hass, lab)
    assert ids(again.entry_id) == before


async def test_a_start_while_the_cluster_is_down_is_tried_again(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    lab.pve.faults.node_dead("pve-core")
    entry = await async_set_up(hass, lab)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "cannot_connect"

    lab.pve.faults.node_alive("pve-core")
    await async_pass_time(hass, freezer, 30)
    assert entry.state is ConfigEntryState.LOADED


async def test_a_restart_while_the_cluster_is_down_keeps_all_devices(
    hass: HomeAssistant, lab: Lab
) -> None:
    entry = await async_set_up(hass, lab)
    await hass.config_entries.async_unload(entry.entry_id)
    lab.pve.faults.node_dead("pve-core")
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert has_device(hass, entry, "guest/106")
    assert state(hass, "switch", "guest/106", "power").state == "unavailable"


async def test_a_wrong_secret_starts_the_reauthentication(
    hass: HomeAssistant, lab: Lab
) -> None:
    entry = await async_set_up(hass, lab, data={CONF_TOKEN_SECRET: "wrong"})
    assert entry.state is ConfigEntryState.SETUP_ERROR
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert [flow["context"]["source"] for flow in flows] == [SOURCE_REAUTH]


async def test_a_token_that_is_revoked_while_running_asks_for_another_once(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    await async_set_up(hass, lab)
    lab.pve.faults.revoke_token(lab.pve.tokens["everything"])
    await async_poll(hass, freezer, 4)
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert [flow["context"]["source"] for flow in flows] == [SOURCE_REAUTH]
    assert state(hass, "switch", "guest/106", "power").state == "unavailable"


async def test_an_unknown_certificate_is_not_accepted(
    hass: HomeAssistant, lab: Lab
) -> None:
    entry = await async_set_up(hass, lab, data={CONF_CA_PEM: None})
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "certificate_untrusted"
    assert lab.pve.requests == []


async def test_a_changed_certificate_is_refused_and_comes_back(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    fingerprint = lab.pve.fingerprint("pve-core")
    entry = await async_set_up(
        hass, lab, data={CONF_CA_PEM: None, CONF_FINGERPRINT: fingerprint}
    )
    assert entry.state is ConfigEntryState.LOADED
    await hass.config_entries.async_unload(entry.entry_id)
    lab.pve.tls.replace_ca()
    lab.pve.tls.renew("pve-core")
    lab.pve.requests.clear()
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "certificate_changed"
    assert lab.pve.requests == []


@pytest.mark.parametrize("lab", ["cluster"], indirect=True)
async def test_the_members_are_remembered_for_a_start_without_the_first(
    hass: HomeAssistant, lab: Lab
) -> None:
    entry = await async_set_up(hass, lab)
    assert set(entry.data[CONF_HOSTS]) == {"127.0.0.1", "127.0.0.2", "127.0.0.3"}
    assert entry.data[CONF_HOSTS][0] == "127.0.0.1"
    await hass.config_entries.async_unload(entry.entry_id)
    lab.pve.faults.node_dead("pve1")
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.state is ConfigEntryState.LOADED
    assert state(hass, "binary_sensor", "node/pve1", "online").state == "off"


async def test_the_user_may_delete_only_what_the_cluster_has_no_more(
    hass: HomeAssistant, lab: Lab
) -> None:
    entry = await async_set_up(hass, lab)
    there = device(hass, entry, "guest/106")
    assert not await async_remove_config_entry_device(hass, entry, there)

    gone = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={(DOMAIN, "guest/999")}
    )
    assert await async_remove_config_entry_device(hass, entry, gone)


async def test_monitoring_alone_never_writes(
    hass: HomeAssistant, lab: Lab, freezer: FrozenDateTimeFactory
) -> None:
    entry = await async_set_up(hass, lab, access="monitor")
    await async_pass_time(hass, freezer, 3600)
    assert entry.state is ConfigEntryState.LOADED
    assert {record.method for record in lab.pve.requests} == {"GET"}
    assert not has_entity(hass, "switch", "guest/106", "power")
    assert not has_entity(hass, "button", "guest/106", "restart")
    assert not has_entity(hass, "update", "node/pve-core", "packages")
    assert state(hass, "sensor", "guest/106", "status").state == "running"
    sections = source_of(entry).coordinators.values()
    assert [section.name for section in sections if section.last_error] == []
