"""The reliability curve: what happened where the model said so."""

import msgspec
import numpy
import numpy.typing

from podium.core import run
from podium.core.errors import Invalid
from podium.measures import rows
from podium.measures.performance import interval

BINS = 10


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """The rows whose score lies in [low, high) (the last bin: [low, high])."""

    low: float
    high: float
    score: float
    """Their mean score."""
    rate: run.Interval
    """The share of them whose target is 1."""


def even(bins: int = BINS) -> rows.Numbers:
    """The edges of bins of equal width from 0 to 1, shape [bins + 1].

    >>> even(4).tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    if bins < 1:
        raise Invalid("At least one bin is needed.", field="bins")
    return numpy.linspace(0.0, 1.0, bins + 1)


def places(score: rows.Numbers, edges: rows.Numbers) -> numpy.typing.NDArray[numpy.int64]:
    """The bin of each score, shape [n].

    >>> places(numpy.array([0.0, 0.5, 1.0]), even(2)).tolist()
    [0, 1, 1]
    """
    return numpy.searchsorted(edges[1:-1], score, side="right")


def reliability(
    target: numpy.typing.ArrayLike,
    score: numpy.typing.ArrayLike,
    edges: rows.Numbers | None = None,
    confidence: float = 0.95,
) -> tuple[Bin, ...]:
    """The bins that hold rows, by score; rates with Wilson's interval. A calibrated model's rates equal its scores.

    `target`: 0 or 1; `score`: probabilities; shapes [n]. `edges`: ascending from 0 to 1 (default: ten even bins).
    `Invalid` on NaN, other targets or scores outside [0, 1]. Source: Murphy & Winkler 1977; Niculescu-Mizil &
    Caruana 2005, section 2.

    >>> [(each.score, each.rate.value) for each in reliability([0, 0, 1, 1], [0.1, 0.2, 0.2, 0.9], even(2))]
    [(0.16666666666666666, 0.3333333333333333), (0.9, 1.0)]
    """
    positive, guess = rows.probabilities(target, score)
    limits = even() if edges is None else edges
    place, count = places(guess, limits), limits.size - 1
    among = numpy.bincount(place, minlength=count)
    right = numpy.bincount(place[positive], minlength=count)
    total = numpy.bincount(place, weights=guess, minlength=count)
    found = []
    for at in numpy.flatnonzero(among):
        rate = interval.proportion(int(right[at]), int(among[at]), confidence)
        if rate is not None:
            low, high = float(limits[at]), float(limits[at + 1])
            found.append(Bin(low=low, high=high, score=float(total[at] / among[at]), rate=rate))
    return tuple(found)
