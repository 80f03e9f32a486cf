"""Setting up a Z-Wave JS server, as a person does and as it announces itself."""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from homeassistant.config_entries import (
    SOURCE_IGNORE,
    SOURCE_ZEROCONF,
    ConfigEntryState,
    ConfigFlowResult,
)
from homeassistant.const import CONF_URL
from homeassistant.core import HomeAssistant
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.proxmox_homelab.const import (
    CONF_HOME_ID,
    CONF_KIND,
    CONF_UI_URL,
    DOMAIN,
)
from custom_components.proxmox_homelab.zwave_js.client import connection
from lab import Lab
from lab.zwave import ZwaveServer

from ..flow.walk import begin, choose, submit, suggested
from .common import until

HOME_ID = 3237998146


async def start(hass: HomeAssistant) -> ConfigFlowResult:
    """Add the integration, for a Z-Wave JS server."""
    return await choose(hass, await begin(hass), "zwave_js_address")


def entry_of(
    hass: HomeAssistant, url: str, home_id: int = HOME_ID, ui: str | None = None
) -> MockConfigEntry:
    """Return an entry as the flow makes it."""
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="zwave",
        unique_id=f"zwave_js-{home_id}",
        data={
            CONF_KIND: "zwave_js",
            CONF_URL: url,
            CONF_HOME_ID: home_id,
            **({CONF_UI_URL: ui} if ui else {}),
        },
    )
    entry.add_to_hass(hass)
    return entry


def announcement(port: int | None, **properties: Any) -> ZeroconfServiceInfo:
    """Return what a server announces, the home id as text as in mDNS."""
    return ZeroconfServiceInfo(
        ip_address=ip_address("127.0.0.1"),
        ip_addresses=[ip_address("127.0.0.1")],
        port=port,
        hostname="zwave.local.",
        type="_zwave-js-server._tcp.local.",
        name="3237998146._zwave-js-server._tcp.local.",
        properties={"homeId": str(HOME_ID), **properties},
    )


async def announce(
    hass: HomeAssistant, port: int | None, **properties: Any
) -> ConfigFlowResult:
    """Let a server announce itself."""
    return await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_ZEROCONF},
        data=announcement(port, **properties),
    )


# --- by hand -----------------------------------------------------------------------


