"""What the log writes is what any reader of Arrow finds; torn and harmed logs keep whole batches."""

import itertools
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.bundle.columns import NULL_TEXT
from podium.bundle.grid import Grid
from podium.core.prediction import FEATURE_PREFIX
from podium.core.review import Band
from podium.core.signature import Field, FieldType, Signature, Task
from podium.scoring.log import batches, message, rows
from podium.scoring.log.message import Encoder

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00" + NULL_TEXT), max_size=5)
_ID = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)
_VALUES: dict[FieldType, st.SearchStrategy[Any]] = {
    FieldType.NUMBER: st.floats(allow_nan=False),
    FieldType.INTEGER: st.integers(-(2**53) + 1, 2**53 - 1),
    FieldType.BOOLEAN: st.booleans(),
    FieldType.TEXT: _TEXT,
}
_BAND = st.none() | st.builds(Band, low=st.floats(0.1, 0.3), high=st.floats(0.4, 0.9))


def _signature(kinds: list[FieldType]) -> Signature:
    fields = tuple(Field(name=f"x{at}", type=kind, nullable=True) for at, kind in enumerate(kinds))
    return Signature(features=fields, task=Task.BINARY, key="id", target="y")


def _cells(signature: Signature, count: int) -> st.SearchStrategy[list[dict[str, Any]]]:
    row = st.fixed_dictionaries({field.name: st.none() | _VALUES[field.type] for field in signature.features})
    return st.lists(row, min_size=count, max_size=count)


def _grid(signature: Signature, cells: list[dict[str, Any]]) -> Grid:
    texts = [field.name for field in signature.features if field.type is FieldType.TEXT]
    others = [field.name for field in signature.features if field.type is not FieldType.TEXT]
    numbers = [[np.nan if row[name] is None else float(row[name]) for name in others] for row in cells]
    words = [[NULL_TEXT if row[name] is None else row[name] for name in texts] for row in cells]
    return Grid(
        np.array(numbers, dtype=np.float64).reshape(len(cells), len(others)),
        np.array(words, dtype=object).reshape(len(cells), len(texts)),
    )


@st.composite
def _parts(
    draw: st.DrawFn, signature: Signature, sources: list[rows.Source]
) -> tuple[list[rows.Rows], list[dict[str, Any]]]:
    """Parts of some of these sources, and the rows that a reader must find."""
    parts, wanted = [], []
    for _ in range(draw(st.integers(1, 3))):
        source = draw(st.sampled_from(sources))
        count = draw(st.integers(1, 9))
        cells = draw(_cells(signature, count))
        scores = draw(st.lists(st.floats(0, 1), min_size=count, max_size=count))
        keys = draw(st.lists(_TEXT, min_size=count, max_size=count))
        request_id, at_us = draw(_ID), draw(st.integers(0, 2**50))
        ids = [f"{request_id}/{row}" for row in range(count)]
        parts.append(
            rows.Rows(
                source=source,
                at_us=at_us,
                request_ids=[request_id] * count,
                prediction_ids=ids,
                keys=keys,
                scores=np.array(scores),
                grid=_grid(signature, cells),
            )
        )
        wanted += [_row(parts[-1], row, cells[row]) for row in range(count)]
    return parts, wanted


@st.composite
def _source(draw: st.DrawFn, signature: Signature) -> rows.Source:
    return rows.Source(
        endpoint="delay",
        model="delay",
        version=draw(st.integers(1, 9)),
        digest="sha256:" + draw(_ID),
        role=draw(st.sampled_from(["champion", "canary", "shadow"])),
        rollout=draw(st.integers(1, 9)),
        threshold=draw(st.none() | st.floats(0, 1)),
        signature=signature,
        review=draw(_BAND),
    )


def _row(part: rows.Rows, row: int, cells: dict[str, Any]) -> dict[str, Any]:
    source, score = part.source, float(part.scores[row])
    decided = None if source.threshold is None else score >= source.threshold
    if source.review is not None and source.review.refers(score):
        decided = None
    return {
        "prediction_id": part.prediction_ids[row],
        "request_id": part.request_ids[row],
        "at": _EPOCH + timedelta(microseconds=part.at_us),
        "endpoint": source.endpoint,
        "model": source.model,
        "version": source.version,
        "digest": source.digest,
        "role": source.role,
        "rollout": source.rollout,
        "key": part.keys[row],
        "score": score,
        "threshold": source.threshold,
        "decision": decided,
    } | {FEATURE_PREFIX + name: value for name, value in cells.items()}


