"""Counts per cell as the shares that distances between distributions take."""

import numpy
import numpy.typing

from podium.core.errors import Invalid
from podium.measures import rows


def counts(values: numpy.typing.ArrayLike, field: str) -> rows.Numbers:
    """Counts as float64, shape [cells]; `Invalid` when one is negative or there is another number of dimensions."""
    found = numpy.asarray(values, dtype=numpy.float64)
    if found.ndim != 1 or not (found >= 0).all():
        raise Invalid("Counts are zero or more, one a cell.", field=field)
    return found


def pair(before: numpy.typing.ArrayLike, now: numpy.typing.ArrayLike) -> tuple[rows.Numbers, rows.Numbers] | None:
    """The shares of both, each shape [cells] and of sum 1; None when either has no rows; `Invalid` on unequal lengths.

    >>> old, new = pair([1, 1], [0, 4])
    >>> old.tolist(), new.tolist()
    ([0.5, 0.5], [0.0, 1.0])
    """
    old, new = counts(before, "before"), counts(now, "now")
    if old.shape != new.shape:
        raise Invalid(f"There are {old.size} cells before and {new.size} now.", field="now")
    if not old.sum() or not new.sum():
        return None
    return old / old.sum(), new / new.sum()
