"""Guardrails by non-inferiority: looked at every day, they are seldom falsely kept, and seldom falsely broken."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from podium.core import project
from podium.core.errors import Invalid
from podium.core.release import Verdict
from podium.measures.fairness import by_name as fairness
from podium.measures.guardrails import change, figure
from podium.measures.performance import compare
from podium.monitor.checks import guardrails

DAYS, DAY_ROWS, RUNS = 12, 300, 80
MARGIN = 0.05
Floats = npt.NDArray[np.float64]


class Pair(NamedTuple):
    """Both models on the same rows."""

    first: figure.Scored
    second: figure.Scored

    def until(self, rows: int) -> "Pair":
        return Pair(*(_cut(each, slice(rows)) for each in self))

    def split(self, random: np.random.Generator) -> "Pair":
        """Each row falls to one of the two."""
        mine = random.random(self.first.target.size) < 0.3
        return Pair(_cut(self.first, ~mine), _cut(self.second, mine))


def _cut(side: figure.Scored, rows: slice | npt.NDArray[np.bool_]) -> figure.Scored:
    group = None if side.group is None else np.asarray(side.group)[rows]
    act = None if side.act is None else side.act[rows]
    return figure.Scored(side.target[rows], side.score[rows], act, side.threshold, group)


def calibrated(random: np.random.Generator, worse: float) -> Pair:
    """A champion whose scores are right; the challenger's are too high by `worse`."""
    score = 0.1 + 0.6 * random.beta(2.0, 3.0, DAYS * DAY_ROWS)
    late = (random.random(score.size) < score).astype(np.float64)
    return Pair(figure.Scored(late, score), figure.Scored(late, score + worse))


def fair(random: np.random.Generator, worse: float) -> Pair:
    """A champion that acts alike in three groups; the challenger acts more often in one of them by `worse`."""
    rows = DAYS * DAY_ROWS
    group, draw = random.integers(0, 3, rows), random.random(rows)
    acts = draw < 0.3, draw < 0.3 + worse * (group == 1)
    one, two = (figure.Scored(np.zeros(rows), draw, act, None, group) for act in acts)
    return Pair(one, two)


def costly(random: np.random.Generator, worse: float) -> Pair:
    """The second's squared errors are higher by `worse`, on average."""
    truth = random.standard_normal(DAYS * DAY_ROWS)
    errors = [random.exponential(0.5, truth.size) for _ in range(2)]
    return Pair(figure.Scored(truth, truth + errors[0]), figure.Scored(truth, truth + errors[1] + worse))


SITUATIONS = {"calibration": calibrated, "demographic_parity": fair, "mae": costly}


def said(name: str, pair: Pair, *, paired: bool = True, anytime: bool = True) -> Verdict:
    pulls = figure.pulls(name, *pair)
    if pulls is None:
        return Verdict.NOT_ENOUGH_DATA
    found = change.change(*pulls, paired=paired, anytime_rows=1500 if anytime else None)
    assert found is not None
    assert found.low <= found.value <= found.high
    return guardrails.verdict(found, MARGIN)


def ever(name: str, wrong: set[Verdict], worse: float, **how: bool) -> float:
    """The share of runs in which any day's look says something wrong."""
    random, count = np.random.default_rng(41), 0
    for _ in range(RUNS):
        pair = SITUATIONS[name](random, worse)
        looks = [pair.until(day * DAY_ROWS) for day in range(1, DAYS + 1)]
        if not how.get("paired", True):
            looks = [each.split(np.random.default_rng(5)) for each in looks]
        count += any(said(name, each, **how) in wrong for each in looks)
    return count / RUNS


KEPT, BROKEN = {Verdict.BETTER, Verdict.NOT_WORSE}, {Verdict.WORSE}


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("name", sorted(SITUATIONS))
def test_a_challenger_that_is_worse_by_the_margin_is_seldom_found_not_worse(name: str, paired: bool) -> None:
    assert ever(name, KEPT, MARGIN, paired=paired) <= 0.05


@pytest.mark.parametrize("name", sorted(SITUATIONS))
def test_two_equal_models_are_seldom_found_to_differ(name: str) -> None:
    assert ever(name, {Verdict.WORSE, Verdict.BETTER}, 0.0) <= 0.05


@pytest.mark.parametrize("name", sorted(SITUATIONS))
def test_a_margin_that_is_just_kept_is_seldom_found_broken(name: str) -> None:
    assert ever(name, BROKEN, MARGIN) <= 0.05


