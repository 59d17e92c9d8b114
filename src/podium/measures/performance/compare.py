"""Two models on the same rows: by how much the second is better, and how sure that is."""

import math
from typing import NamedTuple

import msgspec
import numpy
import numpy.typing

from podium.core import run
from podium.core.errors import Invalid
from podium.measures import rows
from podium.measures.performance import auc as area
from podium.measures.performance import interval, student
from podium.measures.performance.measure import Measure
from podium.measures.performance.multiclass import classes


class Scored(NamedTuple):
    """A model's scores of the rows, and the threshold by which it decides, if any.

    Shape [n]; of several classes [n, classes].
    """

    score: rows.Numbers
    threshold: float | None = None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """How much better the second model is than the first; above 0 is better, whatever the measure's direction."""

    measure: str
    first: float
    second: float
    improvement: run.Interval

    def better(self, margin: float = 0.0) -> bool:
        """Whether the second is surely better by more than `margin`."""
        return self.improvement.low > margin

    def not_worse(self, margin: float = 0.0) -> bool:
        """Whether the second is surely not worse by more than `margin`."""
        return self.improvement.low >= -margin


def losses(
    first: numpy.typing.ArrayLike,
    second: numpy.typing.ArrayLike,
    confidence: float = 0.95,
    *,
    anytime_rows: int | None = None,
) -> run.Interval | None:
    """The mean of `first − second` losses per row (both shape [n], same rows); above 0 the second is better.

    None with fewer than 2 rows; `Invalid` on NaN or unequal lengths. By Student's t on the paired differences. With
    `anytime_rows` the interval may be looked at as often as one likes, and is narrowest near that many (see `width`).

    >>> found = losses([1.0, 2.0, 3.0], [0.5, 1.0, 3.0])
    >>> found.value, found.low < 0.0 < found.high
    (0.5, True)
    """
    before, after = rows.pair(first, second)
    return _around_mean(before - after, confidence, anytime_rows)


def areas(
    target: numpy.typing.ArrayLike,
    first: numpy.typing.ArrayLike,
    second: numpy.typing.ArrayLike,
    confidence: float = 0.95,
    *,
    anytime_rows: int | None = None,
) -> run.Interval | None:
    """The AUC of `second` minus that of `first` on the same rows (all shape [n]), by DeLong's paired variance.

    None with fewer than 2 rows of a class. Source: DeLong, DeLong & Clarke-Pearson 1988, equation 5.

    >>> found = areas([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], [0.1, 0.2, 0.6, 0.8])
    >>> found.value, found.low < 0.0 < found.high
    (0.25, True)
    """
    student.check(confidence)
    stands = [area.placements(target, first), area.placements(target, second)]
    both = [stand for stand in stands if stand is not None]
    spread = area.covariance(both) if len(both) == 2 else None
    if spread is None:
        return None
    error = math.sqrt(max(0.0, float(spread[0, 0] + spread[1, 1] - 2.0 * spread[0, 1])))
    count = both[0].positive.size + both[0].negative.size
    value = float(both[1].positive.mean() - both[0].positive.mean())
    half = error * (width(count, confidence, anytime_rows) if anytime_rows else student.normal(confidence))
    return run.Interval(value=value, low=value - half, high=value + half, rows=count)


def width(count: int, confidence: float, tuned_rows: int) -> float:
    """How many standard errors wide, to one side, an interval is that holds at all numbers of rows at once.

    Looking daily at a fixed-size interval finds differences that are not there; at this one it does not (for large
    numbers of rows). It is narrowest near `tuned_rows`. Source: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2024,
    "Time-uniform central limit theory and asymptotic confidence sequences", theorem 2.2 and appendix B.2.

    >>> round(width(1000, 0.95, 1000), 2)
    3.04
    """
    miss = 1.0 - student.check(confidence)
    if count < 1 or tuned_rows < 1:
        raise Invalid("At least one row is needed.", field="rows")
    tuned = (-2.0 * math.log(miss) + math.log(-2.0 * math.log(miss) + 1.0)) / tuned_rows
    scaled = count * tuned + 1.0
    return math.sqrt(2.0 * scaled / (count * tuned) * math.log(math.sqrt(scaled) / miss))


def apart(
    first: run.Interval,
    second: run.Interval,
    confidence: float = 0.95,
    *,
    higher_is_better: bool = False,
    anytime_rows: int | None = None,
) -> run.Interval:
    """By how much the second of two estimates on different rows is better; above 0 is better.

    Both intervals must be of that confidence. Their standard errors add in squares; with `anytime_rows` (of both
    together) the interval may be looked at as often as one likes, as rows that fall to one or the other by chance are
    one sequence of independent terms (see `width`).

    >>> one, two = (run.Interval(value=v, low=v - 0.3, high=v + 0.3, rows=100) for v in (1.0, 0.9))
    >>> found = apart(one, two)
    >>> round(found.value, 2), round(found.high - found.value, 3)
    (0.1, 0.424)
    """
    value = (second.value - first.value) * (1.0 if higher_is_better else -1.0)
    half = math.hypot((first.high - first.low) / 2, (second.high - second.low) / 2)
    if anytime_rows is not None:
        half *= width(first.rows + second.rows, confidence, anytime_rows) / student.normal(confidence)
    return run.Interval(value=value, low=value - half, high=value + half, rows=min(first.rows, second.rows))


