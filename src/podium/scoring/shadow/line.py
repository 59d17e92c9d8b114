"""A process of shadows and what it was given: rollouts before their rows, and whose rows it has not told of yet."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import NamedTuple

import msgspec

from podium.scoring import engine, pipe
from podium.scoring.shadow import frames
from podium.scoring.shadow.process import Process

_ROLLOUTS = 2
"""Of an endpoint that rows may come for: that in force and the one before."""
_TOLD = msgspec.msgpack.Decoder(frames.Done)


class Given(NamedTuple):
    """A frame of rows, or a mark."""

    endpoint: str
    rows: int
    mark: Event | None = None


class Line:
    """Of one thread."""

    def __init__(self, begin: frames.Begin, folder_of: Callable[[str], Path]) -> None:
        self._folder_of = folder_of
        self._known: dict[int, str] = {}
        """Endpoints by the rollouts that the process knows, in the order in which it learnt of them."""
        self.open: deque[Given] = deque()
        """What the process was given, and has not told of."""
        self._heard = time.monotonic()
        self._process = Process()
        self._process.say(pipe.pack(begin))

    @property
    def room(self) -> bool:
        """Whether more may be given now."""
        return self._process.room

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.ended

    @property
    def silent(self) -> float:
        """For how many seconds it has told nothing of what it was given."""
        return time.monotonic() - self._heard if self.open else 0.0

    def expect(self, loaded: engine.Loaded) -> None:
        """Have a rollout's shadows loaded before rows come for them."""
        if loaded.id in self._known:
            return
        document = loaded.document
        same = [known for known, endpoint in self._known.items() if endpoint == document.endpoint]
        forget = tuple(same[: len(same) - _ROLLOUTS + 1])
        for known in forget:
            del self._known[known]
        self._known[loaded.id] = document.endpoint
        folders = {each.route.digest: str(self._folder_of(each.route.digest).absolute()) for each in loaded.shadows}
        self._process.say(pipe.pack(frames.Load(loaded.id, document, folders, forget)))

    def give(self, loaded: engine.Loaded, piece: frames.Piece) -> None:
        """Rows to score."""
        self.expect(loaded)
        self._add(Given(loaded.document.endpoint, piece.rows))
        self._process.say(piece.data)

    def mark(self, reached: Event) -> None:
        """Tell when all before it is on disk."""
        self._add(Given("", 0, reached))
        self._process.say(pipe.pack(frames.Mark()))

    def flush(self) -> None:
        """Hand on what was given, as far as there is room."""
        self._process.flush()

    def told(self) -> Iterator[tuple[frames.Done, list[Given]]]:
        """What the process has done, and what of it that was."""
        for message in self._process.heard():
            done = _TOLD.decode(message)
            self._heard = time.monotonic()
            yield done, [self.open.popleft() for _ in range(done.frames)]

    def _add(self, given: Given) -> None:
        if not self.open:
            self._heard = time.monotonic()
        self.open.append(given)

    def close(self) -> int:
        """End the process; its exit code."""
        return self._process.close()
