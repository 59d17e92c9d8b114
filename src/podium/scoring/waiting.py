"""Threads on which models that wait for another process are asked: each endpoint has its own.

A model that hangs holds the threads of its own endpoint until its time limit, and nobody else's.
"""

from concurrent.futures import ThreadPoolExecutor

_EACH = 8


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