@settings(deadline=None)
@given(st.data())
def test_a_reader_of_arrow_finds_every_row_as_it_was_logged(data: st.DataObject) -> None:
    signature = _signature(data.draw(st.lists(st.sampled_from(list(FieldType)), min_size=1, max_size=6)))
    encoder = Encoder(rows.schema("delay", signature), signature)
    sources = data.draw(st.lists(_source(signature), min_size=1, max_size=3))
    written, wanted = [], []
    for _ in range(data.draw(st.integers(1, 4))):
        parts, expected = data.draw(_parts(signature, sources))
        written.append(bytes(encoder.encode(parts)))
        wanted += expected
    stream = encoder.head + b"".join(written)
    found = pa.ipc.open_stream(stream).read_all()
    found.validate(full=True)
    wanted_schema = rows.schema("delay", signature)
    assert found.schema.equals(wanted_schema)
    assert dict(wanted_schema.metadata or {}).items() <= dict(found.schema.metadata).items()
    assert found.to_pylist() == wanted
    assert [column.null_count for column in found.columns] == [
        sum(row[name] is None for row in wanted) for name in found.column_names
    ]
    assert batches.find(stream).spans[-1][1] == len(stream)


@pytest.mark.skipif(not message.COMPILED, reason="no C compiler was at hand when Podium was installed")
@settings(deadline=None, max_examples=200)
@given(st.data())
def test_compiled_or_not_the_log_has_the_same_bytes(data: st.DataObject) -> None:
    signature = _signature(data.draw(st.lists(st.sampled_from(list(FieldType)), min_size=1, max_size=9)))
    schema = rows.schema("delay", signature)
    one, other = Encoder(schema, signature, compiled=True), Encoder(schema, signature, compiled=False)
    sources = data.draw(st.lists(_source(signature), min_size=1, max_size=2))
    for _ in range(data.draw(st.integers(1, 4))):
        parts, _ = data.draw(_parts(signature, sources))
        assert one.encode(parts) == other.encode(parts)


@pytest.mark.skipif(not message.COMPILED, reason="no C compiler was at hand when Podium was installed")
def test_what_does_not_fit_together_is_no_message() -> None:
    encoder, part = _small()
    wrong: list[dict[str, Any]] = [
        {"keys": ["", "a"]},
        {"request_ids": ["r0"] * 4},
        {"scores": np.array([0.5, 1.0])},
        {"keys": ["", "a", "\ud800"]},
        {"keys": ["", "a", 7]},
        {"grid": Grid(part.grid.numbers[:2], part.grid.texts)},
        {"grid": Grid(part.grid.numbers, part.grid.texts[:2])},
        {"grid": Grid(part.grid.numbers[:, :1], part.grid.texts)},
        {"at_us": 2**70},
    ]
    for change in wrong:
        with pytest.raises((ValueError, TypeError, OverflowError)):
            encoder.encode([msgspec.structs.replace(part, **change)])
    assert encoder.encode([part])


def test_each_buffer_begins_at_a_multiple_of_eight_bytes_and_overlaps_no_other() -> None:
    encoder, part = _small()
    written = bytes(encoder.encode([part]))
    batch = pa.ipc.read_record_batch(pa.py_buffer(written), _small_schema())
    start = pa.py_buffer(written).address
    spans = sorted(
        (buffer.address, buffer.size) for column in batch.columns for buffer in column.buffers() if buffer is not None
    )
    assert all(place % 8 == 0 for place, _ in spans) or start % 8
    for (place, size), (after, _) in itertools.pairwise(spans):
        assert place + size <= after


_SMALL = [FieldType.NUMBER, FieldType.TEXT, FieldType.INTEGER, FieldType.BOOLEAN]


def _small_schema() -> pa.Schema:
    return rows.schema("delay", _signature(_SMALL))


def _small(batch: int = 0) -> tuple[Encoder, rows.Rows]:
    """Three rows."""
    signature = _signature(_SMALL)
    source = rows.Source(
        endpoint="delay", model="delay", version=1, digest="sha256:ab", role="champion", rollout=1, threshold=0.5,
        signature=signature,
    )  # fmt: skip
    cells = [{"x0": 0.5 + row, "x1": "öst", "x2": row, "x3": row == 1} for row in range(3)]
    part = rows.Rows(
        source=source,
        at_us=1,
        request_ids=[f"r{batch}"] * 3,
        prediction_ids=[f"r{batch}/{row}" for row in range(3)],
        keys=["", "a", "b"],
        scores=np.array([0.5, batch + 1.0, batch + 2.0]),
        grid=_grid(signature, cells),
    )
    return Encoder(_small_schema(), signature), part


