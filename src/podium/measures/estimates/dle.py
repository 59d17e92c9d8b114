"""Direct loss estimation: what a regression model's error probably is on rows whose outcome nobody knows yet.

A second model learns the loss of each row from the features and the prediction; its mean over new rows is the
estimate. Like CBPE it sees drift of the inputs and not of what they lead to. Source: NannyML's method of that name
("direct loss estimation"), as documented with its version 0.13; how far the second model may err: the grouped jackknife
of Efron & Tibshirani 1993, section 11.5.
"""

import math
from typing import NamedTuple

import numpy

from podium.core import run
from podium.core.errors import Invalid
from podium.measures import rows
from podium.measures.performance import student

ASSUMPTION = "Estimated without outcomes: holds as long as equal inputs still lead to equal outcomes."

_ENDLESS = 1_000_000


class Predicted(NamedTuple):
    """What the second model says of rows."""

    losses: rows.Numbers
    """The loss expected of each row, shape [n]."""
    variances: rows.Numbers
    """How much each row's loss scatters about that, squared, shape [n]."""
    folds: rows.Numbers
    """The mean loss according to each model that was fitted without one fold of the reference, shape [folds]."""


def dle(predicted: Predicted, confidence: float = 0.95, of: int | None = None) -> run.Interval | None:
    """The mean loss that the rows probably have, and between what it will turn out; never below 0.

    The interval counts the scatter of the rows, and how much the estimate hangs on the reference rows; where the rows
    are drawn from more (`of` so many), also the draw (Cochran 1977, "Sampling Techniques", section 2.6). What the few
    folds say is known with as few degrees of freedom: Student's t with those of Satterthwaite 1946, "An approximate
    distribution of estimates of variance components". None without rows; `Invalid` on NaN, unequal lengths or fewer
    than 2 folds.

    >>> found = dle(Predicted(numpy.array([1.0, 3.0]), numpy.array([0.5, 0.5]), numpy.array([2.0, 2.0])))
    >>> found.value, round(found.high, 2)
    (2.0, 2.98)
    """
    losses, variances = rows.pair(predicted.losses, predicted.variances)
    folds = rows.numbers(predicted.folds, "folds")
    if folds.size < 2:
        raise Invalid("At least two folds are needed.", field="folds")
    if not losses.size:
        return None
    value = max(0.0, float(losses.mean()))
    whole = max(losses.size, of or 0)
    scatter = float(numpy.maximum(variances, 0.0).mean()) / whole
    if 1 < losses.size < whole:
        scatter += float(losses.var(ddof=1)) / losses.size * (1.0 - losses.size / whole)
    hang = (folds.size - 1) / folds.size * float(((folds - folds.mean()) ** 2).sum())
    half = student.student(confidence, _freedom(scatter, hang, folds.size - 1)) * math.sqrt(scatter + hang)
    return run.Interval(value=value, low=max(0.0, value - half), high=value + half, rows=whole)


def _freedom(sure: float, doubtful: float, known: int) -> int:
    """Of the sum of a variance that is known and of one known with so many degrees of freedom."""
    share = doubtful / (sure + doubtful) if doubtful > 0.0 else 0.0
    return _ENDLESS if share <= 0.0 else min(_ENDLESS, max(1, int(known / share**2)))
