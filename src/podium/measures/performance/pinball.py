"""Pinball loss: the error of a predicted quantile."""

import numpy
import numpy.typing

from podium.core.errors import Invalid
from podium.measures import rows


def losses(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike, quantile: float) -> rows.Numbers:
    """Too low costs `quantile` a unit, too high 1 − `quantile`; in the target's unit, shape [n].

    `score`: the predicted quantile; `quantile` lies in (0, 1). `Invalid` otherwise, on NaN or unequal lengths.

    >>> losses([3.0, 3.0], [2.0, 5.0], 0.9).round(4).tolist()
    [0.9, 0.2]
    """
    if not 0.0 < quantile < 1.0:
        raise Invalid("A quantile lies between 0 and 1.", field="quantile", fix="For example 0.9.")
    truth, guess = rows.pair(target, score)
    under = truth - guess
    return numpy.asarray(numpy.maximum(quantile * under, (quantile - 1.0) * under), dtype=numpy.float64)


def pinball(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike, quantile: float) -> float | None:
    """The mean of `losses`; None when there are no rows. Source: Koenker & Bassett 1978, equation 2.2.

    >>> round(pinball([3.0, 3.0], [2.0, 5.0], 0.9), 4)
    0.55
    """
    each = losses(target, score, quantile)
    return float(each.mean()) if each.size else None
