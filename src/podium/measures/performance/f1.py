"""F1: the harmonic mean of precision and recall."""

import numpy.typing

from podium.measures.performance import confusion


def counts(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike, threshold: float) -> tuple[int, int]:
    """True positives, and the rows that are positive or acted on (the two counts of the Jaccard index).

    >>> counts([0, 1, 1], [0.6, 0.7, 0.2], 0.5)
    (1, 3)
    """
    c = confusion.confusion(target, score, threshold)
    return c.true_positive, c.true_positive + c.false_positive + c.false_negative


def from_jaccard(share: float) -> float:
    """F1 from the Jaccard index: 2j / (1 + j), a rising function, so an interval of one gives that of the other.

    >>> from_jaccard(0.5)
    0.6666666666666666
    """
    return 2.0 * share / (1.0 + share)


def f1(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike, threshold: float) -> float | None:
    """2 tp / (2 tp + fp + fn), acting where score ≥ threshold; None when no row is positive or acted on.

    `target`: 0 or 1, shape [n]; `score`: finite, shape [n]; `Invalid` on NaN, other targets or unequal lengths.
    Source: van Rijsbergen 1979, chapter 7.

    >>> f1([0, 1, 1], [0.6, 0.7, 0.2], 0.5)
    0.5
    """
    right, among = counts(target, score, threshold)
    return from_jaccard(right / among) if among else None
