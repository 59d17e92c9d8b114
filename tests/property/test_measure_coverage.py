"""Known-truth simulations: how often the 95 % interval of each measure holds the truth."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy
import pytest

from podium.core import project, run
from podium.measures.performance import by_name, recalibration
from podium.measures.performance.multiclass import accuracy, brier, f1, log_loss
from podium.measures.performance.multiclass import auc as areas

COSTS = project.CostsPart(false_positive=2.0, false_negative=7.0, true_positive=-1.0)
Draw = Callable[[numpy.random.Generator, int], tuple[Any, Any]]
Between = Callable[[Any, Any], run.Interval | None]


class Case(NamedTuple):
    """A world to draw rows from, the interval to try, and on how many rows."""

    draw: Draw
    between: Between
    rows: int


def overconfident(random: numpy.random.Generator, count: int) -> tuple[Any, Any]:
    """Three in ten positive; scores that rank well and are too extreme."""
    signal = random.normal(-1.0, 1.2, count)
    target = random.random(count) < 1.0 / (1.0 + numpy.exp(-signal))
    return target.astype(float), 1.0 / (1.0 + numpy.exp(-1.6 * signal))


def calibrated(random: numpy.random.Generator, count: int) -> tuple[Any, Any]:
    signal = random.normal(-1.0, 1.2, count)
    score = 1.0 / (1.0 + numpy.exp(-signal))
    return (random.random(count) < score).astype(float), score


def growing(random: numpy.random.Generator, count: int) -> tuple[Any, Any]:
    """Positive numbers, errors that grow with them."""
    score = numpy.exp(random.normal(1.0, 0.4, count))
    return score * (1.0 + 0.2 * random.normal(size=count)), score


def four_classes(random: numpy.random.Generator, count: int) -> tuple[Any, Any]:
    raw = random.normal(size=(count, 4)) * 1.5 + numpy.array([1.0, 0.5, 0.0, -0.5])
    score = numpy.exp(raw) / numpy.exp(raw).sum(axis=1, keepdims=True)
    drawn = random.random((count, 1)) > numpy.cumsum(score, axis=1)
    return drawn.sum(axis=1).clip(0, 3), score


def named(name: str) -> Between:
    measure = by_name.find(name, COSTS)
    return lambda target, score: measure.interval(target, score, 0.4)


def slope(target: Any, score: Any) -> run.Interval | None:
    found = recalibration.recalibration(target, score)
    return None if found is None else found.slope


def intercept(target: Any, score: Any) -> run.Interval | None:
    found = recalibration.recalibration(target, score)
    return None if found is None else found.intercept


BINARY = ("auc", "average_precision", "log_loss", "brier", "accuracy", "precision", "recall", "f1", "cost_per_row")
CASES = {
    **{name: Case(overconfident, named(name), 500) for name in BINARY},
    "ece": Case(overconfident, named("ece"), 2000),
    "intercept": Case(overconfident, intercept, 500),
    "slope": Case(overconfident, slope, 500),
    **{name: Case(growing, named(name), 500) for name in ("mae", "rmse", "mape", "pinball_90", "r2")},
    "accuracy of four": Case(four_classes, accuracy.accuracy, 500),
    "log_loss of four": Case(four_classes, log_loss.log_loss, 500),
    "brier of four": Case(four_classes, brier.brier, 500),
    "macro_f1": Case(four_classes, f1.macro_f1, 500),
    "macro_auc": Case(four_classes, areas.macro_auc, 500),
}
RESAMPLED = ("average_precision", "r2")


def true_value(case: Case, random: numpy.random.Generator) -> float:
    """On two million rows (of four classes: 400,000)."""
    target, score = case.draw(random, 400_000 if case.draw is four_classes else 2_000_000)
    name = next(name for name, each in CASES.items() if each is case)
    if name in RESAMPLED:
        value = by_name.find(name).value(target, score)
        assert value is not None
        return value
    found = case.between(target, score)
    assert found is not None
    return found.value


def coverage(case: Case, times: int, seed: int = 5) -> float:
    """The share of `times` intervals that hold the true value."""
    random = numpy.random.default_rng(seed)
    truth = true_value(case, random)
    hits = 0
    for _ in range(times):
        found = case.between(*case.draw(random, case.rows))
        assert found is not None
        hits += found.low <= truth <= found.high
    return hits / times


@pytest.mark.parametrize("name", [name for name in CASES if name not in RESAMPLED])
def test_intervals_hold_the_truth(name: str) -> None:
    """A short look: 200 draws, of which 95 % give or take 3.6 standard errors."""
    assert coverage(CASES[name], 200) == pytest.approx(0.95, abs=3.6 * math.sqrt(0.95 * 0.05 / 200))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", CASES)
def test_intervals_hold_the_truth_at_length(name: str) -> None:
    assert 0.93 <= coverage(CASES[name], 2000) <= 0.97


def test_a_calibrated_model_is_told_as_such() -> None:
    """Where there is nothing to find, the low end of the calibration error is 0 about 95 % of the time."""
    random, hits = numpy.random.default_rng(3), 0
    for _ in range(400):
        found = named("ece")(*calibrated(random, 1000))
        assert found is not None
        hits += found.low == 0.0
    assert 0.93 <= hits / 400 <= 0.985
