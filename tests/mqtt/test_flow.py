"""Setting a broker up and changing it, against real brokers."""

from collections.abc import AsyncIterator
from typing import Any

from homeassistant.config_entries import SOURCE_USER, ConfigEntryState, ConfigFlowResult
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.proxmox_homelab.const import DOMAIN
from lab.mqtt import HOST, Broker

LOGIN = {"username": "home", "password": "right"}


@pytest.fixture
async def broker(socket_enabled: None) -> AsyncIterator[Broker]:
    async with Broker(user="home", password="right", tls=True) as running:
        yield running


async def start(hass: HomeAssistant, choice: str | None = None) -> ConfigFlowResult:
    flow = hass.config_entries.flow
    result = await flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    result = await choose(hass, result, "mqtt_start")
    return result if choice is None else await choose(hass, result, choice)


async def choose(
    hass: HomeAssistant, result: ConfigFlowResult, option: str
) -> ConfigFlowResult:
    assert result["type"] == "menu", result
    return await hass.config_entries.flow.async_configure(
        result["flow_id"], {"next_step_id": option}
    )


async def submit(
    hass: HomeAssistant, result: ConfigFlowResult, **answers: Any
) -> ConfigFlowResult:
    assert result["type"] == "form", result
    return await hass.config_entries.flow.async_configure(result["flow_id"], answers)


def typed(broker: Broker, **more: Any) -> dict[str, Any]:
    return {"host": HOST, "port": broker.port, "encryption": "none", **LOGIN, **more}


def suggested(result: ConfigFlowResult) -> dict[str, Any]:
    schema = result["data_schema"]
    assert schema is not None
    return {
        str(key): key.description["suggested_value"]
        for key in schema.schema
        if key.description
    }


def entry_of(hass: HomeAssistant, broker: Broker, **data: Any) -> MockConfigEntry:
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="MQTT home",
        unique_id=f"mqtt-{HOST}:{broker.port}",
        data={"kind": "mqtt", **typed(broker), **data},
    )
    entry.add_to_hass(hass)
    return entry


async def test_a_broker_is_set_up(hass: HomeAssistant, broker: Broker) -> None:
    result = await start(hass)
    assert result["step_id"] == "mqtt_broker"
    result = await submit(hass, result, **typed(broker))
    assert result["type"] == "create_entry"
    assert result["title"] == f"MQTT {HOST}"
    entry = result["result"]
    assert entry.unique_id == f"mqtt-{HOST}:{broker.port}"
    assert entry.data == {"kind": "mqtt", **typed(broker)}
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED


@pytest.mark.parametrize(
    ("wrong", "errors"),
    [
        ({"password": "wrong"}, {"base": "mqtt_invalid_auth"}),
        ({"host": "http://broker"}, {"host": "mqtt_host_invalid"}),
        ({"host": " "}, {"host": "mqtt_host_invalid"}),
        ({"port": 1}, {"base": "mqtt_cannot_connect"}),
        ({"encryption": "system"}, {"base": "mqtt_certificate_untrusted"}),
    ],
)
async def test_what_is_wrong_is_said_and_what_was_typed_stays(
    hass: HomeAssistant, broker: Broker, wrong: dict[str, Any], errors: dict[str, str]
) -> None:
    if "encryption" in wrong:
        wrong = {**wrong, "port": broker.tls_port}
    result = await submit(hass, await start(hass), **typed(broker, **wrong))
    assert result["errors"] == errors
    shown = suggested(result)
    assert shown["username"] == "home"
    assert "password" not in shown
    result = await submit(hass, result, **typed(broker))
    assert result["type"] == "create_entry"


