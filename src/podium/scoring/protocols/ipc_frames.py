"""What the messages of an Arrow IPC stream claim, read before any of them is decoded.

A message's metadata is a FlatBuffers table; a few of its fields tell how many rows come, and how large compressed
buffers say they will be. A reader would make room for that at once, so it is looked at first. So are the texts of a
message: a few bytes may refer to one of them ten thousand times, and a reader copies it each time.
https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from podium.core.errors import Invalid
from podium.scoring.protocols.json_body import Malformed

MOST_FRAMES = 1024
_MARK = 0xFFFFFFFF
_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3
_KIND, _HEADER, _BODY_LENGTH, _METADATA = 1, 2, 3, 4
_OF_SCHEMA_FIELDS, _OF_SCHEMA_METADATA = 1, 2
_NAME, _TYPE_KIND, _TYPE, _CHILDREN, _OF_FIELD_METADATA = 0, 2, 3, 5, 6
_TIMESTAMP, _ZONE = 10, 1
_OF_TABLE = 32
"""About the least bytes of a field, or of a pair of metadata, without their texts."""
_MOST_TABLES = 32_768
"""Fields and pairs of metadata together."""
_LEAST, _TIMES = 4096, 2
"""So many bytes, and so many times its own, a message comes to at most, each text as often as it is referred to."""
_DATA, _IS_DELTA = 1, 2
_ROWS, _NODES, _BUFFERS, _COMPRESSION = range(4)
_FIELDS = 7
"""Of the tables that matter, the first ones are looked at."""
_BYTE, _SHORT, _INT = struct.Struct("<B"), struct.Struct("<H"), struct.Struct("<i")
_WORD, _LONG, _MARKED = struct.Struct("<I"), struct.Struct("<q"), struct.Struct("<II")
_SLOTS = [struct.Struct(f"<{count}H") for count in range(_FIELDS + 1)]
_BUFFER = struct.Struct("<qq")
_FIX = "Send one Arrow IPC stream: a schema, dictionaries if any, record batches."


class Claims(NamedTuple):
    """What all messages behind the schema claim together."""

    frames: int
    """Messages."""
    batches: int
    rows: int
    unpacked: int
    """Bytes that the compressed buffers say they unpack to."""
    deltas: bool
    """Whether a dictionary is to be added to an earlier one."""


class _Frame(NamedTuple):
    kind: int
    length: int
    rows: int = 0
    unpacked: int = 0
    delta: bool = False


def head(body: bytes) -> int:
    """Where the first message ends, which must be a schema; else `Malformed`."""
    try:
        start, size = _next(body, 0)
        found = _frame(body, start, start + size)
    except (struct.error, ValueError, IndexError):
        raise _malformed() from None
    if not size or found.kind != _SCHEMA:
        raise _malformed()
    return start + size + found.length


def head_like(body: bytes) -> int:
    """Where the first message would end, if it were a schema as they are written today; the body's end at most."""
    if len(body) < _MARKED.size:
        return len(body)
    return min(_MARKED.size + int(_MARKED.unpack_from(body)[1]), len(body))


def claims(body: bytes, at: int) -> Claims:
    """The claims of the messages that begin there, else `Malformed`."""
    try:
        return _walk(body, at)
    except (struct.error, ValueError, IndexError):
        raise _malformed() from None


def _walk(body: bytes, at: int) -> Claims:
    frames = batches = rows = unpacked = 0
    deltas = False
    while at + 4 <= len(body):
        start, size = _next(body, at)
        if size == 0:
            at = start
            break
        frames += 1
        if frames > MOST_FRAMES:
            raise Invalid(
                f"The stream has more than {MOST_FRAMES} record batches and dictionaries.",
                field="body",
                fix="Send fewer and larger record batches.",
            )
        at = start + size
        found = _frame(body, start, at)
        if found.kind == _BATCH:
            batches += 1
            rows += found.rows
        elif found.kind != _DICTIONARY:
            raise ValueError
        unpacked += found.unpacked
        deltas = deltas or found.delta
        at += found.length
    if at != len(body):
        raise Malformed("There is more behind the Arrow IPC stream.", field="body", fix="Send one stream a request.")
    return Claims(frames, batches, rows, unpacked, deltas)


def _next(body: bytes, at: int) -> tuple[int, int]:
    """Where the next message's metadata begins, and its size; 0 at the stream's end."""
    (size,) = _WORD.unpack_from(body, at)
    at += 4
    if size == _MARK:
        (size,) = _WORD.unpack_from(body, at)
        at += 4
    if at + size > len(body):
        raise ValueError
    return at, size


