"""What waits for shadows: they score off the request's path, in a process apart, and never in the way of answers.

Decided rows become bytes at once, which takes some microseconds a turn; as objects they would be looked through for
rings again and again while they wait. A few times a second, or when many wait, a thread hands on what goes without
waiting: seldom, as each time some answers are made a little later. What does not fit is dropped and counted.
"""

import contextlib
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from podium.core.errors import PodiumError
from podium.scoring import cache, engine, metrics
from podium.scoring.log import recover
from podium.scoring.log.places import Limits
from podium.scoring.shadow import blame, frames, waiting
from podium.scoring.shadow.line import Asked, Given, Line, reached
from podium.scoring.shadow.waiting import Mark, Rows

_LOG = logging.getLogger("podium.scorer")
_PAUSE = 0.25
"""Rows are handed on so often,"""
_ENOUGH = 512 * 1024
"""or when so many bytes wait."""
_HURRY = 0.002
"""The same while somebody waits for the shadows."""
_KEPT_SECONDS = 30.0
"""The process outlives the last shadow so long."""
_AGAIN_SECONDS = 2.0
"""Where a process died, and no shadow is to blame, or could not be started, so long none is."""
_LOGGED = 0.8
"""Seconds after which what the shadows said is written: others wait for the disk, too."""
_SILENT_OUT = 5.0
"""Who kept the others waiting is left out the first time already, for so long."""
_DIED = "has died"
_NICE = 10
_UNFIT = (PodiumError, ValueError, TypeError)


