"""The prediction log's writer: one thread that commits the rows of many waiting requests with one sync.

A request's rows are durable when its future is done. When the disk refuses, the waiting requests fail (none is
acknowledged unlogged) and the next ones are tried afresh, so that the scorer recovers by itself.

Rows become bytes soon after they were scored, while they are in the processor's caches: those that somebody waits for
and large parts where they are appended, small queued ones on the writer's thread, many at once.
"""

import logging
import threading
import time
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

_LOG = logging.getLogger("podium.scorer")
_QUEUED_SECONDS = 0.2
_RETRY_SECONDS = 0.2
_TICK_SECONDS = 0.25
_CHUNK = 512
"""So many queued rows are enough for a message."""
MOST_WAITING = 200_000
"""Rows that may wait for the disk; beyond that durable ones are refused, and queued ones are dropped and counted."""

Done = Future[None]
_UNFIT = (ValueError, TypeError, pa.ArrowException)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """When a segment is sealed: at that size or that age, whichever comes first; and how much waits meanwhile."""

    bytes: int = 32 * 1024 * 1024
    seconds: float = 10.0
    waiting: int = MOST_WAITING
    """Rows that may wait for the disk."""


class _Place:
    """A segment holds the rows of one endpoint with one schema."""

    def __init__(self, schema: pa.Schema, signature: Signature) -> None:
        self.schema = schema
        self.encoder = Encoder(schema, signature)


class _Message(NamedTuple):
    """Rows as bytes."""

    place: _Place
    data: bytearray
    rows: int