def _frame(body: bytes, start: int, after: int) -> _Frame:
    """A message's claims. `start`: where its metadata begins; `after`: where its buffers do."""
    if start == after:
        return _Frame(0, 0)
    metadata = body[start:after]
    message = _places(metadata, _WORD.unpack_from(metadata, 0)[0])
    length = _LONG.unpack_from(metadata, message[_BODY_LENGTH])[0] if message[_BODY_LENGTH] else 0
    if length < 0 or after + length > len(body):
        raise ValueError
    kind = _BYTE.unpack_from(metadata, message[_KIND])[0] if message[_KIND] else 0
    spelled = _Spelled(metadata)
    spelled.pairs(message[_METADATA])
    if kind == _SCHEMA:
        spelled.schema(_places(metadata, _follow(metadata, message[_HEADER])))
    if kind not in (_DICTIONARY, _BATCH):
        return _Frame(kind, length)
    batch = _places(metadata, _follow(metadata, message[_HEADER]))
    delta = False
    if kind == _DICTIONARY:
        delta = bool(batch[_IS_DELTA] and _BYTE.unpack_from(metadata, batch[_IS_DELTA])[0])
        batch = _places(metadata, _follow(metadata, batch[_DATA]))
    rows = _LONG.unpack_from(metadata, batch[_ROWS])[0] if batch[_ROWS] else 0
    if rows < 0:
        raise ValueError
    unpacked = _unpacked(metadata, batch[_BUFFERS], body[after : after + length]) if batch[_COMPRESSION] else 0
    return _Frame(kind, length, rows, unpacked, delta)


class _Spelled:
    """What a message comes to when each of its texts and tables is read as often as it is referred to.

    Raises `ValueError` when that is far more than the message.
    """

    def __init__(self, metadata: bytes) -> None:
        self._data = metadata
        self._left = _TIMES * len(metadata) + _LEAST
        self._tables_left = _MOST_TABLES

    def schema(self, places: tuple[int, ...]) -> None:
        """The fields of a schema, their children and metadata; and its own metadata."""
        data = self._data
        self.pairs(places[_OF_SCHEMA_METADATA])
        waiting = [places[_OF_SCHEMA_FIELDS]]
        while waiting:
            for table in self._tables(waiting.pop()):
                field = _places(data, table)
                self._text(field[_NAME])
                if field[_TYPE_KIND] and _BYTE.unpack_from(data, field[_TYPE_KIND])[0] == _TIMESTAMP:
                    self._text(_places(data, _follow(data, field[_TYPE]))[_ZONE])
                self.pairs(field[_OF_FIELD_METADATA])
                waiting.append(field[_CHILDREN])

    def pairs(self, place: int) -> None:
        """The keys and values of metadata, if there is some in that place."""
        for table in self._tables(place):
            for text in _places(self._data, table)[:2]:
                self._text(text)

    def _tables(self, place: int) -> Iterator[int]:
        """Where the tables of a vector begin; each counts."""
        if not place:
            return
        at = _follow(self._data, place)
        (count,) = _WORD.unpack_from(self._data, at)
        self._tables_left -= count
        if self._tables_left < 0:
            raise ValueError
        for one in range(at + 4, at + 4 + 4 * count, 4):
            self._spend(_OF_TABLE)
            yield _follow(self._data, one)

    def _text(self, place: int) -> None:
        if place:
            self._spend(_WORD.unpack_from(self._data, _follow(self._data, place))[0])

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise ValueError


def _places(data: bytes, table: int) -> tuple[int, ...]:
    """Where the first fields of a FlatBuffers table stand; 0 for one that is left out."""
    known = table - _INT.unpack_from(data, table)[0]
    if known < 0:
        raise ValueError
    count = min((_SHORT.unpack_from(data, known)[0] - 4) // 2, _FIELDS)
    slots = _SLOTS[max(count, 0)].unpack_from(data, known + 4)
    return tuple([table + slot if slot else 0 for slot in slots]) + (0,) * (_FIELDS - len(slots))


def _follow(data: bytes, place: int) -> int:
    """Where the offset in that place leads."""
    if not place:
        raise ValueError
    return place + int(_WORD.unpack_from(data, place)[0])


class Places(NamedTuple):
    """Where the numbers of a record batch's message stand."""

    length: int
    rows: int
    nodes: int
    buffers: int
    buffer_count: int
    after: int
    """Where the buffers themselves begin."""


def places_of_batch(message: bytes) -> Places:
    """The places in a whole, good message with all of its fields."""
    start, size = _next(message, 0)
    metadata = message[start : start + size]
    outer = _places(metadata, _WORD.unpack_from(metadata, 0)[0])
    batch = _places(metadata, _follow(metadata, outer[_HEADER]))
    nodes, buffers = _follow(metadata, batch[_NODES]), _follow(metadata, batch[_BUFFERS])
    return Places(
        length=start + outer[_BODY_LENGTH],
        rows=start + batch[_ROWS],
        nodes=start + nodes + 4,
        buffers=start + buffers + 4,
        buffer_count=int(_WORD.unpack_from(metadata, buffers)[0]),
        after=start + size,
    )


def _unpacked(metadata: bytes, place: int, buffers: bytes) -> int:
    """The sum of what the compressed buffers' first eight bytes say (-1: this one is not compressed)."""
    at = _follow(metadata, place)
    (count,) = _WORD.unpack_from(metadata, at)
    total = 0
    for offset, length in _BUFFER.iter_unpack(metadata[at + 4 : at + 4 + count * _BUFFER.size]):
        if length == 0:
            continue
        if offset < 0 or length < _LONG.size or offset + length > len(buffers):
            raise ValueError
        (size,) = _LONG.unpack_from(buffers, offset)
        if size < -1:
            raise ValueError
        total += max(size, 0)
    return total


def _malformed() -> Malformed:
    return Malformed("The body is not an Arrow IPC stream.", field="body", fix=_FIX)
