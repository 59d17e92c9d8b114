"""Population stability index: how far a column has moved, freed of what sample size alone would show."""

import math
from typing import NamedTuple

import numpy
import numpy.typing

from podium.core.errors import Invalid
from podium.measures.drift import chi_square

EXPECTED = 5.0
"""Cells in which fewer rows than this are expected are put together."""


class Psi(NamedTuple):
    """A population stability index, and how likely so large a one is when nothing moved."""

    value: float
    """Corrected: about 0 on average when nothing moved, so it can be slightly negative. 0.1 is small, 0.25 large."""
    raw: float
    bias: float
    p_value: float
    cells: int


def psi(before: numpy.typing.ArrayLike, now: numpy.typing.ArrayLike, dispersion: float = 1.0) -> Psi | None:
    """Compare counts per cell, both shape [cells], of the reference and of now; None when either has no rows.

    Σ (q − p)·ln(q/p), less its mean without drift, (B − 1)(1/n + d/m). Cells in which fewer than 5 rows are expected
    are put together first; a half is added to each count so that empty cells stay finite. The p-value is that of the
    likelihood-ratio test of homogeneity on the same cells. `dispersion`, d: the rows of now count as m / d independent
    ones (see `dispersion.py`). `Invalid` on unequal lengths, negative counts or a dispersion below 1. Source:
    Yurdakul 2018, "Statistical properties of the population stability index", theorem 3.1; Woolf 1957 (G).

    >>> moved = psi([500, 500], [300, 700])
    >>> round(moved.raw, 3), round(moved.bias, 3), moved.p_value < 1e-9
    (0.169, 0.002, True)
    >>> psi([500, 500], [0, 0]) is None
    True
    """
    old, new = _counts(before, "before"), _counts(now, "now")
    if old.shape != new.shape:
        raise Invalid(f"There are {old.size} cells before and {new.size} now.", field="now")
    if dispersion < 1.0:
        raise Invalid("Rows cannot say more than independent ones.", field="dispersion")
    if not old.sum() or not new.sum():
        return None
    old, new = _pool(old, new)
    cells, n, m = old.size, float(old.sum()), float(new.sum())
    p, q = (old + 0.5) / (n + 0.5 * cells), (new + 0.5) / (m + 0.5 * cells)
    raw, bias = float(((q - p) * numpy.log(q / p)).sum()), (cells - 1) * (1.0 / n + dispersion / m)
    return Psi(value=raw - bias, raw=raw, bias=bias, p_value=_p_value(old, new / dispersion), cells=cells)


def _counts(values: numpy.typing.ArrayLike, field: str) -> numpy.typing.NDArray[numpy.float64]:
    counts = numpy.asarray(values, dtype=numpy.float64)
    if counts.ndim != 1 or (counts < 0).any():
        raise Invalid("Counts are zero or more, one a cell.", field=field)
    return counts


def _pool(
    old: numpy.typing.NDArray[numpy.float64], new: numpy.typing.NDArray[numpy.float64]
) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]:
    """Put the rare cells together, judged by the reference alone so that what came new cannot choose the cells."""
    smaller = min(1.0, float(new.sum() / old.sum()))
    rare = old * smaller < EXPECTED
    if not (old + new)[rare].sum():
        return old[~rare], new[~rare]
    return numpy.append(old[~rare], old[rare].sum()), numpy.append(new[~rare], new[rare].sum())


def _p_value(old: numpy.typing.NDArray[numpy.float64], new: numpy.typing.NDArray[numpy.float64]) -> float:
    if old.size < 2:
        return 1.0
    share = (old + new) / (old.sum() + new.sum())
    statistic = sum(_entropy(counts, share * counts.sum()) for counts in (old, new))
    return chi_square.tail(2.0 * statistic, old.size - 1)


def _entropy(counts: numpy.typing.NDArray[numpy.float64], expected: numpy.typing.NDArray[numpy.float64]) -> float:
    some = counts > 0
    return math.fsum(counts[some] * numpy.log(counts[some] / expected[some]))
