"""The rows that measures of performance take: targets and scores, checked once, in one place."""

from typing import TypeAlias

import numpy
import numpy.typing

from podium.core.errors import Invalid

Numbers: TypeAlias = numpy.typing.NDArray[numpy.float64]
"""A one-dimensional float64 array, one value a row."""
Truths: TypeAlias = numpy.typing.NDArray[numpy.bool_]
"""A one-dimensional array of true and false, one a row."""


def numbers(values: numpy.typing.ArrayLike, field: str) -> Numbers:
    """Return `values` (shape [n]) as finite float64; `Invalid` when it has another shape, NaN, infinity or text."""
    try:
        array = numpy.asarray(values, dtype=numpy.float64)
    except (TypeError, ValueError):
        raise Invalid("Every value must be a number.", field=field) from None
    if array.ndim != 1:
        raise Invalid(f"One value a row is needed, not {array.ndim} dimensions.", field=field)
    if not numpy.isfinite(array).all():
        raise Invalid("Values may not be missing or infinite.", field=field, fix="Leave these rows out first.")
    return array


def pair(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike) -> tuple[Numbers, Numbers]:
    """Targets and scores as two finite float64 arrays of one length; else `Invalid`."""
    truth, guess = numbers(target, "target"), numbers(score, "score")
    if truth.shape != guess.shape:
        raise Invalid(f"There are {truth.size} targets for {guess.size} scores.", field="score")
    return truth, guess


def binary(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike) -> tuple[Truths, Numbers]:
    """Targets (0 or 1) as truths, and scores (any finite number); else `Invalid`."""
    truth, guess = pair(target, score)
    positive = truth == 1.0
    if not (positive | (truth == 0.0)).all():
        raise Invalid("The target must be 0 or 1 in every row.", field="target")
    return positive, guess


def probabilities(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike) -> tuple[Truths, Numbers]:
    """Targets (0 or 1) as truths, and scores in [0, 1]; else `Invalid`."""
    positive, guess = binary(target, score)
    if guess.size and not (guess.min() >= 0.0 and guess.max() <= 1.0):
        raise Invalid("A probability lies between 0 and 1.", field="score")
    return positive, guess


def decisions(score: Numbers, threshold: float) -> Truths:
    """Whether to act, per row: score at or above the threshold."""
    return score >= threshold
