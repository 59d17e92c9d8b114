"""Who may come in when more comes than can be answered: by how long requests wait, not by a count.

What is under way is measured by the bytes of its bodies, which are known before anything is decoded, so that a request
too many costs next to nothing. When accepted requests take more than twice what they usually take, so much less may be
under way that the next ones take that long (what is under way and the time that it takes are in proportion); when they
take less while others are refused, a little more may. Usual is the slow average of what requests took while none was
refused: a heavy model and a slow disk have other usual times than a light model. As much as 64 average requests may
always be under way.
"""

import math

_TOLERANCE = 2.0
_FLOOR = 0.001
_CEILING = 1.0
_USUAL_SECONDS = 10.0
_CALM_SECONDS = 1.0
_REQUEST_BYTES = 256
"""What a request costs beside its body, in bytes of one."""
_ALWAYS = 64
_GROWTH = 1.02
_SMOOTH = 0.01
_CUT = 0.3


class Gate:
    """Counts what is under way. All of its methods are called on one thread; times in seconds, monotonic."""

    def __init__(self) -> None:
        self.under_way = 0.0
        """Bytes, with `_REQUEST_BYTES` for each request."""
        self.refused = 0
        self.usual = _FLOOR
        """Seconds from reading a request to its answer."""
        self._limit = math.inf
        self._average = 1024.0
        self._refusing = -math.inf
        self._updated: float | None = None

    @staticmethod
    def cost(body: bytes) -> int:
        """What a request counts for."""
        return len(body) + _REQUEST_BYTES

    @property
    def limit(self) -> float:
        """How much may be under way."""
        return max(self._limit, _ALWAYS * self._average)

    def admit(self, costs: list[int], now: float) -> int:
        """How many of these requests, from the first one on, may come in. One alone always may."""
        total = sum(costs)
        limit = self.limit
        if self.under_way + total <= limit:
            self._enter(total, len(costs))
            return len(costs)
        admitted = 0
        taken = 0.0
        for cost in costs:
            if self.under_way + taken + cost > limit and self.under_way + taken:
                break
            taken += cost
            admitted += 1
        self._enter(taken, admitted)
        self.refused += len(costs) - admitted
        self._refusing = now
        return admitted

    def _enter(self, total: float, requests: int) -> None:
        self.under_way += total
        if requests:
            self._average += _SMOOTH * (total / requests - self._average)

    def leave(self, cost: float, level: float, started: float, now: float) -> None:
        """Requests that came in at `started`, with `level` under way then, are answered."""
        self.under_way = max(0.0, self.under_way - cost)
        took = now - started
        target = self.usual * _TOLERANCE
        calm = now - self._refusing > _CALM_SECONDS
        if took > target:
            wanted = level * target / took
            self._limit = wanted if math.isinf(self._limit) else self._limit + _CUT * min(0.0, wanted - self._limit)
            self._limit = max(self._limit, _ALWAYS * self._average)
        elif not calm:
            self._limit *= _GROWTH
        if calm:
            self._learn(min(took, _CEILING), now)

    def _learn(self, took: float, now: float) -> None:
        since = 0.0 if self._updated is None else now - self._updated
        self._updated = now
        self.usual = max(_FLOOR, self.usual + (1.0 - math.exp(-since / _USUAL_SECONDS)) * (took - self.usual))
        self._limit = max(self._limit, _ALWAYS * self._average)
