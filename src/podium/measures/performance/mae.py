"""Mean absolute error."""

import numpy
import numpy.typing

from podium.measures import rows


def losses(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike) -> rows.Numbers:
    """|score − target| in the target's unit, shape [n]; `Invalid` on NaN or unequal lengths.

    >>> losses([3.0, 5.0], [2.0, 5.5]).tolist()
    [1.0, 0.5]
    """
    truth, guess = rows.pair(target, score)
    return numpy.asarray(numpy.abs(guess - truth), dtype=numpy.float64)


def mae(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike) -> float | None:
    """The mean of `losses`; None when there are no rows. Source: Willmott & Matsuura 2005, equation 2.

    >>> mae([3.0, 5.0], [2.0, 5.5])
    0.75
    """
    each = losses(target, score)
    return float(each.mean()) if each.size else None
