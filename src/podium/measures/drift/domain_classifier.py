"""Domain classifier: can rows of before and now be told apart from all their columns together?"""

import math
from typing import NamedTuple

import numpy

from podium.core.errors import Invalid
from podium.measures import rows
from podium.measures.drift import standard
from podium.measures.performance import auc

_RIDGE = 10.0
_STEPS = 8
_ENOUGH = 20


class Apart(NamedTuple):
    """How well rows are told apart, and how likely that is when nothing moved."""

    auc: float
    """0.5: not at all; 1: always."""
    p_value: float
    weights: tuple[float, ...]
    """Per column of the matrix: how much it tells, in standard deviations; above zero, values are larger now."""


def domain_classifier(before: standard.Matrix, now: standard.Matrix, random: numpy.random.Generator) -> Apart | None:
    """A logistic regression on one half of the rows, judged on the other, and the reverse.

    `before` and `now`: shape [rows, columns], NaN = null, which counts as the column's middle; values beyond five
    robust deviations count as five. None below 20 rows on a side or without columns. Source: Friedman 2003, "On
    multivariate goodness-of-fit and two-sample testing"; Lopez-Paz & Oquab 2017; the AUC's variance without drift by
    Mann & Whitney 1947.

    >>> random = numpy.random.default_rng(1)
    >>> found = domain_classifier(random.normal(size=(500, 3)), random.normal(size=(500, 3)) + [1, 0, 0], random)
    >>> found.auc > 0.7, found.p_value < 1e-9
    (True, True)
    """
    if before.ndim != 2 or now.ndim != 2 or before.shape[1] != now.shape[1]:
        raise Invalid("Both need the same columns.", field="now")
    if min(before.shape[0], now.shape[0]) < _ENOUGH or not before.shape[1]:
        return None
    scale = standard.scale(before)
    return placed(standard.place(before, *scale), standard.place(now, *scale), random)


def placed(before: standard.Matrix, now: standard.Matrix, random: numpy.random.Generator) -> Apart:
    """The same of rows that are placed in deviations, at least one column and 20 rows a side.

    >>> random = numpy.random.default_rng(1)
    >>> placed(random.normal(size=(200, 2)), random.normal(size=(200, 2)) + 3.0, random).auc > 0.99
    True
    """
    data = numpy.concatenate([before, now])
    target = numpy.concatenate([numpy.zeros(before.shape[0]), numpy.ones(now.shape[0])])
    half = random.permutation(target.size) % 2 == 0
    found: list[tuple[float, int, int]] = []
    weights = numpy.zeros(data.shape[1])
    for chosen in (half, ~half):
        fitted = _fit(data[chosen], target[chosen])
        weights += fitted[1:] / 2
        truth, score = target[~chosen], data[~chosen] @ fitted[1:]
        area = auc.auc(truth, score)
        found.append((0.5 if area is None else area, int(truth.sum()), int(truth.size - truth.sum())))
    value = sum(area for area, _, _ in found) / 2
    # Each half's errors are the other's: without drift both areas are off together, so that their mean gains nothing.
    variance = sum((n + m + 1) / (12 * n * m) for _, n, m in found if n and m) / 2
    z = (value - 0.5) / math.sqrt(variance)
    return Apart(value, math.erfc(z / math.sqrt(2)) / 2, tuple(weights.tolist()))


def chance(before: int, now: int) -> float:
    """The variance of the area by chance, of so many rows a side: of one half, as both halves err together.

    >>> round(chance(1_000, 1_000), 6)
    0.000334
    """
    n, m = before / 2, now / 2
    return (n + m + 1) / (12 * n * m)


def _fit(data: standard.Matrix, target: rows.Numbers) -> rows.Numbers:
    """Ridge logistic regression by Newton's method: intercept first, shape [columns + 1]."""
    wide = numpy.concatenate([numpy.ones((data.shape[0], 1)), data], axis=1)
    penalty = numpy.full(wide.shape[1], _RIDGE)
    penalty[0] = 1e-6
    weights = numpy.zeros(wide.shape[1])
    for _ in range(_STEPS):
        chance = 1.0 / (1.0 + numpy.exp(-numpy.clip(wide @ weights, -30.0, 30.0)))
        slope = wide.T @ (target - chance) - penalty * weights
        curve = (wide * (chance * (1.0 - chance))[:, None]).T @ wide + numpy.diag(penalty)
        step = numpy.linalg.solve(curve, slope)
        weights += step
        if numpy.abs(step).max() < 1e-6:
            break
    return weights
