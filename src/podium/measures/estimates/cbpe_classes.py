"""Confidence-based performance estimation among several classes: how well a model does before outcomes are known.

As `cbpe`, with a chance for each class. Each class's probability is set right by a line of its own, and the chances of
a row are divided by their sum, as nannyml does. Source: Białek, Kuberski, Perrakis & Bifet 2024, section 3; the
spread: Kivimäki et al. 2025, section 4, over the classes of a row, of which one is.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy
import numpy.typing

from podium.core import run
from podium.measures import rows
from podium.measures.estimates import cbpe, isotonic
from podium.measures.performance import log_loss, student
from podium.measures.performance.multiclass import classes


class Figure(NamedTuple):
    """An estimate, and how much each row's being of each class would add to it, shape [n, classes]."""

    value: float
    pulls: rows.Numbers


Estimator: TypeAlias = Callable[[rows.Numbers, rows.Numbers], Figure | None]
"""From chances and scores, both of shape [n, classes]."""


def chances(lines: Sequence[isotonic.Line | None], score: numpy.typing.ArrayLike) -> rows.Numbers:
    """The calibrated chances [n, classes], each row summing to 1; equal ones where all lines say 0.

    >>> chances([None, None], [[0.25, 0.75]]).tolist()
    [[0.25, 0.75]]
    """
    _, guess = classes.classes(numpy.zeros(numpy.shape(score)[0]), score)
    found = numpy.column_stack(
        [guess[:, at] if line is None else isotonic.apply(line, guess[:, at]) for at, line in enumerate(lines)]
    )
    total = found.sum(axis=1, keepdims=True)
    return numpy.asarray(numpy.divide(found, total, out=numpy.full_like(found, 1.0 / len(lines)), where=total > 0.0))


def accuracy(chance: rows.Numbers, score: rows.Numbers) -> Figure | None:
    """The expected share of rows whose most probable class is right.

    >>> accuracy(numpy.array([[0.2, 0.8], [0.6, 0.4]]), numpy.array([[0.1, 0.9], [0.3, 0.7]])).value.__round__(4)
    0.6
    """
    if not len(chance):
        return None
    right = numpy.eye(chance.shape[1])[classes.decided(score)]
    return _mean(chance, right)


def surprise(chance: rows.Numbers, score: rows.Numbers) -> Figure | None:
    """The expected log loss.

    >>> surprise(numpy.array([[0.5, 0.5]]), numpy.array([[0.5, 0.5]])).value.__round__(4)
    0.6931
    """
    return _mean(chance, -numpy.log(numpy.clip(score, log_loss.EPSILON, 1.0 - log_loss.EPSILON)))


def brier(chance: rows.Numbers, score: rows.Numbers) -> Figure | None:
    """The expected Brier score.

    >>> brier(numpy.array([[0.5, 0.5]]), numpy.array([[0.5, 0.5]])).value
    0.5
    """
    return _mean(chance, (score**2).sum(axis=1, keepdims=True) - 2.0 * score + 1.0)


def macro_f1(chance: rows.Numbers, score: rows.Numbers) -> Figure | None:
    """Macro F1 of the expected confusion, over classes that are expected or decided.

    >>> macro_f1(numpy.array([[0.75, 0.25], [0.25, 0.75]]), numpy.array([[0.9, 0.1], [0.2, 0.8]])).value
    0.75
    """
    if not len(chance):
        return None
    acted = numpy.eye(chance.shape[1])[classes.decided(score)]
    among = acted.sum(axis=0) + chance.sum(axis=0)
    some = among > 0.0
    each = numpy.divide(2.0 * (acted * chance).sum(axis=0), among, out=numpy.zeros(among.size), where=some)
    turned = numpy.divide(2.0 * acted - each, among, out=numpy.zeros_like(chance), where=some)
    return Figure(float(each[some].mean()), turned / int(some.sum()))


def macro_auc(chance: rows.Numbers, score: rows.Numbers) -> Figure | None:
    """The mean over classes of the expected area of that class against the rest; None when one has no chance.

    >>> macro_auc(numpy.array([[0.1, 0.9], [0.9, 0.1]]), numpy.array([[0.2, 0.8], [0.7, 0.3]])).value.__round__(4)
    0.9
    """
    found = [cbpe.auc(chance[:, at], score[:, at]) for at in range(chance.shape[1])]
    known = [each for each in found if each is not None]
    if len(known) < len(found):
        return None
    pulls = numpy.column_stack([each.pulls for each in known]) / len(known)
    return Figure(float(numpy.mean([each.value for each in known])), pulls)


def _mean(chance: rows.Numbers, each: rows.Numbers) -> Figure | None:
    """The expected mean of what a row is worth in each class, `each` [n, classes]."""
    if not len(chance):
        return None
    return Figure(float((chance * each).sum() / len(chance)), each / len(chance))


ESTIMATORS: dict[str, Estimator] = {
    "accuracy": accuracy,
    "brier": brier,
    "log_loss": surprise,
    "macro_auc": macro_auc,
    "macro_f1": macro_f1,
}


def cbpe_classes(
    estimator: Estimator,
    score: numpy.typing.ArrayLike,
    lines: Sequence[isotonic.Line | None],
    confidence: float = 0.95,
) -> run.Interval | None:
    """What a measure will probably turn out to be on these rows, and between what.

    `score`: probabilities, shape [n, classes]; `lines`: the calibration of each class learnt on rows with outcomes
    (None: the scores are probabilities). The interval counts the chance of each row's class, and that the lines rest on
    finitely many rows. None where not defined.

    >>> found = cbpe_classes(accuracy, [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], [None, None])
    >>> round(found.value, 4), found.low < found.value < found.high
    (0.7667, True)
    """
    guess = numpy.asarray(score, dtype=numpy.float64)
    chance = chances(lines, guess)
    found = estimator(chance, guess)
    if found is None:
        return None
    middle = (chance * found.pulls).sum(axis=1)
    spread = float((chance * found.pulls**2).sum() - (middle**2).sum())
    for at, line in enumerate(lines):
        if line is not None:
            spread += cbpe.of_line(line, guess[:, at], found.pulls[:, at])
    half = student.normal(confidence) * math.sqrt(max(0.0, spread))
    return run.Interval(value=found.value, low=found.value - half, high=found.value + half, rows=len(guess))
