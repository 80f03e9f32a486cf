"""What is made of the messages of a server, whatever they are."""

from contextlib import suppress
from typing import Any

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.proxmox_homelab.errors import (
    CommandRefusedError,
    CommandTimeoutError,
    HomelabError,
    NotFoundError,
    ProtocolError,
    UnsupportedVersionError,
)
from custom_components.proxmox_homelab.zwave_js.models import (
    ControllerStatus,
    InclusionState,
    Network,
    NodeStatus,
)
from custom_components.proxmox_homelab.zwave_js.parse import (
    apply_event,
    parse_controller,
    parse_network,
    parse_node,
    parse_statistics,
    parse_ui_version,
    parse_version,
)
from custom_components.proxmox_homelab.zwave_js.protocol import (
    choose_schema,
    decode,
    decode_large,
    result_of,
    ui_url,
    websocket_url,
)
from lab.zwave.clients import GARBAGE
from lab.zwave.equipment import small_network

VERSION = {
    "type": "version",
    "homeId": 3237998146,
    "driverVersion": "15.29.0",
    "serverVersion": "3.10.2",
    "minSchemaVersion": 0,
    "maxSchemaVersion": 50,
}
STATE: dict[str, Any] = {"state": small_network().dump()}

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([*VERSION, "controller", "node", "status", "nodeId", "event"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("type", "event", "source", "status", "nodeId", "node", "state"),
                    *("nodes", "controller", "statistics", "backgroundRSSI", "homeId"),
                    *("channel0", "current", "deviceConfig", "nodeState", "success"),
                    *("errorCode", "zwaveErrorCodeName", "result", "messageId"),
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


def network() -> Network:
    return parse_network(STATE, parse_version(VERSION))


def controller_event(name: str, **more: object) -> dict[str, object]:
    return {"source": "controller", "event": name, **more}


def node_event(name: str, node_id: object, **more: object) -> dict[str, object]:
    return {"source": "node", "event": name, "nodeId": node_id, **more}


# --- what a server says ------------------------------------------------------------


def test_the_version() -> None:
    version = parse_version(VERSION)
    assert version.home_id == 3237998146
    assert (version.driver, version.server) == ("15.29.0", "3.10.2")
    assert choose_schema(version) == 44


@pytest.mark.parametrize("missing", ["type", "homeId", "maxSchemaVersion"])
def test_a_first_message_of_something_else(missing: str) -> None:
    with pytest.raises(ProtocolError):
        parse_version({key: VERSION[key] for key in VERSION if key != missing})


@pytest.mark.parametrize(("newest", "chosen"), [(32, 32), (43, 43), (44, 44), (60, 44)])
def test_the_schema_is_the_newest_that_both_speak(newest: int, chosen: int) -> None:
    assert choose_schema(parse_version({**VERSION, "maxSchemaVersion": newest})) == (
        chosen
    )


def test_too_old_a_server_is_refused() -> None:
    with pytest.raises(UnsupportedVersionError) as found:
        choose_schema(parse_version({**VERSION, "maxSchemaVersion": 31}))
    assert found.value.placeholders == {"version": "31", "needed": "32"}


def test_the_state() -> None:
    state = network()
    assert state.controller.status is ControllerStatus.READY
    assert state.controller.inclusion is InclusionState.IDLE
    assert state.controller.firmware == "7.22"
    assert state.controller.statistics is not None
    assert state.controller.statistics.noise == {0: -92, 1: -95, 2: -101}
    assert {node.node_id: node.status for node in state.nodes.values()} == {
        1: NodeStatus.ALIVE,
        2: NodeStatus.ALIVE,
        3: NodeStatus.ALIVE,
        4: NodeStatus.ASLEEP,
    }
    stick = state.nodes[1]
    assert stick.is_controller
    assert (stick.manufacturer, stick.product) == ("Zooz", "ZST39 LR")
    assert (state.nodes[2].name, state.nodes[4].name) == ("Plug", None)


def test_a_controller_without_an_identity_is_none() -> None:
    with pytest.raises(ProtocolError):
        parse_controller({"status": 0})


def test_levels_that_are_words_are_no_levels() -> None:
    statistics = parse_statistics(
        {
            "NAK": 3,
            "CAN": -1,
            "backgroundRSSI": {
                "channel0": {"current": -92},
                "channel1": {"current": 127},
                "channel2": {},
                "channel3": None,
                "timestamp": 1,
            },
        }
    )
    assert statistics is not None
    assert (statistics.nak, statistics.can, statistics.timeout_ack) == (3, None, None)
    assert statistics.noise == {0: -92, 1: None, 2: None}


def test_an_unknown_product_still_has_its_label() -> None:
    node = parse_node({"nodeId": 7, "status": 99, "label": "XY-1", "name": " "})
    assert node is not None
    assert node.status is NodeStatus.UNKNOWN
    assert (node.name, node.manufacturer, node.product) == (None, None, "XY-1")


def test_the_version_of_the_user_interface() -> None:
    version = parse_ui_version({"appVersion": "11.22.2", "zwavejs": "15.29.0"})
    assert (version.ui, version.driver, version.server) == ("11.22.2", "15.29.0", None)
    with pytest.raises(ProtocolError):
        parse_ui_version({"zwavejs": "15.29.0"})


# --- events ------------------------------------------------------------------------


def test_the_status_of_the_controller() -> None:
    after = apply_event(network(), controller_event("status changed", status=1), 44)
    assert after.controller.status is ControllerStatus.UNRESPONSIVE
    after = apply_event(after, controller_event("status changed", status=2), 44)
    assert after.controller.status is ControllerStatus.JAMMED


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ("dead", NodeStatus.DEAD),
        ("sleep", NodeStatus.ASLEEP),
        ("wake up", NodeStatus.AWAKE),
        ("alive", NodeStatus.ALIVE),
    ],
)
def test_the_status_of_a_node(event: str, status: NodeStatus) -> None:
    after = apply_event(network(), node_event(event, 3, oldStatus=4), 44)
    assert after.nodes[3].status is status


