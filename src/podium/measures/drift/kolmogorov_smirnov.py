"""Kolmogorov-Smirnov: the largest gap between two cumulative distributions."""

import math
from typing import NamedTuple

import numpy
import numpy.typing

from podium.measures.drift import shares


class Gap(NamedTuple):
    """The largest gap, in [0, 1], and how likely so large a one is when nothing moved."""

    value: float
    p_value: float


def kolmogorov_smirnov(before: numpy.typing.ArrayLike, now: numpy.typing.ArrayLike) -> Gap | None:
    """The gap at the edges of bins in ascending order (counts, each shape [bins]); None when either has no rows.

    Below the exact statistic by at most the share of the fullest bin, and by far less where both densities are smooth.
    The p-value is that of Kolmogorov's limit with Stephens' correction, and slightly too large with ties. Source:
    Smirnov 1939; Stephens 1970, "Use of the Kolmogorov-Smirnov … statistics without extensive tables".

    >>> kolmogorov_smirnov([50, 50], [20, 80]).value
    0.3
    """
    found = shares.pair(before, now)
    if found is None:
        return None
    gap = round(float(numpy.abs(numpy.cumsum(found[0] - found[1])).max()), 15)
    n, m = float(numpy.sum(before)), float(numpy.sum(now))
    root = math.sqrt(n * m / (n + m))
    return Gap(gap, tail((root + 0.12 + 0.11 / root) * gap))


def tail(distance: float) -> float:
    """P(K ≥ distance) of Kolmogorov's distribution: 2 Σ (−1)^(k−1) exp(−2 k² distance²), or its dual when small.

    >>> round(tail(1.3580986393225505), 12), tail(0.0)
    (0.05, 1.0)
    """
    if distance < 0.2:
        return 1.0
    if distance < 1.0:
        factor = math.sqrt(2.0 * math.pi) / distance
        below = factor * sum(math.exp(-(((2 * k - 1) * math.pi / distance) ** 2) / 8.0) for k in range(1, 6))
        return max(0.0, 1.0 - below)
    return 2.0 * math.fsum((-1.0) ** (k - 1) * math.exp(-2.0 * (k * distance) ** 2) for k in range(1, 20))
