"""Measures of performance against reference values, edge cases and the coverage of their intervals."""

import math
from typing import Any

import numpy
import pytest
import scipy.stats
import sklearn.metrics

from podium.core import project
from podium.core.errors import Invalid
from podium.core.signature import Task
from podium.measures.business import cost, threshold
from podium.measures.performance import auc, by_name, compare, interval, student

COSTS = project.CostsPart(false_positive=2.0, false_negative=7.0, true_positive=-1.0, true_negative=0.25)


def rows(seed: int = 3, count: int = 400) -> tuple[Any, Any]:
    random = numpy.random.default_rng(seed)
    target = random.random(count) < 0.3
    score = numpy.clip(0.3 * target + random.random(count) * 0.7, 0.0, 1.0).round(2)
    return target.astype(float), score


SKLEARN: dict[str, Any] = {
    "auc": sklearn.metrics.roc_auc_score,
    "average_precision": sklearn.metrics.average_precision_score,
    "log_loss": sklearn.metrics.log_loss,
    "brier": sklearn.metrics.brier_score_loss,
    "mae": sklearn.metrics.mean_absolute_error,
    "rmse": sklearn.metrics.root_mean_squared_error,
    "r2": sklearn.metrics.r2_score,
}
DECIDED: dict[str, Any] = {
    "accuracy": sklearn.metrics.accuracy_score,
    "precision": sklearn.metrics.precision_score,
    "recall": sklearn.metrics.recall_score,
    "f1": sklearn.metrics.f1_score,
}


@pytest.mark.parametrize("name", SKLEARN)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_scores_agree_with_scikit_learn(name: str, seed: int) -> None:
    target, score = rows(seed)
    assert by_name.find(name).value(target, score) == pytest.approx(SKLEARN[name](target, score), rel=1e-12)


@pytest.mark.parametrize("name", DECIDED)
def test_decisions_agree_with_scikit_learn(name: str) -> None:
    target, score = rows()
    assert by_name.find(name).value(target, score, 0.5) == pytest.approx(DECIDED[name](target, score >= 0.5), rel=1e-12)


@pytest.mark.parametrize("name", by_name.MEASURES)
def test_every_measure_keeps_the_common_rules(name: str) -> None:
    """Empty gives None; NaN and unequal lengths are refused; the estimate lies within its interval."""
    measure = by_name.find(name)
    empty = numpy.empty(0)
    assert measure.value(empty, empty, 0.5) is None
    assert measure.interval(empty, empty, 0.5) is None
    with pytest.raises(Invalid):
        measure.value(numpy.array([0.0, math.nan]), numpy.array([0.1, 0.2]), 0.5)
    with pytest.raises(Invalid):
        measure.value(numpy.array([0.0, 1.0]), numpy.array([0.1, math.inf]), 0.5)
    with pytest.raises(Invalid):
        measure.value(numpy.array([0.0, 1.0]), numpy.array([0.1]), 0.5)
    target, score = rows()
    found = measure.interval(target, score, 0.5)
    value = measure.value(target, score, 0.5)
    assert found is not None
    assert value is not None
    assert found.low <= found.value <= found.high
    assert found.value == pytest.approx(value, rel=1e-12)
    wider = measure.interval(target, score, 0.5, 0.99)
    assert wider is not None
    assert wider.low <= found.low
    assert wider.high >= found.high


@pytest.mark.parametrize("name", [name for name, m in by_name.MEASURES.items() if m.task is Task.BINARY])
def test_binary_measures_refuse_other_targets(name: str) -> None:
    with pytest.raises(Invalid):
        by_name.find(name).value(numpy.array([0.0, 2.0]), numpy.array([0.1, 0.2]), 0.5)


def test_one_class_has_no_area_but_a_loss() -> None:
    ones, score = numpy.ones(5), numpy.linspace(0.1, 0.9, 5)
    assert by_name.find("auc").value(ones, score) is None
    assert by_name.find("auc").interval(ones, score) is None
    assert by_name.find("log_loss").value(ones, score) is not None
    assert by_name.find("average_precision").value(numpy.zeros(5), score) is None
    assert by_name.find("recall").value(numpy.zeros(5), score, 0.5) is None
    assert by_name.find("r2").value(ones, score) is None


def test_a_sure_mistake_costs_a_finite_loss() -> None:
    loss = by_name.find("log_loss").value(numpy.array([1.0]), numpy.array([0.0]))
    assert loss == pytest.approx(36.04, abs=0.01)


