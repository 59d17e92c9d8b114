"""Rows as the bytes of one Arrow IPC message, put together here.

A library's writer makes an array and two buffers for each column, which costs more than the bytes do. Here columns of
one kind are laid side by side as one block, so that work is done for each kind and not for each column. The metadata
come from the library, once for each schema, as a template in which numbers are filled in.

The body: bits (decisions, booleans, which values are known), whole numbers, real ones, where texts begin, texts.
https://arrow.apache.org/docs/format/Columnar.html#recordbatch-message
"""

import zlib
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from podium.bundle import grid as grids
from podium.bundle.columns import NULL_TEXT
from podium.core import prediction
from podium.core.signature import FieldType, Signature
from podium.scoring.log import batches, rows
from podium.scoring.log.rows import Rows, Source
from podium.scoring.protocols import ipc_frames

_ALIGN = 8
_PAD = [bytes(-size % _ALIGN) for size in range(_ALIGN)]
_OF_SOURCE = ("endpoint", "model", "digest", "role")
_OF_ROW = ("prediction_id", "request_id", "key")
_WHOLE = ("at", "version", "rollout")
_REAL = ("score", "threshold")
_FACTS = 3
"""The first rows of bits: the decision, whether it is known, whether there is a threshold."""
_Bits = npt.NDArray[np.bool_]
_Integers = npt.NDArray[np.int64]


class _Texts(NamedTuple):
    """Text columns of as many rows each: where the rows begin [columns, rows + 1], and each column's bytes, padded."""

    offsets: npt.NDArray[np.int32]
    sizes: list[int]
    data: list[bytes]
    null: _Bits | None = None
    """[columns, rows], where some are."""


