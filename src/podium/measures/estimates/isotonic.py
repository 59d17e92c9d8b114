"""Isotonic regression: the rising line that best says how often the target is 1 at each score."""

import msgspec
import numpy
import numpy.typing

from podium.core.errors import Invalid
from podium.measures import rows


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A rising line through points; straight between them, level beyond them."""

    scores: tuple[float, ...]
    rates: tuple[float, ...]
    counts: tuple[int, ...]
    """How many rows each point's level rests on."""


def fit(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike) -> Line:
    """The least-squares rising line, by pooling neighbours that fall, in O(n log n); without points inside a level.

    `target`: 0 or 1; `score`: any finite numbers; shapes [n]. `Invalid` without rows, on NaN or other targets. Source:
    Barlow, Bartholomew, Bremner & Brunk 1972, section 1.2; for scores: Zadrozny & Elkan 2002, section 3.2.

    >>> fit([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4]).rates
    (0.0, 0.5, 0.5, 1.0)
    """
    positive, guess = rows.binary(target, score)
    if not guess.size:
        raise Invalid("A line cannot be drawn through no rows.", field="target")
    known, place, weights = numpy.unique(guess, return_inverse=True, return_counts=True)
    levels, ends = _pool(numpy.bincount(place, weights=positive) / weights, weights.astype(numpy.float64))
    rates = numpy.repeat(levels, numpy.diff(ends, prepend=0))
    counts = numpy.repeat(numpy.add.reduceat(weights, numpy.append(0, ends[:-1])), numpy.diff(ends, prepend=0))
    kept = numpy.ones(known.size, dtype=numpy.bool_)
    kept[1:-1] = (rates[1:-1] != rates[:-2]) | (rates[1:-1] != rates[2:])
    return Line(
        scores=tuple(known[kept].tolist()), rates=tuple(rates[kept].tolist()), counts=tuple(counts[kept].tolist())
    )


def apply(line: Line, score: numpy.typing.ArrayLike) -> rows.Numbers:
    """How often the target is 1 at each score, shape [n].

    >>> apply(fit([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4]), [0.0, 0.15, 0.25]).round(4).tolist()
    [0.0, 0.25, 0.5]
    """
    return numpy.interp(rows.numbers(score, "score"), line.scores, line.rates)


def _pool(means: rows.Numbers, weights: rows.Numbers) -> tuple[rows.Numbers, numpy.typing.NDArray[numpy.int64]]:
    """Levels that rise, and the end (exclusive) of each among the given means."""
    levels: list[float] = []
    loads: list[float] = []
    ends: list[int] = []
    for end, (mean, weight) in enumerate(zip(means.tolist(), weights.tolist(), strict=True), start=1):
        level, load = mean, weight
        while levels and levels[-1] >= level:
            before = loads.pop()
            level = (levels.pop() * before + level * load) / (before + load)
            load += before
            ends.pop()
        levels.append(level)
        loads.append(load)
        ends.append(end)
    return numpy.array(levels), numpy.array(ends, dtype=numpy.int64)
