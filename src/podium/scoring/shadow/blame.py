"""Shadows at which their process died or fell silent: left out for a while, and longer each time, so that others go on.

The first death costs a shadow nothing but the rows that it was asked last: the process may have been ended by somebody.
"""

import time
from collections.abc import Sequence
from typing import NamedTuple

from podium.scoring import engine

_FIRST_SECONDS = 5.0
_LONGEST_SECONDS = 600.0
_FORGIVEN_SECONDS = 1200.0
"""One that did well for so long is as good as new."""


class _Left(NamedTuple):
    """Until when a shadow is left out, and for how many seconds."""

    until: float
    seconds: float


class Blame:
    """Of one thread, but for `all_out`. Shadows are known by their endpoint and bundle."""

    def __init__(self) -> None:
        self._left: dict[tuple[str, str], _Left] = {}

    def add(self, loaded: engine.Loaded, shadows: Sequence[int], *, first: float = 0.0) -> float:
        """Leave these shadows out; for how many seconds. `first`: how many the first time."""
        now = time.monotonic()
        longest = 0.0
        for key in self._keys(loaded, shadows):
            known = self._left.get(key)
            if known is None or now > known.until + _FORGIVEN_SECONDS:
                seconds = first
            else:
                seconds = min(max(2 * known.seconds, _FIRST_SECONDS), _LONGEST_SECONDS)
            self._left[key] = _Left(now + seconds, seconds)
            longest = max(longest, seconds)
        return longest

    def out(self, loaded: engine.Loaded, shadows: Sequence[int]) -> bool:
        """Whether one of these shadows is left out now."""
        if not self._left:
            return False
        now = time.monotonic()
        found = [self._left[key] for key in self._keys(loaded, shadows) if key in self._left]
        return any(now < each.until for each in found)

    def all_out(self, loaded: engine.Loaded) -> bool:
        """Whether none of a rollout's shadows is asked now."""
        return bool(self._left) and all(self.out(loaded, [at]) for at in range(len(loaded.shadows)))

    @staticmethod
    def _keys(loaded: engine.Loaded, shadows: Sequence[int]) -> set[tuple[str, str]]:
        return {(loaded.document.endpoint, loaded.shadows[at].route.digest) for at in shadows}
