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


def shares(chances: Chances) -> Chances:
    """The same as measures take them: each row at least 0 and divided by its sum, which a form of a model in single
    precision may miss by what parity allows it. [rows, classes]

    >>> shares(numpy.array([[0.5, 0.25, 0.25000004], [-1e-9, 0.5, 0.5]])).sum(axis=1).tolist()
    [1.0, 1.0]
    """
    known = numpy.maximum(chances, 0.0)
    return numpy.asarray(known / known.sum(axis=1, keepdims=True))


def top(chances: Chances) -> numpy.typing.NDArray[numpy.float64]:
    """The score: the probability of the most probable class. [rows]"""
    return numpy.asarray(chances.max(axis=1), dtype=numpy.float64)
