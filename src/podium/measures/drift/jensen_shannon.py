"""Jensen-Shannon distance between two columns' cells."""

import math

import numpy
import numpy.typing

from podium.measures import rows
from podium.measures.drift import shares


def jensen_shannon(before: numpy.typing.ArrayLike, now: numpy.typing.ArrayLike) -> float | None:
    """√ of half the sum of both divergences from their mean, base 2, in [0, 1]; None when either has no rows.

    `before` and `now`: counts per cell, each shape [cells]. Source: Lin 1991, "Divergence measures based on the Shannon
    entropy", equation 3.1; its square root is a metric (Endres & Schindelin 2003).

    >>> jensen_shannon([1, 0], [0, 1]), jensen_shannon([3, 1], [6, 2])
    (1.0, 0.0)
    """
    found = shares.pair(before, now)
    if found is None:
        return None
    middle = (found[0] + found[1]) / 2
    return math.sqrt(max(0.0, sum(_divergence(each, middle) for each in found) / 2))


def _divergence(share: rows.Numbers, middle: rows.Numbers) -> float:
    some = share > 0
    return float((share[some] * numpy.log2(share[some] / middle[some])).sum())
