"""Mean absolute percentage error: how far off, as a share of what happened."""

import numpy
import numpy.typing

from podium.measures import rows


def losses(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike) -> rows.Numbers:
    """|score − target| / |target| as a share, of the rows whose target is not 0 (for the others there is none).

    Shapes [n] in, [≤ n] out; `Invalid` on NaN or unequal lengths.

    >>> losses([2.0, 0.0, 5.0], [1.0, 3.0, 5.5]).tolist()
    [0.5, 0.1]
    """
    truth, guess = rows.pair(target, score)
    some = truth != 0.0
    return numpy.asarray(numpy.abs(guess[some] - truth[some]) / numpy.abs(truth[some]), dtype=numpy.float64)


def mape(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike) -> float | None:
    """The mean of `losses` (0.3 is 30 %); None when no row has a target other than 0.

    Source: Hyndman & Koehler 2006, "Another look at measures of forecast accuracy", section 2.2.

    >>> mape([2.0, 0.0, 5.0], [1.0, 3.0, 5.5])
    0.3
    """
    each = losses(target, score)
    return float(each.mean()) if each.size else None
