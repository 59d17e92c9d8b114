"""Confidence-based performance estimation: how well a model does on rows whose outcome nobody knows yet.

If the scores are calibrated, each row says how likely it is to be positive; measures are taken over what is likely. It
sees drift of the inputs. It cannot see that the same inputs now lead to other outcomes: its figures are estimates, and
say so. Source: Białek, Kuberski, Perrakis & Bifet 2024, "Estimating model performance under covariate shift without
labels", section 3 (CBPE); Kivimäki et al. 2025, "Confidence-based estimators for predictive performance in model
monitoring", section 4 (the estimates' spread).
"""

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy
import numpy.typing

from podium.core import project, run
from podium.core.errors import Invalid
from podium.measures import rows
from podium.measures.estimates import isotonic
from podium.measures.performance import log_loss, student

ASSUMPTION = "Estimated without outcomes: holds as long as equal inputs still lead to equal outcomes."


class Expected(NamedTuple):
    """How many rows of each outcome are expected; the act is `score ≥ threshold`."""

    true_positive: float
    false_positive: float
    false_negative: float
    true_negative: float


class Figure(NamedTuple):
    """An estimate, and how much each row's outcome being 1 instead of 0 would add to it, shape [n]."""

    value: float
    pulls: rows.Numbers


Estimator: TypeAlias = Callable[[rows.Numbers, rows.Numbers, float], Figure | None]
"""From chances, scores and a threshold."""


def confusion(chance: numpy.typing.ArrayLike, act: numpy.typing.ArrayLike) -> Expected:
    """The expected confusion of decisions `act` (truths) on rows that are positive with these chances; shapes [n].

    >>> [round(each, 2) for each in confusion([0.9, 0.2], [True, False])]
    [0.9, 0.1, 0.2, 0.8]
    """
    likely, acted = rows.pair(chance, act)
    return Expected(
        true_positive=float((likely * acted).sum()),
        false_positive=float(((1.0 - likely) * acted).sum()),
        false_negative=float((likely * (1.0 - acted)).sum()),
        true_negative=float(((1.0 - likely) * (1.0 - acted)).sum()),
    )


def auc(chance: rows.Numbers, score: rows.Numbers, _threshold: float = 0.5) -> Figure | None:
    """The expected area under the ROC curve, ties counting half; None when a class has no chance.

    >>> auc(numpy.array([0.1, 0.9]), numpy.array([0.2, 0.7])).value.__round__(4)
    0.9
    """
    positives, negatives = float(chance.sum()), float((1.0 - chance).sum())
    if positives <= 0.0 or negatives <= 0.0:
        return None
    place = numpy.unique(score, return_inverse=True)[1]
    some = numpy.bincount(place, weights=chance)
    others = numpy.bincount(place, weights=1.0 - chance)
    below = numpy.cumsum(others) - others / 2.0
    above = positives - numpy.cumsum(some) + some / 2.0
    value = float((some * below).sum()) / (positives * negatives)
    pulls = (below - above)[place] / (positives * negatives) - value * (1.0 / positives - 1.0 / negatives)
    return Figure(value, pulls)


def average_precision(chance: rows.Numbers, score: rows.Numbers, _: float = 0.5) -> Figure | None:
    """The expected average precision, equal scores taken together; None when no row has a chance.

    >>> average_precision(numpy.array([0.1, 0.9]), numpy.array([0.2, 0.7])).value.__round__(4)
    0.86
    """
    total = float(chance.sum())
    if total <= 0.0:
        return None
    order = numpy.argsort(-score, kind="stable")
    hits = numpy.cumsum(chance[order])
    ends = numpy.flatnonzero(numpy.diff(score[order], append=-numpy.inf))
    steps, among = numpy.diff(hits[ends], prepend=0.0), ends + 1.0
    value = float((steps * hits[ends] / among).sum()) / total
    later = numpy.cumsum((steps / among)[::-1])[::-1]
    each = numpy.repeat((hits[ends] / among + later) / total, numpy.diff(ends, prepend=-1))
    pulls = numpy.empty(score.size)
    pulls[order] = each - value / total
    return Figure(value, pulls)


