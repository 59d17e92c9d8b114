"""Macro AUC: the mean over classes of the area under the curve of that class against the rest."""

import numpy
import numpy.typing

from podium.core import run
from podium.measures import rows
from podium.measures.performance import auc as area
from podium.measures.performance import interval
from podium.measures.performance.multiclass import classes


def macro_auc(
    target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike, confidence: float = 0.95
) -> run.Interval | None:
    """One class against the rest, each class counting alike; the interval from all classes' placement values at once.

    `target`: class numbers, shape [n]; `score`: probabilities, shape [n, classes]; `Invalid` as in `classes`. None
    when a class is absent. Source: Provost & Domingos 2001, section 3; DeLong et al. 1988 (placement values).

    >>> found = macro_auc([0, 1, 2, 0], [[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7], [0.3, 0.4, 0.3]])
    >>> found.value
    1.0
    """
    of = influence(target, score)
    found = None if of is None else interval.linear(*of, confidence)
    return None if found is None else interval.rising(found, lambda value: min(1.0, max(0.0, value)))


def influence(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike) -> tuple[float, rows.Numbers] | None:
    """Macro AUC, and how each row pulls on it, shape [n]; None when a class is absent.

    >>> influence([0, 1, 2], [[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7]])[0]
    1.0
    """
    truth, guess = classes.classes(target, score)
    areas, pulls = [], []
    for number in range(guess.shape[1]):
        stand = area.placements(truth == number, guess[:, number])
        if stand is None:
            return None
        areas.append(float(stand.positive.mean()))
        pulls.append(_pulls(truth == number, stand))
    return float(numpy.mean(areas)), numpy.asarray(numpy.mean(pulls, axis=0), dtype=numpy.float64)


def _pulls(positive: rows.Truths, stand: area.Placements) -> rows.Numbers:
    each = numpy.empty(positive.size)
    each[positive] = (stand.positive - stand.positive.mean()) * positive.size / stand.positive.size
    each[~positive] = (stand.negative - stand.negative.mean()) * positive.size / stand.negative.size
    return each
