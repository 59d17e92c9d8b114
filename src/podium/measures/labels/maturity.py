"""Label maturity: how long outcomes take to come, and which rows are old enough to be judged by."""

import math
from collections.abc import Sequence

import msgspec
import numpy
import numpy.typing

from podium.core import run
from podium.core.errors import Invalid
from podium.measures import rows
from podium.measures.performance import student


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """The share of rows whose outcome is known at an age, in the unit of the ages given."""

    age: float
    share: run.Interval
    at_risk: int
    """Rows that were at least so old, and had no outcome just before."""


def curve(
    delay: numpy.typing.ArrayLike,
    age: numpy.typing.ArrayLike,
    at: Sequence[float],
    confidence: float = 0.95,
) -> tuple[Point, ...]:
    """The maturity curve at some ages: one less the Kaplan-Meier estimate, as young rows have had less time.

    `delay`: from prediction to outcome, NaN where none is known; `age`: from prediction to now; shapes [n], one unit.
    Intervals by Greenwood's variance on the log-log scale. Ages beyond the oldest row are left out, as nothing is known
    of them. `Invalid` on negative values, unequal lengths, or a delay beyond the age. Source: Kaplan & Meier 1958,
    equations 2b and 3b; Kalbfleisch & Prentice 2002, section 1.4 (scale).

    >>> nan = float("nan")
    >>> [round(each.share.value, 2) for each in curve([1.0, 2.0, nan, nan], [4.0, 4.0, 4.0, 1.5], [1.0, 2.0, 4.0])]
    [0.25, 0.62, 0.62]
    """
    came = numpy.asarray(delay, dtype=numpy.float64)
    waited = rows.numbers(age, "age")
    known = ~numpy.isnan(came)
    if came.shape != waited.shape:
        raise Invalid(f"There are {came.size} delays for {waited.size} ages.", field="age")
    if (waited < 0.0).any() or (came[known] < 0.0).any() or (came[known] > waited[known]).any():
        raise Invalid("A delay lies between 0 and the age.", field="delay")
    if not waited.size:
        return ()
    times, steps = numpy.unique(came[known], return_counts=True)
    until = numpy.sort(numpy.where(known, came, waited))
    risk = until.size - numpy.searchsorted(until, times, side="left")
    with numpy.errstate(divide="ignore"):
        left = numpy.cumprod(1.0 - steps / risk)
        spread = numpy.cumsum(steps / (risk * (risk - steps)))
    z = student.normal(confidence)
    found = []
    for one in at:
        if one > waited.max():
            continue
        step = int(numpy.searchsorted(times, one, side="right")) - 1
        still = float(left[step]) if step >= 0 else 1.0
        low, high = _limits(still, float(spread[step]) if step >= 0 else 0.0, z)
        at_risk = int(until.size - numpy.searchsorted(until, one, side="left"))
        share = run.Interval(value=1.0 - still, low=1.0 - high, high=1.0 - low, rows=waited.size)
        found.append(Point(age=float(one), share=share, at_risk=at_risk))
    return tuple(found)


def mature(age: numpy.typing.ArrayLike, label_window: float) -> rows.Truths:
    """The rows (shape [n]) that are old enough for their outcome to be complete: age ≥ label window.

    Rows that have their outcome early are no reason to count their whole cohort: early outcomes are of one kind.

    >>> mature([1.0, 8.0], 7.0).tolist()
    [False, True]
    """
    return rows.numbers(age, "age") >= label_window


def _limits(left: float, spread: float, z: float) -> tuple[float, float]:
    if left <= 0.0 or left >= 1.0 or not math.isfinite(spread):
        return left, left
    half = z * math.sqrt(spread) / abs(math.log(left))
    return left ** math.exp(half), left ** math.exp(-half)
