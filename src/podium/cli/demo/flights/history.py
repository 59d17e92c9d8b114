"""What was known of earlier rows at an instant: sums over outcomes that had become known by then, never later ones.

An outcome counts for a row at instant t when t − span ≤ known < t.
"""

from typing import TypeAlias

import numpy
import numpy.typing

Ints: TypeAlias = numpy.typing.NDArray[numpy.int64]
Floats: TypeAlias = numpy.typing.NDArray[numpy.float64]


def recent(groups: Ints, known: Ints, values: Floats, asked: tuple[Ints, Ints], span: int) -> tuple[Floats, Floats]:
    """For each asked (group, instant): the sum of the group's values known in the span before it, and their count.

    `groups`, `known`, `values` are one an outcome (NaN values do not count); `asked` are two arrays, one a question.
    """
    counted = ~numpy.isnan(values)
    groups, known, values = groups[counted], known[counted], values[counted]
    order = numpy.lexsort((known, groups))
    key = _joined(groups[order], known[order])
    sums = numpy.concatenate(([0.0], numpy.cumsum(values[order])))
    at_group, at = asked
    last = numpy.searchsorted(key, _joined(at_group, at), side="left")
    first = numpy.searchsorted(key, _joined(at_group, at - span), side="left")
    return sums[last] - sums[first], (last - first).astype(numpy.float64)


def latest(groups: Ints, known: Ints, asked: tuple[Ints, Ints], span: int) -> Ints:
    """For each asked (group, instant): the place of the group's outcome known last in the span before it; −1 if none.

    Of outcomes known at one instant, the last in the order given.
    """
    order = numpy.lexsort((known, groups))
    key = _joined(groups[order], known[order])
    at_group, at = asked
    last = numpy.searchsorted(key, _joined(at_group, at), side="left")
    first = numpy.searchsorted(key, _joined(at_group, at - span), side="left")
    found = numpy.where(last > first, last - 1, 0)
    return numpy.where(last > first, order[found], -1).astype(numpy.int64)


def _joined(groups: Ints, instants: Ints) -> Ints:
    """One sortable number of a group and an instant in seconds (below 2^33)."""
    return (groups << numpy.int64(33)) | instants
