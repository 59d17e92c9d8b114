"""The record batches in a segment's bytes: each proves itself, so that one that was harmed costs no other.

A segment is an Arrow IPC stream: a schema message, then one message a batch. In its metadata each batch carries the
CRC-32 of its whole message (these eight digits as zeros), which goes on from the CRC-32 of the schema message:
no bit of schema, metadata or values can change unseen. One that changed in the schema costs no batch: see `heads`.
"""

import itertools
import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from podium.scoring.log import heads

CRC = b"crc32"
UNSTATED = b"00000000"
_STATED = re.compile(rb"\x08\x00\x00\x00([0-9a-f]{8})\x00")
_MESSAGE = re.compile(rb"\xff\xff\xff\xff...\x00", re.DOTALL)
_PREFIX, _ALIGN = 8, 8
_TRIED = 3
"""So many places where a harmed head may end, and so many batches that may tell what it was."""
_BROKEN = (pa.ArrowException, OSError, EOFError)


class Found(NamedTuple):
    """What is whole: how long the schema message is, where each unharmed batch begins and ends, how many rows."""

    head: int
    spans: tuple[tuple[int, int], ...]
    rows: int
    mended: bytes = b""
    """The schema message as it was, where one bit of it had changed."""

    def of(self, data: bytes) -> bytes:
        """A segment with the unharmed batches only. `data`: where these were found."""
        return (self.mended or data[: self.head]) + b"".join(data[start:end] for start, end in self.spans)

    @property
    def end(self) -> int:
        """Where the unbroken run from the beginning ends."""
        end = self.head
        for start, after in self.spans:
            if start != end:
                break
            end = after
        return end


def place(message: bytes) -> tuple[int, int]:
    """Where the eight digits of the checksum stand: a text of eight characters in the message's metadata."""
    found = _STATED.search(message, 0, _PREFIX + int.from_bytes(message[4:_PREFIX], "little"))
    if found is None:
        raise ValueError("no checksum")
    return found.span(1)


def find(data: bytes) -> Found:
    """All unharmed batches in those bytes, also those that stand after a harmed one or a harmed schema message."""
    _, head = _schema(data)
    found = _after(data[:head], data)
    if not found.spans:
        for mended in _mended(data):
            again = _after(mended, data)
            if again.spans:
                return again._replace(mended=mended)
    return found


def _after(head: bytes, data: bytes) -> Found:
    """All unharmed batches in those bytes that were written after such a schema message."""
    schema, size = _schema(head)
    if schema is None or size != len(head):
        return Found(0, (), 0)
    seed = zlib.crc32(head)
    view = memoryview(data)
    spans: list[tuple[int, int]] = []
    rows, at = 0, size
    while 0 <= at < len(data):
        after, count = _batch(view[at:], schema, seed)
        if after:
            spans.append((at, at + after))
            rows += count
            at += after
        else:
            at = _next(data, at + _ALIGN, size)
    return Found(size, tuple(spans), rows)


def _mended(data: bytes) -> Iterator[bytes]:
    """What the schema message may have been before a bit of it changed; it ended where another message begins."""
    view = memoryview(data)
    for end in itertools.islice(_messages(data), _TRIED):
        told = (_stated(view[at:]) for at in _messages(data, end))
        for blank, checksum in itertools.islice((each for each in told if each is not None), _TRIED):
            mended = heads.mended(data[:end], blank, checksum)
            if mended is not None:
                yield mended


def _messages(data: bytes, start: int = _ALIGN) -> Iterator[int]:
    """Where messages may begin."""
    at = _next(data, start, 0)
    while at >= 0:
        yield at
        at = _next(data, at + _ALIGN, 0)


def _schema(data: bytes) -> tuple[pa.Schema | None, int]:
    source = pa.BufferReader(data)
    try:
        return pa.ipc.read_schema(source), source.tell()
    except _BROKEN:
        return None, 0


def _batch(view: memoryview, schema: pa.Schema, seed: int) -> tuple[int, int]:
    """The length of the message that begins here and its rows; (0, 0) when it is none, or not as it was written."""
    stated = _stated(view)
    if stated is None or stated[1] != zlib.crc32(stated[0], seed):
        return 0, 0
    try:
        message = pa.ipc.read_message(pa.BufferReader(pa.py_buffer(view)))
        return len(stated[0]), pa.ipc.read_record_batch(message, schema).num_rows
    except (*_BROKEN, ValueError):
        return 0, 0


def _stated(view: memoryview) -> tuple[bytes, int] | None:
    """The message that begins here, without its checksum, and that; None when it is none."""
    source = pa.BufferReader(pa.py_buffer(view))
    try:
        pa.ipc.read_message(source)
        whole = bytes(view[: source.tell()])
        start, end = place(whole)
    except (*_BROKEN, ValueError):
        return None
    return whole[:start] + UNSTATED + whole[end:], int(whole[start:end], 16)


def _next(data: bytes, start: int, head: int) -> int:
    """Where the next message may begin: at a marker, aligned as all messages are; -1 when there is none."""
    at = start
    while (found := _MESSAGE.search(data, at)) is not None:
        if (found.start() - head) % _ALIGN == 0:
            return found.start()
        at = found.start() + 1
    return -1
