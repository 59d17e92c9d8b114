"""Accuracy among several classes: the share of rows whose most probable class is right."""

import numpy
import numpy.typing

from podium.core import run
from podium.measures.performance import interval
from podium.measures.performance.multiclass import confusion


def accuracy(
    target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike, confidence: float = 0.95
) -> run.Interval | None:
    """The share with Wilson's interval; None when there are no rows.

    `target`: class numbers, shape [n]; `score`: probabilities, shape [n, classes]; `Invalid` as in `classes`.
    Source: Sokolova & Lapalme 2009, table 3.

    >>> round(accuracy([0, 1, 1], [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]).value, 4)
    0.6667
    """
    counts = confusion.confusion(target, score)
    return interval.proportion(int(numpy.trace(counts)), int(counts.sum()), confidence)
