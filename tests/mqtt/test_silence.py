"""Silence is told from a quiet house by what is usual there."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.proxmox_homelab.mqtt.models import Health
from custom_components.proxmox_homelab.mqtt.silence import Traffic

START = datetime(2026, 11, 25, 12, tzinfo=UTC)


def report(minutes: float, *counts: int, per_second: float = 0.1) -> Health:
    return Health(
        at=START + timedelta(minutes=minutes),
        messages={f"0x{number}": count for number, count in enumerate(counts)},
        per_second=per_second,
    )


def test_the_first_report_says_the_mean_and_not_when() -> None:
    traffic = Traffic()
    traffic.note(report(0, 100, per_second=0.25))
    assert traffic.per_minute == 15
    assert traffic.last_message_at is None
    assert traffic.silent is None


def test_the_next_report_says_what_came_in_between() -> None:
    traffic = Traffic()
    traffic.note(report(0, 100, 50))
    traffic.note(report(10, 120, 60))
    assert traffic.per_minute == 3
    assert traffic.last_message_at == START + timedelta(minutes=10)
    assert traffic.silent is False


def test_a_report_that_comes_again_says_nothing() -> None:
    traffic = Traffic()
    traffic.note(report(0, 100))
    traffic.note(report(10, 160))
    traffic.note(report(10, 160))
    traffic.note(report(5, 130))
    traffic.note(report(20, 170))
    assert traffic.per_minute == 1
    assert traffic.silent is False


def test_counters_that_begin_anew() -> None:
    traffic = Traffic()
    traffic.note(report(0, 1000))
    traffic.note(report(10, 30))
    assert traffic.per_minute == 3


def test_a_busy_network_that_falls_silent_is_noticed_with_the_second_report() -> None:
    traffic = Traffic()
    traffic.note(report(0, 100, per_second=0.1))
    traffic.note(report(10, 160, per_second=0.1))
    traffic.note(report(20, 160, per_second=0.1))
    assert traffic.silent is False
    assert traffic.per_minute == 0
    traffic.note(report(30, 160, per_second=0.1))
    assert traffic.silent is True
    assert traffic.last_message_at == START + timedelta(minutes=10)


def test_a_quiet_house_is_given_time() -> None:
    traffic = Traffic()
    # One message in five minutes: ten are due after fifty.
    traffic.note(report(0, 100, per_second=1 / 300))
    traffic.note(report(10, 102, per_second=1 / 300))
    for minutes in (20, 30, 40, 50):
        traffic.note(report(minutes, 102, per_second=1 / 300))
    assert traffic.silent is False
    traffic.note(report(60, 102, per_second=1 / 300))
    assert traffic.silent is True


def test_a_network_without_messages_is_never_judged() -> None:
    traffic = Traffic()
    for minutes in range(0, 600, 10):
        traffic.note(report(minutes, per_second=0.0))
    assert traffic.silent is None


def test_it_speaks_again() -> None:
    traffic = Traffic()
    for minutes, count in ((0, 100), (10, 160), (20, 160), (30, 160), (40, 161)):
        traffic.note(report(minutes, count))
    assert traffic.silent is False


@given(st.lists(st.tuples(st.floats(0, 1e4), st.integers(0, 10**6), st.floats(0, 50))))
def test_no_series_of_reports_makes_a_rate_negative(
    series: list[tuple[float, int, float]],
) -> None:
    traffic = Traffic()
    for minutes, count, rate in series:
        traffic.note(report(minutes, count, per_second=rate))
        assert traffic.per_minute is not None
        assert traffic.per_minute >= 0


@pytest.mark.parametrize("gap", [10, 20])
def test_silence_needs_two_reports(gap: int) -> None:
    traffic = Traffic()
    traffic.note(report(0, 100, per_second=5))
    traffic.note(report(gap, 100, per_second=5))
    assert traffic.silent is None
