"""Quantiles of the normal and Student's t distributions, without SciPy."""

import math
import statistics

from podium.core.errors import Invalid

_EXACT_TO = 60


def normal(confidence: float) -> float:
    """How many standard errors wide, to one side, a two-sided normal interval is.

    `confidence` lies in (0, 1), else `Invalid`.

    >>> round(normal(0.95), 4)
    1.96
    """
    return statistics.NormalDist().inv_cdf(0.5 + check(confidence) / 2)


def check(confidence: float) -> float:
    """Return the confidence if it lies between 0 and 1, else raise `Invalid`."""
    if not 0.0 < confidence < 1.0:
        raise Invalid("A confidence lies between 0 and 1.", field="confidence", fix="For example 0.95.")
    return confidence


def student(confidence: float, freedom: int) -> float:
    """The same for Student's t with `freedom` degrees of freedom (at least 1).

    Exact up to 60 degrees of freedom (the finite series of Abramowitz & Stegun 26.7.3 and 26.7.4, solved by
    bisection), then by the expansion 26.7.5, whose error there is below 1e-6 at the usual levels.

    >>> round(student(0.95, 4), 4), round(student(0.95, 1000), 4)
    (2.7764, 1.9623)
    """
    z = normal(confidence)
    if freedom < 1:
        raise Invalid("At least one degree of freedom is needed.", field="freedom")
    return _solve(confidence, freedom) if freedom <= _EXACT_TO else _expand(z, freedom)


def _solve(confidence: float, freedom: int) -> float:
    low, high = 0.0, math.pi / 2
    for _ in range(80):
        angle = (low + high) / 2
        low, high = (angle, high) if _within(angle, freedom) < confidence else (low, angle)
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def _within(angle: float, freedom: int) -> float:
    """P(|t| ≤ √freedom · tan(angle))."""
    cosine = math.cos(angle)
    odd = freedom % 2 == 1
    term, total = (cosine, cosine if freedom > 1 else 0.0) if odd else (1.0, 1.0)
    for step in range(3 if odd else 2, freedom - 1, 2):
        term *= cosine * cosine * (step - 1) / step
        total += term
    if odd:
        return 2.0 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total


def _expand(z: float, freedom: int) -> float:
    terms: tuple[float, ...] = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / float(freedom) ** (power + 1) for power, term in enumerate(terms))