def test_nodes_come_and_go() -> None:
    added = controller_event("node added", node={"nodeId": 9, "status": 4})
    after = apply_event(network(), added, 44)
    assert after.nodes[9].product is None
    ready = node_event("ready", 9, nodeState={"nodeId": 9, "status": 4, "label": "X"})
    after = apply_event(after, ready, 44)
    assert after.nodes[9].product == "X"
    after = apply_event(after, controller_event("node removed", node={"nodeId": 9}), 44)
    assert 9 not in after.nodes


@pytest.mark.parametrize(("number", "state"), enumerate([*InclusionState, None, None]))
def test_the_state_of_the_inclusion(number: int, state: InclusionState | None) -> None:
    event = controller_event("inclusion state changed", state=number)
    assert apply_event(network(), event, 44).controller.inclusion is state


def test_an_old_server_tells_when_inclusion_begins_and_ends() -> None:
    before = network()
    began = controller_event("exclusion started")
    assert apply_event(before, began, 38) is before
    after = apply_event(before, began, 37)
    assert after.controller.inclusion is InclusionState.EXCLUDING
    after = apply_event(after, controller_event("exclusion failed"), 37)
    assert after.controller.inclusion is InclusionState.IDLE


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        node_event("dead", 77),
        node_event("alive", 3),
        node_event("value updated", 3, args={}),
        node_event("ready", 3),
        controller_event("node added"),
        controller_event("node removed", node={"nodeId": 77}),
        controller_event("statistics updated"),
        controller_event("status changed", status=0),
        controller_event("rebuild routes done"),
    ],
)
def test_what_changes_nothing_is_the_same_network(event: object) -> None:
    before = network()
    assert apply_event(before, event, 37) is before


