"""Estimates without outcomes: against nannyml's figures, against the truth in known worlds, and hidden off support."""

import math
from typing import Any

import msgspec
import numpy
import pytest
import sklearn.isotonic

from podium.core import project, reference, run
from podium.core.errors import Invalid
from podium.measures.drift import reference as references
from podium.measures.estimates import calibration, cbpe, dle, hindsight, isotonic, loss_model, support
from podium.measures.performance import by_name
from podium.measures.sketch import histogram

NANNYML: dict[str, list[float]] = {
    "auc": [0.8251348946669984, 0.8241520605365023],
    "average_precision": [0.6652028739089196, 0.662707935367873],
    "f1": [0.6219917132507475, 0.6210815761847617],
    "precision": [0.5065095239455553, 0.5060536636415293],
    "recall": [0.8056846636219701, 0.803784932746142],
    "specificity": [0.6780936715226435, 0.6787818225316127],
    "accuracy": [0.7152000151258657, 0.7150942365558792],
    "true_positive": [1171.5565288860694, 1167.4658020210081],
    "false_positive": [1141.4434711139306, 1139.5341979789919],
    "false_negative": [282.5564532567402, 284.994619241612],
    "true_negative": [2404.4435467432595, 2408.005380758388],
}
"""Figures of nannyml 0.13.1, made by the script in tests/e2e/test_nannyml.py, for `drawn` with seed 1 and power 2."""


def drawn(random: numpy.random.Generator, count: int, shift: float, power: float) -> tuple[Any, Any]:
    """Targets and scores; with power 1 the scores are calibrated, above it they promise too much."""
    signal = random.normal(-0.5 + shift, 1.2, count)
    score = 1.0 / (1.0 + numpy.exp(-signal))
    return (random.random(count) < score**power).astype(float), score


@pytest.mark.parametrize("name", [name for name in NANNYML if "_p" not in name and "_n" not in name])
def test_cbpe_is_nannymls(name: str) -> None:
    random = numpy.random.default_rng(1)
    target, score = drawn(random, 10_000, 0.0, 2.0)
    _, later = drawn(random, 10_000, 0.4, 2.0)
    made = calibration.line(target, score)
    for at, expected in enumerate(NANNYML[name]):
        found = cbpe.cbpe(cbpe.ESTIMATORS[name], later[at * 5000 : (at + 1) * 5000], made)
        assert found is not None
        assert found.value == pytest.approx(expected, rel=0, abs=1e-8)


def test_the_expected_confusion_is_nannymls() -> None:
    random = numpy.random.default_rng(1)
    target, score = drawn(random, 10_000, 0.0, 2.0)
    later = drawn(random, 10_000, 0.4, 2.0)[1][:5000]
    found = cbpe.confusion(calibration.chances(calibration.line(target, score), later), later >= 0.5)
    for name, value in found._asdict().items():
        assert value == pytest.approx(NANNYML[name][0], rel=0, abs=1e-8)


@pytest.mark.parametrize("digits", [1, 2, 15])
def test_the_line_is_scikit_learns(digits: int) -> None:
    target, score = drawn(numpy.random.default_rng(3), 3000, 0.0, 2.0)
    score = score.round(digits)
    theirs = sklearn.isotonic.IsotonicRegression(out_of_bounds="clip").fit(score, target)
    mine = isotonic.fit(target, score)
    at = numpy.linspace(-0.1, 1.1, 997)
    numpy.testing.assert_allclose(isotonic.apply(mine, at), theirs.predict(at), rtol=0, atol=1e-12)
    with pytest.raises(Invalid):
        isotonic.fit([], [])


def test_calibrated_scores_are_left_alone_and_others_are_not() -> None:
    assert calibration.worth(*drawn(numpy.random.default_rng(0), 5000, 0.0, 2.0))
    assert not calibration.worth(numpy.ones(100), numpy.linspace(0, 1, 100))
    assert not calibration.worth([0] * 30 + [1] * 30, numpy.linspace(0, 1, 60))


