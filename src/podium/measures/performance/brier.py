"""Brier score: squared error of probabilities."""

import numpy
import numpy.typing

from podium.measures import rows


def losses(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike) -> rows.Numbers:
    """(score − target)², shape [n], each in [0, 1].

    `target`: 0 or 1; `score`: probabilities of 1. `Invalid` on NaN, other targets or a score outside [0, 1].

    >>> losses([1, 0], [0.5, 0.25]).tolist()
    [0.25, 0.0625]
    """
    positive, guess = rows.probabilities(target, score)
    return numpy.asarray((guess - positive) ** 2, dtype=numpy.float64)


def brier(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike) -> float | None:
    """The mean of `losses`; None when there are no rows. Source: Brier 1950, the two-class half form.

    >>> brier([1, 0], [0.5, 0.25])
    0.15625
    """
    each = losses(target, score)
    return float(each.mean()) if each.size else None