def compare(
    measure: Measure,
    target: numpy.typing.ArrayLike,
    first: Scored,
    second: Scored,
    confidence: float = 0.95,
    *,
    anytime_rows: int | None = None,
) -> Comparison | None:
    """How much better `second` is than `first` by a measure, on the same rows (shape [n]).

    Means of losses by Student's t on the differences; `rmse`, `macro_f1` and `macro_auc` by the same on their linear
    form; `auc` by DeLong; others by a paired bootstrap (seed 0), for which `anytime_rows` is refused. None where the
    measure or its interval is not defined; `Invalid` on NaN, unequal lengths or a missing threshold.

    >>> from podium.measures.performance import by_name
    >>> found = compare(by_name.find("brier"), [0, 1, 1], Scored([0.5, 0.5, 0.5]), Scored([0.2, 0.9, 0.9]))
    >>> round(found.improvement.value, 2), found.better()
    (0.23, True)
    """
    truth, before = _pair(target, first.score)
    _, after = _pair(target, second.score)
    values = [measure.value(truth, before, first.threshold), measure.value(truth, after, second.threshold)]
    if values[0] is None or values[1] is None:
        return None
    if measure.name == "auc":
        found = areas(truth, before, after, confidence, anytime_rows=anytime_rows)
    elif measure.losses is not None:
        pairs = (
            measure.losses(truth, before, measure.decide(first.threshold)),
            measure.losses(truth, after, measure.decide(second.threshold)),
        )
        found = (
            _roots(pairs, confidence, anytime_rows)
            if measure.name == "rmse"
            else _means(pairs, confidence, anytime_rows)
        )
    elif measure.influence is not None:
        found = _pulls(measure, truth, (before, after), confidence, anytime_rows)
    else:
        found = _resampled(
            measure, (truth, before, after), (first.threshold, second.threshold), confidence, anytime_rows
        )
    if found is None:
        return None
    return Comparison(measure=measure.name, first=values[0], second=values[1], improvement=found)


def anytime(measure: Measure) -> bool:
    """Whether a comparison by it may be looked at again and again.

    >>> from podium.measures.performance import by_name
    >>> anytime(by_name.find("auc")), anytime(by_name.find("f1"))
    (True, False)
    """
    return measure.losses is not None or measure.influence is not None or measure.name == "auc"


def _pair(
    target: numpy.typing.ArrayLike, score: numpy.typing.NDArray[numpy.float64]
) -> tuple[rows.Numbers, rows.Numbers]:
    """Targets and scores as finite arrays; of several classes the numbers of classes, and probabilities."""
    if numpy.ndim(score) < 2:
        return rows.pair(target, score)
    truth, guess = classes.classes(target, score)
    return truth.astype(numpy.float64), guess


def _pulls(
    measure: Measure,
    target: rows.Numbers,
    scores: tuple[rows.Numbers, rows.Numbers],
    confidence: float,
    anytime_rows: int | None,
) -> run.Interval | None:
    """The difference of two smooth measures, by how each row pulls on both."""
    before, after = (measure.influence(target, each) if measure.influence else None for each in scores)
    if before is None or after is None:
        return None
    found = _around_mean(after[1] - before[1], confidence, anytime_rows)
    if found is None:
        return None
    value, half = after[0] - before[0], (found.high - found.low) / 2
    return run.Interval(value=value, low=value - half, high=value + half, rows=found.rows)


def _around_mean(each: rows.Numbers, confidence: float, anytime_rows: int | None) -> run.Interval | None:
    found = interval.mean(each, confidence)
    if found is None or anytime_rows is None:
        return found
    half = width(each.size, confidence, anytime_rows) * float(each.std(ddof=1)) / math.sqrt(each.size)
    return run.Interval(value=found.value, low=found.value - half, high=found.value + half, rows=each.size)


def _means(
    pairs: tuple[rows.Numbers, rows.Numbers], confidence: float, anytime_rows: int | None
) -> run.Interval | None:
    return _around_mean(pairs[0] - pairs[1], confidence, anytime_rows)


def _roots(
    squares: tuple[rows.Numbers, rows.Numbers], confidence: float, anytime_rows: int | None
) -> run.Interval | None:
    """The difference of two roots of means, by the delta method: each row's pull on it is linear in its squares."""
    before, after = (math.sqrt(float(square.mean())) for square in squares)
    pull = squares[0] / (2.0 * before or 1.0) - squares[1] / (2.0 * after or 1.0)
    found = _around_mean(pull, confidence, anytime_rows)
    if found is None:
        return None
    value, half = before - after, (found.high - found.low) / 2
    return run.Interval(value=value, low=value - half, high=value + half, rows=found.rows)


def _resampled(
    measure: Measure,
    arrays: tuple[rows.Numbers, rows.Numbers, rows.Numbers],
    thresholds: tuple[float | None, float | None],
    confidence: float,
    anytime_rows: int | None,
) -> run.Interval | None:
    if anytime_rows is not None:
        raise Invalid(
            f"The metric {measure.name!r} has no interval that may be looked at again and again.",
            field="metrics.primary",
            fix="Use log_loss, brier, auc, cost_per_row, mae or rmse.",
        )
    sign = 1.0 if measure.higher_is_better else -1.0

    def difference(target: rows.Numbers, before: rows.Numbers, after: rows.Numbers) -> float | None:
        old, new = measure.value(target, before, thresholds[0]), measure.value(target, after, thresholds[1])
        return None if old is None or new is None else sign * (new - old)

    return interval.bootstrap(difference, arrays, confidence)
