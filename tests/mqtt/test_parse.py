"""What a bridge publishes becomes models, and nonsense becomes nothing worse."""

from datetime import UTC, datetime, timedelta
import json
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.proxmox_homelab.errors import ProtocolError
from custom_components.proxmox_homelab.mqtt import parse
from custom_components.proxmox_homelab.mqtt.models import DeviceType

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)

# As Zigbee2MQTT 2.14.1 publishes it, the schema of its configuration left out.
INFO: dict[str, Any] = {
    "version": "2.14.1",
    "commit": "3c3d8c1a",
    "coordinator": {
        "ieee_address": "0x00124b0025fa0001",
        "type": "ZStack3x0",
        "meta": {"maintrel": 1, "majorrel": 2, "minorrel": 7, "revision": 20240710},
    },
    "network": {
        "channel": 15,
        "extended_pan_id": "0xdddddddddddddd01",
        "pan_id": 6754,
    },
    "log_level": "info",
    "permit_join": True,
    "permit_join_end": 1795198659483,
    "restart_required": False,
    "zigbee_herdsman": {"version": "10.9.2"},
    "config": {
        "availability": {"enabled": True},
        "frontend": {"enabled": True, "host": "10.12.0.110", "port": 8080},
        "serial": {"adapter": "zstack", "port": "/dev/serial/by-id/usb-ITead"},
    },
}


def info(**changes: Any) -> bytes:
    return json.dumps({**INFO, **changes}).encode()


def config(**changes: Any) -> bytes:
    return info(config={**INFO["config"], **changes})


@pytest.mark.parametrize(
    ("payload", "online"),
    [
        (b'{"state":"online"}', True),
        (b'{"state":"offline"}', False),
        (b"online", True),
        (b"offline", False),
        (b"", None),
        (b"{}", None),
        (b'{"state":', None),
        (b'{"state":7}', None),
        (b"on", None),
        (b"\xff\xfe", None),
    ],
)
def test_a_state_is_json_or_the_plain_text_of_old_versions(
    payload: bytes, online: bool | None
) -> None:
    assert parse.parse_online(payload) is online


def test_the_information_of_a_bridge() -> None:
    found = parse.parse_info(info())
    assert found is not None
    assert found.version == "2.14.1"
    assert found.coordinator_type == "ZStack3x0"
    assert found.ieee_address == "0x00124b0025fa0001"
    assert found.firmware == "20240710"
    assert (found.channel, found.pan_id) == (15, 6754)
    assert found.permit_join is True
    assert found.permit_join_end == datetime.fromtimestamp(1795198659.483, UTC)
    assert found.serial_port == "/dev/serial/by-id/usb-ITead"
    assert found.frontend_url == "http://10.12.0.110:8080/"
    assert found.availability is True


def test_a_closed_network_has_no_end() -> None:
    found = parse.parse_info(info(permit_join=False))
    assert found is not None
    assert found.permit_join_end is None


@pytest.mark.parametrize(
    ("frontend", "url"),
    [
        ({"url": "https://z2m.example.org"}, "https://z2m.example.org"),
        (
            {"host": "10.0.0.5", "port": 80, "base_url": "/z2m/"},
            "http://10.0.0.5:80/z2m/",
        ),
        ({"host": "10.0.0.5", "port": 443, "ssl_cert": "/c"}, "https://10.0.0.5:443/"),
        ({"host": "fd00::5", "port": 80}, "http://[fd00::5]:80/"),
        ({"host": "0.0.0.0", "port": 8080}, None),  # noqa: S104 - a configuration
        ({"host": "127.0.0.1", "port": 8080}, None),
        ({"host": "/run/z2m.sock", "port": 8080}, None),
        ({"port": 8080}, None),
        ({"enabled": False, "url": "https://z2m.example.org"}, None),
        ({"url": "javascript:alert(1)"}, None),
        ("true", None),
    ],
)
def test_the_page_is_known_when_the_configuration_tells_where_it_is(
    frontend: Any, url: str | None
) -> None:
    found = parse.parse_info(config(frontend=frontend))
    assert found is not None
    assert found.frontend_url == url


@pytest.mark.parametrize(
    ("availability", "watched"),
    [
        (True, True),
        ({}, True),
        ({"enabled": False}, False),
        (False, False),
        (None, False),
    ],
)
def test_whether_devices_are_watched(availability: Any, watched: bool) -> None:
    found = parse.parse_info(config(availability=availability))
    assert found is not None
    assert found.availability is watched


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b"[]", b"null", b'{"coordinator":{}}', b'{"coordinator":1}']
)
def test_the_information_of_somebody_else_is_none(payload: bytes) -> None:
    assert parse.parse_info(payload) is None


@pytest.mark.parametrize("revision", [None, [], {}, ""])
def test_a_firmware_that_is_not_told(revision: Any) -> None:
    coordinator = {"type": "EZSP", "meta": {"revision": revision}}
    found = parse.parse_info(info(coordinator=coordinator))
    assert found is not None
    assert found.firmware is None


