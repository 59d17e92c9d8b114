"""What must hold of measures on any rows."""

from random import Random

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.core import project
from podium.measures import rows as rows_
from podium.measures.business import cost, threshold
from podium.measures.performance import auc, average_precision, by_name, compare, interval

SCORE = st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
ROWS = st.lists(st.tuples(st.booleans(), SCORE), min_size=1, max_size=40)
MONEY = st.integers(-20, 100).map(float)
COSTS = st.builds(
    project.CostsPart, false_positive=MONEY, false_negative=MONEY, true_positive=MONEY, true_negative=MONEY
)


def split(rows: list[tuple[bool, float]]) -> tuple[rows_.Numbers, rows_.Numbers]:
    return numpy.array([float(t) for t, _ in rows]), numpy.array([s for _, s in rows])


@given(ROWS)
def test_area_is_the_share_of_ordered_pairs(rows: list[tuple[bool, float]]) -> None:
    target, score = split(rows)
    pairs = [(p > n) + 0.5 * (p == n) for p in score[target == 1.0] for n in score[target == 0.0]]
    found = auc.auc(target, score)
    assert found == (pytest.approx(sum(pairs) / len(pairs)) if pairs else None)


@given(ROWS, st.randoms(use_true_random=False))
def test_order_of_rows_is_nothing(rows: list[tuple[bool, float]], random: Random) -> None:
    mixed = list(rows)
    random.shuffle(mixed)
    for name in ("auc", "average_precision", "log_loss", "brier", "f1", "mae", "rmse"):
        measure = by_name.find(name)
        (target, score), (other_target, other_score) = split(rows), split(mixed)
        found = measure.value(target, score, 0.5)
        assert measure.value(other_target, other_score, 0.5) == (None if found is None else pytest.approx(found))


@given(ROWS)
def test_area_depends_on_order_only(rows: list[tuple[bool, float]]) -> None:
    target, score = split(rows)
    _, ranks = numpy.unique(score, return_inverse=True)
    assert auc.auc(target, score) == auc.auc(target, ranks * 10.0)
    assert average_precision.average_precision(target, score) == average_precision.average_precision(target, ranks)


@given(ROWS)
def test_intervals_hold_their_estimate(rows: list[tuple[bool, float]]) -> None:
    target, score = split(rows)
    for measure in by_name.MEASURES.values():
        if measure.name not in ("average_precision", "r2"):
            found = measure.interval(target, score, 0.5)
            assert found is None or found.low <= found.value <= found.high
    area = interval.auc(target, score)
    assert area is None or 0.0 <= area.low <= area.high <= 1.0


@given(ROWS, COSTS)
def test_no_cut_costs_less_than_the_chosen_one(rows: list[tuple[bool, float]], costs: project.CostsPart) -> None:
    target, score = split(rows)
    choice = threshold.choose(target, score, costs)
    assert cost.per_row(target, score >= choice.threshold, costs) == pytest.approx(choice.cost_per_row)
    every = [0.0, threshold.NEVER, *score]
    least = min(float(cost.losses(target, score >= cut, costs).mean()) for cut in every)
    assert choice.cost_per_row == pytest.approx(least)


@given(ROWS)
def test_comparing_backwards_turns_the_sign(rows: list[tuple[bool, float]]) -> None:
    target, score = split(rows)
    other = score[::-1].copy()
    for name in ("log_loss", "auc", "rmse"):
        there = compare.compare(by_name.find(name), target, compare.Scored(score), compare.Scored(other))
        back = compare.compare(by_name.find(name), target, compare.Scored(other), compare.Scored(score))
        assert (there is None) == (back is None)
        if there is not None and back is not None:
            assert there.improvement.value == pytest.approx(-back.improvement.value, abs=1e-9)
            assert there.improvement.low == pytest.approx(-back.improvement.high, abs=1e-9)
