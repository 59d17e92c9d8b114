"""Training-serving skew: the same row's features differ between where models learn and where they score."""

from typing import Any, NamedTuple

import numpy
import numpy.typing

from podium.core.errors import Invalid
from podium.measures import rows

RELATIVE = 1e-9
"""Numbers that are nearer than this share of the larger one are the same: sums may be added up in another order."""


class Skew(NamedTuple):
    """How many of the same rows differ in a column, and the first of them [its place]; -1: none."""

    rows: int
    different: int
    lost: int
    """Of those that differ: known before, null now."""
    first: int

    @property
    def share(self) -> float | None:
        """Of the rows that differ, in [0, 1]; None when there are no rows."""
        return self.different / self.rows if self.rows else None


def of_numbers(before: rows.Numbers, now: rows.Numbers) -> Skew:
    """Compare numbers [n] of the same rows, null as NaN. `Invalid` when there are not as many on both sides.

    >>> of_numbers(numpy.array([1.0, 2.0, 3.0, numpy.nan]), numpy.array([1.0, 2.5, numpy.nan, numpy.nan]))
    Skew(rows=4, different=2, lost=1, first=1)
    """
    _even(before, now)
    no_before, no_now = numpy.isnan(before), numpy.isnan(now)
    with numpy.errstate(invalid="ignore"):
        near = numpy.abs(before - now) <= RELATIVE * numpy.maximum(numpy.abs(before), numpy.abs(now))
    return _skew(~(near | (before == now) | (no_before & no_now)), ~no_before & no_now)


def of_words(before: numpy.typing.NDArray[Any], now: numpy.typing.NDArray[Any]) -> Skew:
    """Compare texts [n] of the same rows, null as None. `Invalid` when there are not as many on both sides.

    >>> of_words(numpy.array(["a", None, "b"], dtype=object), numpy.array(["a", "c", "b"], dtype=object))
    Skew(rows=3, different=1, lost=0, first=1)
    """
    _even(before, now)
    known = numpy.array([each is not None for each in before], dtype=numpy.bool_)
    gone = numpy.array([each is None for each in now], dtype=numpy.bool_)
    return _skew(numpy.asarray(before != now, dtype=numpy.bool_), known & gone)


def _even(before: numpy.typing.NDArray[Any], now: numpy.typing.NDArray[Any]) -> None:
    if before.shape != now.shape:
        raise Invalid("The same rows are as many on both sides.", field="now")


def _skew(differ: numpy.typing.NDArray[numpy.bool_], lost: numpy.typing.NDArray[numpy.bool_]) -> Skew:
    count = int(numpy.count_nonzero(differ))
    return Skew(differ.size, count, int(numpy.count_nonzero(lost)), int(numpy.argmax(differ)) if count else -1)
