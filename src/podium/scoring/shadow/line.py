"""A process of shadows and what it was given: rollouts before their rows, and whose rows it has not told of yet."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from podium.scoring import engine, pipe
from podium.scoring.log import writer
from podium.scoring.shadow import frames
from podium.scoring.shadow.process import Process
from podium.scoring.shadow.waiting import Mark

_ROLLOUTS = 2
"""Of an endpoint that rows may come for: that in force and the one before."""
_SILENT_SECONDS, _ROW_SECONDS = 20.0, 1.0
"""A process that tells nothing of its rows for so long, and so much longer for each of them, does not answer."""
_LOAD_SECONDS = 130.0
"""The same of a rollout that it loads. Both are what a version may take that proves itself, and a little more."""
_MARK_SECONDS = writer.FLUSH_SECONDS + 10.0
"""The same of a mark: it waits for the disk, and says so when that does not answer."""
_TOLD = msgspec.msgpack.Decoder(frames.Done)


class Given(NamedTuple):
    """A frame of rows, a mark, or a rollout to be loaded."""

    endpoint: str
    rows: int
    mark: Mark | None = None
    loaded: engine.Loaded | None = None
    """The rollout whose shadows are asked; None of a mark."""
    piece: frames.Piece | None = None
    """None: they are only to be loaded."""

    @property
    def shadows(self) -> Sequence[int]:
        """Which of the rollout's shadows are asked."""
        if self.loaded is None:
            return ()
        return range(len(self.loaded.shadows)) if self.piece is None else self.piece.shadows

    @property
    def size(self) -> int:
        """Bytes of the rows."""
        return 0 if self.piece is None else len(self.piece.data)

    @property
    def patience(self) -> float:
        """For how many seconds a process may tell nothing of it."""
        if self.mark is not None:
            return _MARK_SECONDS
        return _LOAD_SECONDS if self.piece is None else _SILENT_SECONDS + _ROW_SECONDS * self.rows


def reached(given: Iterable[Given], *, vain: bool = False) -> None:
    """All that was given there is over: who waits for it is told. `vain`: not all of it is on disk."""
    for each in given:
        if each.mark is not None:
            each.mark.reach(vain=vain)


class Asked(NamedTuple):
    """Some of a rollout's shadows."""

    loaded: engine.Loaded
    shadows: Sequence[int]


class Line:
    """Of one thread."""

    def __init__(self, begin: frames.Begin, folder_of: Callable[[str], Path]) -> None:
        self._folder_of = folder_of
        self._known: dict[int, str] = {}
        """Endpoints by the rollouts that the process knows, in the order in which it learnt of them."""
        self.open: deque[Given] = deque()
        """What the process was given, and has not told of."""
        self._heard = time.monotonic()
        self._shadow = -1
        """Which of several shadows that see the same rows was asked last."""
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
    def late(self) -> bool:
        """Whether it has told nothing for too long of what it was given."""
        if not self.open:
            return False
        return time.monotonic() - self._heard > self.open[0].patience

    def expect(self, loaded: engine.Loaded) -> None:
        """Have a rollout's shadows loaded before rows come for them."""
        if loaded.id in self._known:
            return
        document = loaded.document
        same = [known for known, endpoint in self._known.items() if endpoint == document.endpoint]
        forget = tuple(same[: len(same) - _ROLLOUTS + 1])
        folders = {each.route.digest: str(self._folder_of(each.route.digest).absolute()) for each in loaded.shadows}
        said = pipe.pack(frames.Load(loaded.id, document, folders, forget))  # whatever fails, it fails before this
        for known in forget:
            del self._known[known]
        self._known[loaded.id] = document.endpoint
        self._add(Given(document.endpoint, 0, loaded=loaded))
        self._process.say(said)

    def give(self, loaded: engine.Loaded, piece: frames.Piece) -> None:
        """Rows to score."""
        self.expect(loaded)
        self._add(Given(loaded.document.endpoint, piece.rows, loaded=loaded, piece=piece))
        self._process.say(piece.data)

    def mark(self, reached: Mark) -> None:
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
            self._shadow = done.shadow
            yield done, [self.open.popleft() for _ in range(done.frames)]

    def last(self) -> Asked | None:
        """Who was asked last, if anybody was."""
        asked = self.open[0] if self.open else None
        if asked is None or asked.loaded is None:
            return None
        return Asked(asked.loaded, [self._shadow] if self._shadow in asked.shadows else asked.shadows)

    def _add(self, given: Given) -> None:
        if not self.open:
            self._heard = time.monotonic()
        self.open.append(given)

    def close(self, *, patient: bool = True) -> int:
        """End the process, which may finish what it was told if we are patient; its exit code."""
        return self._process.close(patient=patient)
