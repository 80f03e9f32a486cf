"""When a storage will be full."""

from datetime import UTC, datetime, timedelta

from custom_components.proxmox_homelab.proxmox.forecast import Forecast
from custom_components.proxmox_homelab.proxmox.models import Storage

START = datetime(2026, 11, 1, tzinfo=UTC)
GIB = 1024**3


def _fill(forecast: Forecast, hours: int, first: int, per_hour: int) -> None:
    for hour in range(hours + 1):
        storage = Storage(
            name="local", node="pve", used=first + hour * per_hour, total=1000 * GIB
        )
        forecast.note({"storage/pve/local": storage}, START + timedelta(hours=hour))


def test_a_steady_growth_is_continued() -> None:
    forecast = Forecast()
    _fill(forecast, 24, 400 * GIB, GIB)
    assert forecast.days_until_full("storage/pve/local") == 24.0


def test_a_short_span_is_no_trend() -> None:
    forecast = Forecast()
    _fill(forecast, 5, 400 * GIB, 50 * GIB)
    assert forecast.days_until_full("storage/pve/local") is None


def test_a_storage_that_shrinks_will_not_be_full() -> None:
    forecast = Forecast()
    _fill(forecast, 24, 400 * GIB, -GIB)
    assert forecast.days_until_full("storage/pve/local") is None


def test_what_is_years_ahead_is_not_told() -> None:
    forecast = Forecast()
    _fill(forecast, 24, 400 * GIB, GIB // 100)
    assert forecast.days_until_full("storage/pve/local") is None


def test_unknown_sizes_are_no_samples() -> None:
    forecast = Forecast()
    forecast.note({"storage/x": Storage(name="x", node=None)}, START)
    assert forecast.days_until_full("storage/x") is None


def test_samples_are_an_hour_apart_and_a_week_back() -> None:
    forecast = Forecast()
    for minute in range(0, 60 * 24 * 10, 20):
        storage = Storage(name="a", node="b", used=minute * GIB // 60, total=1000 * GIB)
        forecast.note({"storage/b/a": storage}, START + timedelta(minutes=minute))
    # 1 GiB an hour: the last sample is at 239 of 1,000 GiB.
    assert forecast.days_until_full("storage/b/a") == round((1000 - 239) / 24, 1)
