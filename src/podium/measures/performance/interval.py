"""Confidence intervals of measures. All are two-sided; `confidence` lies in (0, 1), else `Invalid`."""

import math
from collections.abc import Callable, Sequence

import numpy
import numpy.typing

from podium.core import run
from podium.measures import rows
from podium.measures.performance import auc as area
from podium.measures.performance import student

RESAMPLES = 300
_STRAIGHT = 1e-9


def mean(values: numpy.typing.ArrayLike, confidence: float = 0.95) -> run.Interval | None:
    """The mean of per-row values (shape [n]) by Student's t; None with fewer than 2 rows.

    Source: Student 1908; right for large n by the central limit theorem.

    >>> found = mean([1.0, 2.0, 3.0])
    >>> found.value, round(found.low, 4), round(found.high, 4)
    (2.0, -0.4841, 4.4841)
    """
    each = rows.numbers(values, "values")
    student.check(confidence)
    if each.size < 2:
        return None
    half = student.student(confidence, each.size - 1) * float(each.std(ddof=1)) / math.sqrt(each.size)
    middle = float(each.mean())
    return run.Interval(value=middle, low=middle - half, high=middle + half, rows=each.size)


def skewed(values: numpy.typing.ArrayLike, confidence: float = 0.95) -> run.Interval | None:
    """The mean of per-row values (shape [n]) that lean to one side, such as squares; None with fewer than 2 rows.

    Student's t after Hall's transformation, which takes the skewness out: the interval reaches further to the side
    of the tail. On heavy tails it still falls short with few rows (0.93 instead of 0.95 for squares of log-normal
    errors, 500 rows). Source: Hall 1992, "On the removal of skewness by transformation", section 2.

    >>> found = skewed([1.0, 1.0, 1.0, 5.0])
    >>> round(found.low, 2), found.value, round(found.high, 2)
    (-0.36, 2.0, 14.81)
    """
    found = mean(values, confidence)
    if found is None or found.low == found.high:
        return found
    each = rows.numbers(values, "values")
    error = float(each.std(ddof=1)) / math.sqrt(each.size)
    lean = float(((each - found.value) ** 3).mean()) / float(each.std(ddof=1)) ** 3 / math.sqrt(each.size)
    reach = student.student(confidence, each.size - 1)
    if abs(lean) < _STRAIGHT:
        return found
    low, high = (3.0 / lean * (float(numpy.cbrt(1.0 + lean * (z - lean / 6.0))) - 1.0) for z in (reach, -reach))
    return run.Interval(
        value=found.value,
        low=min(found.value, found.value - low * error),
        high=max(found.value, found.value - high * error),
        rows=found.rows,
    )


def proportion(right: int, among: int, confidence: float = 0.95) -> run.Interval | None:
    """A share of rows by Wilson's score interval; None when `among` is 0. It stays in [0, 1].

    Source: Wilson 1927; Brown, Cai & DasGupta 2001, equation 4.

    >>> found = proportion(8, 10)
    >>> found.value, round(found.low, 4), round(found.high, 4)
    (0.8, 0.4902, 0.9433)
    """
    z = student.normal(confidence)
    if among == 0:
        return None
    share = right / among
    shrink = 1.0 + z * z / among
    centre = (share + z * z / (2 * among)) / shrink
    half = z / shrink * math.sqrt(share * (1.0 - share) / among + z * z / (4 * among * among))
    return run.Interval(
        value=share, low=min(share, max(0.0, centre - half)), high=max(share, min(1.0, centre + half)), rows=among
    )


