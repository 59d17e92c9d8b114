"""What the shadows' process does with what it hears: loads bundles, scores rows, logs what the shadows say."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import monotonic

from podium.bundle import read
from podium.bundle.grid import Grid
from podium.bundle.runtime import Runtime
from podium.core import ids, time
from podium.core.errors import Invalid, PodiumError
from podium.core.rollout import RouteRole
from podium.scoring import engine, lean, loading
from podium.scoring.log.writer import Writer
from podium.scoring.shadow import frames

_AT_ONCE = 512
"""Rows that are scored in one call, about; fewer of a shadow that takes long, so that it is heard of in time."""
_FIRST = 16
_ROW_BYTES = 200
"""Of ids, score and decision."""
_MOST_SAID = 300
_QUICK_SECONDS, _LONG_SECONDS = 0.2, 2.0


class Listening:
    """`tell` is called with what was done."""

    def __init__(self, begin: frames.Begin, tell: Callable[[frames.Done], None]) -> None:
        self._tell = tell
        self._runtimes: dict[str, Runtime] = {}
        self._rollouts: dict[int, tuple[str, Sequence[engine.Live]]] = {}
        """Endpoint and shadows, by what the scorer calls them."""
        self._now_us = 0
        self._at_once: dict[int, int] = {}
        """How many rows, by rollout."""
        self._troubled: set[tuple[str, str]] = set()
        """Endpoints and bundles of shadows that failed on some rows, as was told."""
        self._unlogged: deque[int] = deque()
        self._written = 0
        self._log = Writer(Path(begin.log), self._new_name, begin.limits, on_dropped=self._unlogged.append)

    def hear(self, messages: Sequence[frames.Asked]) -> None:
        """Do what they ask, in their order."""
        for group in _together(messages, self._most):
            first = group[0]
            if isinstance(first, frames.Rows):
                self._score(first, [each for each in group if isinstance(each, frames.Rows)])
            elif isinstance(first, frames.Load):
                self._load(first)
            else:
                self._mark()

    def _most(self, asked: frames.Asked) -> int:
        """How many rows are scored in one call of what a frame asks."""
        return self._at_once.get(asked.load, _FIRST) if isinstance(asked, frames.Rows) else 0

    def close(self) -> None:
        """Bring everything to the disk, and end what the bundles started."""
        self._log.close()
        for each in self._runtimes.values():
            each.close()

    def _load(self, load: frames.Load) -> None:
        for gone in load.forget:
            self._rollouts.pop(gone, None)
            self._at_once.pop(gone, None)
        document = load.document
        shadows = [route for route in document.routes if route.role is RouteRole.SHADOW]
        try:
            live = [
                loading.serving(document, each, self._runtime(load.folders[each.digest], each.digest))
                for each in shadows
            ]
        except Exception as problem:  # noqa: BLE001 - a bundle's edge: others' shadows go on
            about = f"endpoint {document.endpoint}: the shadows of rollout {document.number} do not listen: {problem}"
            self._tell(frames.Done(0, problem=about))
            live = []
        self._rollouts[load.id] = document.endpoint, live
        needed = {each.route.digest for _, some in self._rollouts.values() for each in some}
        for named in self._runtimes.keys() - needed:
            self._runtimes.pop(named).close()
        lean.keep()
        self._done(1)

    def _runtime(self, folder: str, named: str) -> Runtime:
        known = self._runtimes.get(named)
        if known is None:
            known = Runtime(Path(folder), read.verify(Path(folder), named))
            known.check_golden()
            self._runtimes[named] = known
        return known

    def _score(self, first: frames.Rows, group: Sequence[frames.Rows]) -> None:
        """Rows for the same shadows of one rollout."""
        endpoint, live = self._rollouts[first.load]
        self._now_us = group[-1].at_us
        batches, seen = frames.batches(group)
        begun = monotonic()
        scored = []
        for at in first.shadows if live else ():
            if len(first.shadows) > 1:
                self._tell(frames.Done(0, shadow=at))
            scored.append((endpoint, live[at].route.version, self._say(live[at], batches, seen)))
        self._pace(first.load, len(seen), monotonic() - begun)
        dropped = sum(len(each.keys) for each in group) * len(first.shadows) - sum(rows for *_, rows in scored)
        self._done(len(group), scored, [(endpoint, dropped)] if dropped else [])

    def _pace(self, load: int, rows: int, seconds: float) -> None:
        """Ask for as many rows at once as are answered soon."""
        most = self._at_once.get(load, _FIRST)
        if seconds > _LONG_SECONDS:
            self._at_once[load] = max(1, rows // 2)
        elif seconds < _QUICK_SECONDS:
            self._at_once[load] = min(2 * most, _AT_ONCE)

    def _trouble(self, shadow: engine.Live, problem: Exception) -> None:
        """Tell once that a shadow fails on rows, other than by not fitting them."""
        source = shadow.source
        if not isinstance(problem, PodiumError) and (source.endpoint, source.digest) not in self._troubled:
            self._troubled.add((source.endpoint, source.digest))
            said = f"{type(problem).__name__}: {problem}"[:_MOST_SAID]
            about = f"endpoint {source.endpoint}: the shadow of version {source.version} fails on some rows: {said}"
            self._tell(frames.Done(0, problem=about))

    def _say(self, shadow: engine.Live, batches: Sequence[engine.Batch], seen: Grid) -> int:
        """Log what a shadow says to rows; to how many of them it says something. `seen`: the rows of all batches."""
        try:
            parts = engine.listen(shadow, batches, seen)
            if not all(len(part.scores) == len(part) for part in parts):
                raise Invalid("The shadow gives another number of scores than it was given rows.", field="score")
        except Exception as problem:  # noqa: BLE001 - a model's edge: whatever it raises, others go on
            if len(batches) == 1:
                self._trouble(shadow, problem)
                return 0
            return sum(self._say(shadow, [each], each.grid) for each in batches)  # one does not fit: others may
        self._log.append(parts, durable=False, then=lambda _: None, size=_size(seen))
        return sum(map(len, parts))

    def _mark(self) -> None:
        vain = False
        try:
            self._log.flush()
        except PodiumError as problem:
            vain = True
            self._tell(frames.Done(0, problem=f"what the shadows said is not on disk yet: {problem}"))
        self._done(1, vain=vain)

    def _done(
        self,
        count: int,
        scored: Sequence[tuple[str, int, int]] = (),
        dropped: Sequence[tuple[str, int]] = (),
        *,
        vain: bool = False,
    ) -> None:
        written, self._written = self._log.bytes_written - self._written, self._log.bytes_written
        unlogged = sum(self._unlogged.popleft() for _ in range(len(self._unlogged)))
        self._tell(frames.Done(count, scored, dropped, unlogged, written, vain=vain))

    def _new_name(self) -> str:
        return ids.make("segment", time.from_us(self._now_us), os.urandom(8))


def _together(messages: Sequence[frames.Asked], most: Callable[[frames.Asked], int]) -> Iterator[list[frames.Asked]]:
    """Rows that come one behind the other for the same shadows, up to about as many as are scored in one call; the
    others one by one. `most`: rows in one call."""
    group: list[frames.Asked] = []
    rows = 0
    for each in messages:
        count = len(each.keys) if isinstance(each, frames.Rows) else 0
        if group and not (_alike(group[0], each) and rows + count <= most(group[0])):
            yield group
            group, rows = [], 0
        group.append(each)
        rows += count
    if group:
        yield group


def _alike(one: frames.Asked, other: frames.Asked) -> bool:
    if isinstance(one, frames.Rows) and isinstance(other, frames.Rows):
        return (one.load, one.shadows) == (other.load, other.shadows)
    return False


def _size(seen: Grid) -> int:
    """About how many bytes such rows take in the log."""
    return seen.numbers.nbytes + sum(map(len, seen.texts.ravel().tolist())) + _ROW_BYTES * len(seen)
