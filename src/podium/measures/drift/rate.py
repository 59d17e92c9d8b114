"""Two shares of rows: could both come from one rate?"""

import math

from podium.core.errors import Invalid
from podium.measures.drift import chi_square

_SUMMED = 2_000


def rate(before: int, before_rows: int, now: int, now_rows: int) -> float:
    """How likely so different shares are by chance, both sides: twice the smaller tail of the exact distribution.

    `before` of `before_rows` rows and `now` of `now_rows`; `Invalid` on impossible counts; 1 when either has no rows.
    Over 2,000 cases, the chi-square test with Yates' correction. Source: Fisher 1935; Yates 1934.

    >>> round(rate(0, 1000, 3, 1000), 4), rate(5, 100, 5, 100)
    (0.2496, 1.0)
    """
    if not (0 <= before <= before_rows and 0 <= now <= now_rows):
        raise Invalid("There cannot be more cases than rows.", field="now")
    cases, total = before + now, before_rows + now_rows
    if not before_rows or not now_rows or cases in (0, total):
        return 1.0
    if min(cases, total - cases) > _SUMMED:
        return _large(before, before_rows, now, now_rows)
    if cases > total - cases:
        before, now, cases = before_rows - before, now_rows - now, total - cases
    upper = now * total >= cases * now_rows
    places = range(now, min(cases, now_rows) + 1) if upper else range(max(0, cases - before_rows), now + 1)
    front = -_choose(total, now_rows)
    tail = math.fsum(
        math.exp(front + _choose(cases, each) + _choose(total - cases, now_rows - each)) for each in places
    )
    return min(1.0, 2.0 * tail)


def _choose(total: int, some: int) -> float:
    return math.lgamma(total + 1) - math.lgamma(some + 1) - math.lgamma(total - some + 1)


def _large(before: int, before_rows: int, now: int, now_rows: int) -> float:
    total, cases = before_rows + now_rows, before + now
    apart = max(0.0, abs(before * now_rows - now * before_rows) - total / 2)
    statistic = total * (apart / before_rows / now_rows) * (apart / cases / (total - cases))
    return chi_square.tail(statistic, 1)