def test_probabilities_out_of_range_are_refused() -> None:
    with pytest.raises(Invalid, match="between 0 and 1"):
        by_name.find("brier").value(numpy.array([1.0]), numpy.array([1.2]))


def test_unknown_names_get_a_hint() -> None:
    with pytest.raises(Invalid, match="log_loss"):
        by_name.find("logloss")
    with pytest.raises(Invalid, match="costs"):
        by_name.find("cost_per_row")
    with pytest.raises(Invalid, match="threshold"):
        by_name.find("f1").value(numpy.array([1.0]), numpy.array([1.0]))


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 10, 29, 59, 60, 61, 100, 1000, 10**6])
@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.9, 0.95, 0.99, 0.999])
def test_student_quantiles(freedom: int, confidence: float) -> None:
    expected = scipy.stats.t.ppf(0.5 + confidence / 2, freedom)
    assert student.student(confidence, freedom) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0, math.nan])
def test_confidence_out_of_range(confidence: float) -> None:
    with pytest.raises(Invalid):
        interval.mean([1.0, 2.0], confidence)


def test_wilson_agrees_with_scipy() -> None:
    for right, among in [(0, 10), (3, 10), (10, 10), (990, 1000)]:
        found = interval.proportion(right, among)
        expected = scipy.stats.binomtest(right, among).proportion_ci(method="wilson")
        assert found is not None
        assert found.low == pytest.approx(expected.low, abs=1e-12)
        assert found.high == pytest.approx(expected.high, abs=1e-12)


def test_delong_agrees_with_the_definition() -> None:
    """The fast algorithm against the O(n²) definition of DeLong's placement values."""
    target, score = rows(5, 120)
    above, below = score[target == 1.0], score[target == 0.0]
    wins = (above[:, None] > below[None, :]) + 0.5 * (above[:, None] == below[None, :])
    stand = auc.placements(target, score)
    assert stand is not None
    numpy.testing.assert_allclose(stand.positive, wins.mean(axis=1))
    numpy.testing.assert_allclose(stand.negative, wins.mean(axis=0))
    spread = auc.covariance([stand])
    assert spread is not None
    expected = wins.mean(axis=1).var(ddof=1) / above.size + wins.mean(axis=0).var(ddof=1) / below.size
    assert float(spread[0, 0]) == pytest.approx(expected)


def test_perfect_and_tiny_areas_stay_unsure() -> None:
    found = interval.auc([0, 0, 0, 1, 1], [0.1, 0.2, 0.3, 0.8, 0.9])
    assert found is not None
    assert found.value == 1.0
    assert 0.2 < found.low < 0.5
    single = interval.auc([0, 0, 1], [0.1, 0.2, 0.15])
    assert single is not None
    assert (single.low, single.high) == (0.0, 1.0)
    flat = interval.auc([0, 0, 1, 1], [0.5, 0.5, 0.5, 0.5])
    assert flat is not None
    assert flat.low < 0.5 < flat.high


def coverage(name: str, truth: float, count: int, times: int = 400) -> float:
    """How often the 95% interval holds the truth, when positives score N(1, 1) and negatives N(0, 1)."""
    random, hits = numpy.random.default_rng(11), 0
    for _ in range(times):
        target = (random.random(count) < 0.3).astype(float)
        score = random.normal(target)
        if name != "auc":
            score = 1.0 / (1.0 + numpy.exp(-(score - 0.5) + math.log(0.7 / 0.3)))
        found = by_name.find(name).interval(target, score, 0.5)
        assert found is not None
        hits += found.low <= truth <= found.high
    return hits / times


def test_coverage_of_auc() -> None:
    assert 0.92 <= coverage("auc", float(scipy.stats.norm.cdf(1 / math.sqrt(2))), 100) <= 0.98


@pytest.mark.parametrize("name", ["log_loss", "brier", "recall", "f1"])
def test_coverage_of_others(name: str) -> None:
    random = numpy.random.default_rng(1)
    target = (random.random(2_000_000) < 0.3).astype(float)
    score = 1.0 / (1.0 + numpy.exp(-(random.normal(target) - 0.5) + math.log(0.7 / 0.3)))
    truth = by_name.find(name).value(target, score, 0.5)
    assert truth is not None
    assert 0.92 <= coverage(name, truth, 200) <= 0.985


def test_bootstrap_is_repeatable() -> None:
    target, score = rows()
    measure = by_name.find("average_precision")
    assert measure.interval(target, score) == measure.interval(target, score)


