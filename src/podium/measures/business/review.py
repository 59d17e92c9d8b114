"""The band of scores that a person should decide, given what a look costs."""

from typing import NamedTuple

import numpy
import numpy.typing

from podium.core import project
from podium.core.errors import Invalid
from podium.core.review import Band
from podium.measures import rows
from podium.measures.business import threshold


class Choice(NamedTuple):
    """A band (None: no row is worth a look), what deciding with it costs per row, and the share of rows referred."""

    band: Band | None
    cost_per_row: float
    share: float


def choose(
    target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike, costs: project.CostsPart, look: float
) -> Choice:
    """The band round the threshold of least total cost, where a look at a row costs `look` and finds the truth.

    `target`: 0 or 1, shape [n]; `score`: probabilities, shape [n]. The threshold is that of `threshold.choose`; below
    the band nothing is done, above it is acted, within it a person does what is right. Both ends are searched for
    among all cut points, in O(n log n), as scores may not be calibrated. `Invalid` as `threshold.choose`, and when a
    look costs nothing. Source: Chow 1970, "On optimum recognition error and reject tradeoff".

    >>> part = project.CostsPart(false_positive=4.0, false_negative=4.0)
    >>> choose([0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.4, 0.6, 0.8, 0.9], part, look=1.0).band
    Band(low=0.30000000000000004, high=0.7)
    """
    if not look > 0:
        raise Invalid("A look at a row costs something.", field="cost")
    positive, guess = rows.probabilities(target, score)
    cut = threshold.choose(target, score, costs).threshold
    scores, place = numpy.unique(guess, return_inverse=True)
    right = numpy.where(positive, costs.true_positive, costs.true_negative)
    idle = numpy.where(positive, costs.false_negative, costs.true_negative)
    acted = numpy.where(positive, costs.true_positive, costs.false_positive)
    saved_below = _below(place, idle - right - look, scores.size)
    saved_above = _below(place, acted - right - look, scores.size)
    middle = int(numpy.searchsorted(scores, cut, side="left"))
    first = middle - int(numpy.argmin(saved_below[middle::-1]))
    last = middle + int(numpy.argmax(saved_above[middle:]))
    looked = (place >= first) & (place < last)
    paid = numpy.where(looked, right + look, numpy.where(guess >= cut, acted, idle))
    band = Band(low=threshold.between(scores, first), high=threshold.between(scores, last)) if first < last else None
    return Choice(band, float(paid.mean()), float(looked.mean()))


def share(score: numpy.typing.ArrayLike, band: Band | None) -> float:
    """The share of scores that a band refers to a person.

    >>> share([0.1, 0.4, 0.5], Band(low=0.4, high=0.5))
    0.3333333333333333
    """
    guess = rows.numbers(score, "score")
    if band is None or not guess.size:
        return 0.0
    return float(((guess >= band.low) & (guess < band.high)).mean())


def _below(place: numpy.typing.NDArray[numpy.int64], gain: rows.Numbers, count: int) -> rows.Numbers:
    """What looking at all rows below each of the `count` + 1 cuts saves."""
    return numpy.concatenate([[0.0], numpy.cumsum(numpy.bincount(place, weights=gain, minlength=count))])
