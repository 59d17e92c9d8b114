"""Constant columns: a value that no longer changes, as of a feed that stands still."""


def constant(minimum: float | None, maximum: float | None, different: int | None = None) -> bool:
    """Whether a column holds one value: its extremes are equal, or its number of different categories is 1.

    >>> constant(3.0, 3.0), constant(1.0, 2.0), constant(None, None, different=1), constant(None, None)
    (True, False, True, False)
    """
    return different == 1 if different is not None else minimum is not None and minimum == maximum
