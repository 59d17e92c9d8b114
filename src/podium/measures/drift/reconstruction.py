"""Reconstruction by principal components: do the columns still move together as they did?"""

import math
from typing import NamedTuple

import numpy

from podium.core import reference
from podium.measures.drift import standard

_KEPT = 0.65
"""The share of the variance that the components kept explain."""
_ENOUGH = 50


class Change(NamedTuple):
    """By how much of itself the mean distance changed, and how likely that is when nothing moved."""

    value: float
    p_value: float


def pattern(columns: tuple[str, ...], before: standard.Matrix) -> reference.Pattern | None:
    """Find the components on every other row, and the usual distance on the rest; `before`: shape [rows, columns].

    Nulls and values beyond five robust deviations are treated as by the domain classifier. None below 100 rows or 2
    columns. Source: Pearson 1901; as a measure of drift: Jackson & Mudholkar 1979 (Q statistic).

    >>> random = numpy.random.default_rng(1)
    >>> one = random.normal(size=(1000, 1))
    >>> made = pattern(("a", "b"), numpy.hstack([one, one + 0.1 * random.normal(size=(1000, 1))]))
    >>> len(made.components)
    1
    """
    if before.shape[0] < 2 * _ENOUGH or before.shape[1] < 2:
        return None
    middle, width = standard.scale(before)
    placed = standard.place(before, middle, width)
    fitted, held = placed[::2], placed[1::2]
    mean = fitted.mean(axis=0)
    values, vectors = numpy.linalg.eigh(numpy.cov(fitted, rowvar=False))
    shares = numpy.cumsum(values[::-1]) / max(float(values.sum()), 1e-300)
    kept = min(before.shape[1] - 1, int(numpy.searchsorted(shares, _KEPT)) + 1)
    components = vectors[:, ::-1][:, :kept].T
    errors = _errors(held, mean, components)
    return reference.Pattern(
        columns=columns,
        middle=tuple(middle.tolist()),
        width=tuple(width.tolist()),
        mean=tuple(mean.tolist()),
        components=tuple(tuple(each) for each in components.tolist()),
        error=float(errors.mean()),
        error_deviation=float(errors.std(ddof=1)),
        rows=int(errors.size),
    )


def distances(before: reference.Pattern, rows: standard.Matrix) -> standard.Matrix:
    """How far each row is from the pattern, in deviations; `rows`: shape [n, columns of the pattern], NaN = null."""
    placed = standard.place(rows, numpy.array(before.middle), numpy.array(before.width))
    return _errors(placed, numpy.array(before.mean), numpy.array(before.components))


def change(before: reference.Pattern, now: standard.Matrix, dispersion: float = 1.0) -> Change | None:
    """Compare the mean distance of rows (shape [rows, columns of the pattern]) with the usual one; None below 50 rows.

    Rows of now count as rows / `dispersion` independent ones.

    >>> random = numpy.random.default_rng(1)
    >>> one = random.normal(size=(1000, 1))
    >>> made = pattern(("a", "b"), numpy.hstack([one, one + 0.1 * random.normal(size=(1000, 1))]))
    >>> broken = change(made, random.normal(size=(1000, 2)))
    >>> broken.value > 5, broken.p_value < 1e-9
    (True, True)
    """
    if now.shape[0] < _ENOUGH:
        return None
    errors = distances(before, now)
    variance = before.error_deviation**2 / before.rows + float(errors.var(ddof=1)) / errors.size * dispersion
    apart = float(errors.mean()) - before.error
    if variance <= 0 or before.error <= 0:
        return Change(0.0, 1.0) if abs(apart) < 1e-12 else Change(math.copysign(1.0, apart), 0.0)
    return Change(apart / before.error, math.erfc(abs(apart) / math.sqrt(2.0 * variance)))


def _errors(placed: standard.Matrix, mean: standard.Matrix, components: standard.Matrix) -> standard.Matrix:
    apart = placed - mean
    rest = apart - (apart @ components.T) @ components
    return numpy.asarray(numpy.sqrt((rest * rest).sum(axis=1)))