def test_a_firmware_in_words() -> None:
    coordinator = {"type": "EmberZNet", "meta": {"revision": "8.0.2 [GA]"}}
    found = parse.parse_info(info(coordinator=coordinator))
    assert found is not None
    assert found.firmware == "8.0.2 [GA]"


def test_the_devices_come_without_the_coordinator() -> None:
    found = parse.parse_devices(
        json.dumps(
            [
                {"ieee_address": "0x1", "type": "Coordinator", "friendly_name": "C"},
                {"ieee_address": "0x2", "type": "Router", "friendly_name": "Stue/lys"},
                {"ieee_address": "0x3", "type": "EndDevice", "disabled": True},
                {"ieee_address": "0x4", "type": "GreenPower"},
                {"type": "Router"},
                "nonsense",
            ]
        ).encode()
    )
    assert found is not None
    assert [device.name for device in found] == ["Stue/lys", "0x3", "0x4"]
    assert [device.type for device in found] == [
        DeviceType.ROUTER,
        DeviceType.END_DEVICE,
        DeviceType.UNKNOWN,
    ]
    assert [device.disabled for device in found] == [False, True, False]


def test_a_deleted_list_of_devices_is_unknown() -> None:
    assert parse.parse_devices(b"") is None
    assert parse.parse_devices(b"[]") == ()


def test_a_report_of_health() -> None:
    found = parse.parse_health(
        b'{"response_time":1795197171708,"devices":{'
        b'"0x1":{"messages":14,"messages_per_sec":0.5},'
        b'"0x2":{"messages":6,"messages_per_sec":0.25},"0x3":{}}}'
    )
    assert found is not None
    assert found.total == 20
    assert found.per_second == pytest.approx(0.75)
    assert found.at == datetime.fromtimestamp(1795197171.708, UTC)


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"response_time":"x"}'])
def test_a_report_without_a_time_is_none(payload: bytes) -> None:
    assert parse.parse_health(payload) is None


def test_answers() -> None:
    found = parse.parse_response(b'{"data":{"a":1},"status":"ok","transaction":"t"}')
    assert (found.data, found.error, found.transaction) == ({"a": 1}, None, "t")
    found = parse.parse_response(b'{"data":{},"status":"error","error":"no"}')
    assert (found.error, found.transaction) == ("no", None)
    assert parse.parse_response(b'{"status":"error"}').error == "unknown error"


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b'{"status":"x"}', b"{}"])
def test_what_is_no_answer(payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse.parse_response(payload)


def test_missing_routers_by_name() -> None:
    rows = [
        {"friendly_name": "b", "ieee_address": "0x2"},
        {"ieee_address": "0x1"},
        {},
        7,
    ]
    assert parse.parse_missing_routers({"missing_routers": rows}) == ("0x1", "b")
    assert parse.parse_missing_routers({}) is None


@pytest.mark.parametrize(
    ("payload", "seconds"),
    [
        (b"507 seconds", 507),
        (b"1 days, 3 hours, 2 minutes, 31 seconds", 86400 + 3 * 3600 + 151),
        (b"1 second", 1),
        (b"0 seconds", 0),
    ],
)
def test_uptimes_of_brokers(payload: bytes, seconds: int) -> None:
    assert parse.parse_started_at(payload, NOW) == NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize("payload", [b"", b"soon", b"12", b"999999999 days", b"\xff"])
def test_an_uptime_that_cannot_be(payload: bytes) -> None:
    assert parse.parse_started_at(payload, NOW) is None


def test_counts_and_versions_of_brokers() -> None:
    assert parse.parse_count(b" 12 ") == 12
    assert parse.parse_count(b"") is None
    assert parse.parse_count(b"-1") is None
    assert parse.parse_count(b"twelve") is None
    assert (
        parse.parse_version(b"mosquitto version 2.0.11") == "mosquitto version 2.0.11"
    )
    assert parse.parse_version(b" ") is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "state",
                    "coordinator",
                    "zigbee_herdsman",
                    "config",
                    "meta",
                    "revision",
                    "permit_join",
                    "permit_join_end",
                    "frontend",
                    "serial",
                    "network",
                    "devices",
                    "messages",
                    "response_time",
                    "ieee_address",
                    "type",
                    "status",
                    "data",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)
PARSERS = (
    parse.parse_online,
    parse.parse_info,
    parse.parse_devices,
    parse.parse_health,
    parse.parse_response,
    parse.parse_count,
    parse.parse_version,
)


@given(JSON)
def test_no_json_upsets_a_parser(value: Any) -> None:
    payload = json.dumps(value).encode()
    for parser in PARSERS:
        try:
            parser(payload)
        except ProtocolError:
            continue


@given(st.binary(max_size=64))
def test_no_bytes_upset_a_parser(payload: bytes) -> None:
    for parser in PARSERS:
        try:
            parser(payload)
        except ProtocolError:
            continue
    parse.parse_started_at(payload, NOW)
