"""How far quiet windows wander: tails against SciPy, what is learnt against what was drawn, and the rule's alarms."""

import math
from typing import Any

import numpy
import pytest
import scipy.special
import scipy.stats

from podium.core import project, reference
from podium.core.check import CheckState
from podium.core.errors import Invalid
from podium.measures.drift import f_ratio, gamma, wander
from podium.measures.drift import reference as references
from podium.measures.sketch import histogram, score_labels
from podium.monitor.checks import finding, inputs, matching
from podium.monitor.checks.summary import Summary

FEATURES, ROWS = 20, 500
LIMITS = project.MonitorPart(min_rows=100)


def test_tails_are_scipys() -> None:
    random = numpy.random.default_rng(1)
    for _ in range(500):
        above, below, ratio = (float(numpy.exp(random.uniform(*ends))) for ends in ((-1, 5), (-1, 8), (-3, 5)))
        truth = float(scipy.stats.f.sf(ratio, above, below))
        assert f_ratio.tail(ratio, above, below) == pytest.approx(truth, rel=1e-8, abs=1e-200)
    assert f_ratio.tail(33.0, 1, 2e8) == pytest.approx(float(scipy.stats.chi2.sf(33.0, 1)))
    with pytest.raises(Invalid):
        f_ratio.tail(1.0, 0, 3)


def test_derivatives_of_gamma_are_scipys() -> None:
    for x in numpy.exp(numpy.linspace(-5, 8, 200)).tolist():
        assert gamma.digamma(x) == pytest.approx(float(scipy.special.digamma(x)), rel=1e-12, abs=1e-12)
        assert gamma.trigamma(x) == pytest.approx(float(scipy.special.polygamma(1, x)), rel=1e-12)
        assert gamma.trigamma_inverse(gamma.trigamma(x)) == pytest.approx(x, rel=1e-6)
    for call in (gamma.digamma, gamma.trigamma, gamma.trigamma_inverse):
        with pytest.raises(Invalid):
            call(0.0)


def drawn(random: numpy.random.Generator, windows: int, spread: float) -> dict[str, Any]:
    """Windows of columns over ten cells, whose mean wanders by so many deviations."""
    edges = scipy.stats.norm.ppf(numpy.arange(1, 10) / 10)
    values = random.normal(size=(FEATURES, windows, ROWS)) + spread * random.normal(size=(FEATURES, windows, 1))
    cells = numpy.searchsorted(edges, values)
    return {f"x{at}": [numpy.bincount(one, minlength=10).tolist() for one in column] for at, column in enumerate(cells)}


def test_what_wanders_not_is_told_so() -> None:
    found = wander.learn(drawn(numpy.random.default_rng(2), 8, 0.0)).values()
    assert numpy.mean([each.dispersion for each in found]) == pytest.approx(1.0, abs=0.1)
    assert numpy.mean([each.directions for each in found]) > 5.0
    assert min(each.known for each in found) == pytest.approx(7 * (1.0 + 3.0))  # its own, and what it may borrow


@pytest.mark.parametrize("windows", [3, 8, 60])
def test_what_wanders_along_one_direction_is_told_so(windows: int) -> None:
    found = wander.learn(drawn(numpy.random.default_rng(3), windows, 0.3)).values()
    assert numpy.median([each.directions for each in found]) < 2.0
    assert numpy.median([each.dispersion for each in found]) > 4.0


def test_columns_that_cannot_tell_are_left_out() -> None:
    assert wander.learn({"few": [[50, 50], [40, 60]], "empty": [[0, 0]] * 3, "one": [[9], [9], [9]]}) == {}
    (alone,) = wander.learn({"x": [[50, 50], [50, 50], [50, 50]]}).values()
    assert alone.dispersion == 1.0
    assert alone.tail(0.0) == 1.0


def windows_of(random: numpy.random.Generator, count: int, spread: float, share: float) -> list[dict[str, Any]]:
    """So many windows in which a share of the features wanders, each by itself."""
    wild = numpy.arange(FEATURES) < share * FEATURES
    made = []
    for _ in range(count):
        values = random.normal(size=(FEATURES, ROWS)) + (spread * wild * random.normal(size=FEATURES))[:, None]
        made.append({f"x{at}": one for at, one in enumerate(values)})
    return made


