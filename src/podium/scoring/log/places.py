"""Where rows go: an open segment for each endpoint and schema; they are synced side by side, and sealed in time."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import msgspec
import pyarrow as pa

from podium.core.signature import Signature
from podium.scoring import several
from podium.scoring.log import rows
from podium.scoring.log.message import Encoder
from podium.scoring.log.segment import Segment

MOST_WAITING = 200_000
"""Rows that may wait for the disk; beyond that durable ones are refused, and queued ones are dropped and counted."""
_MOST = 8192
"""Rows of a message."""
_SYNCERS = 8


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """When a segment is sealed: at that size or that age, whichever comes first; and how much waits meanwhile."""

    bytes: int = 32 * 1024 * 1024
    seconds: float = 10.0
    queued: float = 0.2
    """Seconds after which queued rows are written."""
    waiting: int = MOST_WAITING
    """Rows that may wait for the disk."""


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


class Places:
    """The open segments in a folder. `new_name` makes their names; `on_sealed` is told when one is ready to ship.

    `encode` may be called on any thread, the others on one.
    """

    def __init__(
        self, folder: Path, new_name: Callable[[], str], limits: Limits, on_sealed: Callable[[], None]
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._new_name = new_name
        self._limits = limits
        self._on_sealed = on_sealed
        self._open: dict[Place, Segment] = {}
        self._known: dict[tuple[str, int], tuple[object, Place]] = {}
        self._lock = threading.Lock()
        self._syncers = ThreadPoolExecutor(_SYNCERS, thread_name_prefix="podium-sync")
        self.problem: str | None = None
        """Why the last write failed, until one succeeds."""
        self.bytes_written = 0

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

    def write(self, messages: Sequence[Message]) -> tuple[list[Message], OSError | None]:
        """Write messages, each segment synced once. Returns those that could not be written, and why."""
        groups: dict[Place, list[Message]] = {}
        for message in messages:
            groups.setdefault(message.place, []).append(message)
        each = self._syncers.map if len(groups) > 1 else map  # syncs side by side share one commit of the file system
        problems = list(each(self._append, groups.keys(), groups.values()))
        failed = next((problem for problem in problems if problem), None)
        lost = [group for group, problem in zip(groups.values(), problems, strict=True) if problem]
        unwritten = [message for group in lost for message in group]
        self.problem = None if failed is None else (failed.strerror or "The log cannot be written.")
        self.bytes_written += _bytes(messages) - _bytes(unwritten)
        return unwritten, failed

    def _append(self, place: Place, messages: list[Message]) -> OSError | None:
        try:
            segment = self._open.get(place)
            if segment is None:
                segment = Segment(self._folder, self._new_name(), place.encoder.head, time.monotonic())
                self._open[place] = segment
            segment.append([message.data for message in messages], count_rows(messages))
        except OSError as problem:
            if segment is not None and segment.harmed:
                self._open.pop(place).abandon()
            return problem
        return None

    def seal_due(self, *, force: bool) -> Exception | None:
        """Seal the segments whose time has come, or all. Returns why one could not be."""
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

    def abandon(self) -> None:
        """Leave the open segments as a dead process would; recovery seals them."""
        for segment in self._open.values():
            segment.abandon()
        self._syncers.shutdown()

    def _of(self, source: rows.Source) -> Place:
        """Where a route's rows go; remembered for each signature object, as there is one for each loaded bundle."""
        known = self._known.get((source.endpoint, id(source.signature)))
        if known is None or known[0] is not source.signature:
            schema = rows.schema(source.endpoint, source.signature)
            with self._lock:
                like = (place for _, place in self._known.values() if place.schema.equals(schema, check_metadata=True))
                known = (source.signature, next(like, None) or Place(schema, several.logged(source.signature)))
                self._known[source.endpoint, id(source.signature)] = known
        return known[1]


def count(parts: Sequence[rows.Rows]) -> int:
    """How many rows parts have."""
    return sum(map(len, parts))


def count_rows(messages: Sequence[Message]) -> int:
    """How many rows messages hold."""
    return sum(message.rows for message in messages)


def _bytes(messages: Sequence[Message]) -> int:
    return sum(len(message.data) for message in messages)
