"""Macro F1: the mean of each class's F1, rare classes counting as much as frequent ones."""

import numpy
import numpy.typing

from podium.core import run
from podium.measures.performance import interval
from podium.measures.performance.multiclass import classes


def macro_f1(
    target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike, confidence: float = 0.95
) -> run.Interval | None:
    """The mean over classes that occur or are decided; its interval by the delta method. None with fewer than 2 rows.

    `target`: class numbers, shape [n]; `score`: probabilities, shape [n, classes]; `Invalid` as in `classes`. Source:
    Sokolova & Lapalme 2009, table 3; Takahashi, Yamamoto, Kuchiba & Koyama 2022, section 3 (variance).

    >>> round(macro_f1([0, 1, 1], [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]).value, 4)
    0.6667
    """
    of = influence(target, score)
    found = None if of is None else interval.linear(*of, confidence)
    return None if found is None else interval.rising(found, lambda value: min(1.0, max(0.0, value)))


def influence(
    target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike
) -> tuple[float, numpy.typing.NDArray[numpy.float64]] | None:
    """Macro F1, and how each row pulls on it, shape [n]; None without rows.

    >>> value, pulls = influence([0, 1], [[0.9, 0.1], [0.6, 0.4]])
    >>> round(value, 4), pulls.round(4).tolist()
    (0.3333, [0.2222, -0.2222])
    """
    truth, guess = classes.classes(target, score)
    size, act = guess.shape[1], classes.decided(guess)
    is_class, is_act = numpy.eye(size)[truth], numpy.eye(size)[act]
    right, either = 2.0 * is_class * is_act, is_class + is_act
    among = either.sum(axis=0)
    some = among > 0
    if not some.any():
        return None
    each = right.sum(axis=0)[some] / among[some]
    pulls = (right[:, some] - each * either[:, some]) / (among[some] / truth.size)
    return float(each.mean()), numpy.asarray(pulls.mean(axis=1), dtype=numpy.float64)
