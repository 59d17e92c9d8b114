"""Out of range: the share of rows with a value below or above all that training saw."""

import math

from podium.core import reference
from podium.measures import rows
from podium.measures.drift import reference as references


def counts(values: rows.Numbers, before: reference.NumericReference) -> tuple[int, int]:
    """How many values (shape [n], NaN = null and left out) lie below the reference's minimum, above its maximum.

    >>> import numpy
    >>> before = references.numeric(numpy.array([1.0, 5.0]))
    >>> counts(numpy.array([0.0, 3.0, 9.0, 8.0]), before)
    (1, 2)
    """
    known = references.present(values)
    if before.minimum is None or before.maximum is None:
        return 0, 0
    return int((known < before.minimum).sum()), int((known > before.maximum).sum())


def out_of_range(values: rows.Numbers, before: reference.NumericReference) -> float | None:
    """The share of values outside the reference's range, in [0, 1]; None when no row has a value.

    >>> import numpy
    >>> out_of_range(numpy.array([0.0, 3.0, 9.0, 8.0]), references.numeric(numpy.array([1.0, 5.0])))
    0.75
    """
    known = references.present(values)
    return sum(counts(known, before)) / known.size if known.size else None


def chance(beyond: int, rows: int, reference_rows: int) -> float:
    """How likely `beyond` of `rows` values lie above all of the reference's when nothing moved: its maximum was low.

    The largest `beyond` of both together must all be among `rows`. The same holds below the minimum.

    >>> round(chance(1, 100, 900), 3), chance(0, 10, 10)
    (0.1, 1.0)
    """
    total = rows + reference_rows
    return math.exp(_fall(rows, beyond) - _fall(total, beyond)) if beyond else 1.0


def _fall(size: int, steps: int) -> float:
    return math.lgamma(size + 1) - math.lgamma(size - steps + 1)