class Shadows:
    """The queue and its thread. `serving`: the rollouts in force; `kept`: where their bundles lie, and where to log.

    Rows are logged with the role `shadow` and the request's prediction ids, `queued` whatever the rollout says.
    """

    def __init__(
        self,
        serving: Callable[[], Sequence[engine.Loaded]],
        kept: cache.Cache,
        limits: Limits,
        counts: metrics.Metrics,
        most: waiting.Most = waiting.MOST,
    ) -> None:
        self._serving = serving
        self._folder_of = kept.bundle
        self._begin = frames.Begin(str(kept.log.absolute()), msgspec.structs.replace(limits, queued=_LOGGED))
        self._counts = counts
        self._queue: waiting.Queue = deque()
        self._room = waiting.Room(most)
        self._bytes = 0
        """That have come since some were handed on."""
        self._hurried = 0
        """How many wait for the shadows."""
        self._stopping = False
        self._line: Line | None = None
        self._blame = blame.Blame()
        self._needed = self._again = 0.0
        """When there was a shadow, last; when a process may be started."""
        self.bytes_written = 0
        """Of the shadows' log."""
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="podium-shadow", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Rows that wait for a shadow, each as often as there are shadows."""
        return self._room.rows

    def submit(self, loaded: engine.Loaded, batch: engine.Batch, size: int = 0) -> None:
        """Queue decided rows for the rollout's shadows. `size`: of the bodies in which they came."""
        if not loaded.shadows:
            return
        rows = len(batch.keys) * len(loaded.shadows)
        if not self._room.has(rows) or self._stopping or self._blame.all_out(loaded):
            self._drop(loaded.document.endpoint, rows)
            return
        pieces: Iterable[frames.Piece] = frames.pieces(loaded, batch)
        fresh = 0
        if frames.plain(loaded, batch):
            try:
                (piece,) = pieces
            except Exception as problem:  # noqa: BLE001 - the callers have their answers
                self._lose(loaded.document.endpoint, rows, problem)
                return
            pieces, size = (piece,), (fresh := len(piece.data))
        if not self._room.has(rows, size):
            self._drop(loaded.document.endpoint, rows)
            return
        with self._changed:
            self._room.add(rows, size)
            self._queue.append(Rows(loaded, rows, size, pieces))
            before, self._bytes = self._bytes, self._bytes + fresh
            if before < _ENOUGH <= self._bytes:
                self._changed.notify_all()

    def drain(self, timeout: float = 60.0) -> bool:
        """Wait until all that is queued now is scored and in sealed segments; whether that happened in time.

        False soon where something is queued, and the process that would score it cannot be started.
        """
        reached = Mark()
        with self._changed:
            self._hurried += 1
            self._queue.append(reached)
            self._changed.notify_all()
        try:
            return reached.wait(timeout) and not reached.vain
        finally:
            with self._changed:
                self._hurried -= 1

    def close(self, timeout: float = 10.0) -> None:
        """Score what is queued, then end the process."""
        self.drain(timeout)
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(2 * timeout)

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # where a thread has no priority of its own, it is as good as the others
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        while not self._stopping:
            try:
                self._turn()
            except Exception:  # noqa: BLE001 - the thread's edge: a fault in here must not end the shadows
                _LOG.exception("handing rows to the shadows failed")
                self._give_up()
            self._wait()
        if self._line is not None:
            self._line.close()

    def _wait(self) -> None:
        with self._changed:
            if not self._stopping and self._bytes < _ENOUGH:
                self._changed.wait(_HURRY if self._hurried else _PAUSE)

    def _turn(self) -> None:
        """Hear what was done, and hand on what goes."""
        line = self._look()
        if line is None:
            waiting.reach(self._queue)
            return
        for done, given in line.told():
            self._hear(done, given)
        with self._changed:
            self._bytes = 0
        line.flush()
        while self._queue and line.room:
            self._give(line, self._queue.popleft())
        line.flush()
        if line.ended:
            self._end(line, _DIED)
        elif line.late:
            self._end(line, "does not answer")

    def _look(self) -> Line | None:
        """Have a process while there are shadows; it loads them before rows come."""
        now = time.monotonic()
        serving = [each for each in self._serving() if each.shadows]
        if serving or self._room.rows:
            self._needed = now
            if self._line is None and now >= self._again:
                self._line = self._start(now)
        elif self._line is not None and now > self._needed + _KEPT_SECONDS:
            self._line.close()
            self._line = None
        if self._line is not None:
            for each in serving:
                if not self._blame.all_out(each):
                    self._line.expect(each)
        return self._line

    def _start(self, now: float) -> Line | None:
        """A process; None where it cannot be started now. Rows wait for it then, but who waits for them is told."""
        try:
            return Line(self._begin, self._folder_of)
        except Exception as problem:  # noqa: BLE001 - whatever it is, it may be over the next time
            self._again = now + _AGAIN_SECONDS
            _LOG.warning("the shadows' process cannot be started: %s", problem)
        with self._changed:
            waiting.give_up(self._queue)
        return None

    def _give(self, line: Line, item: Rows | Mark) -> None:
        if isinstance(item, Mark):
            line.mark(item)
            return
        left, endpoint = item.rows, item.loaded.document.endpoint
        self._leave(0, item.size)
        try:
            for piece in item.pieces:
                good = [at for at in piece.shadows if not self._blame.out(item.loaded, [at])]
                some = frames.some(piece, good)
                if some.rows:
                    line.give(item.loaded, some)
                    self._leave(0, -len(some.data))
                self._leave(piece.rows - some.rows)
                self._drop(endpoint, piece.rows - some.rows)
                left -= piece.rows
        except Exception as problem:  # noqa: BLE001 - these rows' edge: the process goes on with the others
            self._leave(left)
            self._lose(endpoint, left, problem)

    def _hear(self, done: frames.Done, given: Sequence[Given]) -> None:
        for endpoint, version, rows in done.scored:
            self._counts.count("podium_predictions_total", rows, endpoint=endpoint, version=str(version), role="shadow")
        for endpoint, rows in done.dropped:
            self._drop(endpoint, rows)
        if done.problem:
            _LOG.warning("%s", done.problem)
        if done.unlogged:
            self._counts.count("podium_log_dropped_total", done.unlogged)
        self.bytes_written += done.written
        self._leave(sum([each.rows for each in given]), sum([each.size for each in given]))
        reached(given, vain=done.vain)

    def _end(self, line: Line, how: str) -> None:
        """The process is gone, and with it the rows that it was asked last; another is given those behind them."""
        for done, given in line.told():
            self._hear(done, given)
        self._close(line)
        last = line.last()
        if last is None:
            self._again = time.monotonic() + _AGAIN_SECONDS
            _LOG.warning("the shadows' process %s", how)
        else:
            self._accuse(how, last, line.open.popleft())
        left: list[Rows | Mark] = []
        for each in line.open:
            if each.mark is not None:
                left.append(each.mark)
            elif each.loaded is not None and each.piece is not None:
                left.append(Rows(each.loaded, each.rows, each.size, (each.piece,)))
        with self._changed:
            self._queue.extendleft(reversed(left))

    def _accuse(self, how: str, last: Asked, given: Given) -> None:
        """Leave out the shadows at which the process was, for a while."""
        named = ", ".join(str(last.loaded.shadows[at].route.version) for at in last.shadows)
        seconds = self._blame.add(last.loaded, last.shadows, first=0.0 if how == _DIED else _SILENT_OUT)
        about = f"{how} at the shadow of endpoint {given.endpoint}, version {named}"
        left_out = f"which is left out for {seconds:g} s; {given.rows} rows are dropped"
        _LOG.warning("the shadows' process %s, %s", about, left_out)
        self._leave(given.rows, given.size)
        self._drop(given.endpoint, given.rows)

    def _give_up(self) -> None:
        """After a fault in here: what the process was given might bring it about again."""
        line = self._line
        if line is None:
            return
        self._close(line)
        for each in line.open:
            self._leave(each.rows, each.size)
            self._drop(each.endpoint, each.rows)
        reached(line.open, vain=True)

    def _close(self, line: Line) -> None:
        """End the process; what it has logged is sealed."""
        self._line = None
        line.close(patient=False)
        with contextlib.suppress(OSError):
            recover.folder(Path(self._begin.log))

    def _leave(self, rows: int, size: int = 0) -> None:
        with self._changed:
            self._room.add(-rows, -size)

    def _lose(self, endpoint: str, rows: int, problem: Exception) -> None:
        """Rows that cannot be handed on; told, unless they only do not fit."""
        if not isinstance(problem, _UNFIT):
            _LOG.error("endpoint %s: rows cannot be handed on to its shadows", endpoint, exc_info=problem)
        self._drop(endpoint, rows)

    def _drop(self, endpoint: str, rows: int) -> None:
        if rows:
            self._counts.count("podium_shadow_dropped_total", rows, endpoint=endpoint)
