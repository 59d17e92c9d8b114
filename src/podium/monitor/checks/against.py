"""What features and scores are compared with, and how far quiet windows of it lie from each other. Pure."""

import types
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from podium.core import reference
from podium.measures.drift import dispersion, psi, wander

SCORE = ""
"""The score's place among the columns."""
Wanders = Mapping[str, wander.Wander]
_UNKNOWN: Wanders = types.MappingProxyType({})


class Against(NamedTuple):
    """A reference; of matching windows also how these wander, by column: over its cells, and its nulls."""

    reference: reference.Reference
    cells: Wanders = _UNKNOWN
    nulls: Wanders = _UNKNOWN


class Spread(NamedTuple):
    """How far a quiet window of some size lies from the reference: in times of chance, and as matching windows do."""

    times: float
    quiet: wander.Wander | None = None

    def psi(self, before: Sequence[int], now: Sequence[int]) -> psi.Psi | None:
        """The index of counts per cell; how likely it is by chance follows from how matching windows lie, if known."""
        found = psi.psi(before, now, self.times)
        away = None if self.quiet is None else wander.distance(before, now)
        if found is None or self.quiet is None or away is None:
            return found
        return found._replace(p_value=self.quiet.tail(away, self.times))


def spread(of: float, rows: int, window_rows: float, wanders: wander.Wander | None) -> Spread:
    """The spread of a window of so many rows, where windows of `window_rows` have the dispersion `of`."""
    return Spread(dispersion.scaled(of, rows, window_rows), wanders)