def test_compare_sees_a_difference_and_none() -> None:
    random = numpy.random.default_rng(5)
    truth = random.random(3000)
    target = (random.random(3000) < truth).astype(float)
    noisy = numpy.clip(truth + random.normal(0, 0.25, 3000), 0.01, 0.99)
    for name in ["auc", "log_loss", "brier", "average_precision", "mae", "rmse"]:
        found = compare.compare(by_name.find(name), target, compare.Scored(noisy), compare.Scored(truth))
        assert found is not None
        assert found.better()
        assert found.improvement.value == pytest.approx(abs(found.second - found.first), rel=1e-9)
        back = compare.compare(by_name.find(name), target, compare.Scored(truth), compare.Scored(noisy))
        assert back is not None
        assert not back.not_worse()
        same = compare.compare(by_name.find(name), target, compare.Scored(truth), compare.Scored(truth))
        assert same is not None
        assert (same.improvement.low, same.improvement.high) == (0.0, 0.0)
        assert same.not_worse()
        assert not same.better()


def test_compare_by_cost_takes_each_models_own_threshold() -> None:
    target, score = rows()
    measure = by_name.find("cost_per_row", COSTS)
    found = compare.compare(measure, target, compare.Scored(score, 0.9), compare.Scored(score, 0.3))
    assert found is not None
    assert found.first == cost.per_row(target, score >= 0.9, COSTS)
    assert found.improvement.value == pytest.approx(found.first - found.second)


def test_paired_areas_cover_the_truth() -> None:
    """Two noisy views of one signal: the paired interval holds the true difference about 95% of the time."""
    random, hits, times = numpy.random.default_rng(2), 0, 300
    first_truth = float(scipy.stats.norm.cdf(1 / math.sqrt(2 * 2)))
    second_truth = float(scipy.stats.norm.cdf(1 / math.sqrt(2 * 1.5)))
    for _ in range(times):
        target = (random.random(200) < 0.4).astype(float)
        shared = random.normal(target)
        first, second = shared + random.normal(size=200), shared + random.normal(0, math.sqrt(0.5), 200)
        found = compare.areas(target, first, second)
        assert found is not None
        hits += found.low <= second_truth - first_truth <= found.high
    assert 0.92 <= hits / times <= 0.98


def test_looking_daily_finds_nothing_where_there_is_nothing() -> None:
    """A fixed-size interval that is looked at 30 times is wrong far more often than 5%; the anytime one is not."""
    random, times = numpy.random.default_rng(7), 200
    wrong = {None: 0, 1000: 0}
    for _ in range(times):
        first, second = random.random(3000), random.random(3000)
        for tuned in wrong:
            looks = [compare.losses(first[:n], second[:n], anytime_rows=tuned) for n in range(100, 3001, 100)]
            wrong[tuned] += any(look is not None and not look.low <= 0.0 <= look.high for look in looks)
    assert wrong[1000] / times <= 0.05
    assert wrong[None] / times > 0.15


def test_anytime_is_refused_for_resampled_measures() -> None:
    target, score = rows()
    scored = compare.Scored(score, 0.5)
    with pytest.raises(Invalid, match="again and again"):
        compare.compare(by_name.find("f1"), target, scored, scored, anytime_rows=100)


def test_cost_by_hand() -> None:
    target, act = [1, 1, 0, 0], [1, 0, 1, 0]
    assert cost.losses(target, act, COSTS).tolist() == [-1.0, 7.0, 2.0, 0.25]
    assert cost.total(target, act, COSTS) == 8.25
    assert cost.per_row([], [], COSTS) is None
    assert cost.baselines([], COSTS) == {}
    assert cost.baselines(target, COSTS) == {"never": 3.625, "always": 0.5}
    with pytest.raises(Invalid):
        cost.losses([1.0], [0.5], COSTS)


def test_threshold_at_the_ends() -> None:
    eager = threshold.choose([1, 1, 0], [0.2, 0.3, 0.1], project.CostsPart(false_negative=100.0))
    assert eager.threshold == pytest.approx(0.15)
    always = threshold.choose([1, 1], [0.2, 0.3], project.CostsPart())
    assert always == (threshold.ALWAYS, 0.0)
    never = threshold.choose([0, 0], [0.2, 1.0], project.CostsPart())
    assert never == (threshold.NEVER, 0.0)
    with pytest.raises(Invalid):
        threshold.choose([], [], COSTS)


def test_equal_costs_take_the_highest_threshold() -> None:
    choice = threshold.choose([0, 1, 0], [0.2, 0.5, 0.8], project.CostsPart(false_positive=1.0, false_negative=1.0))
    assert choice.threshold == threshold.NEVER
