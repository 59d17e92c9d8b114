"""Windows of history that match a window by its season: the same hours, weekdays, or weeks of the year."""

from datetime import timedelta

from podium.core.window import Window

FEWEST = 3
"""Matching windows with enough rows, below which nothing is known of how far quiet ones differ."""
MOST = 52
_DAY, _WEEK, _YEAR = timedelta(days=1), timedelta(weeks=1), timedelta(weeks=52)
SAID = {
    "training": "training",
    "day": "the same hours of the days before",
    "week": "the same weekdays and hours of the weeks before",
    "year": "the same weeks of the year before",
}
"""What each kind of reference is, in words."""


def longest(kind: str) -> timedelta:
    """How long a window may be, so that those that match it do not overlap.

    >>> longest("day").days, longest("year").days
    (1, 7)
    """
    return _DAY if kind == "day" else _WEEK


def matching(kind: str, span: Window, count: int) -> list[Window]:
    """The windows that match one, all before it, none overlapping: the nearest first.

    `day`, `week`: as many days or weeks back; `year`: 52 weeks back (so that weekdays agree), and the weeks around.
    `kind` is a season and the window no longer than `longest`.

    >>> day = 86_400_000_000
    >>> [each.start_us // day for each in matching("week", Window(21 * day, 22 * day), 3)]
    [14, 7, 0]
    >>> [each.start_us // day for each in matching("year", Window(400 * day, 401 * day), 3)]
    [36, 43, 29]
    """
    step = _us(_DAY if kind == "day" else _WEEK)
    if kind == "year":
        back = [_us(_YEAR) + _alternating(place) * step for place in range(count)]
    else:
        back = [(place + 1) * step for place in range(count)]
    return [Window(span.start_us - each, span.end_us - each) for each in back]


def words(length: timedelta) -> str:
    """
    >>> words(timedelta(days=7))
    '7d'
    """
    return f"{length.days}d"


def _alternating(place: int) -> int:
    """0, -1, 1, -2, 2, …"""
    half = (place + 1) // 2
    return -half if place % 2 else half


def _us(length: timedelta) -> int:
    return length // timedelta(microseconds=1)
