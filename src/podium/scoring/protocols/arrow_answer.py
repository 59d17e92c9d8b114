"""The answer as an Arrow stream, its bytes put together here.

A library's writer gives the interpreter away and takes it back a dozen times for each answer, which costs more than
the bytes do while other threads work. The two messages' metadata come from the library, the batch's once, as a template
in which the numbers are filled in.
"""

import functools
import itertools
import struct
from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from podium.scoring import request, several
from podium.scoring.protocols import ipc_frames

REQUEST_ID, ENDPOINT = "podium.request_id", "podium.endpoint"
SCHEMA = pa.schema(
    [
        pa.field("prediction_id", pa.string(), nullable=False),
        pa.field("score", pa.float64(), nullable=False),
        pa.field("decision", pa.bool_()),
        pa.field("version", pa.int64(), nullable=False),
    ]
)
_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_ALIGN = 8
_COLUMNS = len(SCHEMA)
_DECISION = SCHEMA.get_field_index("decision")


class _Template:
    """The metadata of a batch's message, and where in it the numbers stand."""

    def __init__(self) -> None:
        columns = [["a"], [0.5], [None], [1]]
        arrays = [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)]
        message = pa.RecordBatch.from_arrays(arrays, schema=SCHEMA).serialize().to_pybytes()
        places = ipc_frames.places_of_batch(message)
        self.head = message[: places.after]
        self.length, self.rows = places.length, places.rows
        self.nodes, self.buffers = places.nodes, places.buffers
        self.node = struct.Struct("<" + "qq" * _COLUMNS)
        self.buffer = struct.Struct("<" + "qq" * places.buffer_count)


@functools.cache
def _template() -> _Template:
    """Made when first needed: Arrow's first array must not be made while modules load (`bundle.arrow_alone`)."""
    return _Template()


def write(scored: request.Scored, endpoint: str) -> bytes:
    """The stream: a schema that says the request's id and the endpoint, and one batch."""
    if scored.referred is not None or scored.classed is not None:
        return _more(scored, endpoint)
    stated = scored.request_id.encode()
    before, after = _schema(endpoint, len(stated))
    return b"".join((before, stated, after, *_batch(scored), _END))


@functools.lru_cache(maxsize=256)
def _schema(endpoint: str, size: int) -> tuple[bytes, bytes]:
    """The schema's message before and after a request's id of so many bytes."""
    one, two = (
        SCHEMA.with_metadata({REQUEST_ID: each * size, ENDPOINT: endpoint}).serialize().to_pybytes()
        for each in ("a", "b")
    )
    at = next(place for place, (left, right) in enumerate(zip(one, two, strict=True)) if left != right)
    return one[:at], one[at + size :]


def _more(scored: request.Scored, endpoint: str) -> bytes:
    """With more columns: which rows a person decides, or the classes. By the library's writer, as few endpoints have
    them."""
    schema = SCHEMA
    columns: list[Sequence[Any]] = [scored.prediction_ids, scored.scores, scored.decisions, scored.versions]
    if scored.referred is not None:
        schema = schema.append(pa.field("referred", pa.bool_(), nullable=False))
        columns.append(scored.referred)
    if scored.classed is not None:
        schema = schema.append(pa.field(several.PREDICTED, pa.string(), nullable=False))
        columns.append(scored.classed.predicted())
        for name, values in scored.classed.columns():
            schema = schema.append(pa.field(name, pa.float64(), nullable=False))
            columns.append(values)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    said = schema.with_metadata({REQUEST_ID: scored.request_id, ENDPOINT: endpoint})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, said) as stream:
        stream.write_batch(pa.RecordBatch.from_arrays(arrays, schema=said))
    written: bytes = sink.getvalue().to_pybytes()
    return written


def _batch(scored: request.Scored) -> list[bytes]:
    rows = len(scored.prediction_ids)
    decided, flags, nulls = _decisions(scored.decisions)
    buffers = [
        b"",
        *_texts(scored.prediction_ids),
        b"",
        _reals(scored.scores),
        decided,
        flags,
        b"",
        _wholes(scored.versions),
    ]
    template = _template()
    head = bytearray(template.head)
    places: list[int] = []
    parts: list[bytes] = [b""]
    at = 0
    for data in buffers:
        places += (at, len(data))
        spare = -len(data) % _ALIGN
        parts += (data, bytes(spare))
        at += len(data) + spare
    struct.pack_into("<q", head, template.length, at)
    struct.pack_into("<q", head, template.rows, rows)
    template.node.pack_into(
        head,
        template.nodes,
        *itertools.chain.from_iterable((rows, nulls * (at == _DECISION)) for at in range(_COLUMNS)),
    )
    template.buffer.pack_into(head, template.buffers, *places)
    parts[0] = bytes(head)
    return parts


def _texts(values: Sequence[str]) -> tuple[bytes, bytes]:
    """Offsets and UTF-8."""
    together = "".join(values)
    sizes = map(len, values) if together.isascii() else (len(value.encode()) for value in values)
    return array("i", itertools.accumulate(sizes, initial=0)).tobytes(), together.encode()


def _reals(values: Sequence[float]) -> bytes:
    return array("d", values).tobytes()


def _wholes(values: Sequence[int]) -> bytes:
    return array("q", values).tobytes()


def _decisions(values: Sequence[bool | None]) -> tuple[bytes, bytes, int]:
    """Which are known, which are yes, and how many are unknown."""
    nulls = values.count(None)
    if not nulls:
        return b"", _bits(bytes(values)), 0  # type: ignore[arg-type]
    known = _bits(bytes([value is not None for value in values]))
    return known, _bits(bytes([value is True for value in values])), nulls


def _bits(flags: bytes) -> bytes:
    """A bit for each byte of 0 or 1, the first one lowest."""
    packed = np.packbits(np.frombuffer(flags, dtype=np.uint8), bitorder="little")
    return bytes(packed.tobytes())
