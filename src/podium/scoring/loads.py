"""Rollouts that are being taken, each on a thread of its own: one that takes long holds up no other endpoint's.

They are begun one after the other. The next one waits for those that take a moment, and not for those that do not come.
"""

import threading
import time
from collections.abc import Callable, Container

_MOMENT_SECONDS = 2.0
_MOST, _SHARING_SECONDS = 8, 8.0
"""So many endpoints that nothing is served from yet are loaded side by side; those that take longer make room."""
_MOST_OF_ONE = 4
"""Rollouts of an endpoint that are being taken at once: nobody wants the older ones, and each may have processes."""
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
    """Those of all endpoints."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, Load] = {}
        """The newest of each."""
        self._all: list[tuple[str, Load]] = []

    def number(self, endpoint: str) -> int | None:
        """Which rollout of an endpoint is being taken now."""
        load = self._running.get(endpoint)
        return None if load is None or load.done.is_set() else load.number

    def forget(self, endpoint: str) -> None:
        """What is being taken of an endpoint is not wanted any more."""
        self._running.pop(endpoint, None)

    def keep(self, listed: Container[str]) -> None:
        """Forget what is done of endpoints that are not among these."""
        with self._lock:
            for endpoint in [each for each, load in self._running.items() if load.done.is_set()]:
                if endpoint not in listed:
                    del self._running[endpoint]

    def begin(self, endpoint: str, number: int, act: Callable[[Wanted], None], *, first: bool = False) -> bool:
        """Take a rollout in place of what is being taken of that endpoint; return when it is done, or takes long.

        False where the system has no room for one more thread: nothing is being taken then. `first`: not if anything
        was taken before.
        """
        with self._lock:
            if first and endpoint in self._running:
                return True
            load = self._running[endpoint] = Load(number)
            self._all = [(each, one) for each, one in self._all if not one.done.is_set()] + [(endpoint, load)]

        def run() -> None:
            try:
                act(lambda: self._running.get(endpoint) is load)
            finally:
                load.done.set()

        try:
            threading.Thread(target=run, name="podium-load", daemon=True).start()
        except RuntimeError:
            load.done.set()
            with self._lock:
                if self._running.get(endpoint) is load:
                    del self._running[endpoint]
            return False
        load.done.wait(_MOMENT_SECONDS)
        return True

    def room(self, endpoint: str, *, served: bool) -> bool:
        """Whether one more may be begun, of an endpoint that is served or not."""
        running = [(each, load) for each, load in list(self._all) if not load.done.is_set()]
        if sum([each == endpoint for each, _ in running]) >= _MOST_OF_ONE:
            return False
        now = time.monotonic()
        return served or sum([now - load.begun < _SHARING_SECONDS for _, load in running]) < _MOST

    def rest(self, enough: Callable[[], bool]) -> None:
        """Wait until all are done or enough are."""
        for load in list(self._running.values()):
            while not load.done.wait(_LOOK_SECONDS):
                if enough():
                    return
