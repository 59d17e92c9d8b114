"""Brier score among several classes."""

import numpy
import numpy.typing

from podium.core import run
from podium.measures import rows
from podium.measures.performance import interval
from podium.measures.performance.multiclass import classes


def losses(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike) -> rows.Numbers:
    """Σ over classes of (probability − happened)², shape [n], each in [0, 2]; `Invalid` as in `classes`.

    >>> losses([0, 1], [[0.5, 0.5], [0.75, 0.25]]).tolist()
    [0.5, 1.125]
    """
    truth, guess = classes.classes(target, score)
    happened = numpy.eye(guess.shape[1])[truth]
    return numpy.asarray(((guess - happened) ** 2).sum(axis=1), dtype=numpy.float64)


def brier(
    target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike, confidence: float = 0.95
) -> run.Interval | None:
    """The mean of `losses` by Student's t; None with fewer than 2 rows. Source: Brier 1950, equation 2.

    >>> brier([0, 1], [[0.5, 0.5], [0.75, 0.25]]).value
    0.8125
    """
    return interval.mean(losses(target, score), confidence)
