"""Rows as the bytes of one Arrow IPC message, put together here.

A library's writer makes an array and two buffers for each column, which costs more than the bytes do. Here columns of
one kind are laid side by side as one block, so that work is done for each kind and not for each column. The metadata
come from the library, once for each schema, as a template in which numbers are filled in.

The body: bits (decisions, booleans, which values are known), whole numbers, real ones, where the rows' own texts begin,
the texts of the version, the rows' own.
https://arrow.apache.org/docs/format/Columnar.html#recordbatch-message

Where a C compiler was at hand when Podium was installed, `_message.c` lays the rows of one source in one pass.
"""

import itertools
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from podium.bundle import grid as grids
from podium.core import native, prediction
from podium.core.signature import FieldType, Signature
from podium.scoring.log import batches, heads, rows, texts
from podium.scoring.log.rows import Rows, Source
from podium.scoring.protocols import ipc_frames

_message = native.part(native.MESSAGE)
COMPILED = _message is not None
"""Whether that is there."""
_WHOLE = ("at", "version", "rollout")
_REAL = ("score", "threshold")
_FACTS = 3
"""The first rows of bits: the decision, whether it is known, whether there is a threshold."""
_MOST_KEPT = 1024
"""Rows of a message whose form is kept,"""
_ALL_KEPT = 16 * 1024
"""and of all whose forms are."""
_Bits = npt.NDArray[np.bool_]
_Integers = npt.NDArray[np.int64]


