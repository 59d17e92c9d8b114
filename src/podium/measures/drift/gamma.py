"""Derivatives of the logarithm of the gamma function, without SciPy."""

import math

from podium.core.errors import Invalid

_FAR = 12.0
_STEPS = 100


def digamma(x: float) -> float:
    """The first one, for x above 0 (else `Invalid`); error below 1e-12.

    By the recurrence up to 12, from there by the asymptotic series. Source: Abramowitz & Stegun 6.3.5 and 6.3.18.

    >>> round(digamma(1.0), 10)
    -0.5772156649
    """
    total, x = _lifted(x, 1)
    square = 1.0 / (x * x)
    series = square * (1.0 / 12 - square * (1.0 / 120 - square * (1.0 / 252 - square * (1.0 / 240 - square / 132))))
    return total + math.log(x) - 0.5 / x - series


def trigamma(x: float) -> float:
    """The second one, for x above 0 (else `Invalid`). Source: Abramowitz & Stegun 6.4.6 and 6.4.12.

    >>> round(trigamma(1.0), 10)
    1.6449340668
    """
    total, x = _lifted(x, 2)
    square = 1.0 / (x * x)
    series = 1.0 + square * (
        1.0 / 6 - square * (1.0 / 30 - square * (1.0 / 42 - square * (1.0 / 30 - square * 5 / 66)))
    )
    return total + 0.5 * square + series / x


def trigamma_inverse(value: float) -> float:
    """Where `trigamma` has a value above 0 (else `Invalid`), by bisection, to 1e-9 of itself.

    >>> round(trigamma_inverse(trigamma(2.5)), 6)
    2.5
    """
    if not value > 0:
        raise Invalid("Trigamma lies above 0.", field="value")
    low = high = 0.5 + 1.0 / value
    while trigamma(low) < value:
        low /= 2
    while trigamma(high) > value:
        high *= 2
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if trigamma(middle) > value else (low, middle)
    return (low + high) / 2


def _lifted(x: float, power: int) -> tuple[float, float]:
    """x as the series need it, and the sum of −(−1/x)^power on the way there."""
    if not x > 0:
        raise Invalid("It is asked for above 0.", field="x")
    total = 0.0
    while x < _FAR:
        total += -1.0 / x if power == 1 else 1.0 / (x * x)
        x += 1.0
    return total, x
