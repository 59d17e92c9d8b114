"""The rows that measures of several classes take: targets as class numbers, one probability a class."""

from typing import TypeAlias

import numpy
import numpy.typing

from podium.core.errors import Invalid
from podium.measures import rows

Numbers: TypeAlias = numpy.typing.NDArray[numpy.int64]
"""A one-dimensional array of class numbers, 0 to classes − 1, one a row."""
_SUM = 1e-6


def classes(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike) -> tuple[Numbers, rows.Numbers]:
    """Class numbers (shape [n]) and probabilities (shape [n, classes], each row summing to 1 within 1e-6).

    `Invalid` on NaN, other targets than 0 to classes − 1, fewer than 2 classes, or other shapes.

    >>> classes([0, 2], [[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]])[0].tolist()
    [0, 2]
    """
    truth = rows.numbers(target, "target")
    guess = numpy.asarray(score, dtype=numpy.float64)
    if guess.ndim != 2 or guess.shape[0] != truth.size or guess.shape[1] < 2:
        raise Invalid("One row of probabilities a target is needed, at least two a row.", field="score")
    if guess.size and not (guess.min() >= 0.0 and numpy.abs(guess.sum(axis=1) - 1.0).max() <= _SUM):
        raise Invalid("Each row's probabilities must be at least 0 and sum to 1.", field="score")
    number = truth.astype(numpy.int64)
    if truth.size and not ((number == truth).all() and number.min() >= 0 and number.max() < guess.shape[1]):
        raise Invalid("A target is the number of a class, counted from 0.", field="target")
    return number, guess


def decided(score: rows.Numbers) -> Numbers:
    """The most probable class of each row, shape [n]; of equals the first.

    >>> decided(numpy.array([[0.2, 0.8], [0.5, 0.5]])).tolist()
    [1, 0]
    """
    return numpy.asarray(numpy.argmax(score, axis=1), dtype=numpy.int64)
