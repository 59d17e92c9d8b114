"""What the messages of an Arrow IPC stream claim, read before any of them is decoded.

A message's metadata is a FlatBuffers table; a few of its fields tell how many rows come, and how large compressed
buffers say they will be. A reader would make room for that at once, so it is looked at first.
https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
"""

import struct
from typing import NamedTuple

from podium.scoring.protocols.json_body import Malformed

MOST_FRAMES = 1024
_MARK = 0xFFFFFFFF
_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3
_KIND, _HEADER, _BODY_LENGTH = 1, 2, 3
_DATA, _IS_DELTA = 1, 2
_ROWS, _BUFFERS, _COMPRESSION = 0, 2, 3
_BUFFER = struct.Struct("<qq")
_FIX = "Send one Arrow IPC stream: a schema, dictionaries if any, record batches."


class Claims(NamedTuple):
    """What all messages together claim."""

    head: int
    """Where the first message, the schema, ends."""
    frames: int
    """Messages, of which the first is the schema."""
    batches: int
    rows: int
    unpacked: int
    """Bytes that the compressed buffers say they unpack to."""
    deltas: bool
    """Whether a dictionary is to be added to an earlier one."""


class _Table(NamedTuple):
    """A FlatBuffers table at a place in a message."""

    data: bytes
    at: int

    def place(self, field: int) -> int:
        """Where a field's value stands; 0 when it is left out."""
        (back,) = struct.unpack_from("<i", self.data, self.at)
        known = self.at - back
        if known < 0:
            raise ValueError
        (size,) = struct.unpack_from("<H", self.data, known)
        slot = 4 + 2 * field
        if slot + 2 > size:
            return 0
        (offset,) = struct.unpack_from("<H", self.data, known + slot)
        return self.at + int(offset) if offset else 0

    def number(self, field: int, form: str) -> int:
        place = self.place(field)
        return int(struct.unpack_from(form, self.data, place)[0]) if place else 0

    def follow(self, field: int) -> int:
        """Where the field's offset leads; 0 when it is left out."""
        place = self.place(field)
        return place + int(struct.unpack_from("<I", self.data, place)[0]) if place else 0


def claims(body: bytes) -> Claims:
    """The claims of a stream, else `Malformed`."""
    try:
        return _walk(body)
    except (struct.error, ValueError, IndexError, OverflowError):
        raise _malformed() from None


def _walk(body: bytes) -> Claims:
    head = batches = rows = unpacked = 0
    deltas = False
    at = frames = 0
    while at + 4 <= len(body):
        (size,) = struct.unpack_from("<I", body, at)
        at += 4
        if size == _MARK:
            (size,) = struct.unpack_from("<I", body, at)
            at += 4
        if size == 0:
            break
        if at + size > len(body) or frames >= MOST_FRAMES:
            raise ValueError
        frames += 1
        found = _frame(body[at : at + size], body, at + size)
        batches, rows, unpacked = batches + found.batches, rows + found.rows, unpacked + found.unpacked
        deltas = deltas or found.deltas
        at += size + found.length
        head = head or at
    return Claims(head, frames, batches, rows, unpacked, deltas)


class _Frame(NamedTuple):
    length: int
    batches: int = 0
    rows: int = 0
    unpacked: int = 0
    deltas: bool = False


def _frame(metadata: bytes, body: bytes, after: int) -> _Frame:
    """A message's claims. `after`: where its buffers begin in the body."""
    message = _Table(metadata, struct.unpack_from("<I", metadata, 0)[0])
    length = message.number(_BODY_LENGTH, "<q")
    if length < 0 or after + length > len(body):
        raise ValueError
    kind = message.number(_KIND, "<B")
    if kind == _SCHEMA:
        return _Frame(length)
    if kind not in (_DICTIONARY, _BATCH):
        raise ValueError
    header = _Table(metadata, message.follow(_HEADER))
    deltas = kind == _DICTIONARY and bool(header.number(_IS_DELTA, "<B"))
    batch = _Table(metadata, header.follow(_DATA)) if kind == _DICTIONARY else header
    rows = batch.number(_ROWS, "<q")
    if rows < 0:
        raise ValueError
    unpacked = _unpacked(batch, body, (after, after + length)) if batch.place(_COMPRESSION) else 0
    return _Frame(length, int(kind == _BATCH), rows if kind == _BATCH else 0, unpacked, deltas)


def _unpacked(batch: _Table, body: bytes, within: tuple[int, int]) -> int:
    """The sum of what the compressed buffers' first eight bytes say (-1: this one is not compressed)."""
    at = batch.follow(_BUFFERS)
    if not at:
        return 0
    (count,) = struct.unpack_from("<I", batch.data, at)
    total = 0
    for offset, length in _BUFFER.iter_unpack(batch.data[at + 4 : at + 4 + count * _BUFFER.size]):
        if length == 0:
            continue
        if offset < 0 or length < 8 or within[0] + offset + length > within[1]:
            raise ValueError
        (size,) = struct.unpack_from("<q", body, within[0] + offset)
        if size < -1:
            raise ValueError
        total += max(size, 0)
    return total


def _malformed() -> Malformed:
    return Malformed("The body is not an Arrow IPC stream.", field="body", fix=_FIX)