async def test_a_server_is_set_up_by_its_address(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    result = await start(hass)
    assert result["step_id"] == "zwave_js_address"
    assert suggested(result) == {}
    result = await submit(hass, result, url=f"127.0.0.1:{server.port}")
    assert result["type"] == "create_entry"
    assert result["title"] == "Z-Wave JS 127.0.0.1"
    assert result["data"] == {
        CONF_KIND: "zwave_js",
        CONF_URL: server.url,
        CONF_HOME_ID: HOME_ID,
    }
    await hass.async_block_till_done()
    entry = result["result"]
    assert entry.unique_id == f"zwave_js-{HOME_ID}"
    assert entry.state is ConfigEntryState.LOADED
    assert hass.states.get("sensor.z_wave_js_127_0_0_1_nodes")
    await until(hass, lambda: len(server.clients.connected) == 1)


async def test_with_the_address_of_the_user_interface(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    result = await submit(
        hass, await start(hass), url=server.url, ui_url=f"127.0.0.1:{server.ui_port}"
    )
    assert result["type"] == "create_entry"
    assert result["data"][CONF_UI_URL] == server.ui_url
    assert set(server.ui.accepts) <= {"application/json", "text/plain"}


async def test_the_address_of_home_assistants_own_connection_is_suggested(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    for url in (None, "ws://used:3000", server.url):
        MockConfigEntry(domain="zwave_js", data={CONF_URL: url}).add_to_hass(hass)
    entry_of(hass, "ws://used:3000", home_id=7)
    assert suggested(await start(hass)) == {CONF_URL: server.url}


Fault = Callable[[ZwaveServer], object]


def _html(server: ZwaveServer) -> None:
    server.manners.html = True


def _greeting(server: ZwaveServer) -> None:
    server.manners.greeting = '{"type":"auth_required"}'


def _silent(server: ZwaveServer) -> None:
    server.manners.silent = True


def _stalled(server: ZwaveServer) -> None:
    server.manners.stalled = True


def _not_ready(server: ZwaveServer) -> None:
    server.manners.driver_not_ready = True


def _old(server: ZwaveServer) -> None:
    server.set_schema(25)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (_html, "not_zwave_js"),
        (_greeting, "not_zwave_js"),
        (_silent, "zwave_js_timeout"),
        (_stalled, "zwave_js_timeout"),
        (_not_ready, "zwave_js_driver_not_ready"),
        (_old, "zwave_js_too_old"),
    ],
)
async def test_what_is_wrong_is_said_and_can_be_put_right(
    hass: HomeAssistant,
    server: ZwaveServer,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    error: str,
) -> None:
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(connection, "COMMAND_SECONDS", 0.2)
    healthy = vars(server.manners).copy()
    fault(server)
    result = await submit(hass, await start(hass), url=server.url)
    assert (result["type"], result["errors"]) == ("form", {"base": error})
    assert suggested(result) == {CONF_URL: server.url}
    if error == "zwave_js_too_old":
        assert result["description_placeholders"] == {"version": "25", "needed": "32"}
    vars(server.manners).update(healthy)
    result = await submit(hass, result, url=server.url)
    assert result["type"] == "create_entry"


async def test_nobody_there(hass: HomeAssistant, server: ZwaveServer) -> None:
    await server.stop()
    result = await submit(hass, await start(hass), url=server.url)
    assert result["errors"] == {"base": "zwave_js_cannot_connect"}
    await server.start()
    assert (await submit(hass, result, url=server.url))["type"] == "create_entry"


async def test_a_certificate_that_nobody_vouches_for(
    hass: HomeAssistant, lab: Lab
) -> None:
    secure = f"wss://127.0.0.1:{lab.pve.port}"
    result = await submit(hass, await start(hass), url=secure)
    assert result["errors"] == {"base": "zwave_js_certificate"}


async def test_what_is_no_address(hass: HomeAssistant, server: ZwaveServer) -> None:
    result = await submit(hass, await start(hass), url="ws://user:secret@host")
    assert result["errors"] == {CONF_URL: "zwave_js_invalid_address"}
    result = await submit(hass, result, url=server.url, ui_url="a b")
    assert result["errors"] == {CONF_UI_URL: "zwave_js_invalid_address"}


async def test_what_is_no_user_interface(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    http = server.url.replace("ws:", "http:")
    result = await submit(hass, await start(hass), url=server.url, ui_url=http)
    assert result["errors"] == {CONF_UI_URL: "not_zwave_js_ui"}
    result = await submit(hass, result, url=server.url, ui_url="http://127.0.0.1:9")
    assert result["errors"] == {CONF_UI_URL: "zwave_js_cannot_connect"}
    result = await submit(hass, result, url=server.url, ui_url=server.ui_url)
    assert result["type"] == "create_entry"


async def test_a_network_is_set_up_once(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    entry_of(hass, "ws://elsewhere:3000")
    result = await submit(hass, await start(hass), url=server.url)
    assert (result["type"], result["reason"]) == (
        "abort",
        "zwave_js_already_configured",
    )


# --- changed later -----------------------------------------------------------------


async def test_the_address_is_changed(hass: HomeAssistant, server: ZwaveServer) -> None:
    entry = entry_of(hass, "ws://127.0.0.1:9", ui=server.ui_url)
    result = await entry.start_reconfigure_flow(hass)
    assert result["step_id"] == "zwave_js_reconfigure"
    assert suggested(result)[CONF_URL] == "ws://127.0.0.1:9"
    result = await submit(hass, result, url="ws://127.0.0.1:9")
    assert result["errors"] == {"base": "zwave_js_cannot_connect"}
    result = await submit(hass, result, url=server.url)
    assert (result["type"], result["reason"]) == ("abort", "reconfigure_successful")
    await hass.async_block_till_done()
    assert entry.data[CONF_URL] == server.url
    assert CONF_UI_URL not in entry.data
    assert entry.state is ConfigEntryState.LOADED


async def test_another_network_is_not_taken_for_it(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    entry = entry_of(hass, "ws://127.0.0.1:9", home_id=7)
    result = await entry.start_reconfigure_flow(hass)
    result = await submit(hass, result, url=server.url)
    assert (result["type"], result["reason"]) == ("abort", "zwave_js_other_network")
    assert entry.data[CONF_URL] == "ws://127.0.0.1:9"


async def test_there_is_nothing_to_tune(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    entry = entry_of(hass, server.url)
    assert not entry.supports_options


# --- found by itself ---------------------------------------------------------------


async def test_a_server_that_announces_itself(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    result = await announce(hass, server.port)
    assert result["step_id"] == "zwave_js_found"
    assert result["description_placeholders"] == {"address": server.url}
    flow = hass.config_entries.flow.async_progress()[0]
    assert flow["context"]["title_placeholders"] == {"name": "127.0.0.1"}
    server.set_schema(25)
    result = await submit(hass, result)
    assert result["errors"] == {"base": "zwave_js_too_old"}
    server.set_schema(50)
    result = await submit(hass, result)
    assert result["type"] == "create_entry"
    assert result["data"][CONF_URL] == server.url
    await hass.async_block_till_done()


async def test_a_server_whose_stick_was_changed_since(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    result = await announce(hass, server.port, homeId="77")
    result = await submit(hass, result)
    assert (result["type"], result["reason"]) == ("abort", "zwave_js_other_network")


@pytest.mark.parametrize("home_id", [None, "", "many"])
async def test_an_announcement_without_a_home_id(
    hass: HomeAssistant, server: ZwaveServer, home_id: str | None
) -> None:
    result = await announce(hass, server.port, homeId=home_id)
    assert (result["type"], result["reason"]) == ("abort", "not_zwave_js")


async def test_the_same_server_is_offered_once(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    await announce(hass, server.port)
    result = await announce(hass, server.port)
    assert (result["type"], result["reason"]) == ("abort", "already_in_progress")
    result = await submit(hass, await start(hass), url=server.url)
    assert result["type"] == "create_entry"
    await hass.async_block_till_done()
    assert hass.config_entries.flow.async_progress() == []


async def test_an_announcement_leads_a_lost_entry_to_its_server(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    entry = entry_of(hass, "ws://127.0.0.1:9")
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    result = await announce(hass, server.port)
    assert result["reason"] == "zwave_js_already_configured"
    await hass.async_block_till_done()
    assert entry.data[CONF_URL] == server.url
    assert entry.state is ConfigEntryState.LOADED


async def test_an_announcement_leaves_an_address_alone_that_works(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    better = f"{server.url}/by/another/way"
    entry = entry_of(hass, better)
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED
    result = await announce(hass, server.port)
    assert result["reason"] == "zwave_js_already_configured"
    assert entry.data[CONF_URL] == better


async def test_what_was_ignored_is_not_offered_and_can_be_set_up(
    hass: HomeAssistant, server: ZwaveServer
) -> None:
    MockConfigEntry(
        domain=DOMAIN,
        unique_id=f"zwave_js-{HOME_ID}",
        source=SOURCE_IGNORE,
        data={},
    ).add_to_hass(hass)
    result = await announce(hass, server.port)
    assert result["reason"] == "zwave_js_already_configured"
    result = await submit(hass, await start(hass), url=server.url)
    assert result["type"] == "create_entry"
    await hass.async_block_till_done()


async def test_an_announced_address_of_the_sixth_version(hass: HomeAssistant) -> None:
    found = announcement(3000)
    found.ip_address = ip_address("fd00::5")
    result = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_ZEROCONF}, data=found
    )
    assert result["description_placeholders"] == {"address": "ws://[fd00::5]:3000"}
