"""The prediction log's writer: one thread that commits the rows of many waiting requests with one sync.

A request's rows are durable when its future is done. When the disk refuses, the waiting requests fail (none is
acknowledged unlogged) and the next ones are tried afresh, so that the scorer recovers by itself.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

import msgspec
import pyarrow as pa

from podium.core.errors import Unavailable
from podium.core.signature import Signature
from podium.scoring.log import rows
from podium.scoring.log.message import Encoder
from podium.scoring.log.segment import Segment

_QUEUED_SECONDS = 0.2
_RETRY_SECONDS = 0.2
_TICK_SECONDS = 0.25
MOST_WAITING = 200_000
"""Rows that may wait for the disk; beyond that durable ones are refused, and queued ones are dropped and counted."""

Done = Future[None]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """When a segment is sealed: at that size or that age, whichever comes first; and how much waits meanwhile."""

    bytes: int = 32 * 1024 * 1024
    seconds: float = 10.0
    waiting: int = MOST_WAITING
    """Rows that may wait for the disk."""


class _Entry(NamedTuple):
    parts: Sequence[rows.Rows]
    durable: bool
    done: Done


class _Place:
    """A segment holds the rows of one endpoint with one schema."""

    def __init__(self, schema: pa.Schema, signature: Signature) -> None:
        self.schema = schema
        self.encoder = Encoder(schema, signature)


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
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._new_name = new_name
        self._limits = limits
        self._on_sealed = on_sealed
        self._on_dropped = on_dropped
        self._pending: deque[_Entry] = deque()
        self._since = 0.0
        """When the first of those that wait came: also while the thread was busy with others."""
        self._waiting = 0
        self._open: dict[_Place, Segment] = {}
        self._places: dict[tuple[str, int], tuple[object, _Place]] = {}
        self._flushes: list[Done] = []
        self._stopping = False
        self._urgent = False
        """Somebody waits for what is pending."""
        self.busy = False
        """Durable rows are being written: others have to wait until they are."""
        self._changed = threading.Condition()
        self.problem: str | None = None
        """Why the last write failed, until one succeeds."""
        self.bytes_written = 0
        self._thread = threading.Thread(target=self._run, name="podium-log", daemon=True)
        self._thread.start()

    def append(self, parts: Sequence[rows.Rows], *, durable: bool) -> Done:
        """Log rows. The future is done when they are on disk (durable), or at once (queued: within a second).

        Durable, it raises `Unavailable` when they could not be written, or when too many wait already. Queued rows wait
        for a disk that refuses; those for which there is no room are dropped, and counted.
        """
        done: Done = Future()
        done.set_running_or_notify_cancel()  # from here on a caller that goes away cannot cancel it
        count = sum(len(part) for part in parts)
        if not count:
            done.set_result(None)
            return done
        with self._changed:
            if self._stopping or self._waiting + count > self._limits.waiting:
                return self._no_room(done, count, durable=durable)
            if not self._pending:
                self._since = time.monotonic()
            if durable or not self._pending:  # queued rows wake the thread once
                self._changed.notify()
            self._pending.append(_Entry(parts, durable, done))
            self._waiting += count
            self._urgent = self._urgent or durable
        if not durable:
            done.set_result(None)
        return done

    def _no_room(self, done: Done, count: int, *, durable: bool) -> Done:
        if durable or self._stopping:
            done.set_exception(_unavailable())
        else:
            self._on_dropped(count)
            done.set_result(None)
        return done

    @property
    def waiting(self) -> int:
        """Rows not yet on disk."""
        return self._waiting

    def flush(self, timeout: float = 30.0) -> None:
        """Write what waits and seal all segments; `Unavailable` when the disk refuses."""
        done: Done = Future()
        with self._changed:
            if self._stopping:
                return
            self._flushes.append(done)
            self._changed.notify()
        done.result(timeout)

    def close(self, timeout: float = 30.0) -> None:
        """Write and seal what there is, then stop."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            entries, flushes, stopping = self._next()
            failed = self._commit(entries) if entries else None
            force = bool(flushes) or stopping
            failed = self._seal_due(force=force) or failed
            for done in flushes:
                _settle(done, failed)
            if stopping:
                for segment in self._open.values():
                    segment.abandon()
                return
            if failed is not None:
                time.sleep(_RETRY_SECONDS)

    def _next(self) -> tuple[list[_Entry], list[Done], bool]:
        with self._changed:
            if not self._pending and not self._flushes and not self._stopping:
                self._changed.wait(_TICK_SECONDS)
            while self._may_wait() and (left := self._since + _QUEUED_SECONDS - time.monotonic()) > 0:
                self._changed.wait(left)
            entries, self._pending = list(self._pending), deque()
            flushes, self._flushes = self._flushes, []
            self.busy, self._urgent = self._urgent, False
            return entries, flushes, self._stopping

    def _may_wait(self) -> bool:
        """Whether only queued rows wait."""
        return bool(self._pending) and not (self._urgent or self._flushes or self._stopping)

    def _commit(self, entries: list[_Entry]) -> Exception | None:
        """Write all entries, each segment synced once. Of those that fail, queued ones wait for the next try."""
        groups: dict[_Place, list[rows.Rows]] = {}
        for entry in entries:
            for part in entry.parts:
                groups.setdefault(self._place(part.source), []).append(part)
        failed: Exception | None = None
        unwritten: set[_Place] = set()
        for place, parts in groups.items():
            try:
                self._append(place, parts)
            except (OSError, ValueError, TypeError, pa.ArrowException) as problem:
                failed = problem
                unwritten.add(place)
        self.problem = None if failed is None else (getattr(failed, "strerror", None) or "The log cannot be written.")
        self.busy = False
        for entry in entries:
            lost = failed if any(self._place(part.source) in unwritten for part in entry.parts) else None
            if entry.durable:
                _settle(entry.done, lost)
        self._keep_queued(entries, unwritten, again=isinstance(failed, OSError))
        return failed

    def _append(self, place: _Place, parts: list[rows.Rows]) -> None:
        segment = self._open.get(place)
        if segment is None:
            segment = Segment(self._folder, self._new_name(), place.encoder, time.monotonic())
            self._open[place] = segment
        before = segment.bytes
        try:
            segment.append(parts)
        except OSError:
            if segment.harmed:
                self._open.pop(place).abandon()
            raise
        self.bytes_written += segment.bytes - before

    def _keep_queued(self, entries: list[_Entry], unwritten: set[_Place], *, again: bool) -> None:
        """Put the parts of queued entries that the disk refused back to the front; all others wait no longer."""
        kept = []
        for entry in entries if unwritten else ():
            parts = [part for part in entry.parts if self._place(part.source) in unwritten]
            if parts and not entry.durable:
                kept.append(entry._replace(parts=parts))
        with self._changed:
            if not again:  # no disk will ever take them
                self._on_dropped(_count(kept))
                kept = []
            self._pending.extendleft(reversed(kept))
            self._waiting += _count(kept) - _count(entries)

    def _seal_due(self, *, force: bool) -> Exception | None:
        now = time.monotonic()
        failed: Exception | None = None
        sealed = False
        for place, segment in list(self._open.items()):
            if force or segment.bytes >= self._limits.bytes or now - segment.opened >= self._limits.seconds:
                try:
                    sealed = segment.seal() is not None or sealed
                    del self._open[place]
                except OSError as problem:
                    failed = problem
        if sealed:
            self._on_sealed()
        return failed

    def _place(self, source: rows.Source) -> _Place:
        """Where a route's rows go; remembered for each signature object, as there is one for each loaded bundle."""
        known = self._places.get((source.endpoint, id(source.signature)))
        if known is None or known[0] is not source.signature:
            schema = rows.schema(source.endpoint, source.signature)
            like = (place for _, place in self._places.values() if place.schema.equals(schema, check_metadata=True))
            known = (source.signature, next(like, None) or _Place(schema, source.signature))
            self._places[source.endpoint, id(source.signature)] = known
        return known[1]


def _count(entries: Sequence[_Entry]) -> int:
    return sum(len(part) for entry in entries for part in entry.parts)


def _settle(done: Done, failed: Exception | None) -> None:
    if failed is None:
        done.set_result(None)
    else:
        done.set_exception(_unavailable())


def _unavailable() -> Unavailable:
    return Unavailable(
        "The prediction log cannot be written, so nothing was decided.",
        field="log",
        fix="Send the same request with the same id again later.",
    )
