"""What is made of single values out of JSON, whoever sent them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from custom_components.proxmox_homelab import values
from custom_components.proxmox_homelab.errors import ProtocolError

NEITHER: list[Any] = [None, "", "1", [], {}, [1], float("nan"), float("inf"), 2**60]
READERS = [values.boolean, values.number, values.integer, values.count, values.instant]
INSTANT = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (values.text, " a ", "a"),
        (values.boolean, False, False),
        (values.number, 1.5, 1.5),
        (values.number, -3, -3),
        (values.integer, -3.7, -3),
        (values.count, 0, 0),
        (values.count, 7.0, 7),
        (values.mapping, {"a": 1}, {"a": 1}),
        (values.objects, [{"a": 1}, None, 2, {}], [{"a": 1}, {}]),
        (values.instant, 1_700_000_000_000, INSTANT),
        (values.timestamp, 1_700_000_000, INSTANT),
    ],
)
def test_a_value_of_the_right_type_is_read(
    read: Callable[[Any], Any], value: Any, expected: Any
) -> None:
    assert read(value) == expected


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("value", NEITHER)
def test_a_value_of_another_type_is_unknown(
    read: Callable[[Any], Any], value: Any
) -> None:
    assert read(value) is None


@pytest.mark.parametrize("value", [None, "", " ", 1, True, [], {}])
def test_only_a_text_is_a_text(value: Any) -> None:
    assert values.text(value) is None


@pytest.mark.parametrize("read", [values.number, values.integer, values.count])
def test_a_yes_is_no_number(read: Callable[[Any], Any]) -> None:
    assert read(True) is None


@pytest.mark.parametrize("value", [-1, -0.5, -(2**60)])
def test_nothing_is_counted_below_nought(value: float) -> None:
    assert values.count(value) is None


@pytest.mark.parametrize("seconds", [0, -1, 1e18, float("nan"), float("inf")])
def test_nonsense_is_no_time(seconds: float) -> None:
    assert values.timestamp(seconds) is None


@pytest.mark.parametrize("value", [None, [], "a", 1])
def test_what_must_be_an_object_is_an_error_otherwise(value: Any) -> None:
    assert values.mapping(value) == {}
    with pytest.raises(ProtocolError, match="state: an object was expected"):
        values.required_mapping(value, "state")


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff", "{" * 100_000, b"NaN"])
def test_what_is_no_json_is_an_error(payload: bytes | str) -> None:
    with pytest.raises(ProtocolError, match="state: no JSON"):
        values.load_json(payload, "state")
