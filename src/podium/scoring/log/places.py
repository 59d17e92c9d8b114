"""Where rows go: an open segment for each endpoint and schema; they are synced side by side, and sealed in time."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec
import pyarrow as pa

from podium.core.signature import Signature
from podium.scoring import several
from podium.scoring.log import rows
from podium.scoring.log.message import Encoder
from podium.scoring.log.segment import Segment, missing, sync_folder

_LOG = logging.getLogger("podium.scorer")
MOST_WAITING = 200_000
"""Rows that may wait for the disk; beyond that durable ones are refused, and queued ones are dropped and counted."""
MOST_BYTES = 256 * 1024 * 1024
"""The same of their bytes: rows may have long texts."""
_MOST = 8192
"""Rows of a message."""
_SYNCERS = 8
_MOST_KNOWN = 512
"""Signatures whose place is remembered, and some more for each segment that is open."""
_LOOK_SECONDS = 1.0
"""So often an open segment's name is looked at, at most: somebody may have removed the file, or the whole folder."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """When a segment is sealed: at that size or that age, whichever comes first; and how much waits meanwhile."""

    bytes: int = 32 * 1024 * 1024
    seconds: float = 10.0
    queued: float = 0.2
    """Seconds after which queued rows are written."""
    waiting: int = MOST_WAITING
    """Rows that may wait for the disk."""
    waiting_bytes: int = MOST_BYTES
    """Their bytes. Those that come alone may be more."""


class Place:
    """A segment holds the rows of one endpoint with one schema."""

    def __init__(self, schema: pa.Schema, signature: Signature) -> None:
        self.schema = schema
        self.encoder = Encoder(schema, signature)


class Message(NamedTuple):
    """Rows as bytes."""

    place: Place
    data: bytearray
    rows: int


_Failed: TypeAlias = tuple[list[Message], Exception]
"""Messages that could not be written, and why."""


