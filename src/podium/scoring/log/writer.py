"""The prediction log's writer: one thread that commits the rows of many waiting requests with one sync.

A request's rows are durable when it is told so. When the disk refuses, the waiting requests fail (none is acknowledged
unlogged) and the next ones are tried afresh, so that the scorer recovers by itself.

Rows become bytes soon after they were scored, while they are in the processor's caches: those that somebody waits for
and large parts where they are appended, small queued ones on the writer's thread, many at once.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple, TypeAlias

from podium.core.errors import Unavailable
from podium.scoring.log import making, places, rows
from podium.scoring.log.places import Limits, Message, Places
from podium.scoring.log.room import Room

_LOG = logging.getLogger("podium.scorer")
_RETRY_SECONDS = 0.2
_TICK_SECONDS = 0.25
_SPARE_SECONDS = 0.5
FLUSH_SECONDS = 30.0
"""How long who wants all to be sealed waits for the disk."""
Then: TypeAlias = Callable[[Unavailable | None], None]
"""Told once: None, or why rows are not on disk."""


class _Entry(NamedTuple):
    """What came in one call: messages already, or parts that become some with others'."""

    parts: Sequence[rows.Rows]
    messages: Sequence[Message]
    then: Then | None
    """Of durable rows: who waits for them."""