def summary(window: dict[str, Any], trained: reference.Reference) -> Summary:
    return Summary(
        rows=ROWS,
        numeric={name: histogram.numeric(window[name], known) for name, known in trained.numeric.items()},
        categorical={},
        score=histogram.numeric(window["x0"], trained.score),
        labels=score_labels.ScoreLabels(rows=0, sums={}),
        as_of_us=0,
    )


def alarms(random: numpy.random.Generator, trained: reference.Reference, history: int, **how: float) -> set[str | None]:
    """The columns that alarm in a window, given so many matching ones before it."""
    *before, now = windows_of(random, history + 1, how["spread"], how.get("share", 1.0))
    now["x1"] = now["x1"] + how.get("shift", 0.0)
    against = matching.merge([summary(each, trained) for each in before], trained, LIMITS.min_rows)
    found = list(inputs.of_columns(summary(now, trained), trained, LIMITS, against))
    states = finding.states(found)
    return {each.column for each, state in zip(found, states, strict=True) if state is CheckState.BROKEN}


@pytest.fixture(scope="module")
def trained() -> reference.Reference:
    values = numpy.random.default_rng(9).normal(size=(FEATURES, 20_000))
    known = {f"x{at}": references.numeric(one) for at, one in enumerate(values)}
    return reference.Reference(
        rows=20_000, numeric=known, categorical={}, score=known["x0"], metrics={}, cost_per_row=None
    )


@pytest.mark.parametrize(("history", "share"), [(3, 1.0), (3, 0.25), (3, 0.1), (8, 1.0), (8, 0.1), (60, 1.0)])
def test_what_the_season_explains_raises_no_alarm(trained: reference.Reference, history: int, share: float) -> None:
    """Windows that wander by 0.3 deviations in some features, each by itself: one in a hundred may raise an alarm.

    Where most stand still, three windows of one that wanders may look as still; one in eight windows raised an alarm.
    """
    times = 100 if history < 20 else 25
    random = numpy.random.default_rng(4)
    wrong = sum(bool(alarms(random, trained, history, spread=0.3, share=share)) for _ in range(times))
    assert wrong / times <= 0.03


def test_a_column_that_wanders_is_not_taken_for_as_still_as_the_others() -> None:
    """Nineteen columns that stand still say little of the twentieth, whose windows lie far apart."""
    still = drawn(numpy.random.default_rng(6), 3, 0.0)
    far = [[100] * 5 + [0] * 5, [50] * 10, [0] * 5 + [100] * 5]
    found = wander.learn(still | {"x0": far})
    assert found["x0"].dispersion > 20.0
    assert found["x1"].dispersion < 2.0
    assert max(each.known for each in found.values()) <= 2 * (1.0 + 3.0)


@pytest.mark.parametrize(
    ("history", "spread", "shift", "least"),
    [(8, 0.0, 0.7, 19), (8, 0.1, 1.0, 19), (8, 0.3, 2.0, 14), (60, 0.3, 2.0, 19), (3, 0.0, 1.0, 19)],
)
def test_what_the_season_does_not_explain_is_found(
    trained: reference.Reference, history: int, spread: float, shift: float, least: int
) -> None:
    random = numpy.random.default_rng(5)
    found = sum("x1" in alarms(random, trained, history, spread=spread, shift=shift) for _ in range(20))
    assert found >= least


def test_a_window_of_another_size_is_judged_as_one(trained: reference.Reference) -> None:
    """What wanders grows with the rows, chance does not: `Wander.tail` takes the dispersion of the window's size."""
    one = wander.Wander(11.0, 1.0, 50.0)
    assert one.tail(6.0, 6.0) == one.tail(11.0)
    assert one.tail(11.0) > one.tail(33.0)
    assert math.isclose(one.tail(11.0), float(scipy.stats.f.sf(1.0, 1, 50)), rel_tol=1e-9)