class Places:
    """The open segments in a folder. `new_name` makes their names; `on_sealed` is told when one is ready to ship.

    `encode` may be called on any thread, the others on one.
    """

    def __init__(
        self, folder: Path, new_name: Callable[[], str], limits: Limits, on_sealed: Callable[[], None]
    ) -> None:
        self._folder = folder
        self._make_folder()
        self._new_name = new_name
        self._limits = limits
        self._on_sealed = on_sealed
        self._open: dict[Place, Segment] = {}
        self._known: dict[tuple[str, int], tuple[object, Place]] = {}
        self._lock = threading.Lock()
        self._syncers = _syncers()
        self._unwritten: Exception | None = None
        """Why the last write failed, until one succeeds."""
        self._unsealed: Exception | None = None
        """Why a segment could not be sealed, until all can be."""
        self._unsynced = False
        """The folder has sealed segments whose names are not on disk yet."""
        self.bytes_written = 0

    @property
    def problem(self) -> str | None:
        """Why rows cannot be written or segments cannot be sealed, until it works again."""
        problem = self._unwritten or self._unsealed
        return None if problem is None else (getattr(problem, "strerror", None) or "The log cannot be written.")

    def encode(self, parts: Sequence[rows.Rows]) -> list[Message]:
        """Messages, each of one place's rows. Raises what is wrong with rows that no reader would take."""
        if count(parts) > _MOST:
            return [
                message for part in parts for piece in rows.pieces(part, _MOST) for message in self._encode([piece])
            ]
        return self._encode(parts)

    def _encode(self, parts: Sequence[rows.Rows]) -> list[Message]:
        groups: dict[Place, list[rows.Rows]] = {}
        for part in parts:
            groups.setdefault(self._of(part.source), []).append(part)
        return [Message(place, place.encoder.encode(group), count(group)) for place, group in groups.items()]

    def write(self, messages: Sequence[Message]) -> tuple[list[Message], Exception | None]:
        """Write messages, each segment synced once. Returns those that could not be written, and why."""
        if not messages:
            return [], None
        groups: dict[Place, list[Message]] = {}
        for message in messages:
            groups.setdefault(message.place, []).append(message)
        shares = [list(groups.items())]
        each: Callable[..., Iterable[list[_Failed]]] = map
        if self._syncers is not None and len(groups) > 1:
            shares = [shares[0][at::_SYNCERS] for at in range(min(_SYNCERS, len(groups)))]
            each = self._syncers.map  # each thread a share: syncs side by side share one commit of the file system
        problems = [found for share in each(self._append_all, shares) for found in share]
        failed = problems[0][1] if problems else None
        unwritten = [message for group, _ in problems for message in group]
        self._unwritten = failed
        self.bytes_written += count_bytes(messages) - count_bytes(unwritten)
        return unwritten, failed

    def _append_all(self, share: Sequence[tuple[Place, list[Message]]]) -> list[_Failed]:
        """What of the share could not be written, and why."""
        tried = [(messages, self._append(place, messages)) for place, messages in share]
        return [(messages, problem) for messages, problem in tried if problem is not None]

    def failed(self, problem: Exception) -> None:
        """What else hinders the log's thread, until a write succeeds."""
        self._unwritten = problem

    def _append(self, place: Place, messages: list[Message]) -> Exception | None:
        segment = self._open.get(place)
        try:
            now = time.monotonic()
            if segment is None:
                self._make_folder()
                segment = self._open[place] = Segment(self._folder, self._new_name(), place.encoder.head, now)
            elif now - segment.looked >= _LOOK_SECONDS:
                segment.looked = now
                if segment.gone():
                    raise missing(segment.path)
            segment.append([message.data for message in messages], count_rows(messages))
        except Exception as problem:  # noqa: BLE001 - whatever it is, those who wait are told
            self._drop_if_lost(place, segment, problem)
            return problem
        return None

    def _drop_if_lost(self, place: Place, segment: Segment | None, problem: Exception) -> None:
        """Let go of a segment that nothing may follow; what is left of it recovery seals."""
        if not isinstance(problem, OSError):
            _LOG.error("the prediction log failed", exc_info=problem)
        if segment is None:
            return
        gone = segment.gone()
        if gone:
            _LOG.error("log segment %s was removed or replaced; %d rows were in it", segment.path.stem, segment.rows)
        if gone or segment.harmed or not isinstance(problem, OSError):
            self._open.pop(place).abandon()
            self._unwritten = missing(segment.path) if gone else problem

    def seal_due(self, *, force: bool) -> Exception | None:
        """Seal the segments whose time has come, or all. Returns why one could not be."""
        now = time.monotonic()
        failed: Exception | None = None
        unsealed: Exception | None = None
        sealed = False
        for place, segment in list(self._open.items()):
            if force or segment.bytes >= self._limits.bytes or now - segment.opened >= self._limits.seconds:
                try:
                    sealed = segment.seal() is not None or sealed
                    del self._open[place]
                except Exception as problem:  # noqa: BLE001 - whatever it is, the others are sealed
                    self._drop_if_lost(place, segment, problem)
                    failed = problem
                    unsealed = problem if place in self._open else unsealed
        self._unsynced = self._unsynced or sealed
        self._unsealed = self._sync() or unsealed
        if sealed:
            self._on_sealed()
        return self._unsealed or failed

    def _sync(self) -> OSError | None:
        """Make the names of sealed segments durable; why they could not be."""
        if not self._unsynced:
            return None
        try:
            sync_folder(self._folder)
        except OSError as problem:
            self._unsynced = not isinstance(problem, FileNotFoundError)  # a folder that is gone has no names to keep
            return problem
        self._unsynced = False
        return None

    def _make_folder(self) -> None:
        """It may have been removed since the last segment was made."""
        if not self._folder.is_dir():
            self._folder.mkdir(parents=True, exist_ok=True)
            sync_folder(self._folder.parent)

    def abandon(self) -> None:
        """Leave the open segments as a dead process would; recovery seals them."""
        for segment in self._open.values():
            segment.abandon()
        if self._syncers is not None:
            self._syncers.shutdown()

    def _of(self, source: rows.Source) -> Place:
        """Where a route's rows go; remembered for some signature objects, as there is one for each loaded bundle."""
        known = self._known.get((source.endpoint, id(source.signature)))
        if known is None or known[0] is not source.signature:
            schema = rows.schema(source.endpoint, source.signature)
            with self._lock:
                if len(self._known) >= _MOST_KNOWN + 4 * len(self._open):
                    self._forget()
                like = (place for _, place in self._known.values() if place.schema.equals(schema, check_metadata=True))
                known = (source.signature, next(like, None) or Place(schema, several.logged(source.signature)))
                self._known[source.endpoint, id(source.signature)] = known
        return known[1]

    def _forget(self) -> None:
        """Bundles come and go for as long as a scorer runs: keep of each open segment's place the newest signature."""
        newest = {known[1]: (key, known) for key, known in self._known.items() if known[1] in self._open}
        self._known = dict(newest.values())


def _syncers() -> ThreadPoolExecutor | None:
    """Threads that are there from the start; None where the system has no room for them: then one syncs all."""
    syncers = ThreadPoolExecutor(_SYNCERS, thread_name_prefix="podium-sync")
    all_there = threading.Barrier(_SYNCERS + 1)
    try:
        for _ in range(_SYNCERS):
            syncers.submit(all_there.wait)
    except RuntimeError as problem:
        _LOG.warning("log segments are synced one after the other: %s", problem)
        all_there.abort()
        syncers.shutdown(cancel_futures=True)
        return None
    all_there.wait()
    return syncers


def count(parts: Sequence[rows.Rows]) -> int:
    """How many rows parts have."""
    return sum(map(len, parts))


def count_rows(messages: Sequence[Message]) -> int:
    """How many rows messages hold."""
    return sum(message.rows for message in messages)


def count_bytes(messages: Sequence[Message]) -> int:
    """How many bytes messages are."""
    return sum([len(message.data) for message in messages])
