"""Setting a gateway up and changing it later, as a person does."""

from typing import Any

from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.proxmox_homelab.const import DOMAIN
from custom_components.proxmox_homelab.deconz.address import address_text, parse_address
from lab.deconz import Answer, DeconzGateway
from tests.flow.walk import begin, choose, options_of, submit, suggested

from .common import BRIDGE, KEY, entry_of

UNIQUE_ID = f"deconz-{BRIDGE}"

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def address(gateway: DeconzGateway) -> str:
    return f"{gateway.host}:{gateway.port}"


@pytest.fixture
def known(hass: HomeAssistant, gateway: DeconzGateway) -> MockConfigEntry:
    """The same gateway in Home Assistant's own integration."""
    return core_entry(hass, gateway)


def core_entry(
    hass: HomeAssistant, gateway: DeconzGateway, **data: Any
) -> MockConfigEntry:
    entry = MockConfigEntry(
        domain="deconz",
        data={"host": gateway.host, "port": gateway.port, "api_key": KEY, **data},
    )
    entry.add_to_hass(hass)
    return entry


async def start(hass: HomeAssistant) -> ConfigFlowResult:
    return await choose(hass, await begin(hass), "deconz_address")


async def reach_access(hass: HomeAssistant, address: str) -> ConfigFlowResult:
    result = await submit(hass, await start(hass), address=address)
    assert (result["type"], result["step_id"]) == ("menu", "deconz_access")
    return result


async def reach_link(hass: HomeAssistant, address: str) -> ConfigFlowResult:
    return await choose(hass, await reach_access(hass, address), "deconz_link")


async def reach_key(hass: HomeAssistant, address: str) -> ConfigFlowResult:
    return await choose(hass, await reach_access(hass, address), "deconz_key")


def only_entry(hass: HomeAssistant) -> Any:
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    return entry


async def loaded(
    hass: HomeAssistant, gateway: DeconzGateway, **data: Any
) -> MockConfigEntry:
    """Return an entry that was set up through the flow."""
    entry = entry_of(gateway, unique_id=UNIQUE_ID, **data)
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


# --- the first set-up -------------------------------------------------------------


async def test_an_unlocked_gateway_is_set_up(
    hass: HomeAssistant, gateway: DeconzGateway, address: str
) -> None:
    result = await reach_link(hass, address)
    assert result["description_placeholders"] == {"address": address}
    gateway.gateway.unlock()
    result = await submit(hass, result)
    assert (result["type"], result["title"]) == ("create_entry", "Phoscon-GW")
    entry = only_entry(hass)
    (key,) = gateway.gateway.keys.keys() - {KEY}
    assert gateway.gateway.keys[key] == "Proxmox Homelab"
    assert entry.unique_id == UNIQUE_ID
    assert entry.data == {
        "kind": "deconz",
        "bridge_id": BRIDGE,
        "host": gateway.host,
        "port": gateway.port,
        "api_key": key,
    }
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert not entry.supports_options


async def test_a_locked_gateway_says_what_to_do_and_the_flow_goes_on(
    hass: HomeAssistant, gateway: DeconzGateway, address: str
) -> None:
    result = await submit(hass, await reach_link(hass, address))
    assert (result["step_id"], result["errors"]) == (
        "deconz_link",
        {"base": "deconz_locked"},
    )
    gateway.gateway.unlock()
    result = await submit(hass, result)
    assert result["type"] == "create_entry"


async def test_a_pasted_key_is_used(
    hass: HomeAssistant, gateway: DeconzGateway, address: str
) -> None:
    result = await reach_key(hass, address)
    result = await submit(hass, result, api_key="wrong")
    assert result["errors"] == {"base": "deconz_invalid_key"}
    assert suggested(result) == {}
    result = await submit(hass, result, api_key=f" {KEY} ")
    assert result["type"] == "create_entry"
    assert only_entry(hass).data["api_key"] == KEY


async def test_an_old_gateway_that_tells_strangers_nothing_is_set_up(
    hass: HomeAssistant, gateway: DeconzGateway, address: str
) -> None:
    gateway.faults.tells_strangers = False
    result = await submit(hass, await reach_key(hass, address), api_key=KEY)
    assert result["type"] == "create_entry"


@pytest.mark.parametrize("text", ["", "  ", "http://", "a b", "host:0", "host:99999"])
async def test_what_is_no_address_is_asked_for_again(
    hass: HomeAssistant, socket_enabled: None, text: str
) -> None:
    result = await submit(hass, await start(hass), address=text)
    assert result["errors"] == {"address": "deconz_invalid_address"}
    assert suggested(result) == {"address": text}


