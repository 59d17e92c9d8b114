"""Identifiers that sort by time: a prefix, 12 hexadecimal digits of milliseconds, 16 of randomness."""

from collections.abc import Callable
from datetime import datetime

from podium.core import time

NewId = Callable[[str], str]
"""Makes a new identifier with a prefix, for example `new_id("run")` → `run-018f…`."""


def make(prefix: str, now: datetime, random: bytes) -> str:
    """Make an identifier from an instant and 8 random bytes.

    >>> make("run", time.from_us(0), bytes(8))
    'run-0000000000000000000000000000'
    """
    return f"{prefix}-{time.to_us(now) // 1000:012x}{random[:8].hex()}"


def many(prefix: str, now: datetime, random: bytes) -> list[str]:
    """Make an identifier from each 8 random bytes; all of one instant.

    >>> many("req", time.from_us(0), bytes(16)) == [make("req", time.from_us(0), bytes(8))] * 2
    True
    """
    start = f"{prefix}-{time.to_us(now) // 1000:012x}"
    return [start + digits for digits in random.hex(",", 8).split(",")] if random else []