@pytest.mark.parametrize("name", [*cbpe.ESTIMATORS, "cost_per_row"])
def test_outcomes_that_are_sure_give_the_measure_itself(name: str) -> None:
    """Chances of 0 and 1 are outcomes: the estimate is the realised figure, with nothing left open."""
    random = numpy.random.default_rng(7)
    target, score = drawn(random, 500, 0.0, 1.0)
    score = score.round(2)
    costs = project.CostsPart(false_positive=2.0, false_negative=7.0, true_positive=-1.0)
    estimator = cbpe.ESTIMATORS.get(name) or cbpe.cost(costs)
    found = estimator(target, score, 0.5)
    assert found is not None
    if name == "specificity":
        expected: float | None = float(((score < 0.5) & (target == 0)).sum() / (target == 0).sum())
    else:
        expected = by_name.find(name, costs).value(target, score, 0.5)
    assert found.value == pytest.approx(expected)


@pytest.mark.parametrize("name", cbpe.ESTIMATORS)
def test_pulls_are_derivatives(name: str) -> None:
    _, score = drawn(numpy.random.default_rng(2), 60, 0.0, 1.0)
    score = score.round(1)
    chance = score**1.5
    found = cbpe.ESTIMATORS[name](chance, score, 0.5)
    assert found is not None
    for place in (0, 7, 31):
        step = numpy.zeros(60)
        step[place] = 1e-6
        up, down = (cbpe.ESTIMATORS[name](chance + sign * step, score, 0.5) for sign in (1, -1))
        assert up is not None
        assert down is not None
        assert found.pulls[place] == pytest.approx((up.value - down.value) / 2e-6, abs=1e-6)


@pytest.mark.parametrize("name", ["auc", "f1", "log_loss", "average_precision"])
def test_the_interval_holds_what_turns_out(name: str) -> None:
    """The world drifts, the scores promise too much, the line rests on 20,000 rows: realised figures lie inside."""
    random, hits, times = numpy.random.default_rng(4), 0, 250
    for _ in range(times):
        made = isotonic.fit(*drawn(random, 20_000, 0.0, 2.0))
        target, score = drawn(random, 1000, 0.4, 2.0)
        found = cbpe.cbpe(cbpe.ESTIMATORS[name], score, made)
        realised = by_name.find(name).value(target, score, 0.5)
        assert found is not None
        assert realised is not None
        hits += found.low <= realised <= found.high
    assert 0.92 <= hits / times <= 0.985


def test_another_world_is_not_seen() -> None:
    """The assumption is real: when equal inputs lead to other outcomes, the estimate is wrong, and cannot know it."""
    random = numpy.random.default_rng(6)
    made = calibration.line(*drawn(random, 5000, 0.0, 1.0))
    target, score = drawn(random, 5000, 0.0, 4.0)
    found = cbpe.cbpe(cbpe.ESTIMATORS["accuracy"], score, made)
    realised = by_name.find("accuracy").value(target, score, 0.5)
    assert found is not None
    assert realised is not None
    assert not found.low <= realised <= found.high


def test_nothing_to_estimate() -> None:
    empty = numpy.empty(0)
    for estimator in cbpe.ESTIMATORS.values():
        assert cbpe.cbpe(estimator, empty, None) is None
    assert cbpe.cbpe(cbpe.ESTIMATORS["precision"], [0.1, 0.2], None) is None
    assert cbpe.cbpe(cbpe.ESTIMATORS["auc"], [0.0, 0.0], None) is None
    with pytest.raises(Invalid):
        cbpe.cbpe(cbpe.ESTIMATORS["auc"], [1.5], None)


def before() -> reference.Reference:
    return reference.Reference(
        rows=100,
        numeric={"x": references.numeric(numpy.arange(100.0)), "empty": references.numeric(numpy.full(9, math.nan))},
        categorical={"c": references.categorical(numpy.array(["a", "b"] * 50, dtype=object))},
        score=references.numeric(numpy.linspace(0, 1, 100)),
        metrics={},
        cost_per_row=None,
    )


def seen(x: Any, c: Any) -> tuple[support.Outside, ...]:
    known = before()
    return support.outside(
        {"x": histogram.numeric(numpy.array(x, dtype=float), known.numeric["x"])},
        {"c": histogram.categorical(numpy.array(c, dtype=object), known.categorical["c"])},
        known,
    )


