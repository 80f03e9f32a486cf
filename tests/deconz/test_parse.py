"""What is made of the answers of a gateway, and of what no gateway would say."""

from typing import Any

from hypothesis import given, strategies as st
import orjson
import pytest

from custom_components.proxmox_homelab.deconz.models import (
    Change,
    Collection,
    Device,
    Network,
    Part,
    PartEvent,
    PartKey,
)
from custom_components.proxmox_homelab.deconz.parse import (
    parse_config,
    parse_errors,
    parse_event,
    parse_key,
    parse_parts,
    parse_public_config,
)
from custom_components.proxmox_homelab.errors import (
    AuthenticationError,
    HomelabError,
    ProtocolError,
)
from lab.deconz import Gateway

from .common import BRIDGE

LIGHTS, SENSORS = Collection.LIGHTS, Collection.SENSORS
FIELDS = sorted(
    {
        *Gateway().config(extended=True),
        *("lights", "sensors", "config", "state", "reachable", "uniqueid", "type"),
        *("t", "e", "r", "id", "attr", "error", "success", "username", "description"),
    }
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([BRIDGE, "deCONZ", "00:0b:57:ff:fe:00:00:01-01", "0x26780700"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=10) | st.sampled_from(FIELDS),
            inner,
            max_size=8,
        )
    ),
    max_leaves=20,
)


def config(**changes: Any) -> dict[str, Any]:
    answer = Gateway(websocket_port=8088).config(extended=True)
    return {**answer, **changes}


def state(**items: dict[str, Any]) -> dict[PartKey, Part]:
    return parse_parts(
        {"config": {"bridgeid": BRIDGE}, "lights": {}, "sensors": {}, **items}
    )


def devices(parts: dict[PartKey, Part]) -> tuple[Device, ...]:
    return Network.of(parts).devices


def light(unique: str | None = "00:0b:57:ff:fe:00:00:01-01", **more: Any) -> Any:
    return {"name": "Lamp", "type": "Dimmable light", "uniqueid": unique, **more}


def test_the_configuration_is_read() -> None:
    found = parse_config(config())
    assert found.bridge_id == BRIDGE
    assert found.name == "Phoscon-GW"
    assert found.device_name == "ConBee II"
    assert found.software_version == "2.28.1"
    assert found.firmware_version == "0x26780700"
    assert found.radio_connected is True
    assert (found.channel, found.pan_id) == (15, 17539)
    assert (found.permit_join_seconds, found.permits_forever) == (0, False)
    assert found.network_open_seconds == 60
    assert found.websocket_port == 8088


@pytest.mark.parametrize(
    ("answer", "field", "expected"),
    [
        ({"zigbeechannel": 13}, "channel", 13),
        ({"zigbeechannel": 0}, "channel", None),
        ({"zigbeechannel": "15"}, "channel", None),
        ({"zigbeechannel": 15.0}, "channel", 15),
        ({"zigbeechannel": True}, "channel", None),
        ({"zigbeechannel": 1e300}, "channel", None),
        ({"zigbeechannel": -1}, "channel", None),
        ({"zigbeechannel": float("nan")}, "channel", None),
        ({"rfconnected": None}, "radio_connected", None),
        ({"rfconnected": "true"}, "radio_connected", None),
        ({"rfconnected": False}, "radio_connected", False),
        ({"fwversion": "0x00000000"}, "firmware_version", None),
        ({"fwversion": 7}, "firmware_version", None),
        ({"devicename": "ConBee III"}, "device_name", "ConBee III"),
        ({"devicename": " "}, "device_name", None),
        ({"bridgeid": "0000000000000000"}, "bridge_id", None),
        ({"bridgeid": "00212effff00c5fb"}, "bridge_id", BRIDGE),
        ({"bridgeid": "BSB002"}, "bridge_id", None),
        ({"bridgeid": None}, "bridge_id", None),
        ({"websocketport": 0}, "websocket_port", None),
        ({"websocketport": 70000}, "websocket_port", None),
        ({"websocketport": 443.0}, "websocket_port", 443),
        ({"permitjoin": None}, "permit_join_seconds", None),
        ({"permitjoin": 60, "permitjoinfull": 120}, "permit_join_seconds", 180),
        ({"permitjoin": 255}, "permits_forever", True),
        ({"mac": "BC:24:11:00:00:6E"}, "mac", "bc:24:11:00:00:6e"),
        ({"mac": "38:60:77:7c:53:18"}, "mac", None),
        ({"mac": 5}, "mac", None),
        ({"brand_new": {"deep": [1]}}, "channel", 15),
    ],
)
def test_odd_values_of_the_configuration_are_known_or_unknown(
    answer: dict[str, Any], field: str, expected: object
) -> None:
    assert getattr(parse_config(config(**answer)), field) == expected


