"""Two equal models of three classes, looked at day by day: few comparisons may ever say that they differ."""

import numpy as np
import pytest

from podium.measures.performance import compare
from podium.measures.performance.multiclass import named

DAYS, DAY_ROWS, RUNS = 12, 100, 100
Chances = np.ndarray[tuple[int, int], np.dtype[np.float64]]


def pair(
    random: np.random.Generator, worse: float = 1.0
) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], Chances, Chances]:
    """Rows' classes, and what two models say of them: the same truth, each with an error of its own."""
    sums = random.normal(0.0, 1.5, (DAYS * DAY_ROWS, 3))
    truth = (sums + random.gumbel(0.0, 1.0, sums.shape)).argmax(axis=1).astype(np.float64)
    one, two = (_shares(sums + random.normal(0.0, size, sums.shape)) for size in (1.0, worse))
    return truth, one, two


def _shares(sums: Chances) -> Chances:
    each = np.exp(sums)
    return np.asarray(each / each.sum(axis=1, keepdims=True))


def verdicts(name: str, random: np.random.Generator, worse: float = 1.0) -> set[str]:
    """What any day's look says of the second."""
    truth, one, two = pair(random, worse)
    said = set()
    for day in range(1, DAYS + 1):
        end = day * DAY_ROWS
        found = compare.compare(
            named.find(name),
            truth[:end],
            compare.Scored(one[:end]),
            compare.Scored(two[:end]),
            anytime_rows=5 * DAY_ROWS,
        )
        assert found is not None
        if found.improvement.low > 0.0:
            said.add("better")
        elif found.improvement.high < 0.0:
            said.add("worse")
    return said


@pytest.mark.parametrize("name", named.MEASURES)
def test_looking_every_day_finds_no_difference_that_is_not_there(name: str) -> None:
    random = np.random.default_rng(11)
    assert sum(bool(verdicts(name, random)) for _ in range(RUNS)) <= 0.05 * RUNS


@pytest.mark.parametrize("name", named.MEASURES)
def test_a_true_difference_is_found(name: str) -> None:
    random = np.random.default_rng(12)
    found = [verdicts(name, random, worse=3.0) for _ in range(20)]
    assert found == [{"worse"}] * 20
