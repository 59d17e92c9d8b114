"""Vanished categories: what the reference knew well and does not come any more."""

import math
from collections.abc import Mapping
from typing import NamedTuple


class Vanished(NamedTuple):
    """Categories that no row has now, and how likely it is that the surest of them is absent by chance."""

    names: tuple[str, ...]
    share: float
    """The rows they had in the reference, as a share."""
    p_value: float


def vanished(before: Mapping[str, int], now: Mapping[str, float]) -> Vanished:
    """Compare counts per category, of the reference and of now, over rows that have a value. Counts of now may be those
    of independent rows, and so not whole.

    By chance, all rows of a category fall into the reference with probability (n / (n + m))^rows or less; corrected for
    the number of categories by Bonferroni.

    >>> found = vanished({"a": 900, "b": 100}, {"a": 500})
    >>> found.names, found.share, found.p_value < 1e-15
    (('b',), 0.1, True)
    """
    n, m = sum(before.values()), sum(now.values())
    gone = {name: rows for name, rows in before.items() if rows and not now.get(name)}
    if not n or not m or not gone:
        return Vanished((), 0.0, 1.0)
    chance = len(before) * math.exp(max(gone.values()) * math.log(n / (n + m)))
    names = tuple(sorted(gone, key=lambda name: (-gone[name], name)))
    return Vanished(names, sum(gone.values()) / n, min(1.0, chance))