def test_what_strangers_are_told_is_no_answer_to_a_key() -> None:
    answer = Gateway().public_config()
    with pytest.raises(AuthenticationError):
        parse_config(answer)
    assert parse_public_config(answer).bridge_id == BRIDGE


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "deCONZ",
        {},
        {"name": "something else"},
        {"modelid": "BSB002", "bridgeid": "001788FFFE000000", "whitelist": {}},
        {"modelid": None, "bridgeid": BRIDGE},
    ],
)
def test_another_bridge_or_server_is_no_gateway(answer: object) -> None:
    with pytest.raises(ProtocolError):
        parse_public_config(answer)
    with pytest.raises(ProtocolError):
        parse_config(answer)


def test_lights_and_sensors_of_one_address_are_one_device() -> None:
    knows = Gateway()
    knows.add_device("Plug", "plug")
    knows.add_device("Motion", "motion")
    found = parse_parts(knows.full_state(extended=True))
    assert [device.name for device in Network.of(found).devices] == ["Motion", "Plug"]
    assert len(found) == 2 + 3 + 3


def test_the_gateway_its_daylight_and_virtual_sensors_are_no_devices() -> None:
    knows = Gateway()
    knows.add_virtual_sensor("00:0b:57:ff:fe:00:00:99-01")
    assert devices(parse_parts(knows.full_state(extended=True))) == ()


@pytest.mark.parametrize(
    "unique", [None, "", 7, "some text", "00:0b:57-01", "00212EFFFF00C5FB-01"]
)
def test_what_has_no_address_is_no_device(unique: Any) -> None:
    assert devices(state(lights={"1": light(unique)})) == ()


def test_the_gateway_is_known_by_its_address_too() -> None:
    found = state(lights={"1": light("00:21:2E:FF:FF:00:C5:FB-01", type="New thing")})
    assert devices(found) == ()


def test_a_device_without_an_endpoint_counts() -> None:
    assert len(devices(state(lights={"1": light("00:0B:57:FF:FE:00:00:01")}))) == 1


@pytest.mark.parametrize(
    ("lamp", "sensor", "expected"),
    [
        (True, None, True),
        (False, None, False),
        (False, False, False),
        (False, True, True),
        (None, None, None),
        ("no", None, None),
    ],
)
def test_a_device_answers_when_any_of_its_parts_does(
    lamp: Any, sensor: Any, expected: bool | None
) -> None:
    found = Network.of(
        state(
            lights={"1": light(state={"reachable": lamp})},
            sensors={"4": light(config={"reachable": sensor}, name="Power")},
        )
    )
    assert [device.reachable for device in found.devices] == [expected]
    assert found.unreachable == (("Lamp",) if expected is False else ())


def test_a_device_without_a_name_has_its_address() -> None:
    found = state(lights={"1": light(name=None)})
    assert devices(found)[0].name == "00:0b:57:ff:fe:00:00:01"


def test_entries_that_are_none_are_left_out() -> None:
    found = state(lights={"1": None, "2": [], "3": light(state="on")})
    assert list(found) == [(LIGHTS, "3")]