class Encoder:
    """Writes the messages of one segment: of rows whose sources have that signature."""

    def __init__(self, schema: pa.Schema, signature: Signature, *, compiled: bool = COMPILED) -> None:
        schema = heads.unstated(schema)
        self.head = heads.make(schema)
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
        self._forms: dict[tuple[int, int], tuple[Source, _Form]] = {}
        self._find(schema, signature)
        self._layout = self._make_layout(len(kinds), len(signature.features) - len(kinds)) if compiled else None

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

        words, booleans = of(FieldType.TEXT), of(FieldType.BOOLEAN)
        known = [at for kind, at in features if kind is not FieldType.TEXT]
        buffers = np.array(first)
        decision, threshold = core["decision"], core["threshold"]
        self._bits = np.array(
            [
                first[decision] + 1,
                first[decision],
                first[threshold],
                *buffers[known],
                *buffers[words],
                *buffers[booleans] + 1,
            ]
        )
        self._known = [*known, *words]
        self._nullable = [decision, threshold, *known, *words]
        self._wholes = buffers[[*(core[name] for name in _WHOLE), *of(FieldType.INTEGER)]] + 1
        self._reals = buffers[[*(core[name] for name in _REAL), *of(FieldType.NUMBER)]] + 1
        self._shared = buffers[[core[name] for name in texts.OF_SOURCE]] + 1
        self._own = buffers[[*(core[name] for name in texts.OF_ROW), *words]] + 1

    def _make_layout(self, width: int, depth: int) -> Any:
        """What the compiled way must know. `width`, `depth`: numbers and texts of a grid."""
        return _message.Layout(
            nodes=self._places.nodes,
            columns=self._columns,
            buffers=self._places.buffers,
            buffer_count=self._places.buffer_count,
            length=self._places.length,
            width=width,
            depth=depth,
            nullable=self._nullable,
            own=self._own.tolist(),
            numbers=self._numbers,
            integers=self._integers,
            booleans=self._booleans,
        )

    def encode(self, parts: Sequence[Rows]) -> bytearray:
        """The bytes that the rows add to the stream, with their checksum."""
        counts = [len(part) for part in parts]
        sources = [part.source for part in parts]
        if all(source is sources[0] for source in sources):
            form = self._form(sources[:1], [sum(counts)])
        else:
            form = self._make_form(sources, counts)
        scores = parts[0].scores if len(parts) == 1 else np.concatenate([part.scores for part in parts])
        grid = grids.join([part.grid for part in parts])
        if self._layout is None or form.source is None:
            message = self._by_arrays(parts, form, scores, grid)
        else:
            message = _lay(self._layout, form.source, parts, form, (scores, grid))
        start, after = self._crc
        message[start:after] = f"{zlib.crc32(message, self._seed):08x}".encode()
        return message

    def _by_arrays(
        self, parts: Sequence[Rows], form: "_Form", scores: npt.NDArray[np.float64], grid: grids.Grid
    ) -> bytearray:
        """Any rows, by arrays."""
        count = form.rows
        numbers = grid.numbers.T
        null = np.isnan(numbers)
        own = texts.of_rows(parts, grid.texts, count)
        head = bytearray(form.head)
        bits = self._flags(form, scores, numbers, null, own.null)
        known = np.count_nonzero(bits[1 : _FACTS + len(self._known)], axis=1)
        nodes = np.frombuffer(head, np.int64, 2 * self._columns, self._places.nodes).reshape(-1, 2)
        nodes[self._nullable, 1] = count - known
        wholes = form.wholes.copy()
        wholes[0] = np.repeat([part.at_us for part in parts], [len(part) for part in parts])
        if self._integers:
            wholes[len(_WHOLE) :] = np.where(null[self._integers], 0.0, numbers[self._integers])
        reals = np.empty((len(self._reals), count))
        reals[0], reals[1] = scores, form.thresholds
        reals[len(_REAL) :] = numbers[self._numbers]
        end = texts.lay(self._table(head), self._own, own, form.texts)
        head[self._places.length : self._places.length + 8] = end.to_bytes(8, "little")
        blocks = (np.packbits(bits, axis=1, bitorder="little"), wholes, reals, own.offsets)
        return bytearray().join([head, *(block.tobytes() for block in blocks), form.shared, *own.data])

    def _flags(
        self,
        form: "_Form",
        scores: npt.NDArray[np.float64],
        numbers: npt.NDArray[np.float64],
        null: _Bits,
        no_text: _Bits | None,
    ) -> _Bits:
        """The lines of bits, as booleans. [bits, rows and some zeros]"""
        made = form.bits.copy()
        bits = made[:, : form.rows]
        if form.bands is not None:
            bits[1] &= ~rows.in_band(scores, *form.bands)
        bits[0] = (scores >= form.thresholds) & bits[1]
        end = _FACTS + len(null)
        np.logical_not(null, out=bits[_FACTS:end])
        if no_text is not None:
            np.logical_not(no_text[len(texts.OF_ROW) :], out=bits[end : _FACTS + len(self._known)])
        if self._booleans:
            bits[-len(self._booleans) :] = numbers[self._booleans] == 1.0
        return made

    def _form(self, sources: Sequence[Source], counts: Sequence[int]) -> "_Form":
        """The form of messages of so many rows of one source; small ones are kept."""
        if counts[0] > _MOST_KEPT:
            return self._make_form(sources, counts)
        kept = self._forms.get((id(sources[0]), counts[0]))
        if kept is None or kept[0] is not sources[0]:
            if sum([rows for _, rows in list(self._forms)]) + counts[0] > _ALL_KEPT:
                self._forms.clear()
            kept = self._forms[id(sources[0]), counts[0]] = sources[0], self._make_form(sources, counts)
        return kept[1]

    def _make_form(self, sources: Sequence[Source], counts: Sequence[int]) -> "_Form":
        count = sum(counts)
        thresholds = np.repeat([np.nan if source.threshold is None else source.threshold for source in sources], counts)
        bits = np.zeros((len(self._bits), -(-count // 64) * 64), dtype=np.bool_)
        bits[:, :count] = True
        bits[1:3, :count] = ~np.isnan(thresholds)
        wholes = np.zeros((len(self._wholes), count), dtype=np.int64)
        wholes[1] = np.repeat([source.version for source in sources], counts)
        wholes[2] = np.repeat([source.rollout for source in sources], counts)
        shared = texts.of_sources(sources, counts)
        head = bytearray(self._metadata)
        head[self._places.rows : self._places.rows + 8] = count.to_bytes(8, "little")
        np.frombuffer(head, np.int64, 2 * self._columns, self._places.nodes).reshape(-1, 2)[:] = count, 0
        table = self._table(head)
        table[:] = 0
        at = 0
        for buffers, size, width in (
            (self._bits, -(-count // 8), bits.shape[1] // 8),
            (self._wholes, 8 * count, 8 * count),
            (self._reals, 8 * count, 8 * count),
            (self._own, 4 * (count + 1), 4 * texts.even(count + 1)),
            (self._shared, 4 * (count + 1), 4 * texts.even(count + 1)),
        ):
            table[buffers, 0] = range(at, at + len(buffers) * width, width)
            table[buffers, 1] = size
            at += len(buffers) * width
        at = texts.lay(table, self._shared, shared, at)
        bands = (sources, counts) if any(source.review is not None for source in sources) else None
        one = sources[0] if len(sources) == 1 and bands is None else None
        both = b"".join([shared.offsets.tobytes(), *shared.data])
        return _Form(count, bytes(head), bits, wholes, thresholds, both, at, bands, one)

    def _table(self, head: bytearray) -> _Integers:
        """Where each buffer begins in the body, and its length. [buffers, 2]"""
        return np.frombuffer(head, np.int64, 2 * self._places.buffer_count, self._places.buffers).reshape(-1, 2)


class _Form(NamedTuple):
    """What messages of as many rows of the same sources have in common."""

    rows: int
    head: bytes
    """The metadata, with the places of all buffers but the rows' own texts."""
    bits: _Bits
    """Whether there is a threshold, and so a decision; all others set. Zeros behind the rows."""
    wholes: _Integers
    """With version and rollout."""
    thresholds: npt.NDArray[np.float64]
    """NaN: none."""
    shared: bytes
    """Where the sources' texts begin, and those texts."""
    texts: int
    """Where the rows' own texts begin in the body."""
    bands: tuple[Sequence[Source], Sequence[int]] | None
    """Sources and their rows, where a person may decide some."""
    source: Source | None
    """Of all rows, if it is one, and no person decides any."""


def _lay(
    layout: Any, source: Source, parts: Sequence[Rows], form: _Form, values: tuple[npt.NDArray[np.float64], grids.Grid]
) -> bytearray:
    """The rows of one source, the compiled way. `values`: scores and grid of all parts."""
    scores, grid = values
    own = [(part.prediction_ids, part.request_ids, part.keys) for part in parts]
    made: bytearray = layout.encode(
        form.head,
        form.shared,
        source.version,
        source.rollout,
        np.nan if source.threshold is None else source.threshold,
        [part.at_us for part in parts],
        [len(part) for part in parts],
        np.ascontiguousarray(scores),
        np.ascontiguousarray(grid.numbers),
        *(own[0] if len(own) == 1 else [[*itertools.chain(*columns)] for columns in zip(*own, strict=True)]),
        grid.texts.ravel().tolist(),
    )
    return made


def _one_row(schema: pa.Schema, head: int) -> bytes:
    """A message with one row of nulls, as the library writes it."""
    sink = pa.BufferOutputStream()
    batch = pa.RecordBatch.from_arrays([pa.nulls(1, field.type) for field in schema], schema=schema)
    with pa.ipc.new_stream(sink, schema) as stream:
        stream.write_batch(batch, custom_metadata={batches.CRC: batches.UNSTATED})
    written: bytes = sink.getvalue().to_pybytes()
    return written[head:]
