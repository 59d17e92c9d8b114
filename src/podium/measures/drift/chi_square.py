"""The upper tail of the chi-square distribution, without SciPy."""

import math

from podium.core.errors import Invalid

_ENOUGH = 1e-15
_STEPS = 100_000


def tail(statistic: float, freedom: float) -> float:
    """P(χ² ≥ statistic) with `freedom` degrees of freedom (above 0, else `Invalid`); relative error below 1e-10.

    Q(freedom/2, statistic/2) by the power series below the middle and the continued fraction above it. Source:
    Abramowitz & Stegun 26.4.19 with 6.5.29 and 6.5.31 (the modified Lentz form).

    >>> round(tail(3.841458820694124, 1), 12), tail(0.0, 3)
    (0.05, 1.0)
    """
    if not freedom > 0:
        raise Invalid("The degrees of freedom must be more than none.", field="freedom")
    shape, point = freedom / 2, statistic / 2
    if point <= 0.0:
        return 1.0
    front = math.exp(shape * math.log(point) - point - math.lgamma(shape))
    if point < shape + 1.0:
        return max(0.0, 1.0 - front * _series(shape, point))
    return front * _fraction(shape, point)


def _series(shape: float, point: float) -> float:
    term = total = 1.0 / shape
    for step in range(1, _STEPS):
        term *= point / (shape + step)
        total += term
        if term < total * _ENOUGH:
            break
    return total


def _fraction(shape: float, point: float) -> float:
    tiny = 1e-300
    below = point + 1.0 - shape
    ratio, inverse = 1.0 / tiny, 1.0 / below
    total = inverse
    for step in range(1, _STEPS):
        factor = -step * (step - shape)
        below += 2.0
        inverse = 1.0 / _away(factor * inverse + below, tiny)
        ratio = _away(below + factor / ratio, tiny)
        change = inverse * ratio
        total *= change
        if abs(change - 1.0) < _ENOUGH:
            break
    return total


def _away(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny
