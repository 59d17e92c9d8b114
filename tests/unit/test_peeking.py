"""Two equal models, looked at every day for a month: at most one comparison in twenty may ever say that they differ."""

import numpy as np
import pytest

from podium.core import run
from podium.measures.performance import compare, interval

DAYS, DAY_ROWS = 30, 200
RUNS = 1000


def losses(random: np.random.Generator, rows: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Skewed, as the losses of probabilities are."""
    return random.exponential(0.4, rows)


def ever(found: list[run.Interval | None]) -> bool:
    return any(each is not None and not each.low <= 0.0 <= each.high for each in found)


def paired(random: np.random.Generator, *, anytime: bool) -> bool:
    """Whether any day's look at the same rows finds a difference."""
    shared = losses(random, DAYS * DAY_ROWS)
    one, two = (shared + losses(random, shared.size) for _ in range(2))
    tuned = 5 * DAY_ROWS if anytime else None
    ends = [day * DAY_ROWS for day in range(1, DAYS + 1)]
    return ever([compare.losses(one[:end], two[:end], anytime_rows=tuned) for end in ends])


def apart(random: np.random.Generator, *, anytime: bool) -> bool:
    """The same where each row falls to one of the two, to the second with one chance in five."""
    every, second = losses(random, DAYS * DAY_ROWS), random.random(DAYS * DAY_ROWS) < 0.2
    found: list[run.Interval | None] = []
    for day in range(1, DAYS + 1):
        end = day * DAY_ROWS
        one, two = (interval.mean(every[:end][second[:end] == arm]) for arm in (False, True))
        if one is not None and two is not None:
            found.append(compare.apart(one, two, anytime_rows=5 * DAY_ROWS if anytime else None))
    return ever(found)


@pytest.mark.parametrize("look", [paired, apart])
def test_looking_every_day_finds_no_difference_that_is_not_there(look: object) -> None:
    assert callable(look)
    random = np.random.default_rng(11)
    wrong = sum(look(random, anytime=True) for _ in range(RUNS))
    assert wrong <= 0.05 * RUNS


@pytest.mark.parametrize("look", [paired, apart])
def test_fixed_size_intervals_would_find_many(look: object) -> None:
    assert callable(look)
    random = np.random.default_rng(11)
    assert sum(look(random, anytime=False) for _ in range(100)) > 15


def test_a_true_difference_is_found() -> None:
    random = np.random.default_rng(12)
    found = 0
    for _ in range(50):
        one, two = interval.mean(losses(random, 4800)), interval.mean(losses(random, 1200) * 0.8)
        assert one is not None
        assert two is not None
        found += compare.apart(one, two, anytime_rows=1000).low > 0
    assert found >= 48
