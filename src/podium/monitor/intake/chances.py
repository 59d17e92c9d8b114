"""The probabilities of several classes in rows of the log."""

from collections.abc import Sequence

import numpy
import numpy.typing
import pyarrow

from podium.core import class_rules

Chances = numpy.typing.NDArray[numpy.float64]


def columns(labels: Sequence[str]) -> tuple[str, ...]:
    """Their columns in the log; none where there are no classes."""
    return tuple(class_rules.PROBABILITY + label for label in labels)


def of(rows: pyarrow.Table, labels: Sequence[str]) -> Chances:
    """The probability of each class in the labels' order, NaN where it was not logged. [rows, classes]"""
    found = [
        rows.column(name).cast(pyarrow.float64()).to_numpy()
        if name in rows.column_names
        else numpy.full(rows.num_rows, numpy.nan)
        for name in columns(labels)
    ]
    return numpy.column_stack(found)


def top(chances: Chances) -> numpy.typing.NDArray[numpy.float64]:
    """The score: the probability of the most probable class. [rows]"""
    return numpy.asarray(chances.max(axis=1), dtype=numpy.float64)
