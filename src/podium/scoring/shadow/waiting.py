"""What waits for the shadows' process, in its order: rows, and the marks of those who wait until they are scored."""

from collections import deque
from collections.abc import Iterable
from threading import Event
from typing import NamedTuple, TypeAlias

from podium.scoring import engine
from podium.scoring.shadow import frames


class Rows(NamedTuple):
    """Rows that wait."""

    loaded: engine.Loaded
    rows: int
    """Times the shadows that are to score them."""
    size: int
    """Bytes that wait with them."""
    pieces: Iterable[frames.Piece]
    """Made already, or when they are asked for."""


class Most(NamedTuple):
    """What may wait for shadows, or be with them: so many rows, and so many bytes, as rows may have long texts."""

    rows: int = 50_000
    bytes: int = 256 * 1024 * 1024


MOST = Most()


class Room:
    """What waits."""

    def __init__(self, most: Most) -> None:
        self._most = most
        self.rows = 0
        self.bytes = 0

    def has(self, rows: int, size: int = 0) -> bool:
        """Whether there is room for so many."""
        return self.rows + rows <= self._most.rows and self.bytes + size <= self._most.bytes

    def add(self, rows: int, size: int) -> None:
        """So many more wait; fewer if that is negative."""
        self.rows += rows
        self.bytes += size


class Mark(Event):
    """Set when all before it is on disk, or when nobody can say when it will be: then it is `vain`."""

    vain = False

    def reach(self, *, vain: bool) -> None:
        """Tell who waits."""
        self.vain = vain
        self.set()


Queue: TypeAlias = deque[Rows | Mark]


def reach(queue: Queue) -> None:
    """Set the marks that nothing is before."""
    while queue and isinstance(first := queue[0], Mark):
        queue.popleft()
        first.set()


def give_up(queue: Queue) -> None:
    """Set all marks, in vain where rows are before them; the rows stay. Nobody else may change the queue meanwhile."""
    reach(queue)
    marks = [each for each in queue if isinstance(each, Mark)]
    rows = [each for each in queue if not isinstance(each, Mark)]
    queue.clear()
    queue.extend(rows)
    for each in marks:
        each.reach(vain=True)
