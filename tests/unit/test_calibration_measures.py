"""Calibration, percentage and quantile errors, and measures of several classes against reference values."""

from typing import Any

import numpy
import pytest
import sklearn.calibration
import sklearn.linear_model
import sklearn.metrics

from podium.core.errors import Invalid
from podium.measures.performance import ece, mape, pinball, recalibration, reliability
from podium.measures.performance.multiclass import accuracy, brier, confusion, f1, log_loss
from podium.measures.performance.multiclass import auc as areas


def rows(seed: int = 3, count: int = 2000, slope: float = 1.0) -> tuple[Any, Any]:
    random = numpy.random.default_rng(seed)
    score = random.random(count) * 0.98 + 0.01
    logit = numpy.log(score / (1 - score)) * slope
    return (random.random(count) < 1 / (1 + numpy.exp(-logit))).astype(float), score


def several(seed: int = 4, count: int = 500) -> tuple[Any, Any]:
    random = numpy.random.default_rng(seed)
    raw = random.normal(size=(count, 4))
    score = numpy.exp(raw) / numpy.exp(raw).sum(axis=1, keepdims=True)
    target = numpy.array([random.choice(4, p=each) for each in score])
    return target, score


def test_the_reliability_curve_is_scikit_learns() -> None:
    target, score = rows()
    for strategy in ("uniform", "quantile"):
        rate, mean = sklearn.calibration.calibration_curve(target, score, n_bins=7, strategy=strategy)
        edges = reliability.even(7) if strategy == "uniform" else numpy.quantile(score, numpy.linspace(0, 1, 8))
        found = reliability.reliability(target, score, edges)
        assert [each.rate.value for each in found] == pytest.approx(rate.tolist())
        assert [each.score for each in found] == pytest.approx(mean.tolist())
        assert sum(each.rate.rows for each in found) == target.size


def test_ece_is_the_weighted_gap_of_the_curve() -> None:
    target, score = rows(slope=0.5)
    curve = reliability.reliability(target, score)
    by_hand = sum(each.rate.rows * abs(each.rate.value - each.score) for each in curve) / target.size
    assert ece.ece(target, score) == pytest.approx(by_hand)
    found = ece.between(target, score)
    assert found is not None
    assert found.low > 0.05
    calibrated = ece.between(*rows(slope=1.0))
    assert calibrated is not None
    assert calibrated.low == 0.0


def test_the_slope_is_scikit_learns() -> None:
    target, score = rows(slope=0.6)
    logit = numpy.log(score / (1 - score))
    fitted = sklearn.linear_model.LogisticRegression(C=numpy.inf, tol=1e-12, max_iter=1000)
    fitted.fit(logit[:, None], target)
    found = recalibration.recalibration(target, score)
    assert found is not None
    assert found.slope.value == pytest.approx(float(fitted.coef_[0, 0]), abs=1e-5)
    assert found.slope.high < 1.0
    assert found.intercept.low < 0.0 < found.intercept.high


def test_no_line_through_what_is_separated() -> None:
    assert recalibration.recalibration([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]) is None
    assert recalibration.recalibration([1, 1], [0.1, 0.2]) is None
    assert recalibration.recalibration([0, 1], [0.5, 0.5]) is None
    assert recalibration.recalibration([], []) is None


def test_percentage_and_quantile_errors_are_scikit_learns() -> None:
    random = numpy.random.default_rng(1)
    target, score = random.normal(10, 2, 300), random.normal(10, 2, 300)
    assert mape.mape(target, score) == pytest.approx(sklearn.metrics.mean_absolute_percentage_error(target, score))
    for quantile in (0.1, 0.5, 0.9):
        expected = sklearn.metrics.mean_pinball_loss(target, score, alpha=quantile)
        assert pinball.pinball(target, score, quantile) == pytest.approx(expected)
    with pytest.raises(Invalid):
        pinball.pinball(target, score, 1.0)
    assert mape.mape([0.0], [1.0]) is None


def test_several_classes_are_scikit_learns() -> None:
    target, score = several()
    act = score.argmax(axis=1)
    assert confusion.confusion(target, score).tolist() == sklearn.metrics.confusion_matrix(target, act).tolist()
    happened = numpy.eye(4)[target]
    expected: dict[Any, float] = {
        accuracy.accuracy: sklearn.metrics.accuracy_score(target, act),
        log_loss.log_loss: sklearn.metrics.log_loss(target, score),
        brier.brier: float(((score - happened) ** 2).sum(axis=1).mean()),
        f1.macro_f1: sklearn.metrics.f1_score(target, act, average="macro"),
        areas.macro_auc: sklearn.metrics.roc_auc_score(target, score, multi_class="ovr", average="macro"),
    }
    for measure, value in expected.items():
        found = measure(target, score)
        assert found.value == pytest.approx(value, rel=1e-12)
        assert found.low < found.value < found.high


def test_two_classes_are_the_binary_measures() -> None:
    target, score = rows()
    both = numpy.column_stack([1 - score, score])
    found = areas.macro_auc(target, both)
    assert found is not None
    assert found.value == pytest.approx(sklearn.metrics.roc_auc_score(target, score))


@pytest.mark.parametrize(
    ("target", "score"),
    [
        ([0, 3], [[0.5, 0.25, 0.25]] * 2),
        ([0, 0.5], [[0.5, 0.5]] * 2),
        ([0], [[0.5, 0.6]]),
        ([0], [[float("nan"), 1.0]]),
        ([0], [1.0]),
        ([0, 1], [[0.5, 0.5]]),
    ],
)
def test_several_classes_refuse_what_is_wrong(target: Any, score: Any) -> None:
    with pytest.raises(Invalid):
        confusion.confusion(target, score)


def test_no_rows_of_several_classes() -> None:
    empty = numpy.empty((0, 3))
    for measure in (accuracy.accuracy, log_loss.log_loss, brier.brier, f1.macro_f1, areas.macro_auc):
        assert measure([], empty) is None