def _pieces() -> list[bytes]:
    """A segment: its schema, and four batches of three rows."""
    encoder, _ = _small()
    return [encoder.head, *(bytes(encoder.encode([_small(batch)[1]])) for batch in range(4))]


@settings(deadline=None)
@given(st.data())
def test_a_torn_log_keeps_every_whole_batch_and_nothing_else(data: st.DataObject) -> None:
    pieces = _pieces()
    whole = b"".join(pieces)
    ends = [sum(map(len, pieces[: count + 1])) for count in range(len(pieces))]
    cut = data.draw(st.integers(0, len(whole)))
    torn = whole[:cut] + bytes(data.draw(st.sampled_from([0, 7, 4096])))
    kept = max((count for count, end in enumerate(ends) if torn[:end] == whole[:end]), default=0)
    found = batches.find(torn)
    assert found.rows == 3 * kept
    assert not found.rows or found.end == ends[kept]


@settings(deadline=None)
@given(st.data())
def test_a_flipped_bit_costs_the_batch_that_it_is_in_and_no_other(data: st.DataObject) -> None:
    pieces = _pieces()
    ends = [sum(map(len, pieces[: count + 1])) for count in range(len(pieces))]
    harmed = bytearray(b"".join(pieces))
    bit = data.draw(st.integers(0, 8 * len(harmed) - 1))
    harmed[bit // 8] ^= 1 << bit % 8
    where = next(count for count, end in enumerate(ends) if bit // 8 < end)
    found = batches.find(bytes(harmed))
    whole = [(start, end) for count, (start, end) in enumerate(itertools.pairwise(ends), 1) if count != where]
    assert list(found.spans) == whole
    assert found.rows == (9 if where else 12)
    assert found.mended == (b"" if where else pieces[0])
    assert found.of(bytes(harmed)) == b"".join(
        piece for count, piece in enumerate(pieces) if count in (0, *_but(where))
    )


def _but(where: int) -> list[int]:
    return [count for count in range(1, 5) if count != where]


@settings(deadline=None)
@given(st.data())
def test_a_head_is_mended_by_one_batch_also_beside_a_torn_one(data: st.DataObject) -> None:
    pieces = _pieces()
    torn = bytearray(b"".join(pieces[:3])[: data.draw(st.integers(-len(pieces[2]), -1))])
    bit = data.draw(st.integers(0, 8 * len(pieces[0]) - 1))
    torn[bit // 8] ^= 1 << bit % 8
    found = batches.find(bytes(torn))
    assert found.of(bytes(torn)) == b"".join(pieces[:2])


@settings(deadline=None)
@given(st.data())
def test_more_than_a_bit_is_not_taken_for_one(data: st.DataObject) -> None:
    pieces = _pieces()
    harmed = bytearray(b"".join(pieces))
    for bit in data.draw(st.sets(st.integers(0, 8 * len(pieces[0]) - 1), min_size=2, max_size=40)):
        harmed[bit // 8] ^= 1 << bit % 8
    assert batches.find(bytes(harmed)).spans == ()


def _as_before() -> bytes:
    """A segment as it was written when heads had no digest: a batch of two rows."""
    schema = pa.schema([("at", pa.int64())])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        stream.write_batch(pa.record_batch({"at": [1, 2]}, schema), custom_metadata={batches.CRC: batches.UNSTATED})
    written: bytes = sink.getvalue().to_pybytes()[:-8]
    head = schema.serialize().to_pybytes()
    start, end = (len(head) + at for at in batches.place(written[len(head) :]))
    return written[:start] + f"{zlib.crc32(written):08x}".encode() + written[end:]


def test_a_segment_of_an_earlier_version_is_read_but_its_head_has_nothing_to_prove_what_it_was() -> None:
    data = bytearray(_as_before())
    assert batches.find(bytes(data)).rows == 2
    assert batches.find(bytes(data)).of(bytes(data)) == data
    data[40] ^= 1
    assert batches.find(bytes(data)).rows == 0


def test_large_parts_are_cut_into_pieces_and_none_of_their_rows_is_lost() -> None:
    _, part = _small()
    cut = list(rows.pieces(part, 2))
    assert [len(piece) for piece in cut] == [2, 1]
    assert [each for piece in cut for each in piece.prediction_ids] == list(part.prediction_ids)
    assert np.concatenate([piece.grid.numbers for piece in cut]).tolist() == part.grid.numbers.tolist()
    assert list(rows.pieces(part, 3)) == [part]
