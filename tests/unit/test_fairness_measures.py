"""Fairness against fairlearn's figures, by hand, and in known worlds."""

import math
from typing import Any

import numpy
import pytest

from podium.core.errors import Invalid
from podium.measures.fairness import (
    by_name,
    calibration,
    demographic_parity,
    disparity,
    equal_opportunity,
    equalised_odds,
)

FAIRLEARN: dict[str, float] = {
    "demographic_parity_difference": 0.2354770906677252,
    "demographic_parity_ratio": 0.5565767222998309,
    "equal_opportunity_difference": 0.2305864564207798,
    "equal_opportunity_ratio": 0.7097410101284752,
    "equalized_odds_difference": 0.2305864564207798,
    "equalized_odds_ratio": 0.7097410101284752,
}
"""Figures of fairlearn 0.15.0 (`fairlearn.metrics`, method `between_groups`) for the rows of `rows()`."""


def rows() -> tuple[Any, Any, Any]:
    """Targets, decisions and groups: three groups, unlike in how often and how rightly they are acted on."""
    random = numpy.random.default_rng(42)
    group = random.choice(["a", "b", "c"], 3000, p=[0.5, 0.3, 0.2])
    base = numpy.select([group == "a", group == "b"], [0.5, 0.4], 0.3)
    target = (random.random(3000) < base).astype(float)
    act = random.random(3000) < numpy.where(target == 1, base + 0.3, base / 2)
    return target, act, group


def test_reference_values() -> None:
    target, act, group = rows()
    found: dict[str, disparity.Disparity | equalised_odds.Odds] = {
        "demographic_parity": demographic_parity.demographic_parity(act, group),
        "equal_opportunity": equal_opportunity.equal_opportunity(target, act, group),
        "equalized_odds": equalised_odds.equalised_odds(target, act, group),
    }
    for name, each in found.items():
        assert each.difference is not None
        assert each.ratio is not None
        assert each.difference.value == pytest.approx(FAIRLEARN[f"{name}_difference"], abs=1e-12)
        assert each.ratio.value == pytest.approx(FAIRLEARN[f"{name}_ratio"], abs=1e-12)
        assert each.difference.low <= each.difference.value <= each.difference.high
        assert each.ratio.low <= each.ratio.value <= each.ratio.high
        assert each.difference.low > 0.0
        assert each.ratio.high < 1.0


def test_newcombes_example() -> None:
    """Newcombe 1998, table II, method 10: 56/70 against 48/80 gives 0.0524 to 0.3339."""
    found = disparity.of_shares("x", {"one": (56, 70, 70), "two": (48, 80, 80)}, small=1)
    assert found.difference is not None
    assert found.difference.value == pytest.approx(0.2)
    assert found.difference.low == pytest.approx(0.0524, abs=5e-5)
    assert found.difference.high == pytest.approx(0.3339, abs=5e-5)


def test_small_groups_are_greyed_and_judge_nothing() -> None:
    group = ["a"] * 200 + ["b"] * 150 + ["c"] * 99
    act = [True] * 100 + [False] * 100 + [True] * 75 + [False] * 75 + [True] * 99
    found = demographic_parity.demographic_parity(act, group)
    assert [(each.group, each.greyed) for each in found.groups] == [("a", False), ("b", False), ("c", True)]
    assert found.difference is not None
    assert found.difference.value == 0.0
    assert found.difference.low == 0.0
    alone = demographic_parity.demographic_parity(act[:200], group[:200])
    assert (alone.difference, alone.ratio, alone.lowest) == (None, None, None)


def test_edges() -> None:
    nobody = demographic_parity.demographic_parity([False] * 400, ["a", "b"] * 200)
    assert nobody.ratio is None
    assert nobody.difference is not None
    assert nobody.difference.low == 0.0
    none = disparity.of_shares("x", {"a": (0, 100, 100), "b": (50, 100, 100)})
    assert none.ratio is not None
    assert none.ratio.low == 0.0
    assert 0.0 < none.ratio.high < 0.2
    unheard = equal_opportunity.equal_opportunity([0] * 200 + [1] * 200, [True] * 400, ["a"] * 200 + ["b"] * 200)
    assert unheard.difference is None
    assert [each.value is None for each in unheard.groups] == [True, False]
    missing = demographic_parity.demographic_parity([True, False], numpy.array([None, math.nan], dtype=object), small=1)
    assert [each.group for each in missing.groups] == [disparity.MISSING]
    with pytest.raises(Invalid):
        demographic_parity.demographic_parity([True, False], ["a"])
    with pytest.raises(Invalid):
        equal_opportunity.equal_opportunity([1, 0], [0.5, 1], ["a", "b"])
    assert demographic_parity.demographic_parity([], []).groups == ()


def test_calibration_by_group_by_hand() -> None:
    target, _, group = rows()
    score = numpy.full(target.size, 0.45)
    found = calibration.calibration(target, score, group)
    rates = {each: target[group == each].mean() for each in "abc"}
    for each in found.groups:
        assert each.value is not None
        assert each.value.value == pytest.approx(rates[each.group] - 0.45)
    assert found.difference is not None
    assert found.difference.value == pytest.approx(max(rates.values()) - min(rates.values()))
    assert found.ratio is None


def test_by_name() -> None:
    target, act, group = rows()
    scored = by_name.Scored(target, numpy.full(target.size, 0.5), act)
    for name in by_name.NAMES:
        found = by_name.gap(name, scored, group)
        assert found.difference is not None
        assert found.difference.value > 0.05
        assert found.lowest != found.highest
    with pytest.raises(Invalid, match="no such"):
        by_name.gap("nice", scored, group)
    with pytest.raises(Invalid, match="decisions"):
        by_name.gap("equal_opportunity", scored._replace(act=None), group)


def coverage(shares: tuple[float, ...], each: int, times: int = 1000) -> tuple[float, float]:
    """How often the intervals of difference and ratio hold the truth."""
    random = numpy.random.default_rng(9)
    gap, quotient, hits = max(shares) - min(shares), min(shares) / max(shares), [0, 0]
    for _ in range(times):
        drawn = {str(at): (int(random.binomial(each, share)), each, each) for at, share in enumerate(shares)}
        found = disparity.of_shares("x", drawn)
        assert found.difference is not None
        assert found.ratio is not None
        hits[0] += found.difference.low <= gap <= found.difference.high
        hits[1] += found.ratio.low <= quotient <= found.ratio.high
    return hits[0] / times, hits[1] / times


@pytest.mark.parametrize("shares", [(0.5, 0.4), (0.1, 0.05), (0.9, 0.8)])
def test_intervals_of_two_groups_hold_the_truth(shares: tuple[float, ...]) -> None:
    difference, ratio = coverage(shares, 500)
    assert 0.93 <= difference <= 0.97
    assert 0.93 <= ratio <= 0.97


def test_intervals_pay_for_picking_the_widest_pair() -> None:
    """Among five equal groups the widest gap is not news: its interval begins at 0 at least 95 % of the time."""
    difference, ratio = coverage((0.3,) * 5, 300)
    assert difference >= 0.95
    assert ratio >= 0.95
