"""How the tries to come back are spread."""

from itertools import islice

import pytest

from custom_components.proxmox_homelab.backoff import delays


def test_delays_grow_up_to_a_limit() -> None:
    waited = list(islice(delays(1, 60, chance=lambda: 0.5), 9))
    assert waited == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_delays_begin_to_grow_after_the_quick_ones() -> None:
    waited = list(islice(delays(0.5, 3, quick=2, chance=lambda: 0.5), 7))
    assert waited == [0.5, 0.5, 0.5, 1, 2, 3, 3]


def test_a_delay_is_a_fifth_longer_or_shorter_by_chance() -> None:
    assert next(delays(10, 60, chance=lambda: 0.0)) == pytest.approx(8)
    assert next(delays(10, 60, chance=lambda: 1.0)) == pytest.approx(12)
    waited = list(islice(delays(10, 10), 20))
    assert all(8 <= delay <= 12 for delay in waited)
    assert len(set(waited)) > 1
