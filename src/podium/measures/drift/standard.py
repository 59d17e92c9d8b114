"""Columns of different units side by side: in robust deviations from the reference's middle."""

from typing import TypeAlias

import numpy
import numpy.typing

Matrix: TypeAlias = numpy.typing.NDArray[numpy.float64]
"""Float64, shape [rows, columns], NaN = null."""
FARTHEST = 5.0
_QUARTILES = 1.349
"""The distance of a normal distribution's quartiles, in deviations."""


def scale(before: Matrix) -> tuple[Matrix, Matrix]:
    """The middle and the width of each column, both shape [columns]; a constant or empty column has width 1.

    >>> scale(numpy.array([[0.0, 7.0], [1.0, 7.0], [2.0, numpy.nan], [3.0, 7.0], [4.0, 7.0]]))[0].tolist()
    [2.0, 7.0]
    """
    known = numpy.where(numpy.isfinite(before), before, numpy.nan)
    known[0, numpy.isnan(known).all(axis=0)] = 0.0
    low, middle, high = numpy.nanquantile(known, [0.25, 0.5, 0.75], axis=0)
    width = (high - low) / _QUARTILES
    narrow = ~(width > 0)
    if narrow.any():
        with numpy.errstate(over="ignore", invalid="ignore"):
            width[narrow] = numpy.nanstd(known[:, narrow], axis=0)
    return middle, numpy.where((width > 0) & numpy.isfinite(width), width, 1.0)


def place(data: Matrix, middle: Matrix, width: Matrix) -> Matrix:
    """Each value in widths from the middle, within ±5; nulls are 0.

    >>> place(numpy.array([[1e9], [numpy.nan], [3.0]]), numpy.array([2.0]), numpy.array([0.5])).tolist()
    [[5.0], [0.0], [2.0]]
    """
    with numpy.errstate(over="ignore", invalid="ignore"):
        placed = numpy.clip((data - middle) / width, -FARTHEST, FARTHEST)
    return numpy.where(numpy.isnan(placed), 0.0, placed)
