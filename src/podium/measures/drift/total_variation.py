"""Total variation: the share of rows that would have to move to another cell for both to be alike."""

import numpy
import numpy.typing

from podium.measures.drift import shares


def total_variation(before: numpy.typing.ArrayLike, now: numpy.typing.ArrayLike) -> float | None:
    """½ Σ |q − p| over counts per cell (each shape [cells]), in [0, 1]; None when either has no rows.

    Source: Levin, Peres & Wilmer 2017, "Markov chains and mixing times", proposition 4.2.

    >>> total_variation([50, 50], [20, 80])
    0.3
    """
    found = shares.pair(before, now)
    return None if found is None else round(float(numpy.abs(found[1] - found[0]).sum()) / 2, 15)