class Writer:
    """Appends to segments in a folder. `new_name` makes their names; `on_sealed` is told when one is ready to ship.

    `on_dropped` is told of queued rows that were answered and will never be written: the disk refused for too long.
    """

    def __init__(
        self,
        folder: Path,
        new_name: Callable[[], str],
        limits: Limits,
        on_sealed: Callable[[], None] = lambda: None,
        on_dropped: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._places = Places(folder, new_name, limits, on_sealed)
        self._maker = making.Maker(self._places.encode)
        self._limits = limits
        self._on_dropped = on_dropped
        self._pending: list[_Entry] = []
        self._gathered = 0
        """Rows in pending entries."""
        self._ready: list[Message] = []
        """To be written: of the thread alone."""
        self._owed: list[_Entry] = []
        """Whose durable rows are being written, until they are told: of the thread alone."""
        self._since: float | None = None
        """When the first of the rows that are not on disk came: also while the thread was busy with others."""
        self._room = Room(limits)
        self._flushes: list[Future[None]] = []
        self._stopping = False
        self._ends = 0.0
        """When a disk that refuses is tried no more, once stopping."""
        self._more_to_come = False
        """What is pending is to be written with rows that are about to come."""
        self._wake_later = False
        """The thread is to be woken once they have come."""
        self._urgent = False
        """Somebody waits for what is pending."""
        self.busy = False
        """Durable rows are being written: others have to wait until they are."""
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="podium-log", daemon=True)
        self._thread.start()

    def append(self, parts: Sequence[rows.Rows], *, durable: bool, then: Then, size: int = 0) -> None:
        """Log rows that came in about `size` bytes. `then` is told when they are on disk (durable), or at once (queued:
        they will be within a second).

        It is told on the writer's thread of durable rows, here of all others; and here with `Unavailable` when too many
        rows wait already, or too many bytes. Queued rows wait for a disk that refuses; those for which there is no room
        are dropped, and counted.
        """
        count = places.count(parts)
        refused = None
        if count and not self._take(parts, count, size, then if durable else None):
            refused = _unavailable() if durable or self._stopping else None
            if refused is None:
                self._on_dropped(count)
        elif count and durable:
            return
        then(refused)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Rows that are appended meanwhile are written by one commit once all are there, or after `Limits.queued`
        seconds. For one thread, and not within another such block.
        """
        self._more_to_come = True
        try:
            yield
        finally:
            with self._changed:
                self._more_to_come = False
                if self._wake_later or self._urgent:
                    self._wake()

    def _wake(self) -> None:
        """Have the thread write what there is, once all is there."""
        self._wake_later = self._more_to_come
        if not self._more_to_come:
            self._changed.notify()

    def _take(self, parts: Sequence[rows.Rows], count: int, size: int, then: Then | None) -> bool:
        """Whether there is room for the rows. `then`: who waits for them."""
        durable = then is not None
        messages: list[Message] = []
        if durable or count >= making.CHUNK // 2:
            made = self._maker.made(parts)
            if made is None:
                return False
            messages, size = made, places.count_bytes(made)
        with self._changed:
            if self._stopping or not self._room.take(count, size):
                return False
            first, few = self._since is None, self._gathered < making.CHUNK
            if first:
                self._since = time.monotonic()
            self._pending.append(_Entry(() if messages else parts, messages, then))
            self._gathered += 0 if messages else count
            self._urgent = self._urgent or durable
            if durable or first or (few and self._gathered >= making.CHUNK):
                self._wake()
        return True

    @property
    def problem(self) -> str | None:
        """Why rows cannot be written or segments cannot be sealed, until it works again."""
        return self._places.problem

    @property
    def bytes_written(self) -> int:
        """Of rows that are on disk."""
        return self._places.bytes_written

    @property
    def waiting(self) -> int:
        """Rows not yet on disk."""
        return self._room.rows

    def flush(self, timeout: float = FLUSH_SECONDS) -> None:
        """Write what waits and seal all segments; `Unavailable` when the disk refuses, or hangs for so long."""
        done: Future[None] = Future()
        with self._changed:
            if self._stopping:
                return
            self._flushes.append(done)
            self._changed.notify()
        try:
            done.result(timeout)
        except TimeoutError:
            raise _unavailable() from None

    def close(self, timeout: float = 30.0) -> None:
        """Write and seal what there is, then stop; for so long at most, should the disk refuse or hang."""
        self._ends = time.monotonic() + timeout - _SPARE_SECONDS
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout)
        if self._thread.is_alive() or self.waiting:
            _LOG.error("the disk does not take the last %d rows of the prediction log: they are lost", self.waiting)

    def _run(self) -> None:
        while True:
            entries, flushes, stopping = self._next()
            failed = self._turn(entries, force=bool(flushes) or stopping)
            del entries  # until the next rows come, nobody is to keep these, nor the model that scored them
            for done in flushes:
                if failed is None:
                    done.set_result(None)
                else:
                    done.set_exception(_unavailable())
            if stopping and (failed is None or time.monotonic() > self._ends):
                self._places.abandon()
                return
            if failed is not None:
                time.sleep(_RETRY_SECONDS)

    def _turn(self, entries: list[_Entry], *, force: bool) -> Exception | None:
        """Write and seal what is due; why it failed. Nothing ends the thread: nobody would be told any more."""
        self._owed = [entry for entry in entries if entry.then is not None]
        try:
            failed = self._commit(entries, write=force or self.busy or self._is_time())
            return self._places.seal_due(force=force) or failed
        except Exception as problem:  # noqa: BLE001 - whatever it is, those who wait are told
            _LOG.exception("the prediction log failed")
            self._places.failed(problem)
            self._refuse()
            return problem

    def _refuse(self) -> None:
        """Those who were not told yet are told that their rows are not on disk."""
        self.busy = False
        refused = {id(message) for entry in self._owed for message in entry.messages}
        self._ready = [message for message in self._ready if id(message) not in refused]
        self._room.keep(places.count_bytes(self._ready))
        self._leave(sum(places.count_rows(entry.messages) for entry in self._owed))
        self._tell(lambda _: True)

    def _tell(self, lost: Callable[[_Entry], bool]) -> None:
        """Tell each of those who wait once how it went."""
        while self._owed:
            entry = self._owed.pop(0)
            try:
                if entry.then is not None:
                    entry.then(_unavailable() if lost(entry) else None)
            except Exception:  # noqa: BLE001 - the others are to be told, too
                _LOG.exception("a request could not be told what became of its rows")

    def _next(self) -> tuple[list[_Entry], list[Future[None]], bool]:
        with self._changed:
            while not self._is_due():
                left = None if self._since is None else self._since + self._limits.queued - time.monotonic()
                self._changed.wait(_TICK_SECONDS if left is None else max(left, 0.0))
                if left is None and self._since is None:
                    break
            entries, self._pending, self._gathered = self._pending, [], 0
            self._room.handed()
            flushes, self._flushes = self._flushes, []
            self.busy, self._urgent = self._urgent, False
            return entries, flushes, self._stopping

    def _is_due(self) -> bool:
        """Whether the thread has something to do."""
        urgent = self._urgent and not self._more_to_come
        return urgent or bool(self._flushes) or self._stopping or self._gathered >= making.CHUNK or self._is_time()

    def _is_time(self) -> bool:
        """Whether queued rows have waited long enough to be written."""
        return self._since is not None and time.monotonic() >= self._since + self._limits.queued

    def _commit(self, entries: list[_Entry], *, write: bool) -> Exception | None:
        """Make messages of parts, and `write` all that there are; who waits is told how it went."""
        for entry in entries:
            self._ready += entry.messages
        made, unfit = self._maker.gathered([part for entry in entries for part in entry.parts])
        self._ready += made
        if unfit:
            self._on_dropped(unfit)
            self._leave(unfit)
        self._room.keep(places.count_bytes(self._ready))
        if not write:
            return None
        before = places.count_rows(self._ready)
        unwritten, failed = self._places.write(self._ready)
        self.busy = False
        lost = {id(message) for message in unwritten}
        waited = {id(message) for entry in self._owed for message in entry.messages}
        self._ready = [message for message in unwritten if id(message) not in waited]
        self._room.keep(places.count_bytes(self._ready))
        self._leave(before - places.count_rows(self._ready))
        self._tell(lambda entry: any(id(message) in lost for message in entry.messages))
        return failed

    def _leave(self, count: int) -> None:
        """So many rows wait no longer."""
        with self._changed:
            self._room.leave(count)
            if not self._ready:
                self._since = time.monotonic() if self._pending else None


def _unavailable() -> Unavailable:
    return Unavailable(
        "The prediction log cannot be written, so nothing was decided.",
        field="log",
        fix="Send the same request with the same id again later.",
    )