async def test_a_gateway_that_does_not_answer_is_asked_for_again(
    hass: HomeAssistant, gateway: DeconzGateway, address: str
) -> None:
    await gateway.stop()
    result = await submit(hass, await start(hass), address=address)
    assert result["errors"] == {"base": "deconz_cannot_connect"}
    await gateway.start()
    result = await submit(hass, result, address=address)
    assert result["step_id"] == "deconz_access"


async def test_a_gateway_that_hangs_is_asked_for_again(
    hass: HomeAssistant, gateway: DeconzGateway, address: str
) -> None:
    gateway.set_hanging(hanging=True)
    result = await submit(hass, await start(hass), address=address)
    assert result["errors"] == {"base": "deconz_timeout"}
    gateway.set_hanging(hanging=False)
    result = await submit(hass, result, address=address)
    assert result["step_id"] == "deconz_access"


WRONG = [
    (Answer.HTML, "deconz_not_deconz"),
    (Answer.TRUNCATED, "deconz_not_deconz"),
    (Answer.BUSY, "deconz_busy"),
]


@pytest.mark.parametrize(("answer", "error"), WRONG)
async def test_wrong_answers_to_the_address_are_told_apart(
    hass: HomeAssistant,
    gateway: DeconzGateway,
    address: str,
    answer: Answer,
    error: str,
) -> None:
    gateway.faults.answer = answer
    result = await submit(hass, await start(hass), address=address)
    assert result["errors"] == {"base": error}
    gateway.faults.answer = None
    result = await submit(hass, result, address=address)
    assert result["step_id"] == "deconz_access"


@pytest.mark.parametrize(("answer", "error"), WRONG)
async def test_wrong_answers_to_the_unlocking_are_told_apart(
    hass: HomeAssistant,
    gateway: DeconzGateway,
    address: str,
    answer: Answer,
    error: str,
) -> None:
    result = await reach_link(hass, address)
    gateway.gateway.unlock()
    gateway.faults.answer = answer
    result = await submit(hass, result)
    assert result["errors"] == {"base": error}
    gateway.faults.answer = None
    result = await submit(hass, result)
    assert result["type"] == "create_entry"


async def test_a_key_that_was_given_is_kept_when_what_follows_fails(
    hass: HomeAssistant, gateway: DeconzGateway, address: str
) -> None:
    result = await reach_link(hass, address)
    gateway.gateway.unlock()
    gateway.gateway.bridge_id = "0" * 16
    result = await submit(hass, result)
    assert result["errors"] == {"base": "deconz_no_stick"}
    gateway.gateway.unlock(0)
    gateway.gateway.bridge_id = BRIDGE
    result = await submit(hass, result)
    assert result["type"] == "create_entry"
    assert len(gateway.gateway.keys) == 2


async def test_a_key_that_was_deleted_meanwhile_is_asked_for_anew(
    hass: HomeAssistant, gateway: DeconzGateway, address: str
) -> None:
    result = await reach_link(hass, address)
    gateway.gateway.unlock()
    gateway.gateway.bridge_id = "0" * 16
    result = await submit(hass, result)
    gateway.gateway.bridge_id = BRIDGE
    gateway.gateway.keys.clear()
    result = await submit(hass, result)
    assert result["errors"] == {"base": "deconz_invalid_key"}
    result = await submit(hass, result)
    assert result["type"] == "create_entry"


