"""A mean over rows that belong together: those of one day share its weather, and are no independent witnesses."""

import math

import numpy
import numpy.typing

from podium.core import run
from podium.core.errors import Invalid
from podium.measures import rows
from podium.measures.performance import interval, student

FEWEST = 5
"""Groups, below which they say too little of how far groups differ."""


def mean(
    values: numpy.typing.ArrayLike, group: numpy.typing.ArrayLike | None, confidence: float = 0.95
) -> run.Interval | None:
    """The mean of per-row values (shape [n]) whose rows come in groups (whole numbers, shape [n]).

    By Student's t with as many degrees of freedom as there are groups less one, on the groups' sums of deviations: rows
    of one group may depend on each other as they like. With fewer than five groups, or none given, rows count as
    independent (`interval.mean`). None with fewer than 2 rows; `Invalid` on unequal lengths. Source: Liang & Zeger
    1986, section 3; the degrees of freedom: Cameron & Miller 2015, section VI.

    >>> day = numpy.repeat([0, 1, 2, 3, 4], 20)
    >>> found = mean(day.astype(float), day)
    >>> found.value, round(found.low, 2), round(mean(day.astype(float), None).low, 2)
    (2.0, 0.04, 1.72)
    """
    each = rows.numbers(values, "values")
    found = interval.mean(each, confidence)
    if found is None or group is None:
        return found
    groups = numpy.asarray(group)
    if groups.shape != each.shape:
        raise Invalid("Every row belongs to one group.", field="group")
    _, place = numpy.unique(groups, return_inverse=True)
    sums = numpy.bincount(place, each - found.value)
    count = sums.size
    if count < FEWEST:
        return found
    error = math.sqrt(count / (count - 1) * float((sums**2).sum())) / each.size
    half = student.student(confidence, count - 1) * error
    return run.Interval(value=found.value, low=found.value - half, high=found.value + half, rows=found.rows)


def apart(
    first: tuple[numpy.typing.ArrayLike, numpy.typing.ArrayLike | None],
    second: tuple[numpy.typing.ArrayLike, numpy.typing.ArrayLike | None],
    confidence: float = 0.95,
) -> run.Interval | None:
    """The mean of one side less that of another, each of its own rows: (values, groups) as for `mean`.

    What groups (days) do to both sides alike cancels: groups are one set for both. None with fewer than 2 rows a side.

    >>> found = apart(([3.0, 4.0, 5.0], None), ([1.0, 2.0, 3.0], None))
    >>> found.value, found.low < 2.0 < found.high
    (2.0, True)
    """
    sides = [rows.numbers(values, "values") for values, _ in (first, second)]
    if min(each.size for each in sides) < 2:
        return None
    pulls = numpy.concatenate(
        [sign * (each - each.mean()) / each.size for sign, each in zip((1.0, -1.0), sides, strict=True)]
    )
    groups = [numpy.asarray(group) for _, group in (first, second) if group is not None]
    whole = numpy.concatenate(groups) if len(groups) == len(sides) else None
    found = mean(pulls * pulls.size, whole, confidence)
    if found is None:
        return None
    value, half = float(sides[0].mean() - sides[1].mean()), (found.high - found.low) / 2
    return run.Interval(value=value, low=value - half, high=value + half, rows=min(each.size for each in sides))
