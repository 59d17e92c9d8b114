"""Constant columns: a value that no longer changes, as of a feed that stands still."""

from collections.abc import Sequence


def constant(minimum: float | None, maximum: float | None, different: int | None = None) -> bool:
    """Whether a column holds one value: its extremes are equal, or its number of different categories is 1.

    >>> constant(3.0, 3.0), constant(1.0, 2.0), constant(None, None, different=1), constant(None, None)
    (True, False, True, False)
    """
    return different == 1 if different is not None else minimum is not None and minimum == maximum


def chance(before: Sequence[int], rows: float) -> float:
    """How likely so many independent rows would all have the value that most rows had before; 1 where none had any.

    `before`: rows by value, or by bin.

    >>> chance([50, 50], 2.0), chance([10, 0], 99.0)
    (0.25, 1.0)
    """
    whole = sum(before)
    return float((max(before) / whole) ** rows) if whole else 1.0
