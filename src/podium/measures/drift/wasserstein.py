"""Wasserstein distance: how far rows moved on average, in the column's unit."""

import numpy
import numpy.typing

from podium.core.errors import Invalid
from podium.measures import rows
from podium.measures.drift import shares


class Side:
    """One of the two columns: counts and sums per bin, each shape [bins]."""

    def __init__(self, counts: numpy.typing.ArrayLike, sums: numpy.typing.ArrayLike) -> None:
        self.counts = shares.counts(counts, "counts")
        self.sums = numpy.asarray(sums, dtype=numpy.float64)
        if self.counts.shape != self.sums.shape:
            raise Invalid("A sum is needed for each bin.", field="sums")


def wasserstein(edges: numpy.typing.ArrayLike, before: Side, now: Side) -> float | None:
    """∫ |F − G| over bins with inner `edges` (ascending, shape [bins − 1]); None when either has no rows.

    Within a bin ∫ (F − G) follows exactly from the counts and the sums, by parts. It is the distance itself where F − G
    keeps its sign, as in all bins but the few where it crosses zero; there F − G is taken as one step. Source:
    Vallender 1974; Ramdas, García Trillos & Cuturi 2017, proposition 1.

    >>> wasserstein([2.0], Side([2, 2], [3.0, 7.0]), Side([0, 4], [0.0, 18.0]))
    2.0
    """
    inner = numpy.asarray(edges, dtype=numpy.float64)
    n, m = float(before.counts.sum()), float(now.counts.sum())
    if not n or not m:
        return None
    gap = numpy.concatenate([[0.0], numpy.cumsum(before.counts / n - now.counts / m)[:-1], [0.0]])
    # Counted from the middle of the edges, so that a column far from zero loses no digits.
    middle = float(inner[inner.size // 2]) if inner.size else 0.0
    left, right = numpy.append(0.0, inner - middle), numpy.append(inner - middle, 0.0)
    moved = (before.sums - middle * before.counts) / n - (now.sums - middle * now.counts) / m
    within = gap[1:] * right - gap[:-1] * left - moved
    return float(numpy.where(gap[1:] * gap[:-1] < 0, _crossing(gap, right - left, within), numpy.abs(within)).sum())


def _crossing(gap: rows.Numbers, width: rows.Numbers, within: rows.Numbers) -> rows.Numbers:
    """∫ |step| over each bin, for the one step from the left gap to the right one that has the integral within."""
    one, two = gap[:-1], gap[1:]
    apart = numpy.where(one - two != 0, one - two, 1.0)
    first = numpy.clip((within - two * width) / apart, 0.0, numpy.maximum(width, 0.0))
    return numpy.asarray(numpy.abs(one) * first + numpy.abs(two) * (width - first))
