"""New categories: the share of rows whose category training did not know."""

from podium.core import reference


def new_categories(unseen: int, known: int, before: reference.CategoryReference) -> float | None:
    """The share of rows with a category that is new, in [0, 1]; None when no row has a value.

    `unseen`, `known`: rows whose category is not, and is, among those that the reference names. Where the reference
    put rare categories together as other, that share is expected and taken off.

    >>> new_categories(2, 8, reference.CategoryReference(counts={"a": 90}, other=10, nulls=0))
    0.1
    """
    rows = unseen + known
    if not rows:
        return None
    among = sum(before.counts.values()) + before.other
    return max(0.0, unseen / rows - (before.other / among if among else 0.0))
