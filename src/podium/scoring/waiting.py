"""Where requests wait for models that take long, or answer from another process: each endpoint has a gate of its own.

For the latter it has threads of its own, too. Large requests to all others have one gate together.

A model that hangs holds the threads of its own endpoint until its time limit, and nobody else's; a slow one is no
reason to turn anybody away who asks another.
"""

import time
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from podium.bundle.engines.worker import turn
from podium.scoring import admission, threads, turns

_EACH = 8
_LARGE = 2
_Given = ParamSpec("_Given")
_Said = TypeVar("_Said")


class Line:
    """Of requests that wait for the same. `common`: the gate through which they came, and are set aside meanwhile."""

    def __init__(self, common: admission.Gate) -> None:
        self._common = common
        self._gate = admission.Gate()

    def admit(self, bodies: Sequence[int], now: float) -> int:
        """How many of the requests with bodies of these sizes, from the first one on, may wait; they `enter` next."""
        admitted = self._gate.admit(bodies, now)
        self._gate.leave(admitted, sum(bodies[:admitted]))
        self._common.refused += len(bodies) - admitted
        return admitted

    def enter(self, bodies: Sequence[int]) -> int:
        """Requests begin to wait; how much waits then, for `leave`."""
        size = sum(bodies)
        self._gate.enter(len(bodies), size)
        self._common.set_aside(len(bodies), size)
        return self._gate.bytes

    def leave(self, bodies: Sequence[int], level: int, took: float, now: float) -> None:
        """They have waited, since they came for so many seconds."""
        size = sum(bodies)
        self._gate.measure(level, took, now)
        self._gate.leave(len(bodies), size)
        self._common.back(len(bodies), size)


class OwnLine(Line):
    """That of an endpoint, with threads of its own for models that answer from another process."""

    def __init__(self, endpoint: str, common: admission.Gate) -> None:
        super().__init__(common)
        self.threads = threads.Pool(_EACH, thread_name_prefix=f"podium-{endpoint}")
        self.large = turns.Turns(_LARGE)
        """Of large requests to such a model, from reading to answering."""


class Lines:
    """The endpoints' lines, made when they are first needed, and that of the large requests to all others."""

    def __init__(self, common: admission.Gate) -> None:
        self._common = common
        self._lines: dict[str, OwnLine] = {}
        self.large = Line(common)

    def of(self, endpoint: str) -> OwnLine:
        """That of an endpoint."""
        found = self._lines.get(endpoint)
        if found is None:
            found = self._lines[endpoint] = OwnLine(endpoint, self._common)
        return found


def queued(function: Callable[_Given, _Said], waited: float = 0.0) -> Callable[_Given, _Said]:
    """The same, for a queue that it enters now, having waited for so many seconds: what it asks of a model knows how
    long that was altogether."""
    entered = time.monotonic() - waited

    def run(*given: _Given.args, **more: _Given.kwargs) -> _Said:
        before = turn.WAITED.set(time.monotonic() - entered)
        try:
            return function(*given, **more)
        finally:
            turn.WAITED.reset(before)

    return run