# --- messages ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"errorCode": "unknown_command"}, NotFoundError),
        ({"errorCode": "node_not_found"}, NotFoundError),
        ({"errorCode": "schema_incompatible"}, UnsupportedVersionError),
        ({"errorCode": "unknown_error", "message": "odd"}, CommandRefusedError),
        ({}, CommandRefusedError),
        (
            {"errorCode": "zwave_error", "zwaveErrorCodeName": "Controller_Timeout"},
            CommandTimeoutError,
        ),
        (
            {"errorCode": "zwave_error", "zwaveErrorCodeName": "Driver_NotSupported"},
            NotFoundError,
        ),
        (
            {"errorCode": "zwave_error", "zwaveErrorMessage": "no"},
            CommandRefusedError,
        ),
    ],
)
def test_each_error_of_the_server_has_its_own(
    answer: dict[str, object], expected: type[HomelabError]
) -> None:
    with pytest.raises(HomelabError) as found:
        result_of({"success": False, **answer})
    assert type(found.value) is expected


def test_a_result_that_is_no_object_is_empty() -> None:
    assert result_of({"success": True, "result": [1]}) == {}


def test_the_values_of_nodes_are_left_out_of_a_large_message() -> None:
    found = decode_large('{"values":[{"commandClass":37,"value":1}],"nodeId":2}')
    assert found == {"values": [None], "nodeId": 2}


@pytest.mark.parametrize("frame", ["", "{", "[]", "null", "1e999", "[" * 100_000])
def test_what_is_no_message_is_refused(frame: str) -> None:
    for read in (decode, decode_large):
        with pytest.raises(ProtocolError):
            read(frame)


# --- addresses ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("zwave.local", "ws://zwave.local:3000"),
        (" 192.168.1.5:3001 ", "ws://192.168.1.5:3001"),
        ("ws://zwave.local", "ws://zwave.local:3000"),
        ("http://zwave.local:3000/", "ws://zwave.local:3000"),
        ("wss://zwave.example/ws/", "wss://zwave.example/ws"),
        ("https://zwave.example", "wss://zwave.example"),
        ("wss://zwave.example/a%20b", "wss://zwave.example/a%20b"),
        ("[::1]", "ws://[::1]:3000"),
        ("fe80::1", "ws://[fe80::1]:3000"),
    ],
)
def test_the_address_of_a_server(typed: str, url: str) -> None:
    assert websocket_url(typed) == url


def test_the_address_of_the_user_interface() -> None:
    assert ui_url("zwave.local") == "http://zwave.local:8091"
    assert ui_url("https://zwave.example/ui/") == "https://zwave.example/ui"


@pytest.mark.parametrize(
    "typed",
    ["", " ", "ws://", "a b", "host:port", "host:99999", "ftp://host"],
)
def test_what_is_no_address(typed: str) -> None:
    for read in (websocket_url, ui_url):
        with pytest.raises(ValueError, match=r"."):
            read(typed)


def test_an_address_with_a_password_is_refused() -> None:
    with pytest.raises(ValueError, match="no address"):
        websocket_url("ws://user:secret@host")


# --- garbage -----------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(json_values)
def test_garbage_is_an_error_of_ours_or_nothing(data: Any) -> None:
    before = network()
    assert isinstance(apply_event(before, data, 44), Network)
    assert isinstance(
        apply_event(before, {"source": "node", "event": data}, 44), Network
    )
    parse_statistics(data)
    parse_node(data)
    wrapped = data if isinstance(data, dict) else {"state": data}
    with suppress(ProtocolError):
        parse_network(wrapped, before.version)
    for read in (parse_version, parse_controller, parse_ui_version):
        with suppress(ProtocolError):
            read(wrapped)
    with suppress(HomelabError):
        result_of(wrapped)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40) | st.sampled_from([f for f in GARBAGE if type(f) is str]))
def test_any_text_is_a_message_or_refused(text: str) -> None:
    for read in (decode, decode_large):
        try:
            assert isinstance(read(text), dict)
        except ProtocolError:
            continue


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    for read in (websocket_url, ui_url):
        try:
            assert "://" in read(text)
        except ValueError:
            continue
