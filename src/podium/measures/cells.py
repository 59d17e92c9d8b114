"""Fewer, fuller cells from fine bins: an index over ten cells needs fewer rows than one over hundreds."""

import numpy
import numpy.typing

from podium.measures import binning, rows


def coarse(before: numpy.typing.ArrayLike, cells: int = 10) -> binning.Counts:
    """To which cell each bin belongs, shape [bins], ascending from 0: about equally full by the reference's counts.

    `before`: counts per bin. Where the bins are cut at the reference's quantiles, so that `cells` divides their number,
    the cells are cut at its quantiles too, exactly.

    >>> coarse([5, 5, 5, 5], cells=2).tolist()
    [0, 0, 1, 1]
    >>> coarse([90, 5, 5], cells=10).tolist()
    [0, 1, 1]
    """
    counts = numpy.asarray(before, dtype=numpy.int64)
    total = int(counts.sum())
    if counts.size <= 1 or not total:
        return numpy.zeros(counts.size, dtype=numpy.int64)
    reached = numpy.cumsum(counts)[:-1]
    wanted = -(-numpy.arange(1, cells) * total // cells)
    last = numpy.searchsorted(reached, wanted, side="left")
    ends = binning.different(last[last < reached.size])
    return numpy.searchsorted(ends, numpy.arange(counts.size), side="left").astype(numpy.int64)


def pool(counts: numpy.typing.ArrayLike, cell: binning.Counts) -> rows.Numbers:
    """Counts per cell, shape [cells], from counts per bin and the cell of each bin.

    >>> pool([1, 2, 3], numpy.array([0, 0, 1])).tolist()
    [3.0, 3.0]
    """
    return numpy.bincount(cell, weights=numpy.asarray(counts, dtype=numpy.float64)).astype(numpy.float64)
