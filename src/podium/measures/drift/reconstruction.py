"""Reconstruction by principal components: do the columns still move together as they did?"""

import math
from typing import NamedTuple

import msgspec
import numpy

from podium.measures.drift import standard

_KEPT = 0.65
"""The share of the variance that the components kept explain."""
_ENOUGH = 50


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """How columns moved together: small enough to keep beside a reference."""

    columns: tuple[str, ...]
    middle: tuple[float, ...]
    width: tuple[float, ...]
    mean: tuple[float, ...]
    components: tuple[tuple[float, ...], ...]
    """Shape [kept][columns], orthonormal."""
    error: float
    """The mean distance of rows that were not used to find the components, in deviations."""
    error_deviation: float
    rows: int


class Change(NamedTuple):
    """By how much of itself the mean distance changed, and how likely that is when nothing moved."""

    value: float
    p_value: float


def pattern(columns: tuple[str, ...], before: standard.Matrix) -> Pattern | None:
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
    return Pattern(
        columns=columns,
        middle=tuple(middle.tolist()),
        width=tuple(width.tolist()),
        mean=tuple(mean.tolist()),
        components=tuple(tuple(each) for each in components.tolist()),
        error=float(errors.mean()),
        error_deviation=float(errors.std(ddof=1)),
        rows=int(errors.size),
    )


def change(before: Pattern, now: standard.Matrix) -> Change | None:
    """Compare the mean distance of rows (shape [rows, columns of the pattern]) with the usual one; None below 50 rows.

    >>> random = numpy.random.default_rng(1)
    >>> one = random.normal(size=(1000, 1))
    >>> made = pattern(("a", "b"), numpy.hstack([one, one + 0.1 * random.normal(size=(1000, 1))]))
    >>> broken = change(made, random.normal(size=(1000, 2)))
    >>> broken.value > 5, broken.p_value < 1e-9
    (True, True)
    """
    if now.shape[0] < _ENOUGH:
        return None
    placed = standard.place(now, numpy.array(before.middle), numpy.array(before.width))
    errors = _errors(placed, numpy.array(before.mean), numpy.array(before.components))
    variance = before.error_deviation**2 / before.rows + float(errors.var(ddof=1)) / errors.size
    apart = float(errors.mean()) - before.error
    if variance <= 0 or before.error <= 0:
        return Change(0.0, 1.0) if abs(apart) < 1e-12 else Change(math.copysign(1.0, apart), 0.0)
    return Change(apart / before.error, math.erfc(abs(apart) / math.sqrt(2.0 * variance)))


def _errors(placed: standard.Matrix, mean: standard.Matrix, components: standard.Matrix) -> standard.Matrix:
    apart = placed - mean
    rest = apart - (apart @ components.T) @ components
    return numpy.asarray(numpy.sqrt((rest * rest).sum(axis=1)))