class Encoder:
    """Writes the messages of one segment: of rows whose sources have that signature."""

    def __init__(self, schema: pa.Schema, signature: Signature) -> None:
        self.head = schema.serialize().to_pybytes()
        """The stream's first bytes: its schema."""
        self._seed = zlib.crc32(self.head)
        message = _one_row(schema, len(self.head))
        places = ipc_frames.places_of_batch(message)
        self._metadata = message[: places.after]
        self._places = places
        self._crc = batches.place(message)
        self._columns = len(schema)
        kinds = [field.type for field in signature.features if field.type is not FieldType.TEXT]
        self._numbers, self._integers, self._booleans = (
            [at for at, kind in enumerate(kinds) if kind is wanted]
            for wanted in (FieldType.NUMBER, FieldType.INTEGER, FieldType.BOOLEAN)
        )
        self._find(schema, signature)

    def _find(self, schema: pa.Schema, signature: Signature) -> None:
        """Which column and which buffers each row of a block is."""
        first: list[int] = []
        count = 0
        for field in schema:
            first.append(count)
            count += 3 if pa.types.is_string(field.type) else 2
        core = {name: at for at, name in enumerate(prediction.COLUMNS)}
        features = [(field.type, len(core) + at) for at, field in enumerate(signature.features)]

        def of(*kinds: FieldType) -> list[int]:
            return [at for kind, at in features if kind in kinds]

        texts, booleans = of(FieldType.TEXT), of(FieldType.BOOLEAN)
        known = [at for kind, at in features if kind is not FieldType.TEXT]
        buffers = np.array(first)
        decision, threshold = core["decision"], core["threshold"]
        self._bits = np.array(
            [
                first[decision] + 1,
                first[decision],
                first[threshold],
                *buffers[known],
                *buffers[texts],
                *buffers[booleans] + 1,
            ]
        )
        self._known = [*known, *texts]
        self._nullable = [decision, threshold, *known, *texts]
        self._wholes = buffers[[*(core[name] for name in _WHOLE), *of(FieldType.INTEGER)]] + 1
        self._reals = buffers[[*(core[name] for name in _REAL), *of(FieldType.NUMBER)]] + 1
        self._shared = buffers[[core[name] for name in _OF_SOURCE]] + 1
        self._own = buffers[[*(core[name] for name in _OF_ROW), *texts]] + 1

    def encode(self, parts: Sequence[Rows]) -> bytearray:
        """The bytes that the rows add to the stream, with their checksum."""
        given = _Given(parts)
        head = bytearray(self._metadata)
        filling = _Filling(head, self._places)
        nodes = np.frombuffer(head, np.int64, 2 * self._columns, self._places.nodes).reshape(-1, 2)
        numbers = given.grid.numbers.T
        null = np.isnan(numbers)
        own = _own(parts, given.grid.texts, given.count)
        bits = self._flags(given, numbers, null, own)
        self._count_nulls(nodes, bits)
        packed = np.packbits(bits, axis=1, bitorder="little")
        filling.block(self._bits, packed)
        filling.block(self._wholes, self._whole_numbers(given, numbers, null))
        filling.block(self._reals, np.concatenate([[given.scores, given.thresholds], numbers[self._numbers]]))
        filling.texts(self._shared, given.shared())
        filling.texts(self._own, own)
        message = filling.message(given.count)
        start, end = self._crc
        message[start:end] = f"{zlib.crc32(message, self._seed):08x}".encode()
        return message

    def _flags(self, given: "_Given", numbers: npt.NDArray[np.float64], null: _Bits, own: _Texts) -> _Bits:
        """The rows of bits, as booleans. [bits, rows]"""
        bits = np.ones((len(self._bits), given.count), dtype=np.bool_)
        bits[2] = ~np.isnan(given.thresholds)
        bits[1] = bits[2] if given.left_open is None else bits[2] & ~given.left_open
        bits[0] = (given.scores >= given.thresholds) & bits[1]
        end = _FACTS + len(null)
        np.logical_not(null, out=bits[_FACTS:end])
        if own.null is not None:
            np.logical_not(own.null[len(_OF_ROW) :], out=bits[end : _FACTS + len(self._known)])
        if self._booleans:
            bits[-len(self._booleans) :] = numbers[self._booleans] == 1.0
        return bits

    def _count_nulls(self, nodes: _Integers, bits: _Bits) -> None:
        known = np.count_nonzero(bits[1 : _FACTS + len(self._known)], axis=1)
        nodes[:, 0] = bits.shape[1]
        nodes[:, 1] = 0
        nodes[self._nullable, 1] = bits.shape[1] - known

    def _whole_numbers(self, given: "_Given", numbers: npt.NDArray[np.float64], null: _Bits) -> _Integers:
        made = np.empty((len(self._wholes), given.count), dtype=np.int64)
        made[0] = given.spread([part.at_us for part in given.parts])
        made[1] = given.spread([source.version for source in given.sources])
        made[2] = given.spread([source.rollout for source in given.sources])
        if self._integers:
            made[len(_WHOLE) :] = np.where(null[self._integers], 0.0, numbers[self._integers])
        return made


class _Given:
    """Rows of one or more parts, side by side."""

    def __init__(self, parts: Sequence[Rows]) -> None:
        self.parts = parts
        self.counts = [len(part) for part in parts]
        self.count = sum(self.counts)
        self.sources = [part.source for part in parts]
        self.one = len(parts) == 1
        self.scores = parts[0].scores if self.one else np.concatenate([part.scores for part in parts])
        self.grid = grids.join([part.grid for part in parts])
        limits = [np.nan if source.threshold is None else source.threshold for source in self.sources]
        self.thresholds = np.repeat(limits, self.counts)
        """NaN: none."""
        referring = any(source.review is not None for source in self.sources)
        self.left_open = rows.in_band(self.scores, self.sources, self.counts) if referring else None
        """The rows that a person decides, where some may be."""

    def spread(self, values: list[int]) -> Any:
        """Each part's value for each of its rows."""
        return values[0] if self.one else np.repeat(values, self.counts)

    def shared(self) -> _Texts:
        """The texts of the sources, once for each row."""
        if all(source is self.sources[0] for source in self.sources):
            return _repeated(self.sources[0], self.count)
        flat: list[str] = []
        for name in _OF_SOURCE:
            for source, many in zip(self.sources, self.counts, strict=True):
                flat += [getattr(source, name)] * many
        return _laid(flat, self.count)


