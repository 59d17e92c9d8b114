"""The threshold that costs least."""

import math
from typing import NamedTuple

import numpy
import numpy.typing

from podium.core import project
from podium.core.errors import Invalid
from podium.measures import rows

ALWAYS = 0.0
"""The threshold at which every probability acts."""
NEVER = math.nextafter(1.0, 2.0)
"""The threshold at which no probability acts."""


class Choice(NamedTuple):
    """A threshold, and what deciding by it costs per row on the rows that it was chosen from."""

    threshold: float
    cost_per_row: float


def choose(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike, costs: project.CostsPart) -> Choice:
    """The threshold of least total cost among all cut points, in O(n log n); act where score ≥ threshold.

    `target`: 0 or 1, shape [n]; `score`: probabilities, shape [n]. Each cut lies half way between two neighbouring
    scores, so that rounding in another form of the model moves no row across it. Of equal costs the highest threshold
    wins (the fewest acts). `Invalid` when there are no rows, on NaN, other targets or scores outside [0, 1].
    Source: Elkan 2001, section 2; exhaustive search instead of the formula, as scores may not be calibrated.

    >>> choose([0, 1, 0, 1], [0.1, 0.4, 0.6, 0.9], project.CostsPart(false_positive=1.0, false_negative=3.0))
    Choice(threshold=0.25, cost_per_row=0.25)
    """
    positive, guess = rows.probabilities(target, score)
    if not guess.size:
        raise Invalid("A threshold cannot be chosen from no rows.", field="target")
    scores, place = numpy.unique(guess, return_inverse=True)
    positives = _below(place, positive, scores.size)
    negatives = _below(place, ~positive, scores.size)
    total = (
        positives * costs.false_negative
        + (positives[-1] - positives) * costs.true_positive
        + negatives * costs.true_negative
        + (negatives[-1] - negatives) * costs.false_positive
    )
    best = scores.size - int(numpy.argmin(total[::-1]))
    return Choice(threshold=between(scores, best), cost_per_row=float(total[best]) / guess.size)


def _below(
    place: numpy.typing.NDArray[numpy.int64], chosen: rows.Truths, count: int
) -> numpy.typing.NDArray[numpy.int64]:
    """How many chosen rows lie below cut i, for the `count` + 1 cuts (below all scores, between them, above all)."""
    return numpy.concatenate([[0], numpy.cumsum(numpy.bincount(place[chosen], minlength=count))])


def between(scores: rows.Numbers, cut: int) -> float:
    """Half way between two neighbours of ascending scores; `ALWAYS` before the first, `NEVER` after the last."""
    if cut == 0:
        return ALWAYS
    if cut == scores.size:
        return NEVER
    lower, upper = float(scores[cut - 1]), float(scores[cut])
    middle = lower + (upper - lower) / 2
    return middle if middle > lower else upper