def ratio(up: str, down: str) -> Estimator:
    """A share of two sums of expected counts, named by their initials: precision is `ratio("tp", "tp fp")`.

    >>> ratio("tp", "tp fp")(numpy.array([0.9, 0.5]), numpy.array([0.8, 0.7]), 0.5).value
    0.7
    """

    def estimate(chance: rows.Numbers, score: rows.Numbers, threshold: float) -> Figure | None:
        acted = rows.decisions(score, threshold).astype(numpy.float64)
        cells = dict(zip(("tp", "fp", "fn", "tn"), confusion(chance, acted), strict=True))
        turned = {"tp": acted, "fp": -acted, "fn": 1.0 - acted, "tn": acted - 1.0}
        top, bottom = (sum(cells[each] for each in part.split()) for part in (up, down))
        if bottom <= 0.0:
            return None
        rise = sum((turned[each] for each in up.split()), numpy.zeros(chance.size))
        base = sum((turned[each] for each in down.split()), numpy.zeros(chance.size))
        return Figure(top / bottom, (rise - base * (top / bottom)) / bottom)

    return estimate


def mean(losses: Callable[[rows.Numbers, rows.Numbers, float], rows.Numbers]) -> Estimator:
    """The expected mean of a loss, which is given as a function of targets, scores and threshold.

    >>> mean(lambda target, score, _: abs(score - target))(numpy.array([0.5]), numpy.array([0.25]), 0.5).value
    0.5
    """

    def estimate(chance: rows.Numbers, score: rows.Numbers, threshold: float) -> Figure | None:
        if not chance.size:
            return None
        one = losses(numpy.ones(score.size), score, threshold)
        none = losses(numpy.zeros(score.size), score, threshold)
        pulls = (one - none) / chance.size
        return Figure(float((none + chance * (one - none)).mean()), pulls)

    return estimate


def _surprise(target: rows.Numbers, score: rows.Numbers, _: float) -> rows.Numbers:
    return log_loss.losses(target, score)


ESTIMATORS: dict[str, Estimator] = {
    "accuracy": ratio("tp tn", "tp fp fn tn"),
    "auc": auc,
    "average_precision": average_precision,
    "brier": mean(lambda target, score, _: (score - target) ** 2),
    "f1": ratio("tp tp", "tp tp fp fn"),
    "log_loss": mean(_surprise),
    "precision": ratio("tp", "tp fp"),
    "recall": ratio("tp", "tp fn"),
    "specificity": ratio("tn", "tn fp"),
}


def cost(costs: project.CostsPart) -> Estimator:
    """The expected cost per row.

    >>> cost(project.CostsPart(false_positive=2.0))(numpy.array([0.25]), numpy.array([0.9]), 0.5).value
    1.5
    """

    def losses(target: rows.Numbers, score: rows.Numbers, threshold: float) -> rows.Numbers:
        acted = rows.decisions(score, threshold)
        when_one = numpy.where(acted, costs.true_positive, costs.false_negative)
        when_none = numpy.where(acted, costs.false_positive, costs.true_negative)
        return numpy.where(target == 1.0, when_one, when_none)

    return mean(losses)


def cbpe(
    estimator: Estimator,
    score: numpy.typing.ArrayLike,
    made: isotonic.Line | None,
    threshold: float = 0.5,
    confidence: float = 0.95,
) -> run.Interval | None:
    """What a measure will probably turn out to be on these rows, and between what.

    `score`: probabilities, shape [n]; `made`: the calibration learnt on rows with outcomes (`calibration.line`; None:
    the scores are probabilities). The interval is meant to hold the realised figure: it counts the chance of each
    outcome, and that the line rests on finitely many rows. It does so 95 % of the time with a line through 20,000
    rows; through 4,000 it is 86 to 95 %, as such a line follows its rows too closely. None where not defined.

    >>> found = cbpe(ESTIMATORS["accuracy"], [0.9, 0.2, 0.6], None)
    >>> round(found.value, 4), found.low < found.value < found.high
    (0.7667, True)
    """
    guess = rows.numbers(score, "score")
    if guess.size and not (guess.min() >= 0.0 and guess.max() <= 1.0):
        raise Invalid("A probability lies between 0 and 1.", field="score")
    chance = guess if made is None else isotonic.apply(made, guess)
    found = estimator(chance, guess, threshold)
    if found is None:
        return None
    spread = float((found.pulls**2 * chance * (1.0 - chance)).sum())
    if made is not None:
        spread += of_line(made, guess, found.pulls)
    half = student.normal(confidence) * math.sqrt(spread)
    return run.Interval(value=found.value, low=found.value - half, high=found.value + half, rows=guess.size)


def of_line(made: isotonic.Line, guess: rows.Numbers, pulls: rows.Numbers) -> float:
    """The variance that the line adds: the rows at one level of it err together."""
    levels, first = numpy.unique(numpy.array(made.rates), return_index=True)
    place = numpy.clip(numpy.searchsorted(levels, isotonic.apply(made, guess), side="left"), 0, levels.size - 1)
    together = numpy.bincount(place, weights=pulls, minlength=levels.size)
    return float((together**2 * levels * (1.0 - levels) / numpy.array(made.counts)[first]).sum())
