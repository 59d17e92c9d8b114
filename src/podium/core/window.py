"""Half-open intervals of time over which checks are computed."""

from datetime import datetime, timedelta

import msgspec

from podium.core import time
from podium.core.errors import Invalid


class Window(msgspec.Struct, frozen=True, order=True):
    """[start, end) in microseconds."""

    start_us: int
    end_us: int

    def __post_init__(self) -> None:
        if self.end_us <= self.start_us:
            raise Invalid("A window ends after it starts.", field="window")


def before(end: datetime, length: timedelta) -> Window:
    """The window of that length that ends at an instant."""
    return Window(time.to_us(end - length), time.to_us(end))
