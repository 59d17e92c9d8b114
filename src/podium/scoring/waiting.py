"""Threads on which models that wait for another process are asked: each endpoint has its own.

A model that hangs holds the threads of its own endpoint until its time limit, and nobody else's.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from podium.bundle.engines.worker import turn

_EACH = 8
_Given = ParamSpec("_Given")
_Said = TypeVar("_Said")


class Threads:
    """The endpoints' threads, made when they are first needed."""

    def __init__(self) -> None:
        self._pools: dict[str, ThreadPoolExecutor] = {}

    def of(self, endpoint: str) -> ThreadPoolExecutor:
        """Those of an endpoint."""
        found = self._pools.get(endpoint)
        if found is None:
            found = self._pools[endpoint] = ThreadPoolExecutor(_EACH, thread_name_prefix=f"podium-{endpoint}")
        return found


def queued(function: Callable[_Given, _Said]) -> Callable[_Given, _Said]:
    """The same, for a queue that it enters now: what it asks of a model knows how long that was ago."""
    entered = time.monotonic()

    def run(*given: _Given.args, **more: _Given.kwargs) -> _Said:
        before = turn.WAITED.set(time.monotonic() - entered)
        try:
            return function(*given, **more)
        finally:
            turn.WAITED.reset(before)

    return run
