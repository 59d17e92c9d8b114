"""Hellinger distance between two columns' cells."""

import math

import numpy
import numpy.typing

from podium.measures.drift import shares


def hellinger(before: numpy.typing.ArrayLike, now: numpy.typing.ArrayLike) -> float | None:
    """√(1 − Σ √(p q)) over counts per cell (each shape [cells]), in [0, 1]; None when either has no rows.

    Source: Hellinger 1909; Le Cam & Yang 2000, "Asymptotics in statistics", section 4.2.

    >>> hellinger([1, 1], [2, 2]), hellinger([1, 0], [0, 1])
    (0.0, 1.0)
    """
    found = shares.pair(before, now)
    if found is None:
        return None
    apart = numpy.sqrt(found[0]) - numpy.sqrt(found[1])
    return math.sqrt(min(1.0, float((apart * apart).sum()) / 2))
