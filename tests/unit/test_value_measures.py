"""Business value and explanation drift: by hand, against SciPy, and in known worlds."""

from typing import Any

import numpy
import pytest
import scipy.stats

from podium.core import project
from podium.core.errors import Invalid
from podium.measures.business import cost
from podium.measures.explanation import contribution_drift
from podium.measures.value import baseline, champion, kpi

COSTS = project.CostsPart(false_positive=1.0, false_negative=4.0, true_positive=-2.0, unit="euros")


def drawn(random: numpy.random.Generator, count: int) -> tuple[Any, Any, Any]:
    """Targets (3 in 10), the champion's decisions (right 7 times of 10), the challenger's (8 times)."""
    target = (random.random(count) < 0.3).astype(float)
    luck = random.random(count)
    return target, numpy.where(luck < 0.7, target, 1 - target), numpy.where(luck < 0.8, target, 1 - target)


TRUE = {
    "champion": 0.3 * (0.7 * 2 - 0.3 * 4) - 0.7 * 0.3,
    "never": -0.3 * 4,
    "always": 0.3 * 2 - 0.7,
    "gain": 0.1 * (0.3 * (2 + 4) + 0.7 * 1),
}


def test_values_are_costs_turned_round() -> None:
    target, act, _ = drawn(numpy.random.default_rng(1), 400)
    found = kpi.kpi(target, act, COSTS)
    assert found is not None
    assert found.per_decision.value == pytest.approx(-(cost.per_row(target, act, COSTS) or 0.0))
    assert found.total.value == pytest.approx(-cost.total(target, act, COSTS))
    assert found.total.high == pytest.approx(found.per_decision.high * 400)
    assert found.unit == "euros"
    low, high = scipy.stats.t.interval(
        0.95,
        399,
        loc=found.per_decision.value,
        scale=scipy.stats.sem(-cost.losses(target, act, COSTS)),
    )
    assert (found.per_decision.low, found.per_decision.high) == pytest.approx((low, high))
    with pytest.raises(Invalid):
        kpi.kpi(target, act, COSTS, [1.0])
    assert kpi.kpi([], [], COSTS) is None
    assert baseline.baseline([1], [1], COSTS) is None


def test_a_paired_gain_is_scipys() -> None:
    target, first, second = drawn(numpy.random.default_rng(2), 500)
    found = champion.champion(target, first, second, COSTS)
    test = scipy.stats.ttest_rel(kpi.values(target, second, COSTS), kpi.values(target, first, COSTS))
    expected = test.confidence_interval(0.95)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    wide = champion.champion(target, first, second, COSTS, anytime_rows=500)
    assert wide is not None
    assert wide.low < found.low


def test_intervals_of_value_hold_the_truth() -> None:
    random = numpy.random.default_rng(3)
    hits = dict.fromkeys(("value", "never", "always", "best", "gain"), 0)
    times = 1000
    for _ in range(times):
        target, first, second = drawn(random, 400)
        made, over = kpi.kpi(target, first, COSTS), baseline.baseline(target, first, COSTS)
        gain = champion.champion(target, first, second, COSTS)
        assert made is not None
        assert over is not None
        assert gain is not None
        truths = {
            "value": (made.per_decision, TRUE["champion"]),
            "never": (over.over_never, TRUE["champion"] - TRUE["never"]),
            "always": (over.over_always, TRUE["champion"] - TRUE["always"]),
            "best": (over.over_best, TRUE["champion"] - max(TRUE["never"], TRUE["always"])),
            "gain": (gain, TRUE["gain"]),
        }
        for name, (found, truth) in truths.items():
            hits[name] += found.low <= truth <= found.high
    assert hits.pop("best") / times >= 0.95
    assert all(0.93 <= count / times <= 0.97 for count in hits.values()), hits


def test_contributions_that_moved_are_told() -> None:
    random = numpy.random.default_rng(4)
    names = ("wind", "rain", "hour")
    before = {name: random.normal(0.0, 1.0, 2000) for name in names}
    now = {name: random.normal(0.0, 1.0, 1000) for name in names}
    assert not any(each.sure for each in contribution_drift.contribution_drift(before, now))
    now["rain"] = 2.0 * now["rain"]
    found = contribution_drift.contribution_drift(before, now)
    assert (found[0].feature, found[0].sure) == ("rain", True)
    assert found[0].share_before == pytest.approx(1 / 3, abs=0.02)
    assert found[0].share_now == pytest.approx(1 / 2, abs=0.02)
    theirs = scipy.stats.ttest_ind(numpy.abs(now["rain"]), numpy.abs(before["rain"]), equal_var=False)
    assert found[0].change.low == pytest.approx(theirs.confidence_interval(0.95).low, abs=1e-3)


def test_explanation_drift_seldom_cries_wolf() -> None:
    random, wrong = numpy.random.default_rng(5), 0
    for _ in range(300):
        before = {str(at): random.normal(size=400) for at in range(20)}
        now = {str(at): random.normal(size=400) for at in range(20)}
        wrong += any(each.sure for each in contribution_drift.contribution_drift(before, now))
    assert wrong / 300 <= 0.08


def test_contributions_that_do_not_fit() -> None:
    with pytest.raises(Invalid):
        contribution_drift.contribution_drift({"a": [1.0, 2.0]}, {"b": [1.0, 2.0]})
    with pytest.raises(Invalid):
        contribution_drift.contribution_drift({"a": [1.0]}, {"a": [1.0]})
    assert contribution_drift.contribution_drift({}, {}) == ()
    still = contribution_drift.contribution_drift({"a": [0.0, 0.0]}, {"a": [0.0, 0.0]})
    assert still[0].share_now == 0.0
