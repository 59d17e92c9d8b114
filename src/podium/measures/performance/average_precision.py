"""Average precision: the precision at each positive row, averaged; for rare positives."""

import numpy
import numpy.typing

from podium.measures import rows


def average_precision(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike) -> float | None:
    """Σ (recall step) · precision over falling thresholds, equal scores taken together, without interpolation.

    `target`: 0 or 1, shape [n]; `score`: any finite numbers, shape [n]. None without a positive row; `Invalid` on
    NaN, other targets or unequal lengths. Source: Manning, Raghavan & Schütze 2008, section 8.4.

    >>> round(average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 4)
    0.8333
    """
    positive, guess = rows.binary(target, score)
    if not positive.any():
        return None
    order = numpy.argsort(-guess, kind="stable")
    hits = numpy.cumsum(positive[order])
    ends = numpy.flatnonzero(numpy.diff(guess[order], append=-numpy.inf))
    steps = numpy.diff(hits[ends], prepend=0) / hits[-1]
    return float((steps * hits[ends] / (ends + 1)).sum())
