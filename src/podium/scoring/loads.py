"""Rollouts that are being taken, each on a thread of its own: one that takes long holds up no other endpoint's.

They are begun one after the other. The next one waits for those that take a moment, and not for those that do not come.
"""

import threading
import time
from collections.abc import Callable

_MOMENT_SECONDS = 2.0
_MOST = 8
"""Endpoints that nothing is served from yet and that take long at once: each has processes of its own meanwhile."""
_LOOK_SECONDS = 0.5


class Load:
    """One of them."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.begun = time.monotonic()
        self.done = threading.Event()


Wanted = Callable[[], bool]
"""Whether what is being taken is still the newest that was asked for of its endpoint."""


class Loads:
    """Begun and looked at by one thread. `long`: seconds after which one no longer counts as one that may come."""

    def __init__(self, long: Callable[[], float]) -> None:
        self._long = long
        self._running: dict[str, Load] = {}

    def number(self, endpoint: str) -> int | None:
        """Which rollout of an endpoint is being taken now."""
        load = self._running.get(endpoint)
        return None if load is None or load.done.is_set() else load.number

    def forget(self, endpoint: str) -> None:
        """What is being taken of an endpoint is not wanted any more."""
        self._running.pop(endpoint, None)

    def begin(self, endpoint: str, number: int, act: Callable[[Wanted], None]) -> None:
        """Take a rollout in place of what is being taken of that endpoint; return when it is done, or takes long."""
        load = self._running[endpoint] = Load(number)

        def run() -> None:
            try:
                act(lambda: self._running.get(endpoint) is load)
            finally:
                load.done.set()

        threading.Thread(target=run, name="podium-load", daemon=True).start()
        load.done.wait(_MOMENT_SECONDS)

    def room(self) -> bool:
        """Whether one more of those that nothing is served from may be begun."""
        long = self._long()
        now = time.monotonic()
        waiting = [each for each in self._running.values() if not each.done.is_set() and now - each.begun < long]
        return len(waiting) < _MOST

    def rest(self, enough: Callable[[], bool]) -> None:
        """Wait until all are done or enough are."""
        for load in list(self._running.values()):
            while not load.done.wait(_LOOK_SECONDS):
                if enough():
                    return
