"""So many at a time, and the others in their order: of what takes much memory while it is worked on."""

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

Done: TypeAlias = Callable[[], None]
"""Ends a turn; calling it again does nothing."""


def nothing() -> None:
    """The end of no turn."""


class Turns:
    """Gives turns, `most` at a time. Lives on one thread."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting: deque[Callable[[Done], None]] = deque()
        self._giving = False

    def take(self, begin: Callable[[Done], None]) -> None:
        """Call `begin` when it has a turn, perhaps now; it is given what ends the turn."""
        self._waiting.append(begin)
        self._give()

    def _give(self) -> None:
        if self._giving:  # a turn has ended while it was given
            return
        self._giving = True
        try:
            while self._free and self._waiting:
                self._free -= 1
                self._waiting.popleft()(self._end())
        finally:
            self._giving = False

    def _end(self) -> Done:
        """What ends one turn."""
        left = [1]

        def done() -> None:
            if left:
                self._free += left.pop()
                self._give()

        return done