class _Filling:
    """A message's places, filled in as its buffers are laid down one behind the other."""

    def __init__(self, head: bytearray, places: ipc_frames.Places) -> None:
        self._head = head
        self._places = places
        self._table = np.frombuffer(head, np.int64, 2 * places.buffer_count, places.buffers).reshape(-1, 2)
        self._table[:] = 0
        self._blocks: list[bytes] = []
        self._at = 0

    def block(self, buffers: _Integers, values: npt.NDArray[np.generic]) -> None:
        """The lines of a matrix, each a buffer."""
        size = width = values.shape[1] * values.itemsize
        if spare := -size % _ALIGN:
            width += spare
            padded = np.zeros((values.shape[0], width), dtype=np.uint8)
            padded[:, :size] = values.view(np.uint8)
            values = padded
        end = self._at + len(buffers) * width
        self._table[buffers, 0] = range(self._at, end, width)
        self._table[buffers, 1] = size
        self._blocks.append(values.tobytes())
        self._at = end

    def texts(self, buffers: _Integers, texts: _Texts) -> None:
        """Text columns. `buffers`: those with their offsets; their bytes are the next ones."""
        self.block(buffers, texts.offsets)
        places = []
        for size in texts.sizes:
            places.append(self._at)
            self._at += size + -size % _ALIGN
        self._table[buffers + 1, 0] = places
        self._table[buffers + 1, 1] = texts.sizes
        self._blocks += texts.data

    def message(self, count: int) -> bytearray:
        """The whole message, once all is laid down."""
        self._head[self._places.length : self._places.length + 8] = self._at.to_bytes(8, "little")
        self._head[self._places.rows : self._places.rows + 8] = count.to_bytes(8, "little")
        return bytearray().join([self._head, *self._blocks])


def _one_row(schema: pa.Schema, head: int) -> bytes:
    """A message with one row of nulls, as the library writes it."""
    sink = pa.BufferOutputStream()
    batch = pa.RecordBatch.from_arrays([pa.nulls(1, field.type) for field in schema], schema=schema)
    with pa.ipc.new_stream(sink, schema) as stream:
        stream.write_batch(batch, custom_metadata={batches.CRC: batches.UNSTATED})
    written: bytes = sink.getvalue().to_pybytes()
    return written[head:]


def _repeated(source: Source, count: int) -> _Texts:
    """The texts of one source, once for each row."""
    texts = [getattr(source, name).encode() for name in _OF_SOURCE]
    sizes = [len(text) for text in texts]
    offsets = np.outer(np.array(sizes, dtype=np.int32), np.arange(count + 1, dtype=np.int32))
    data = list(chain.from_iterable((text * count, _PAD[len(text) * count % _ALIGN]) for text in texts))
    return _Texts(offsets, [size * count for size in sizes], data)


def _own(parts: Sequence[Rows], texts: npt.NDArray[np.object_], count: int) -> _Texts:
    """The texts that each row has of its own: its ids and key, and its features."""
    flat: list[str] = []
    for lists in zip(*((part.prediction_ids, part.request_ids, part.keys) for part in parts), strict=True):
        for each in lists:
            flat += each
    given = texts.T.ravel().tolist()
    if NULL_TEXT not in given:
        return _laid(flat + given, count)
    null = np.array([text == NULL_TEXT for text in [*flat, *given]], dtype=np.bool_).reshape(-1, count)
    null[: len(_OF_ROW)] = False
    return _laid(flat + ["" if text == NULL_TEXT else text for text in given], count)._replace(null=null)


def _laid(flat: list[str], count: int) -> _Texts:
    """Columns of `count` texts each, one behind the other."""
    together = "".join(flat)
    data = together.encode()
    sizes = map(len, flat) if len(data) == len(together) else (len(text.encode()) for text in flat)
    ends = np.cumsum(np.fromiter(sizes, np.int64, len(flat))).reshape(-1, count)
    begins = [0, *ends[:-1, -1].tolist()]
    lasts = ends[:, -1].tolist()
    offsets = np.zeros((len(ends), count + 1), dtype=np.int32)
    np.subtract(ends, np.array(begins)[:, np.newaxis], out=offsets[:, 1:], casting="unsafe")
    pieces: list[bytes] = []
    for begin, end in zip(begins, lasts, strict=True):
        pieces += (data[begin:end], _PAD[(end - begin) % _ALIGN])
    return _Texts(offsets, [end - begin for begin, end in zip(begins, lasts, strict=True)], pieces)
