"""What is made of bundles and kept ready in this process, as making it costs more than using it."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

_KEPT = 8
T = TypeVar("T")


class Ready(Generic[T]):
    """Of the bundles that were asked for last, by digest. May be asked by several threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, T] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, digest: str, make: Callable[[], T]) -> T:
        """What was made of a bundle; made now where it is not there."""
        with self._lock:
            if digest not in self._known:
                self._known[digest] = make()
            self._known.move_to_end(digest)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
            return self._known[digest]