def test_support() -> None:
    assert seen([3.0] * 96 + [100.0] * 4, ["a"] * 100) == ()
    assert [each.column for each in seen([3.0] * 90 + [-1.0] * 10, ["z"] * 50 + ["a"] * 50)] == ["c", "x"]
    assert seen([3.0] * 90 + [math.nan] * 10, ["a"] * 100)[0].share == pytest.approx(0.1)
    assert seen([3.0] * 100, ["a"] * 90 + [None] * 10)[0].share == pytest.approx(0.1)
    assert seen([], []) == ()


def few(x: Any, c: Any, known: Any = None) -> list[str]:
    known = known or before()
    found = support.thin(
        {"x": histogram.numeric(numpy.asarray(x, dtype=float), known.numeric["x"])},
        {"c": histogram.categorical(numpy.array(c, dtype=object), known.categorical["c"])},
        known,
    )
    return [each.column for each in found]


def test_rows_where_the_reference_had_few_are_counted() -> None:
    """Twice as long ways lie in the tail; as many more rows of what was frequent do not, nor does chance."""
    random = numpy.random.default_rng(3)
    words = numpy.array(["a", "b", "rare"], dtype=object)
    known = msgspec.structs.replace(
        before(),
        numeric={"x": references.detailed(random.gamma(2.0, 300.0, 4_000))},
        categorical={"c": references.categorical(words[random.choice(3, 4_000, p=[0.5, 0.48, 0.02])])},
    )
    for _ in range(50):
        quiet = random.gamma(2.0, 300.0, 500), words[random.choice(3, 500, p=[0.5, 0.48, 0.02])]
        assert few(*quiet, known) == []
    assert few(random.gamma(2.0, 360.0, 500), words[random.choice(3, 500, p=[0.1, 0.88, 0.02])], known) == []
    assert few(random.gamma(2.0, 600.0, 500), words[random.choice(3, 500, p=[0.4, 0.4, 0.2])], known) == ["x", "c"]
    assert few([], [], known) == []


def test_an_interval_knows_how_few_the_folds_are() -> None:
    """Where all doubt is between five folds, it is Student's with four degrees of freedom; where none is, normal."""
    rows = numpy.full(1_000, 2.0)
    doubtful = dle.dle(dle.Predicted(rows, rows * 0.0, numpy.array([1.9, 2.1, 2.0, 1.95, 2.05])))
    sure = dle.dle(dle.Predicted(rows, rows * 0.5, numpy.full(5, 2.0)))
    assert doubtful is not None
    assert sure is not None
    error = math.sqrt(4 / 5 * sum(each**2 for each in (0.1, 0.1, 0.0, 0.05, 0.05)))
    assert (doubtful.high - 2.0) / error == pytest.approx(2.7764, abs=1e-3)
    assert (sure.high - 2.0) / math.sqrt(1.0 / 1_000) == pytest.approx(1.96, abs=1e-3)


def test_direct_loss_estimation_follows_the_loss() -> None:
    """Errors grow with x; later x is larger. The estimates follow, and mostly hold what turns out."""
    random = numpy.random.default_rng(8)

    def world(count: int, low: float) -> tuple[Any, Any]:
        x = random.uniform(low, 1.0, count)
        return numpy.column_stack([x, 3 * x]), numpy.abs(random.normal(0.0, 0.2 + x))

    held = 0
    for _ in range(10):
        features, losses = world(2000, 0.0)
        later, realised = world(2000, 0.6)
        found = dle.dle(loss_model.predict(loss_model.fit(features, losses), later))
        assert found is not None
        assert found.low > losses.mean()
        held += found.low <= realised.mean() <= found.high
    assert held >= 8
    with pytest.raises(Invalid):
        loss_model.fit(features[:10], losses[:10])
    with pytest.raises(Invalid):
        loss_model.fit(features, losses[:10])
    with pytest.raises(Invalid):
        dle.dle(dle.Predicted(losses, losses, numpy.zeros(1)))
    assert dle.dle(dle.Predicted(numpy.empty(0), numpy.empty(0), numpy.zeros(5))) is None


def test_hindsight() -> None:
    sure = run.Interval(value=0.8, low=0.75, high=0.85, rows=10)
    found = hindsight.hindsight([hindsight.Pair(sure, 0.78), hindsight.Pair(sure, 0.6)], reference=0.8)
    assert found is not None
    assert found.held == 0.5
    assert found.bias == pytest.approx(0.11)
    assert not found.useful
    assert hindsight.hindsight([], 0.5) is None
