"""Performance before and now: quiet where nothing changed, found where it fell, for each kind of prediction."""

import numpy
import pytest

from podium.measures.comparison import outcomes, together
from podium.measures.comparison.finding import Rule, State

ROWS = 1_000


def rows(random: numpy.random.Generator, task: str, harm: float) -> outcomes.Rows:
    """Predictions that are right to begin with; `harm`: the share of rows in which they say nothing."""
    lost = random.random(ROWS) < harm
    if task == "classes":
        truth = random.choice(numpy.array(["a", "b", "c"], object), ROWS)
        other = random.choice(numpy.array(["a", "b", "c"], object), ROWS)
        return outcomes.Rows(task, truth, numpy.where(lost | (random.random(ROWS) < 0.2), other, truth))
    logit = random.normal(size=ROWS)
    if task == "regression":
        return outcomes.Rows(task, logit + random.normal(size=ROWS), numpy.where(lost, -logit, logit))
    chance = 1 / (1 + numpy.exp(-2 * logit))
    told = numpy.where(lost, 1 - chance, chance)
    return outcomes.Rows(task, (random.random(ROWS) < chance).astype(float), told)


def alarms(random: numpy.random.Generator, task: str, harm: float) -> bool:
    before, now = (outcomes.measured(rows(random, task, each)) for each in (0.0, harm))
    found = outcomes.findings(outcomes.beside(before, now, task), task, Rule())
    return State.ALARM in together.states(found, Rule())


@pytest.mark.parametrize("task", ["binary", "regression", "classes"])
def test_quiet_predictions_raise_nothing_and_worse_ones_are_found(task: str) -> None:
    random = numpy.random.default_rng(7)
    assert sum(alarms(random, task, 0.0) for _ in range(20)) == 0
    assert all(alarms(random, task, 0.25) for _ in range(5))


def test_one_class_or_no_rows_is_no_figure() -> None:
    assert outcomes.measured(outcomes.Rows("classes", numpy.array(["a"], object), numpy.array(["a"], object))) == {}
    empty = numpy.empty(0)
    found, there = outcomes.known(empty, empty)
    assert outcomes.measured(found) == {}
    assert there.size == 0
    alike = outcomes.Rows("binary", numpy.zeros(50), numpy.full(50, 0.2))
    assert "auc" not in outcomes.measured(alike)
    assert outcomes.gaps(outcomes.Rows("regression", empty, empty), {"sex": numpy.empty(0, object)}) == ()


def test_infinite_predictions_are_as_unknown() -> None:
    found, there = outcomes.known(numpy.array([1.0, 2.0, 3.0]), numpy.array([1.0, numpy.inf, 2.0]))
    assert there.tolist() == [True, False, True]
    assert outcomes.measured(found)["mae"].value == 0.5
