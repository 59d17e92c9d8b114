"""Right and wrong decisions, counted."""

from typing import NamedTuple

import numpy.typing

from podium.measures import rows


class Confusion(NamedTuple):
    """How many rows of each outcome; the act is `score ≥ threshold`."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int


def confusion(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike, threshold: float) -> Confusion:
    """Count the four outcomes of acting where score ≥ threshold.

    `target`: 0 or 1, shape [n]; `score`: finite, shape [n]; `Invalid` on NaN, other targets or unequal lengths.

    >>> confusion([0, 1, 1], [0.6, 0.7, 0.2], 0.5)
    Confusion(true_positive=1, false_positive=1, false_negative=1, true_negative=0)
    """
    positive, guess = rows.binary(target, score)
    act = rows.decisions(guess, threshold)
    return Confusion(
        true_positive=int((positive & act).sum()),
        false_positive=int((~positive & act).sum()),
        false_negative=int((positive & ~act).sum()),
        true_negative=int((~positive & ~act).sum()),
    )
