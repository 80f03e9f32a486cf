"""How long to wait before a lost connection is tried again."""

from collections.abc import Callable, Iterator
from itertools import count
import random


def delays(
    first: float,
    longest: float,
    *,
    quick: int = 0,
    chance: Callable[[], float] = random.random,
) -> Iterator[float]:
    """Yield the delay before each try in seconds: twice the last one, up to `longest`.

    quick: how many more tries are made with the first delay before it grows.
    chance: a number from 0 to 1. Each delay is a fifth longer or shorter by it: a
        hundred clients of what was restarted shall not come back in one moment.
    """
    delay = first
    for number in count():
        yield delay * (0.8 + 0.4 * chance())
        if number >= quick:
            delay = min(delay * 2, longest)
