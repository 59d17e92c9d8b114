"""Precision: of the rows acted on, the share that were positive."""

import numpy.typing

from podium.measures.performance import confusion


def counts(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike, threshold: float) -> tuple[int, int]:
    """How many rows are right, and of how many.

    >>> counts([0, 1, 1], [0.6, 0.7, 0.2], 0.5)
    (1, 2)
    """
    c = confusion.confusion(target, score, threshold)
    return c.true_positive, c.true_positive + c.false_positive


def precision(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike, threshold: float) -> float | None:
    """The share of `counts`, acting where score ≥ threshold; None when no row is acted on.

    `target`: 0 or 1, shape [n]; `score`: finite, shape [n]; `Invalid` on NaN, other targets or unequal lengths.
    Source: Sokolova & Lapalme 2009, table 2.

    >>> round(precision([0, 1, 1], [0.6, 0.7, 0.2], 0.5), 4)
    0.5
    """
    right, among = counts(target, score, threshold)
    return right / among if among else None
