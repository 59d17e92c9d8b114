"""Two samples over the same cells: could they come from one distribution?"""

import math
from typing import NamedTuple

import numpy
import numpy.typing

from podium.measures import rows
from podium.measures.drift import chi_square, shares


class Homogeneity(NamedTuple):
    """Pearson's statistic of a table of two rows."""

    statistic: float
    freedom: int
    p_value: float
    """By the chi-square distribution: right when every cell has five rows or more."""
    exact_p_value: float
    """By the exact mean and variance of the statistic over all ways to deal the rows: right with rare cells too."""
    cramers_v: float


def homogeneity(before: numpy.typing.ArrayLike, now: numpy.typing.ArrayLike) -> Homogeneity | None:
    """Compare counts per cell, each shape [cells]; cells that are empty in both do not count. None when one is empty.

    Source: Pearson 1900; the exact moments given both margins by Haldane 1940 and Dawson 1954, in the form of Mielke &
    Berry 1985; a gamma distribution is fitted to them.

    >>> found = homogeneity([50, 50], [30, 70])
    >>> round(found.statistic, 4), found.freedom, round(found.p_value, 5), round(found.cramers_v, 3)
    (8.3333, 1, 0.00389, 0.204)
    """
    if shares.pair(before, now) is None:
        return None
    old, new = shares.counts(before, "before"), shares.counts(now, "now")
    held = old + new > 0
    old, new = old[held], new[held]
    if old.size < 2:
        return Homogeneity(0.0, 0, 1.0, 1.0, 0.0)
    statistic = _statistic(old, new)
    return Homogeneity(
        statistic=statistic,
        freedom=old.size - 1,
        p_value=chi_square.tail(statistic, old.size - 1),
        exact_p_value=_by_moments(*_together(old, new)),
        cramers_v=math.sqrt(statistic / float(old.sum() + new.sum())),
    )


def _statistic(old: rows.Numbers, new: rows.Numbers) -> float:
    n, m = old.sum(), new.sum()
    share = (old + new) / (n + m)
    return float(((old - share * n) ** 2 / (share * n) + (new - share * m) ** 2 / (share * m)).sum())


def _together(old: rows.Numbers, new: rows.Numbers) -> tuple[rows.Numbers, rows.Numbers]:
    """Put cells together in which less than a row is expected on the smaller side, judged by both sides' rows alone."""
    both = old + new
    rare = both * min(old.sum(), new.sum()) < both.sum()
    if rare.sum() < 2:
        return old, new
    return numpy.append(old[~rare], old[rare].sum()), numpy.append(new[~rare], new[rare].sum())


def _by_moments(old: rows.Numbers, new: rows.Numbers) -> float:
    cells, samples = old + new, numpy.array([old.sum(), new.sum()])
    if cells.size < 2:
        return 1.0
    statistic, total = _statistic(old, new), float(cells.sum())
    freedom = cells.size - 1
    if total < 4:
        return 1.0
    mean = freedom * total / (total - 1)
    spread = [
        (
            (size - 1) * (total - size) / (total - 1),
            float((total / margin).sum() - size * size) / (total - 2),
        )
        for size, margin in ((samples.size, samples), (cells.size, cells))
    ]
    (v_one, w_one), (v_two, w_two) = spread
    variance = 2 * total / (total - 3) * (v_one - w_one) * (v_two - w_two) + total**2 / (total - 1) * w_one * w_two
    if variance <= 0:
        return 1.0 if statistic <= mean * (1 + 1e-9) else 0.0
    return chi_square.tail(statistic * 2 * mean / variance, 2 * mean * mean / variance)