class _Entry(NamedTuple):
    """What came in one call: messages already, or parts that become some with others'."""

    parts: Sequence[rows.Rows]
    messages: Sequence[_Message]
    done: Done | None
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
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._new_name = new_name
        self._limits = limits
        self._on_sealed = on_sealed
        self._on_dropped = on_dropped
        self._pending: list[_Entry] = []
        self._gathered = 0
        """Rows in pending entries."""
        self._ready: list[_Message] = []
        """To be written: of the thread alone."""
        self._since: float | None = None
        """When the first of the rows that are not on disk came: also while the thread was busy with others."""
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
        count = _count(parts)
        if not count:
            done.set_result(None)
            return done
        messages: list[_Message] = []
        if durable or count >= _CHUNK // 2:
            try:
                messages = self._encode(parts)
            except _UNFIT:
                return self._no_room(done, count, durable=durable)
        with self._changed:
            if self._stopping or self._waiting + count > self._limits.waiting:
                return self._no_room(done, count, durable=durable)
            first, few = self._since is None, self._gathered < _CHUNK
            if first:
                self._since = time.monotonic()
            self._pending.append(_Entry(() if messages else parts, messages, done if durable else None))
            self._gathered += 0 if messages else count
            self._waiting += count
            self._urgent = self._urgent or durable
            if durable or first or (few and self._gathered >= _CHUNK):
                self._changed.notify()
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

    def _encode(self, parts: Sequence[rows.Rows]) -> list[_Message]:
        """A message for each place. Raises what is wrong with rows that no reader would take."""
        groups: dict[_Place, list[rows.Rows]] = {}
        for part in parts:
            groups.setdefault(self._place(part.source), []).append(part)
        return [_Message(place, place.encoder.encode(group), _count(group)) for place, group in groups.items()]

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
            force = bool(flushes) or stopping
            failed = self._commit(entries, write=force or self.busy or self._is_time())
            failed = self._seal_due(force=force) or failed
            for done in flushes:
                _settle(done, failed=failed is not None)
            if stopping:
                for segment in self._open.values():
                    segment.abandon()
                return
            if failed is not None:
                time.sleep(_RETRY_SECONDS)

    def _next(self) -> tuple[list[_Entry], list[Done], bool]:
        with self._changed:
            while not (self._urgent or self._flushes or self._stopping or self._gathered >= _CHUNK or self._is_time()):
                left = None if self._since is None else self._since + _QUEUED_SECONDS - time.monotonic()
                self._changed.wait(_TICK_SECONDS if left is None else max(left, 0.0))
                if left is None and self._since is None:
                    break
            entries, self._pending, self._gathered = self._pending, [], 0
            flushes, self._flushes = self._flushes, []
            self.busy, self._urgent = self._urgent, False
            return entries, flushes, self._stopping

    def _is_time(self) -> bool:
        """Whether queued rows have waited long enough to be written."""
        return self._since is not None and time.monotonic() >= self._since + _QUEUED_SECONDS

    def _commit(self, entries: list[_Entry], *, write: bool) -> Exception | None:
        """Make messages of parts, and `write` all that there are; who waits is told how it went."""
        for entry in entries:
            self._ready += entry.messages
        self._gather([part for entry in entries for part in entry.parts])
        if not write:
            return None
        before = _rows(self._ready)
        unwritten, failed = self._write()
        lost = {id(message) for message in unwritten}
        waited = {id(message) for entry in entries if entry.done is not None for message in entry.messages}
        self._ready = [message for message in unwritten if id(message) not in waited]
        self._leave(before - _rows(self._ready))
        for entry in entries:
            if entry.done is not None:
                _settle(entry.done, failed=any(id(message) in lost for message in entry.messages))
        return failed

    def _gather(self, parts: list[rows.Rows]) -> None:
        """Make messages of parts that came one by one."""
        chunk: list[rows.Rows] = []
        count = 0
        for part in parts:
            chunk.append(part)
            count += len(part)
            if count >= _CHUNK or part is parts[-1]:
                try:
                    self._ready += self._encode(chunk)
                except _UNFIT:  # no disk will ever take them
                    self._on_dropped(count)
                    self._leave(count)
                chunk, count = [], 0

    def _write(self) -> tuple[list[_Message], OSError | None]:
        """Write all messages, each segment synced once. Returns those that could not be written, and why."""
        groups: dict[_Place, list[_Message]] = {}
        for message in self._ready:
            groups.setdefault(message.place, []).append(message)
        failed: OSError | None = None
        unwritten: list[_Message] = []
        for place, messages in groups.items():
            try:
                self._append(place, messages)
            except OSError as problem:
                failed = problem
                unwritten += messages
        self.problem = None if failed is None else (failed.strerror or "The log cannot be written.")
        self.busy = False
        return unwritten, failed

    def _append(self, place: _Place, messages: list[_Message]) -> None:
        segment = self._open.get(place)
        if segment is None:
            segment = Segment(self._folder, self._new_name(), place.encoder.head, time.monotonic())
            self._open[place] = segment
        before = segment.bytes
        try:
            segment.append([message.data for message in messages], _rows(messages))
        except OSError:
            if segment.harmed:
                self._open.pop(place).abandon()
            raise
        self.bytes_written += segment.bytes - before

    def _leave(self, count: int) -> None:
        """So many rows wait no longer."""
        with self._changed:
            self._waiting -= count
            if not self._ready:
                self._since = time.monotonic() if self._pending else None

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
            with self._changed:
                like = (place for _, place in self._places.values() if place.schema.equals(schema, check_metadata=True))
                known = (source.signature, next(like, None) or _Place(schema, source.signature))
                self._places[source.endpoint, id(source.signature)] = known
        return known[1]


def _count(parts: Sequence[rows.Rows]) -> int:
    return sum(map(len, parts))


def _rows(messages: Sequence[_Message]) -> int:
    return sum(message.rows for message in messages)


def _settle(done: Done, *, failed: bool) -> None:
    if failed:
        done.set_exception(_unavailable())
    else:
        done.set_result(None)


def _unavailable() -> Unavailable:
    return Unavailable(
        "The prediction log cannot be written, so nothing was decided.",
        field="log",
        fix="Send the same request with the same id again later.",
    )
