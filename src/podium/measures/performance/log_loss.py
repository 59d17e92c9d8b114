"""Logarithmic loss: the cost of surprise."""

import numpy
import numpy.typing

from podium.measures import rows

EPSILON = float(numpy.finfo(numpy.float64).eps)
"""Probabilities are kept this far from 0 and 1, so that one sure mistake costs 36 and not infinity."""


def losses(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike) -> rows.Numbers:
    """−log of the probability given to what happened, in nats, shape [n].

    `target`: 0 or 1; `score`: probabilities of 1. `Invalid` on NaN, other targets or a score outside [0, 1].

    >>> losses([1, 0], [0.5, 0.25]).round(4).tolist()
    [0.6931, 0.2877]
    """
    positive, guess = rows.probabilities(target, score)
    given = numpy.clip(guess, EPSILON, 1.0 - EPSILON)
    return numpy.asarray(-numpy.log(numpy.where(positive, given, 1.0 - given)), dtype=numpy.float64)


def log_loss(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike) -> float | None:
    """The mean of `losses`; None when there are no rows. Source: Good 1952, "Rational decisions".

    >>> round(log_loss([1, 0], [0.5, 0.25]), 4)
    0.4904
    """
    each = losses(target, score)
    return float(each.mean()) if each.size else None
