"""Root of the mean squared error."""

import math

import numpy
import numpy.typing

from podium.measures import rows


def losses(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike) -> rows.Numbers:
    """(score − target)² in the square of the target's unit, shape [n]; `Invalid` on NaN or unequal lengths.

    >>> losses([3.0, 5.0], [2.0, 5.5]).tolist()
    [1.0, 0.25]
    """
    truth, guess = rows.pair(target, score)
    return numpy.asarray((guess - truth) ** 2, dtype=numpy.float64)


def rmse(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike) -> float | None:
    """The root of the mean of `losses`, in the target's unit; None when there are no rows.

    Source: Willmott & Matsuura 2005, equation 1.

    >>> round(rmse([3.0, 5.0], [2.0, 5.5]), 4)
    0.7906
    """
    each = losses(target, score)
    return math.sqrt(float(each.mean())) if each.size else None
