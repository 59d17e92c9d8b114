"""Telling later rows from some of a reference's, and how well quiet windows are told from all others of it."""

import math
import statistics
from typing import NamedTuple

import numpy
import numpy.typing

from podium.core import reference
from podium.measures.drift import domain_classifier, f_ratio, standard

MOST = 1_024
"""Rows on a side."""
LEAST = 64
"""Rows on a side below which nothing is said."""
_WINDOWS = 24
_FEWEST = 3
"""Windows, below which nothing is known of how they differ."""
_GRAIN = 25
"""Steps of a deviation, so that a value within five of them takes a byte."""
_NORMAL = statistics.NormalDist()
_LEAST_AREA = 0.5 / MOST
_SEED = 20_130_301
"""Of the classifier's halves, so that the same rows give the same answer."""
Windows = numpy.typing.NDArray[numpy.int64]


class Told(NamedTuple):
    """How well rows are told apart, how much better than those of quiet windows, and how likely that is by chance."""

    auc: float
    beyond: float
    p_value: float
    most: tuple[str, ...]
    """The columns that tell most, up to three."""


def keep(columns: tuple[str, ...], before: standard.Matrix) -> reference.RowsKept | None:
    """Keep some rows of a reference, shape [rows, columns], as a twenty-fifth of a deviation tells them.

    As the classifier sees them: nulls are the column's middle, what lies beyond five robust deviations counts as five.
    None with fewer than 64 rows, or without columns.

    >>> made = keep(("x",), numpy.arange(100.0)[:, None])
    >>> len(made.rows), made.usual
    (100, 0.5)
    """
    if before.shape[0] < LEAST or not before.shape[1]:
        return None
    middle, width = standard.scale(before)
    placed = standard.place(before[_spread(numpy.arange(before.shape[0]))], middle, width)
    return reference.RowsKept(
        columns=columns,
        middle=tuple(middle.tolist()),
        width=tuple(width.tolist()),
        rows=numpy.rint(placed * _GRAIN).astype(numpy.int8).tobytes(),
    )


def learn(known: reference.RowsKept, rows: standard.Matrix, windows: Windows) -> reference.RowsKept:
    """With how well the rows of each window are told from those of the others; `windows`: that of each row, shape [n].

    `rows`: shape [n, columns]. Of at most 24 windows, evenly, that have half of the usual number of rows or more;
    unchanged with fewer than three.
    """
    numbers, counts = numpy.unique(windows, return_counts=True)
    few = numpy.maximum(LEAST, numpy.median(counts) / 2)  # the last window is often cut off
    enough = numbers[(counts >= few) & (windows.size - counts >= LEAST)]
    chosen = enough[_spread(numpy.arange(enough.size), _WINDOWS)]
    if chosen.size < _FEWEST:
        return known
    found = [
        _apart(known, _of(known, rows[_spread(numpy.flatnonzero(windows != each))]), rows[_spread(mine)])
        for each in chosen
        for mine in (numpy.flatnonzero(windows == each),)
    ]
    places = [_place(each.auc) for each, _ in found]
    chance = statistics.fmean(variance for _, variance in found)
    return reference.RowsKept(
        columns=known.columns,
        middle=known.middle,
        width=known.width,
        rows=known.rows,
        usual=max(0.5, _NORMAL.cdf(statistics.fmean(places))),
        between=max(0.0, statistics.variance(places) - chance),
        windows=len(places),
    )


def told(before: reference.RowsKept, now: standard.Matrix) -> Told | None:
    """Tell rows of now (shape [rows, columns of `before`]) from those kept; None with fewer than 64.

    Areas are looked at as normal deviates, in which rows that moved by so many deviations come out alike wherever they
    start. A quiet window's lies about the mean of those of k others by Student's t, k − 1 degrees of freedom, with the
    variance by chance of rows of its number and (1 + 1/k) times that between windows; without windows, about one half
    by chance. Sources: the deviates, Green & Swets 1966, "Signal Detection Theory and Psychophysics", chapter 3; one
    future observation, Hahn & Meeker 1991, "Statistical Intervals", section 4.7.

    >>> random = numpy.random.default_rng(1)
    >>> made = keep(("a", "b"), random.normal(size=(2_000, 2)))
    >>> quiet, moved = (told(made, random.normal(size=(1_000, 2)) + [by, 0.0]) for by in (0.0, 1.0))
    >>> quiet.beyond < 0.05 < 0.2 < moved.beyond, moved.p_value < 1e-9, moved.most[0]
    (True, True, 'a')
    """
    if now.shape[0] < LEAST:
        return None
    found, chance = _apart(before, _kept(before), now[_spread(numpy.arange(now.shape[0]))])
    beyond = found.auc - before.usual
    ranked = sorted(zip(found.weights, before.columns, strict=True), key=lambda each: -abs(each[0]))
    most = tuple(name for _, name in ranked[:3])
    farther = _place(found.auc) - _place(before.usual)
    if before.windows < _FEWEST:
        return Told(found.auc, beyond, math.erfc(farther / math.sqrt(2.0 * chance)) / 2, most)
    away = farther / math.sqrt(chance + before.between * (1.0 + 1.0 / before.windows))
    both = f_ratio.tail(away * away, 1.0, before.windows - 1.0)
    return Told(found.auc, beyond, both / 2 if away > 0 else 1.0 - both / 2, most)


def _apart(
    known: reference.RowsKept, before: standard.Matrix, now: standard.Matrix
) -> tuple[domain_classifier.Apart, float]:
    """How well rows are told from those that are placed, and the variance of its deviate by chance."""
    chance = domain_classifier.chance(len(before), len(now)) / _NORMAL.pdf(0.0) ** 2
    return domain_classifier.placed(before, _of(known, now), numpy.random.default_rng(_SEED)), chance


def _place(auc: float) -> float:
    """The normal deviate of an area; of one that is all but certain, that of the largest that rows can tell."""
    return _NORMAL.inv_cdf(min(max(auc, _LEAST_AREA), 1.0 - _LEAST_AREA))


def _of(known: reference.RowsKept, rows: standard.Matrix) -> standard.Matrix:
    """Rows as coarse as those that are kept."""
    placed = standard.place(rows, numpy.array(known.middle), numpy.array(known.width))
    return numpy.asarray(numpy.rint(placed * _GRAIN) / _GRAIN)


def _kept(known: reference.RowsKept) -> standard.Matrix:
    return numpy.frombuffer(known.rows, numpy.int8).reshape(-1, len(known.columns)) / _GRAIN


def _spread(places: Windows, most: int = MOST) -> Windows:
    """At most so many of some places, evenly."""
    if places.size <= most:
        return places
    return numpy.asarray(places[numpy.linspace(0, places.size - 1, most).astype(numpy.int64)])
