"""Freshness: how old the newest row is."""


def freshness(newest_us: int | None, now_us: int) -> int | None:
    """The age of the newest row in microseconds (below zero: from the future); None when there is none.

    >>> freshness(1_000_000, 3_500_000)
    2500000
    """
    return None if newest_us is None else now_us - newest_us
