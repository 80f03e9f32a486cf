"""What is understood as an address, whatever answers there."""

import pytest

from custom_components.proxmox_homelab.address import (
    address_text,
    is_host,
    parse_typed,
    url_host,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("broker", ("", "broker", None, "")),
        (" Broker.Lan:1883 ", ("", "broker.lan", 1883, "")),
        ("FD00::5", ("", "fd00::5", None, "")),
        ("[fd00::5]:80", ("", "fd00::5", 80, "")),
        ("WS://host:3000", ("ws", "host", 3000, "")),
        ("https://host/a%20b/?c=d#e", ("https", "host", None, "/a b/")),
    ],
)
def test_what_was_typed_is_taken_apart(
    text: str, expected: tuple[str, str, int | None, str]
) -> None:
    typed = parse_typed(text)
    assert (typed.scheme, typed.host, typed.port, typed.path) == expected
    assert not typed.has_login


@pytest.mark.parametrize("text", ["root@pve", "https://user:secret@pve:8006/"])
def test_a_login_is_noticed_and_left_out(text: str) -> None:
    typed = parse_typed(text)
    assert (typed.host, typed.has_login) == ("pve", True)
    assert "secret" not in repr(typed)


def test_only_allowed_schemes_are_taken() -> None:
    assert parse_typed("ws://host", ("ws", "wss")).scheme == "ws"
    assert parse_typed("host", ("ws", "wss")).host == "host"
    with pytest.raises(ValueError, match="something else"):
        parse_typed("mqtt://host", ("ws", "wss"))


@pytest.mark.parametrize("text", ["broker", "core-mosquitto", "my_nas.lan.", "::1"])
def test_a_host_alone_is_one(text: str) -> None:
    assert is_host(text)


@pytest.mark.parametrize(
    "text", ["", " ", "http://broker", "broker:1883", "a@b", "a b", "10.0.0", "[::1]"]
)
def test_more_or_less_than_a_host_is_none(text: str) -> None:
    assert not is_host(text)


def test_an_address_can_be_typed_again() -> None:
    assert address_text("pve", 8006, 8006) == "pve"
    assert address_text("fd00::5", 80, 80) == "[fd00::5]"
    assert address_text("fd00::5", 81, 80) == "[fd00::5]:81"
    assert url_host("10.0.0.5") == "10.0.0.5"
