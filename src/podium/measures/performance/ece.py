"""Expected calibration error: how far, on average, what happened lies from what the score said."""

import math

import numpy
import numpy.typing

from podium.core import run
from podium.measures import rows
from podium.measures.performance import reliability, student


def ece(
    target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike, edges: rows.Numbers | None = None
) -> float | None:
    """Σ over bins of (share of rows) · |rate − mean score|, in [0, 1]; None when there are no rows.

    `target`: 0 or 1; `score`: probabilities; shapes [n]; `edges` as in `reliability` (default: ten even bins).
    `Invalid` on NaN, other targets or scores outside [0, 1]. It is biased upwards on few rows: see `between`.
    Source: Naeini, Cooper & Hauskrecht 2015, "Obtaining well calibrated probabilities", section 3.

    >>> round(ece([0, 0, 1, 1], [0.1, 0.2, 0.2, 0.9]), 4)
    0.2
    """
    positive, guess = rows.probabilities(target, score)
    if not guess.size:
        return None
    limits = reliability.even() if edges is None else edges
    gaps = numpy.bincount(reliability.places(guess, limits), weights=guess - positive, minlength=limits.size - 1)
    return float(numpy.abs(gaps).sum() / guess.size)


def between(
    target: numpy.typing.ArrayLike,
    score: numpy.typing.ArrayLike,
    confidence: float = 0.95,
    edges: rows.Numbers | None = None,
) -> run.Interval | None:
    """The error as `ece` gives it, with an interval freed of its bias; None with fewer than 2 rows.

    Each bin's gap is taken as normal, its size as folded normal (Leone, Nelson & Nottingham 1961), whose excess over
    the gap is taken off the interval's middle; the width counts the gaps' errors and how many rows fall into each bin.
    The low end is 0 unless some bin's gap is significant among all bins (Šidák 1967), so that a calibrated model is
    told as such at least `confidence` of the time.

    >>> found = between([0, 0, 1, 1] * 50, [0.1, 0.2, 0.8, 0.9] * 50)
    >>> round(found.value, 3), found.low > 0.0
    (0.15, True)
    """
    positive, guess = rows.probabilities(target, score)
    value = ece(target, score, edges)
    student.check(confidence)
    if value is None or guess.size < 2:
        return None
    limits = reliability.even() if edges is None else edges
    share, gap, error = _bins(positive, guess, limits)
    z, size = student.normal(confidence), numpy.abs(gap)
    expected = error * math.sqrt(2.0 / math.pi) * numpy.exp(-((gap / error) ** 2) / 2.0) + gap * _erf(gap / error)
    middle = value - float((share * (expected - size)).sum())
    half = z * math.sqrt(float((share**2 * error**2).sum()) + float((share * (size - value) ** 2).sum()) / guess.size)
    sure = bool((size / error).max() > student.normal(confidence ** (1.0 / gap.size)))
    low = max(0.0, middle - half) if sure else 0.0
    return run.Interval(value=value, low=min(value, low), high=max(value, middle + half), rows=guess.size)


def _bins(
    positive: rows.Truths, guess: rows.Numbers, limits: rows.Numbers
) -> tuple[rows.Numbers, rows.Numbers, rows.Numbers]:
    """Share of rows, gap and its standard error of each bin that holds rows."""
    place, count = reliability.places(guess, limits), limits.size - 1
    among = numpy.bincount(place, minlength=count)
    some, each = among > 0, guess - positive
    among = among[some]
    gap = numpy.bincount(place, weights=each, minlength=count)[some] / among
    squares = numpy.bincount(place, weights=each * each, minlength=count)[some] / among - gap**2
    promised = numpy.bincount(place, weights=guess * (1.0 - guess), minlength=count)[some] / among
    variance = numpy.maximum(numpy.maximum(squares, promised), 1e-12)
    return among / guess.size, gap, numpy.sqrt(variance / among)


def _erf(values: rows.Numbers) -> rows.Numbers:
    """1 − 2Φ(−x): erf(x / √2)."""
    return numpy.array([math.erf(value / math.sqrt(2.0)) for value in values])
