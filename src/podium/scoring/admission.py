"""Who may come in when more comes than can be answered: by how long requests wait, not by a count.

What is under way is measured by the bytes of its bodies, which are known before anything is decoded, so that a request
too many costs next to nothing. When accepted requests take longer than is worth waiting, so much less may be under way
that the next ones do not (what is under way and the time that it takes are in proportion); when they take less, a
little more may. Worth waiting is what requests usually took while none was refused, and a little more: a heavy model
and a slow disk have other usual times than a light model.

64 requests may always be under way, unless still more come: then turning them away takes so much of the processor that
64 would wait far longer than they do on other days, so fewer may. Of those that were read in one turn the last come in,
as they have waited least.

A model that waits for another process has a gate of its own, so that a slow one is no reason to turn others away: while
its requests wait there they are set aside here, where only their bytes still count.
"""

import math
from collections.abc import Sequence

from podium.core.errors import Unavailable

ALWAYS = 64
"""Requests that may always be under way where no more than these are asked at a time."""
FEWEST = 16
"""Requests that may be under way whatever comes."""
MOST_BYTES = 256 * 1024 * 1024
"""Of bodies that may ever be under way."""
SOON = 0.005
"""Seconds that are worth waiting, however short is usual."""
_TOLERANCE = 1.25
_FLOOR, _CEILING = 0.001, 1.0
_USUAL_SECONDS = 10.0
_CALM_SECONDS = 1.0
_GROWTH = 1.02
_CUT = 0.3
_REQUEST_BYTES = 256
"""What a request costs beside its body, in bytes of one."""


class Crowded(Unavailable):
    """A request would wait longer than is worth waiting."""

    def __init__(self, who: str = "The scorer") -> None:
        super().__init__(f"{who} has more to do than it can.", fix="Send it again later.")


class Gate:
    """Counts what is under way. All of its methods are called on one thread; times in seconds, monotonic."""

    def __init__(self) -> None:
        self.requests = 0
        self.bytes = 0
        self.aside = 0
        """Requests that wait elsewhere."""
        self.refused = 0
        self.usual = _FLOOR
        """Seconds from reading a request to its answer."""
        self.limit = float(MOST_BYTES)
        """How many bytes may be under way, beyond what always may."""
        self._most = float(MOST_BYTES)
        """How many bytes may be under way in any case, beside those set aside."""
        self._refusing = -math.inf
        self._crowded = -math.inf
        """When more than `ALWAYS` were last asked at a time."""
        self._learned: float | None = None
        self._calm = 0.0
        """Seconds from which the usual was learned, up to as many as count."""

    def admit(self, bodies: Sequence[int], now: float) -> int:
        """How many of the requests with bodies of these sizes, from the first one on, may come in."""
        total = sum(bodies) + _REQUEST_BYTES * len(bodies)
        if self.requests + len(bodies) > ALWAYS:
            self._crowded = now
        if self.bytes + total <= self.limit:
            self.requests += len(bodies)
            self.bytes += total
            return len(bodies)
        known = self._calm >= _CALM_SECONDS
        always = FEWEST if known and now - self._crowded <= _CALM_SECONDS else ALWAYS
        admitted = 0
        for size in bodies:
            after = self.bytes + size + _REQUEST_BYTES
            if after > (self._most if self.requests < always else self.limit):
                break
            self.bytes = after
            self.requests += 1
            admitted += 1
        if admitted < len(bodies):
            self.refused += len(bodies) - admitted
            self._refusing = now
        return admitted

    def enter(self, requests: int, size: int) -> None:
        """So many requests, with bodies of that size together, come in whatever is under way."""
        self.requests += requests
        self.bytes += size + _REQUEST_BYTES * requests

    def leave(self, requests: int, size: int) -> None:
        """So many requests, with bodies of that size together, are answered, whatever the answer."""
        self.requests -= requests
        self.bytes -= size + _REQUEST_BYTES * requests

    def set_aside(self, requests: int, size: int) -> None:
        """So many of those under way, with bodies of that size together, now wait elsewhere."""
        self.leave(requests, size)
        self.aside += requests
        self._keep(self._most - size - _REQUEST_BYTES * requests)

    def back(self, requests: int, size: int) -> None:
        """They have waited, and are under way here again."""
        self.enter(requests, size)
        self.aside -= requests
        self._keep(self._most + size + _REQUEST_BYTES * requests)

    def _keep(self, most: float) -> None:
        self.limit = most if self.limit >= self._most else min(self.limit, most)
        self._most = most

    def measure(self, level: int, took: float, now: float) -> None:
        """Requests that came in with `level` bytes under way took so many seconds."""
        target = max(SOON, self.usual * _TOLERANCE)
        if took > target:
            wanted = level * target / took
            if wanted < self.limit:
                self.limit = wanted if self.limit >= self._most else self.limit + _CUT * (wanted - self.limit)
        else:
            self.limit = min(self._most, self.limit * _GROWTH)
        if now - self._refusing > _CALM_SECONDS:
            self._learn(took, now)

    def _learn(self, took: float, now: float) -> None:
        """The mean of the first seconds, then of the last ones."""
        since = 0.0 if self._learned is None else min(now - self._learned, _CALM_SECONDS)
        self._learned = now
        self._calm = min(_USUAL_SECONDS, self._calm + since)
        if self._calm > 0:
            weight = min(1.0, since / self._calm)
            self.usual = max(_FLOOR, self.usual + weight * (min(took, _CEILING) - self.usual))
