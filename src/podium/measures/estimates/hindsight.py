"""Hindsight: how good the estimates turned out to be once the outcomes were known."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from podium.core import run


class Pair(NamedTuple):
    """An estimate, and what turned out on the same rows."""

    estimated: run.Interval
    realised: float


class Hindsight(msgspec.Struct, frozen=True, kw_only=True):
    """The estimates of several windows against the truth."""

    windows: int
    bias: float
    """The mean of estimated − realised, in the measure's unit."""
    error: float
    """The mean of |estimated − realised|."""
    constant: float
    """The same if the reference's figure had been taken as the estimate of every window."""
    held: float
    """The share of windows whose interval held the realised figure."""

    @property
    def useful(self) -> bool:
        """Whether estimating was better than supposing that nothing changed."""
        return self.error < self.constant


def hindsight(pairs: Sequence[Pair], reference: float) -> Hindsight | None:
    """Score estimates against the truth, and against the figure of the reference; None without windows.

    >>> found = hindsight([Pair(run.Interval(value=0.7, low=0.6, high=0.8, rows=100), 0.65)], reference=0.9)
    >>> round(found.error, 4), round(found.constant, 4), found.held, found.useful
    (0.05, 0.25, 1.0, True)
    """
    if not pairs:
        return None
    count = len(pairs)
    gaps = [each.estimated.value - each.realised for each in pairs]
    return Hindsight(
        windows=count,
        bias=sum(gaps) / count,
        error=sum(abs(gap) for gap in gaps) / count,
        constant=sum(abs(reference - each.realised) for each in pairs) / count,
        held=sum(each.estimated.low <= each.realised <= each.estimated.high for each in pairs) / count,
    )
