"""Means over rows that belong together: against statsmodels' formula by hand, and in known worlds."""

import math

import numpy
import pytest
import scipy.stats

from podium.core import run
from podium.core.errors import Invalid
from podium.measures.value import together

DAYS, A_DAY = 7, 60


def days(random: numpy.random.Generator, spread: float) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Seven days of sixty decisions; a whole day goes well or badly by `spread` deviations."""
    day = numpy.repeat(numpy.arange(DAYS), A_DAY)
    return random.normal(size=DAYS)[day] * spread + random.normal(size=day.size), day


def test_the_error_is_that_of_the_groups() -> None:
    values, day = days(numpy.random.default_rng(3), 1.0)
    found = together.mean(values, day)
    sums = [float((values[day == each] - values.mean()).sum()) for each in range(DAYS)]
    error = math.sqrt(DAYS / (DAYS - 1) * sum(each**2 for each in sums)) / values.size
    assert found is not None
    assert found.high - found.value == pytest.approx(scipy.stats.t.ppf(0.975, DAYS - 1) * error)


@pytest.mark.parametrize("spread", [0.0, 0.3, 1.0])
def test_intervals_hold_the_truth_whether_days_differ_or_not(spread: float) -> None:
    random, held, naive = numpy.random.default_rng(4), 0, 0
    for _ in range(1_000):
        values, day = days(random, spread)
        one, other = together.mean(values, day), together.mean(values, None)
        assert one is not None
        assert other is not None
        held += one.low <= 0.0 <= one.high
        naive += other.low <= 0.0 <= other.high
    assert 0.93 <= held / 1_000 <= 0.97
    if spread == 1.0:
        assert naive / 1_000 < 0.5  # what rows by themselves would have promised


def test_days_that_move_both_sides_alike_cancel() -> None:
    random, held, wide = numpy.random.default_rng(5), 0, 0.0
    for _ in range(1_000):
        day = numpy.repeat(numpy.arange(DAYS), A_DAY)
        weather = random.normal(size=DAYS)[day]
        own = random.random(day.size) < 0.8
        values = weather + random.normal(size=day.size)
        found = together.apart((values[own] + 0.5, day[own]), (values[~own], day[~own]))
        assert found is not None
        wide += found.high - found.low
        held += found.low <= 0.5 <= found.high
    assert wide / 1_000 < 1.0  # the weather of seven days, counted on both sides, would make it 2.6
    assert 0.925 <= held / 1_000 <= 0.975


def test_few_groups_are_rows() -> None:
    found = together.mean([1.0, 2.0, 3.0, 4.0], [0, 0, 1, 1])
    assert found == together.mean([1.0, 2.0, 3.0, 4.0], None)
    assert isinstance(found, run.Interval)
    assert together.mean([1.0], [0]) is None
    assert together.apart(([1.0], None), ([1.0, 2.0], None)) is None


def test_groups_of_another_length_are_refused() -> None:
    with pytest.raises(Invalid):
        together.mean([1.0, 2.0], [1])
