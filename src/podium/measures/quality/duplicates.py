"""Duplicates: rows whose key came already."""

from podium.core.errors import Invalid


def duplicates(rows: int, different: int) -> float | None:
    """The share of rows beyond the first of their key, in [0, 1]; None when there are no rows.

    `different`: keys that are not alike. `Invalid` when there are more of them than rows.

    >>> duplicates(10, 8)
    0.2
    """
    if not 0 <= different <= rows:
        raise Invalid("There cannot be more keys than rows.", field="different")
    return (rows - different) / rows if rows else None
