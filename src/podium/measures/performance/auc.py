"""Area under the receiver operating characteristic curve, with DeLong's variance."""

from typing import NamedTuple

import numpy
import numpy.typing

from podium.measures import rows


class Placements(NamedTuple):
    """How each row stands among the rows of the other class; the area is the mean of either array."""

    positive: rows.Numbers
    """Shape [positives]: the share of negatives that score lower (ties count half)."""
    negative: rows.Numbers
    """Shape [negatives]: the share of positives that score higher (ties count half)."""


def auc(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike) -> float | None:
    """The probability that a positive row scores above a negative one, ties counting half.

    `target`: 0 or 1, shape [n]; `score`: any finite numbers, shape [n]. None when a class is absent (or n = 0);
    `Invalid` on NaN, other targets or unequal lengths. Source: Hanley & McNeil 1982, the Mann-Whitney form.

    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    stand = placements(target, score)
    return None if stand is None else float(stand.positive.mean())


def placements(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike) -> Placements | None:
    """The placement values of all rows, in O(n log n) by midranks; None when a class is absent.

    Source: Sun & Xu 2014, "Fast implementation of DeLong's algorithm", equations 7 to 10.

    >>> placements([0, 1, 1], [0.3, 0.3, 0.9]).positive.tolist()
    [0.5, 1.0]
    """
    positive, guess = rows.binary(target, score)
    above, below = guess[positive], guess[~positive]
    if not above.size or not below.size:
        return None
    together = midranks(guess)
    return Placements(
        positive=(together[positive] - midranks(above)) / below.size,
        negative=1.0 - (together[~positive] - midranks(below)) / above.size,
    )


def covariance(stands: list[Placements]) -> rows.Numbers | None:
    """The covariance matrix of k areas on the same rows, shape [k, k]; None with fewer than 2 rows of a class.

    Source: DeLong, DeLong & Clarke-Pearson 1988, equation 4; Sun & Xu 2014, equation 10.

    >>> stand = placements([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> covariance([stand]).tolist()
    [[0.125]]
    """
    positive = numpy.stack([stand.positive for stand in stands])
    negative = numpy.stack([stand.negative for stand in stands])
    if positive.shape[1] < 2 or negative.shape[1] < 2:
        return None
    spread = numpy.cov(positive).reshape(len(stands), -1) / positive.shape[1]
    return numpy.asarray(spread + numpy.cov(negative).reshape(len(stands), -1) / negative.shape[1])


def midranks(values: rows.Numbers) -> rows.Numbers:
    """The rank (from 1) of each value, shape [n]; equal values share the middle of their ranks.

    >>> midranks(numpy.array([0.2, 0.1, 0.2])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, place, counts = numpy.unique(values, return_inverse=True, return_counts=True)
    last = numpy.cumsum(counts)
    return numpy.asarray((last - (counts - 1) / 2)[place], dtype=numpy.float64)