@pytest.mark.parametrize("answer", [None, [], {}, {"lights": [], "sensors": {}}])
def test_a_state_without_lists_is_no_state(answer: object) -> None:
    with pytest.raises(ProtocolError):
        parse_parts(answer)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            {"e": "changed", "r": "lights", "id": "3", "state": {"reachable": False}},
            PartEvent(change=Change.CHANGED, key=(LIGHTS, "3"), reachable=False),
        ),
        (
            {"e": "changed", "r": "sensors", "id": "3", "config": {"reachable": True}},
            PartEvent(change=Change.CHANGED, key=(SENSORS, "3"), reachable=True),
        ),
        (
            {"e": "changed", "r": "sensors", "id": "3", "state": {"reachable": True}},
            PartEvent(change=Change.CHANGED, key=(SENSORS, "3")),
        ),
        (
            {"e": "changed", "r": "lights", "id": "3", "attr": {"name": "New"}},
            PartEvent(change=Change.CHANGED, key=(LIGHTS, "3"), name="New"),
        ),
        (
            {"e": "changed", "r": "lights", "id": "3", "name": "Old way"},
            PartEvent(change=Change.CHANGED, key=(LIGHTS, "3"), name="Old way"),
        ),
        (
            {"e": "added", "r": "lights", "id": "3", "light": {}},
            PartEvent(change=Change.ADDED, key=(LIGHTS, "3")),
        ),
        (
            {"e": "deleted", "r": "sensors", "id": "3"},
            PartEvent(change=Change.DELETED, key=(SENSORS, "3")),
        ),
        ({"e": "changed", "r": "groups", "id": "3"}, None),
        ({"e": "scene-called", "r": "scenes", "gid": "1"}, None),
        ({"e": "changed", "r": "lights", "id": 3}, None),
        ({"e": "changed", "r": "lights"}, None),
        ({"e": ["changed"], "r": "lights", "id": "3"}, None),
    ],
)
def test_events_about_lights_and_sensors_are_read(
    message: dict[str, Any], expected: PartEvent | None
) -> None:
    assert parse_event(orjson.dumps({"t": "event", **message}).decode()) == expected


@pytest.mark.parametrize("message", ["", "{", "[]", "7", '{"t":"other"}', "\ud800"])
def test_messages_that_are_no_events_are_nothing(message: str) -> None:
    assert parse_event(message) is None


def test_an_event_changes_what_it_tells_and_nothing_else() -> None:
    part = Part(name="Lamp", mac="m", reachable=True)
    told = PartEvent(change=Change.CHANGED, key=(LIGHTS, "1"), reachable=False)
    assert told.applied(part) == Part(name="Lamp", mac="m", reachable=False)
    named = PartEvent(change=Change.CHANGED, key=(LIGHTS, "1"), name="New")
    assert named.applied(part) == Part(name="New", mac="m", reachable=True)


@pytest.mark.parametrize("answer", [None, {}, [], [{}], [{"success": {"username": 7}}]])
def test_an_answer_without_a_key_is_none(answer: object) -> None:
    with pytest.raises(ProtocolError):
        parse_key(answer)


def test_errors_are_read_from_a_list() -> None:
    answer = [1, {"success": {}}, {"error": {"type": 101, "description": "locked"}}]
    assert parse_errors(answer) == [(101, "locked")]
    assert parse_errors({"error": {"type": 1}}) == []
    assert parse_errors([{"error": {"type": "x"}}]) == [(None, "")]


@given(JSON)
def test_nothing_but_our_errors_comes_of_any_answer(data: Any) -> None:
    for parse in (parse_config, parse_public_config, parse_parts, parse_key):
        try:
            parse(data)
        except HomelabError:
            continue
    parse_errors(data)


@given(JSON, JSON, JSON)
def test_nothing_but_our_errors_comes_of_any_list(
    lights: Any, sensors: Any, config: Any
) -> None:
    try:
        parse_parts({"lights": lights, "sensors": sensors, "config": config})
    except ProtocolError:
        return


@given(st.text() | JSON.map(str))
def test_any_message_is_an_event_or_nothing(message: str) -> None:
    parse_event(message)
