"""The record batches in a segment's bytes: each proves itself, so that one that was harmed costs no other.

A segment is an Arrow IPC stream: a schema message, then one message a batch. In its metadata each batch carries the
CRC-32 of its whole message (these eight digits as zeros), which goes on from the CRC-32 of the schema message:
no bit of schema, metadata or values can change unseen.
"""

import re
import zlib
from typing import NamedTuple

import pyarrow as pa

CRC = b"crc32"
UNSTATED = b"00000000"
_STATED = re.compile(rb"\x08\x00\x00\x00([0-9a-f]{8})\x00")
_MESSAGE = re.compile(rb"\xff\xff\xff\xff...\x00", re.DOTALL)
_PREFIX, _ALIGN = 8, 8
_BROKEN = (pa.ArrowException, OSError, EOFError)


class Found(NamedTuple):
    """What is whole: how long the schema message is, where each unharmed batch begins and ends, how many rows."""

    head: int
    spans: tuple[tuple[int, int], ...]
    rows: int

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
    """All unharmed batches in those bytes, also those that stand after a harmed one."""
    schema, head = _schema(data)
    if schema is None:
        return Found(0, (), 0)
    seed = zlib.crc32(data[:head])
    view = memoryview(data)
    spans: list[tuple[int, int]] = []
    rows, at = 0, head
    while 0 <= at < len(data):
        after, count = _batch(view[at:], schema, seed)
        if after:
            spans.append((at, at + after))
            rows += count
            at += after
        else:
            at = _next(data, at + _ALIGN, head)
    return Found(head, tuple(spans), rows)


def _schema(data: bytes) -> tuple[pa.Schema | None, int]:
    source = pa.BufferReader(data)
    try:
        return pa.ipc.read_schema(source), source.tell()
    except _BROKEN:
        return None, 0


def _batch(view: memoryview, schema: pa.Schema, seed: int) -> tuple[int, int]:
    """The length of the message that begins here and its rows; (0, 0) when it is none, or not as it was written."""
    source = pa.BufferReader(pa.py_buffer(view))
    try:
        message = pa.ipc.read_message(source)
        whole = bytes(view[: source.tell()])
        start, end = place(whole)
        blank = whole[:start] + UNSTATED + whole[end:]
        if int(whole[start:end], 16) != zlib.crc32(blank, seed):
            return 0, 0
        return len(whole), pa.ipc.read_record_batch(message, schema).num_rows
    except (*_BROKEN, ValueError):
        return 0, 0


def _next(data: bytes, start: int, head: int) -> int:
    """Where the next message may begin: at a marker, aligned as all messages are; -1 when there is none."""
    at = start
    while (found := _MESSAGE.search(data, at)) is not None:
        if (found.start() - head) % _ALIGN == 0:
            return found.start()
        at = found.start() + 1
    return -1
