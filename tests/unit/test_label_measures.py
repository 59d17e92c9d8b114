"""Late and selective labels: the maturity curve against SciPy and in a known world; selection."""

import math

import numpy
import pytest
import scipy.stats

from podium.core.errors import Invalid
from podium.measures import rows
from podium.measures.labels import maturity, selection


def drawn(random: numpy.random.Generator, count: int) -> tuple[rows.Numbers, rows.Numbers]:
    """Rows made over 30 days; nine in ten outcomes come after about 5 days, the others never."""
    age = random.uniform(0.0, 30.0, count)
    delay = numpy.where(random.random(count) < 0.9, random.exponential(5.0, count), math.inf)
    return numpy.where(delay <= age, delay, math.nan), age


def test_the_curve_is_scipys() -> None:
    delay, age = drawn(numpy.random.default_rng(1), 400)
    known = ~numpy.isnan(delay)
    data = scipy.stats.CensoredData.right_censored(numpy.where(known, delay, age), ~known)
    theirs = scipy.stats.ecdf(data)
    bounds = theirs.cdf.confidence_interval(method="log-log")
    at = [1.0, 3.0, 7.0, 20.0]
    for point in maturity.curve(delay, age, at):
        assert point.share.value == pytest.approx(float(theirs.cdf.evaluate(point.age)), abs=1e-12)
        assert point.share.low == pytest.approx(float(bounds.low.evaluate(point.age)), abs=1e-9)
        assert point.share.high == pytest.approx(float(bounds.high.evaluate(point.age)), abs=1e-9)


def test_young_rows_do_not_lower_the_curve() -> None:
    """The plain share of rows with an outcome says 0.6; the truth at 20 days is 0.9 · (1 − e⁻⁴)."""
    random, hits = numpy.random.default_rng(2), 0
    truth = 0.9 * (1.0 - math.exp(-4.0))
    for _ in range(300):
        (point,) = maturity.curve(*drawn(random, 500), [20.0])
        hits += point.share.low <= truth <= point.share.high
    assert 0.92 <= hits / 300 <= 0.98


def test_edges_of_maturity() -> None:
    assert maturity.curve([], [], [1.0]) == ()
    (before, after) = maturity.curve([2.0, 2.0], [9.0, 9.0], [1.0, 2.0])
    assert (before.share.value, after.share.value) == (0.0, 1.0)
    assert maturity.curve([math.nan], [3.0], [4.0]) == ()
    for delay, age in (([5.0], [3.0]), ([-1.0], [3.0]), ([math.nan], [-1.0]), ([1.0], [3.0, 4.0])):
        with pytest.raises(Invalid):
            maturity.curve(delay, age, [1.0])


def test_selective_labels_are_flagged_and_others_are_not() -> None:
    random = numpy.random.default_rng(3)
    score = random.random(3000)
    fair = selection.by_score(random.random(3000) < 0.6, score)
    assert not fair.selective
    loans = selection.by_score(random.random(3000) < numpy.where(score < 0.3, 1.0, 0.4), score)
    assert loans.selective
    assert loans.shares.highest == "low scores"
    assert selection.by_group(score < 0.5, numpy.where(score < 0.5, "granted", "refused")).selective
    assert not selection.by_score([], []).selective
    with pytest.raises(Invalid):
        selection.by_score([True], [0.5], limit=2.0)
    with pytest.raises(Invalid):
        selection.by_group([True], ["a", "b"])
