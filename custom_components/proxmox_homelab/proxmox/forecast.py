"""When a storage will be full, if it goes on filling as it does."""

from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta

from .models import Storage

_SAMPLE_EVERY = timedelta(hours=1)
_LOOK_BACK = 7 * 24
# Below this span a single large file would look like a trend.
_MINIMUM_SPAN = timedelta(hours=6)
# Further ahead than this nobody plans, and the figure says nothing.
_FURTHEST_DAYS = 365


class Forecast:
    """Hourly samples of the last week for each storage, kept in memory only."""

    def __init__(self) -> None:
        """Start without any sample."""
        self._samples: dict[str, deque[tuple[datetime, int]]] = {}
        self._totals: dict[str, int] = {}

    def note(self, storages: Mapping[str, Storage], now: datetime) -> None:
        """Take a sample of each storage, once an hour at most."""
        for key, storage in storages.items():
            if storage.used is None or not storage.total:
                continue
            samples = self._samples.setdefault(key, deque(maxlen=_LOOK_BACK))
            self._totals[key] = storage.total
            if not samples or now - samples[-1][0] >= _SAMPLE_EVERY:
                samples.append((now, storage.used))

    def days_until_full(self, key: str) -> float | None:
        """Return the days until the storage is full, None if that is not in sight."""
        samples = self._samples.get(key)
        if not samples:
            return None
        (first_at, first), (last_at, last) = samples[0], samples[-1]
        span = last_at - first_at
        if span < _MINIMUM_SPAN or last <= first:
            return None
        per_day = (last - first) / (span / timedelta(days=1))
        days = (self._totals[key] - last) / per_day
        return round(days, 1) if days <= _FURTHEST_DAYS else None