async def test_something_unexpected_is_logged_and_the_flow_goes_on(
    hass: HomeAssistant,
    gateway: DeconzGateway,
    address: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = await reach_key(hass, address)
    with monkeypatch.context() as broken:
        broken.setattr("orjson.loads", lambda content: 1 / 0)
        result = await submit(hass, result, api_key=KEY)
    assert result["errors"] == {"base": "unknown"}
    result = await submit(hass, result, api_key=KEY)
    assert result["type"] == "create_entry"


async def test_a_gateway_that_is_set_up_is_not_set_up_again(
    hass: HomeAssistant, gateway: DeconzGateway, address: str
) -> None:
    await loaded(hass, gateway)
    result = await submit(hass, await start(hass), address=address)
    assert (result["type"], result["reason"]) == ("abort", "deconz_already_configured")
    gateway.faults.tells_strangers = False
    result = await submit(hass, await reach_key(hass, address), api_key=KEY)
    assert result["reason"] == "deconz_already_configured"
    assert len(hass.config_entries.async_entries(DOMAIN)) == 1


async def test_a_set_up_that_was_left_does_not_block_the_next_one(
    hass: HomeAssistant, gateway: DeconzGateway, address: str
) -> None:
    await reach_key(hass, address)
    result = await submit(hass, await reach_key(hass, address), api_key=KEY)
    assert result["type"] == "create_entry"


async def test_a_gateway_without_a_name_has_one_nevertheless(
    hass: HomeAssistant, gateway: DeconzGateway, address: str
) -> None:
    gateway.gateway.name = ""
    result = await submit(hass, await reach_key(hass, address), api_key=KEY)
    assert result["title"] == "deCONZ"


# --- the gateway that Home Assistant uses already ---------------------------------


@pytest.mark.usefixtures("known")
async def test_the_gateway_of_home_assistant_is_used_without_typing(
    hass: HomeAssistant, gateway: DeconzGateway
) -> None:
    result = await start(hass)
    assert (result["type"], result["step_id"]) == ("menu", "deconz_known")
    result = await choose(hass, result, "deconz_same")
    assert result["type"] == "create_entry"
    entry = only_entry(hass)
    assert (entry.data["port"], entry.data["api_key"]) == (gateway.port, KEY)
    assert entry.unique_id == UNIQUE_ID


@pytest.mark.usefixtures("known")
async def test_another_gateway_can_be_typed_nevertheless(
    hass: HomeAssistant, address: str
) -> None:
    result = await choose(hass, await start(hass), "deconz_address")
    assert (result["type"], result["step_id"]) == ("form", "deconz_address")
    result = await submit(hass, result, address=address)
    assert result["step_id"] == "deconz_access"


@pytest.mark.usefixtures("known")
async def test_the_gateway_of_home_assistant_may_be_away(
    hass: HomeAssistant, gateway: DeconzGateway, address: str
) -> None:
    await gateway.stop()
    result = await choose(hass, await start(hass), "deconz_same")
    assert (result["step_id"], result["errors"]) == (
        "deconz_same",
        {"base": "deconz_cannot_connect"},
    )
    assert result["description_placeholders"] == {"address": address}
    await gateway.start()
    result = await submit(hass, result)
    assert result["type"] == "create_entry"


async def test_one_of_several_gateways_of_home_assistant_is_chosen(
    hass: HomeAssistant, gateway: DeconzGateway
) -> None:
    other = core_entry(hass, gateway, host="127.0.0.9", api_key="other")
    right = core_entry(hass, gateway)
    MockConfigEntry(domain="deconz", data={"host": "half"}).add_to_hass(hass)
    result = await choose(hass, await start(hass), "deconz_same")
    assert result["type"] == "form"
    assert options_of(result, "gateway") == [other.entry_id, right.entry_id]
    result = await submit(hass, result, gateway=other.entry_id)
    assert result["errors"] == {"base": "deconz_cannot_connect"}
    result = await submit(hass, result, gateway=right.entry_id)
    assert result["type"] == "create_entry"


@pytest.mark.usefixtures("known")
async def test_the_gateway_of_home_assistant_is_not_set_up_twice(
    hass: HomeAssistant, gateway: DeconzGateway
) -> None:
    await loaded(hass, gateway)
    result = await choose(hass, await start(hass), "deconz_same")
    assert result["reason"] == "deconz_already_configured"


# --- a refused key --------------------------------------------------------------------


async def test_a_deleted_key_is_replaced_by_unlocking(
    hass: HomeAssistant, gateway: DeconzGateway, address: str
) -> None:
    entry = await loaded(hass, gateway)
    gateway.gateway.keys.clear()
    result = await entry.start_reauth_flow(hass)
    assert (result["type"], result["step_id"]) == ("menu", "deconz_reauth")
    assert result["description_placeholders"] is not None
    assert result["description_placeholders"]["address"] == address
    gateway.gateway.unlock()
    result = await submit(hass, await choose(hass, result, "deconz_link"))
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    assert entry.data["api_key"] in gateway.gateway.keys
    assert entry.data["bridge_id"] == BRIDGE
    assert entry.state is ConfigEntryState.LOADED


async def test_a_deleted_key_is_replaced_by_another_one(
    hass: HomeAssistant, gateway: DeconzGateway
) -> None:
    entry = await loaded(hass, gateway, api_key="deleted")
    (flow,) = hass.config_entries.flow.async_progress()
    result = await hass.config_entries.flow.async_configure(flow["flow_id"])
    result = await choose(hass, result, "deconz_key")
    result = await submit(hass, result, api_key="deleted")
    assert result["errors"] == {"base": "deconz_invalid_key"}
    result = await submit(hass, result, api_key=KEY)
    assert result["reason"] == "reauth_successful"
    assert entry.data["api_key"] == KEY


async def test_a_key_of_another_gateway_does_not_replace_it(
    hass: HomeAssistant, gateway: DeconzGateway
) -> None:
    entry = await loaded(hass, gateway)
    gateway.gateway.bridge_id = "00212EFFFF0000AA"
    gateway.gateway.name = "Other"
    result = await entry.start_reauth_flow(hass)
    result = await choose(hass, result, "deconz_key")
    result = await submit(hass, result, api_key=KEY)
    assert result["reason"] == "deconz_other_gateway"
    assert result["description_placeholders"] == {
        "expected": "Phoscon-GW",
        "found": "Other",
    }


# --- a connection that changes --------------------------------------------------------


async def test_a_gateway_that_moved_keeps_its_key(
    hass: HomeAssistant, gateway: DeconzGateway, address: str
) -> None:
    entry = await loaded(hass, gateway, host="127.0.0.9")
    assert entry.state is ConfigEntryState.SETUP_RETRY
    result = await entry.start_reconfigure_flow(hass)
    assert (result["type"], result["step_id"]) == ("menu", "deconz_reconfigure")
    result = await choose(hass, result, "deconz_address")
    assert suggested(result) == {"address": f"127.0.0.9:{gateway.port}"}
    result = await submit(hass, result, address=address)
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert (entry.data["host"], entry.data["api_key"]) == (gateway.host, KEY)
    assert entry.state is ConfigEntryState.LOADED


async def test_a_gateway_that_moved_and_forgot_the_key_gives_a_new_one(
    hass: HomeAssistant, gateway: DeconzGateway, address: str
) -> None:
    entry = await loaded(hass, gateway, host="127.0.0.9", api_key="old")
    result = await choose(
        hass, await entry.start_reconfigure_flow(hass), "deconz_address"
    )
    result = await submit(hass, result, address=address)
    assert result["step_id"] == "deconz_access"
    result = await choose(hass, result, "deconz_key")
    result = await submit(hass, result, api_key=KEY)
    assert result["reason"] == "reconfigure_successful"
    assert (entry.data["host"], entry.data["api_key"]) == (gateway.host, KEY)


async def test_a_gateway_that_moved_may_not_have_found_its_stick(
    hass: HomeAssistant, gateway: DeconzGateway, address: str
) -> None:
    entry = await loaded(hass, gateway)
    gateway.gateway.bridge_id = "0" * 16
    result = await choose(
        hass, await entry.start_reconfigure_flow(hass), "deconz_address"
    )
    result = await submit(hass, result, address=address)
    assert (result["step_id"], result["errors"]) == (
        "deconz_address",
        {"base": "deconz_no_stick"},
    )


@pytest.mark.parametrize("strangers", [True, False])
async def test_another_gateway_does_not_take_its_place(
    hass: HomeAssistant, gateway: DeconzGateway, address: str, *, strangers: bool
) -> None:
    entry = await loaded(hass, gateway)
    gateway.gateway.bridge_id = "00212EFFFF0000AA"
    gateway.faults.tells_strangers = strangers
    result = await choose(
        hass, await entry.start_reconfigure_flow(hass), "deconz_address"
    )
    result = await submit(hass, result, address=address)
    assert result["reason"] == "deconz_other_gateway"


async def test_another_key_can_be_used(
    hass: HomeAssistant, gateway: DeconzGateway
) -> None:
    entry = await loaded(hass, gateway)
    result = await choose(
        hass, await entry.start_reconfigure_flow(hass), "deconz_access"
    )
    gateway.gateway.unlock()
    result = await submit(hass, await choose(hass, result, "deconz_link"))
    assert result["reason"] == "reconfigure_successful"
    assert entry.data["api_key"] != KEY


# --- addresses ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("phoscon.local", ("phoscon.local", 80)),
        (" 192.168.1.10 ", ("192.168.1.10", 80)),
        ("192.168.1.10:8080", ("192.168.1.10", 8080)),
        ("http://192.168.1.10:40850/pwa/index.html#x", ("192.168.1.10", 40850)),
        ("https://192.168.1.10:8443/pwa", ("192.168.1.10", 80)),
        ("fd00::10", ("fd00::10", 80)),
        ("[fd00::10]:8080", ("fd00::10", 8080)),
    ],
)
def test_addresses_are_understood(text: str, expected: tuple[str, int]) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize("text", ["phoscon", "phoscon:8080", "[fd00::10]:8080"])
def test_an_address_can_be_typed_again(text: str) -> None:
    assert address_text(*parse_address(text)) == text
