"""The upper tail of the F distribution, without SciPy."""

import math

from podium.core.errors import Invalid
from podium.measures.drift import chi_square

_ENOUGH = 1e-14
_STEPS = 100_000
_TINY = 1e-300
_ENDLESS = 1e7


def tail(ratio: float, above: float, below: float) -> float:
    """P(F ≥ ratio) with `above` and `below` degrees of freedom (above 0, else `Invalid`); relative error below 1e-8.

    By the incomplete beta function's continued fraction; with more than ten million degrees below it is chi-square's.
    Source: Abramowitz & Stegun 26.6.2, 26.5.2 and 26.5.8.

    >>> round(tail(4.964602744, 1, 10), 8), tail(0.0, 2, 3)
    (0.05, 1.0)
    """
    if not (above > 0 and below > 0):
        raise Invalid("The degrees of freedom must be more than none.", field="freedom")
    if ratio <= 0.0:
        return 1.0
    if below > _ENDLESS:
        return chi_square.tail(ratio * above, above)
    return _beta(below / (below + above * ratio), below / 2, above / 2)


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b)."""
    if x >= 1.0:
        return 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _fraction(x, a, b) / a
    return 1.0 - front * _fraction(1.0 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction, by the modified Lentz form."""
    ratio, inverse = 1.0, 1.0 / _away(1.0 - (a + b) * x / (a + 1.0))
    total = inverse
    for step in range(1, _STEPS):
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        for factor in (even, odd):
            inverse = 1.0 / _away(1.0 + factor * inverse)
            ratio = _away(1.0 + factor / ratio)
            total *= inverse * ratio
        if abs(inverse * ratio - 1.0) < _ENOUGH:
            break
    return total


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