async def test_a_broker_that_hangs(
    hass: HomeAssistant, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await broker.hang()
    monkeypatch.setattr(
        "custom_components.proxmox_homelab.mqtt.connect.CONNECT_SECONDS", 0.1
    )
    result = await submit(hass, await start(hass), **typed(broker))
    assert result["errors"] == {"base": "mqtt_timeout_connect"}


async def test_a_broker_that_wants_encryption(
    hass: HomeAssistant, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "custom_components.proxmox_homelab.mqtt.connect.CONNECT_SECONDS", 0.3
    )
    plain = typed(broker, port=broker.tls_port)
    result = await submit(hass, await start(hass), **plain)
    assert (result["errors"] or {})["base"] in {
        "mqtt_not_understood",
        "mqtt_timeout_connect",
        "mqtt_cannot_connect",
    }


async def test_the_same_broker_twice(hass: HomeAssistant, broker: Broker) -> None:
    entry_of(hass, broker)
    result = await submit(hass, await start(hass), **typed(broker))
    assert (result["type"], result["reason"]) == ("abort", "mqtt_already_configured")


async def test_own_certificates(hass: HomeAssistant, broker: Broker) -> None:
    assert broker.tls
    certificate, key = (file.read_text() for file in broker.tls.client_files)
    result = await submit(
        hass,
        await start(hass),
        **typed(broker, port=broker.tls_port, encryption="own"),
    )
    assert result["step_id"] == "mqtt_certificates"
    bad = {"ca_pem": "nonsense", "verify_hostname": True}
    result = await submit(hass, result, **bad)
    assert result["errors"] == {"ca_pem": "mqtt_ca_certificate_invalid"}
    bad = {
        "ca_pem": broker.tls.ca_pem,
        "client_pem": certificate,
        "client_key_pem": "nonsense",
        "verify_hostname": True,
    }
    result = await submit(hass, result, **bad)
    assert result["errors"] == {"client_pem": "mqtt_client_certificate_invalid"}
    assert suggested(result)["ca_pem"] == broker.tls.ca_pem
    assert "client_key_pem" not in suggested(result)
    result = await submit(hass, result, **{**bad, "client_key_pem": key})
    assert result["type"] == "create_entry"
    assert result["data"]["encryption"] == "own"
    assert result["data"]["client_key_pem"] == key


async def test_the_wrong_authority_is_told_on_the_page_of_certificates(
    hass: HomeAssistant, broker: Broker
) -> None:
    result = await submit(
        hass,
        await start(hass),
        **typed(broker, port=broker.tls_port, encryption="own"),
    )
    result = await submit(hass, result, verify_hostname=False)
    assert result["step_id"] == "mqtt_certificates"
    assert result["errors"] == {"base": "mqtt_certificate_untrusted"}


# --- Home Assistant's own broker ------------------------------------------------------


def core_entry(hass: HomeAssistant, broker: Broker, /, **data: Any) -> None:
    MockConfigEntry(
        domain="mqtt",
        data={"broker": HOST, "port": broker.port, **LOGIN, **data},
    ).add_to_hass(hass)


async def test_the_broker_of_home_assistant_needs_nothing_typed(
    hass: HomeAssistant, broker: Broker
) -> None:
    core_entry(hass, broker)
    result = await start(hass, "mqtt_same")
    assert result["type"] == "create_entry"
    assert result["data"] == {"kind": "mqtt", **typed(broker)}


async def test_the_broker_of_home_assistant_with_certificates(
    hass: HomeAssistant, broker: Broker
) -> None:
    assert broker.tls
    core_entry(
        hass,
        broker,
        port=broker.tls_port,
        certificate=broker.tls.ca_pem,
        tls_insecure=True,
    )
    result = await start(hass, "mqtt_same")
    assert result["type"] == "create_entry"
    assert result["data"]["encryption"] == "own"
    assert result["data"]["verify_hostname"] is False


async def test_the_broker_of_home_assistant_is_down(
    hass: HomeAssistant, broker: Broker
) -> None:
    core_entry(hass, broker)
    await broker.stop()
    result = await start(hass, "mqtt_same")
    assert result["step_id"] == "mqtt_broker"
    assert result["errors"] == {"base": "mqtt_cannot_connect"}
    assert suggested(result)["host"] == HOST


@pytest.mark.parametrize(
    ("certificate", "insecure", "encryption"),
    [("auto", False, "system"), ("auto", True, "own"), (None, False, "none")],
)
async def test_how_home_assistant_encrypts_is_taken_over(
    hass: HomeAssistant,
    broker: Broker,
    certificate: str | None,
    insecure: bool,
    encryption: str,
) -> None:
    core_entry(hass, broker, certificate=certificate, tls_insecure=insecure)
    await broker.stop()
    result = await start(hass, "mqtt_same")
    assert suggested(result)["encryption"] == encryption


@pytest.mark.parametrize("data", [{"transport": "websockets"}, {"broker": ""}])
async def test_what_cannot_be_taken_over_is_not_offered(
    hass: HomeAssistant, broker: Broker, data: dict[str, Any]
) -> None:
    core_entry(hass, broker, **data)
    assert (await start(hass))["step_id"] == "mqtt_broker"


async def test_what_is_set_up_is_not_offered_again(
    hass: HomeAssistant, broker: Broker
) -> None:
    core_entry(hass, broker)
    entry_of(hass, broker)
    assert (await start(hass))["step_id"] == "mqtt_broker"


async def test_another_broker_than_that_of_home_assistant(
    hass: HomeAssistant, broker: Broker
) -> None:
    core_entry(hass, broker, broker="192.0.2.1")
    result = await submit(hass, await start(hass, "mqtt_broker"), **typed(broker))
    assert result["type"] == "create_entry"


# --- later ----------------------------------------------------------------------------


async def test_a_new_password(hass: HomeAssistant, broker: Broker) -> None:
    entry = entry_of(hass, broker, password="old")
    result = await entry.start_reauth_flow(hass)
    assert result["step_id"] == "mqtt_reauth"
    assert result["description_placeholders"]["name"] == "MQTT home"
    result = await submit(hass, result, username="home", password="wrong")
    assert result["errors"] == {"base": "mqtt_invalid_auth"}
    result = await submit(hass, result, username="home", password="right")
    assert (result["type"], result["reason"]) == ("abort", "reauth_successful")
    assert entry.data["password"] == "right"
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED


async def test_an_address_is_changed_and_the_password_kept(
    hass: HomeAssistant, broker: Broker
) -> None:
    entry = entry_of(hass, broker, port=1)
    result = await entry.start_reconfigure_flow(hass)
    assert suggested(result)["port"] == 1
    result = await submit(
        hass,
        result,
        host=HOST,
        port=broker.port,
        username="home",
        encryption="none",
    )
    assert (result["type"], result["reason"]) == ("abort", "reconfigure_successful")
    assert entry.data == {"kind": "mqtt", **typed(broker)}
    # Its devices and entities hang on it.
    assert entry.unique_id == f"mqtt-{HOST}:{broker.port}"
    await hass.async_block_till_done()


async def test_a_login_is_taken_away(hass: HomeAssistant, broker: Broker) -> None:
    entry = entry_of(hass, broker)
    result = await entry.start_reconfigure_flow(hass)
    result = await submit(hass, result, host=HOST, port=broker.port, encryption="none")
    assert result["errors"] == {"base": "mqtt_invalid_auth"}
    assert entry.data["password"] == "right"


async def test_the_options(hass: HomeAssistant, broker: Broker) -> None:
    entry = entry_of(hass, broker)
    await hass.config_entries.async_setup(entry.entry_id)
    options = hass.config_entries.options
    result = await options.async_init(entry.entry_id)
    assert result["step_id"] == "mqtt"
    result = await options.async_configure(
        result["flow_id"], {"check_interval": 5, "base_topics": ["a/#"]}
    )
    assert result["errors"] == {"base_topics": "mqtt_topic_invalid"}
    result = await options.async_configure(
        result["flow_id"], {"check_interval": 5, "base_topics": [" a/b/c/d "]}
    )
    assert result["type"] == "create_entry"
    assert entry.options == {"check_interval": 5, "base_topics": ["a/b/c/d"]}
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert "a/b/c/d" in entry.runtime_data.trackers
