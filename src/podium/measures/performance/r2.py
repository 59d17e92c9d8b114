"""Coefficient of determination."""

import numpy
import numpy.typing

from podium.measures import rows


def r2(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike) -> float | None:
    """1 − squared error over the target's own spread; 1 is perfect, 0 is as good as the mean, below 0 worse.

    Shapes [n]. None when there are no rows or the target does not vary; `Invalid` on NaN or unequal lengths.
    Source: Kvålseth 1985, "Cautionary note about R²", equation 1.

    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 2.0])
    0.5
    """
    truth, guess = rows.pair(target, score)
    if not truth.size or truth.min() == truth.max():
        return None
    spread = float(((truth - truth.mean()) ** 2).sum())
    return 1.0 - float(((guess - truth) ** 2).sum()) / spread if spread > 0.0 else None
