"""Missing values: how much larger a share of rows lacks a value than in training."""

from podium.core.errors import Invalid


def missing_rate(nulls: int, rows: int) -> float | None:
    """The share of rows without a value, in [0, 1]; None when there are no rows; `Invalid` on impossible counts.

    >>> missing_rate(3, 12)
    0.25
    """
    if not 0 <= nulls <= rows:
        raise Invalid("There cannot be more nulls than rows.", field="nulls")
    return nulls / rows if rows else None


def rise(nulls: int, rows: int, reference_nulls: int, reference_rows: int) -> float | None:
    """How far the share has risen above training's, in [−1, 1]; None when either has no rows.

    >>> rise(3, 12, 5, 100)
    0.2
    """
    now, before = missing_rate(nulls, rows), missing_rate(reference_nulls, reference_rows)
    return None if now is None or before is None else now - before