def test_fixed_size_intervals_would_err_more_often() -> None:
    assert ever("mae", KEPT, MARGIN, anytime=False) > 0.05


@pytest.mark.parametrize("name", sorted(SITUATIONS))
def test_what_is_clearly_worse_is_found(name: str) -> None:
    assert ever(name, BROKEN, 5 * MARGIN) >= 0.95


@pytest.mark.parametrize("name", ["calibration", "demographic_parity"])
def test_what_hardly_changes_is_found_not_worse(name: str) -> None:
    assert ever(name, KEPT, 0.002) >= 0.95


def test_a_gap_that_turned_round_is_as_large_as_it_was() -> None:
    """The sign of a gap is no matter: from +0.3 to −0.3 nothing is worse."""
    random = np.random.default_rng(3)
    group, draw = random.integers(0, 2, 20_000), random.random(20_000)
    one, two = (figure.Scored(np.zeros(20_000), draw, draw < 0.3 + 0.3 * (group == at), None, group) for at in (0, 1))
    assert said("demographic_parity", Pair(one, two)) is Verdict.NOT_WORSE


def test_a_smaller_gap_is_better_whatever_its_sign() -> None:
    random = np.random.default_rng(4)
    group, draw = random.integers(0, 2, 8000), random.random(8000)
    acts = draw < 0.3 + 0.3 * (group == 0), draw < 0.3 + 0.1 * (group == 1)
    one, two = (figure.Scored(np.zeros(8000), draw, act, None, group) for act in acts)
    assert said("demographic_parity", Pair(one, two)) is Verdict.BETTER


@pytest.mark.parametrize("name", fairness.NAMES)
def test_figures_of_fairness_are_those_of_the_measures(name: str) -> None:
    random = np.random.default_rng(6)
    score = random.random(3000)
    late = (random.random(3000) < score).astype(np.float64)
    group = random.integers(0, 4, 3000)
    scored = figure.Scored(late, score, score + 0.05 * group > 0.5, None, group)
    found = figure.pulls(name, scored, scored)
    assert found is not None
    known = fairness.gap(name, fairness.Scored(late, score, scored.act), group).difference
    assert known is not None
    assert found.values[0] == pytest.approx(known.value, rel=1e-9)


def test_a_mean_changes_as_the_paired_comparison_says() -> None:
    random = np.random.default_rng(7)
    pair = costly(random, 0.02)
    pulls = figure.pulls("mae", *pair)
    assert pulls is not None
    found = change.change(*pulls, paired=True, anytime_rows=800)
    known = compare.losses(pulls.first[:, 0], pulls.second[:, 0], anytime_rows=800)
    assert found is not None
    assert known is not None
    assert (found.value, found.low, found.high) == pytest.approx((known.value, known.low, known.high), abs=0.0002)


def test_small_groups_do_not_count() -> None:
    group = ["a"] * 200 + ["b"] * 99
    scored = figure.Scored(np.zeros(299), np.full(299, 0.5), np.arange(299) % 2 == 0, None, group)
    assert figure.pulls("demographic_parity", scored, scored) is None


def test_too_few_rows_and_figures_that_are_no_mean() -> None:
    one = figure.Scored(np.zeros(1), np.zeros(1))
    assert figure.pulls("brier", one, one) is None
    two = figure.Scored(np.zeros(2), np.zeros(2))
    with pytest.raises(Invalid, match="no mean"):
        figure.pulls("auc", two, two)
    with pytest.raises(Invalid, match="threshold"):
        figure.pulls("cost_per_row", two, two, project.CostsPart())
    with pytest.raises(Invalid, match="same rows"):
        change.change(np.zeros((2, 1)), np.zeros((3, 1)), np.ones((1, 1)), paired=True)


def test_looks_at_latency_spend_the_chance_to_err_once() -> None:
    """A look that is the hundredth needs more than the first."""
    random = np.random.default_rng(8)
    spans = []
    for look in (1, 100):
        took = guardrails.Took(first=random.random(200), second=random.random(200), look=look, by="a worker")
        part = guardrail("latency")
        found = guardrails._latency(part, took, 0.95)
        spans.append(found.high - found.low)
    assert spans[1] > 1.5 * spans[0]


def guardrail(metric: str) -> project.GuardrailPart:
    return project.GuardrailPart(metric=metric, margin=0.1)