def auc(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike, confidence: float = 0.95) -> run.Interval | None:
    """The area under the ROC curve with DeLong's variance, made symmetric on the logit scale, so inside (0, 1).

    None when a class is absent. With one row of a class: [0, 1]. Where the variance is 0 (perfect separation, either
    way round) the rarer class counts as that many trials without a miss, by Wilson. Source: DeLong et al. 1988;
    Sun & Xu 2014; the logit scale: Pepe 2003, section 5.2.

    >>> found = auc([0, 0, 1, 1, 0, 1], [0.1, 0.4, 0.35, 0.8, 0.2, 0.7])
    >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
    (0.8889, 0.2614, 0.9945)
    """
    z = student.normal(confidence)
    stand = area.placements(target, score)
    if stand is None:
        return None
    value, count = float(stand.positive.mean()), stand.positive.size + stand.negative.size
    spread = area.covariance([stand])
    if spread is None:
        return run.Interval(value=value, low=0.0, high=1.0, rows=count)
    error = math.sqrt(float(spread[0, 0]))
    if error == 0.0 or not 0.0 < value < 1.0:
        fewer = min(stand.positive.size, stand.negative.size)
        edge = proportion(fewer, fewer, confidence)
        room = 1.0 - (edge.low if edge else 0.0)
        return run.Interval(value=value, low=max(0.0, value - room), high=min(1.0, value + room), rows=count)
    middle, half = math.log(value / (1.0 - value)), z * error / (value * (1.0 - value))
    return run.Interval(value=value, low=_expit(middle - half), high=_expit(middle + half), rows=count)


def root(squares: run.Interval | None) -> run.Interval | None:
    """The interval of a root from that of a mean of squares.

    >>> root(run.Interval(value=4.0, low=-1.0, high=9.0, rows=5)).high
    3.0
    """
    return None if squares is None else rising(squares, lambda value: math.sqrt(max(0.0, value)))


def rising(of: run.Interval, function: Callable[[float], float]) -> run.Interval:
    """The interval of a rising function of an estimate.

    >>> rising(run.Interval(value=1.0, low=0.0, high=2.0, rows=5), lambda x: 10 * x).low
    0.0
    """
    return run.Interval(value=function(of.value), low=function(of.low), high=function(of.high), rows=of.rows)


def linear(value: float, pulls: numpy.typing.ArrayLike, confidence: float = 0.95) -> run.Interval | None:
    """The interval of a smooth statistic from how each row pulls on it (its influence values, shape [n], mean near 0).

    None with fewer than 2 rows. Source: Hampel 1974, section 4; Efron & Tibshirani 1993, section 21.3.

    >>> found = linear(2.0, [-1.0, 0.0, 1.0])
    >>> round(found.low, 4), round(found.high, 4)
    (-0.4841, 4.4841)
    """
    found = mean(pulls, confidence)
    if found is None:
        return None
    half = (found.high - found.low) / 2
    return run.Interval(value=value, low=value - half, high=value + half, rows=found.rows)


def bootstrap(
    statistic: Callable[..., float | None],
    columns: Sequence[numpy.typing.ArrayLike],
    confidence: float = 0.95,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> run.Interval | None:
    """Any statistic of rows by the percentile bootstrap, repeatable by `seed`; the fallback of the others.

    `columns`: arrays of shape [n], resampled together and given to `statistic`. None when the statistic is None on
    the rows themselves, or on more than half of the resamples. Source: Efron & Tibshirani 1993, section 13.3.

    >>> found = bootstrap(lambda x: float(numpy.median(x)), [range(100)])
    >>> found.low < found.value < found.high
    True
    """
    student.check(confidence)
    arrays = [rows.numbers(column, "columns") for column in columns]
    count = arrays[0].size
    value = statistic(*arrays) if count else None
    if value is None:
        return None
    random = numpy.random.default_rng(seed)
    drawn = []
    for _ in range(resamples):
        take = random.integers(0, count, count)
        drawn.append(statistic(*(array[take] for array in arrays)))
    known = numpy.array([answer for answer in drawn if answer is not None])
    if known.size * 2 < resamples:
        return None
    tail = (1.0 - confidence) / 2
    low, high = numpy.quantile(known, [tail, 1.0 - tail])
    return run.Interval(value=value, low=min(value, float(low)), high=max(value, float(high)), rows=count)


def _expit(logit: float) -> float:
    return 1.0 / (1.0 + math.exp(-logit)) if logit >= 0.0 else 1.0 - 1.0 / (1.0 + math.exp(logit))
