"""Logarithmic loss among several classes."""

import numpy
import numpy.typing

from podium.core import run
from podium.measures import rows
from podium.measures.performance import interval
from podium.measures.performance import log_loss as two
from podium.measures.performance.multiclass import classes


def losses(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike) -> rows.Numbers:
    """−log of the probability given to the class that was, in nats, shape [n]; `Invalid` as in `classes`.

    >>> losses([0, 1], [[0.5, 0.5], [0.75, 0.25]]).round(4).tolist()
    [0.6931, 1.3863]
    """
    truth, guess = classes.classes(target, score)
    given = numpy.clip(guess[numpy.arange(truth.size), truth], two.EPSILON, 1.0 - two.EPSILON)
    return numpy.asarray(-numpy.log(given), dtype=numpy.float64)


def log_loss(
    target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike, confidence: float = 0.95
) -> run.Interval | None:
    """The mean of `losses` by Student's t; None with fewer than 2 rows. Source: Good 1952, "Rational decisions".

    >>> round(log_loss([0, 1], [[0.5, 0.5], [0.75, 0.25]]).value, 4)
    1.0397
    """
    return interval.mean(losses(target, score), confidence)
