"""Instants and durations. Every instant in Podium is timezone-aware UTC, to the microsecond."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from podium.core.errors import Invalid

Clock = Callable[[], datetime]
"""Answers the current instant (UTC). Passed as an argument, so that a year can be rehearsed in a minute."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"^\s*(\d{1,6}(?:\.\d{1,3})?)\s*([smhdw])\s*$")


def to_us(instant: datetime) -> int:
    """Microseconds since 1970-01-01 UTC; a naive instant is refused."""
    if instant.tzinfo is None:
        raise Invalid("An instant needs a time zone.", fix="Write it with an offset, for example 2013-03-01T00:00:00Z.")
    return (instant - EPOCH) // _MICROSECOND


def from_us(microseconds: int) -> datetime:
    """The UTC instant that many microseconds after 1970-01-01."""
    return EPOCH + timedelta(microseconds=microseconds)


def parse_duration(text: str, field: str = "duration") -> timedelta:
    """Read `90s`, `15m`, `6h`, `7d` or `2w`.

    >>> parse_duration("7d").days
    7
    """
    match = _DURATION.match(text)
    if match is None:
        raise Invalid(
            "This is not a duration.", field=field, fix="Write a number and s, m, h, d or w, for example 7d or 12h."
        )
    return timedelta(**{_UNITS[match[2]]: float(match[1])})


def parse_instant(text: str, field: str = "time") -> datetime:
    """Read an ISO 8601 instant; one without an offset is taken as UTC."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("This is not an instant.", field=field, fix="Write ISO 8601: 2013-03-01T00:00:00Z.") from None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
