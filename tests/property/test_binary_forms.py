"""Binary tensors and Arrow streams mean what JSON means, bit for bit; what is broken is the caller's mistake."""

import json
import struct
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings, strategies

from podium.bundle import arrow_columns, columns, grid
from podium.core.errors import Invalid
from podium.core.signature import Field, FieldType, Signature, Task
from podium.scoring import codec, codecs, request
from podium.scoring.protocols import arrow, arrow_answer, binary, tensors

SIGNATURE = Signature(
    features=tuple(Field(name=kind.value, type=kind) for kind in FieldType), task=Task.BINARY, key="id", target="y"
)
WITHOUT = msgspec.structs.replace(
    SIGNATURE, features=tuple(field for field in SIGNATURE.features if field.type is not FieldType.BOOLEAN)
)
TEXT = strategies.text(strategies.characters(exclude_categories=["Cs"], exclude_characters="\x00\x1a"), max_size=300)
VALUES: dict[str, strategies.SearchStrategy[Any]] = {
    "number": strategies.floats(allow_infinity=False),
    "integer": strategies.integers(-(2**53), 2**53),
    "text": TEXT,
    "boolean": strategies.booleans(),
    "id": TEXT,
}
ROWS = strategies.lists(strategies.fixed_dictionaries(VALUES), max_size=12)
NULLS = {name: strategies.none() | kind for name, kind in VALUES.items()}
NULL_ROWS = strategies.lists(strategies.fixed_dictionaries(NULLS), max_size=12)
KINDS = {"number": "FP64", "integer": "INT64", "text": "BYTES", "boolean": "BOOL", "id": "BYTES"}
TYPES = {"number": pa.float64(), "integer": pa.int64(), "text": pa.string(), "boolean": pa.bool_(), "id": pa.string()}


def asked(**headers: str) -> codec.Asked:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return codec.Asked("delay", SIGNATURE, given, lambda prefix: f"{prefix}-new")


def raw(kind: str, values: list[Any]) -> bytes:
    """A tensor's bytes, as the protocol's document says."""
    if kind == "BYTES":
        return b"".join(struct.pack("<I", len(value.encode())) + value.encode() for value in values)
    return struct.pack(f"<{len(values)}{ {'FP64': 'd', 'INT64': 'q', 'BOOL': '?'}[kind] }", *values)


def tensors_of(rows: list[dict[str, Any]], **more: Any) -> tuple[bytes, int]:
    """A body of binary tensors, and how long its JSON is."""
    parts = {name: raw(kind, [row[name] for row in rows]) for name, kind in KINDS.items()}
    inputs = [
        {"name": name, "datatype": kind, "shape": [len(rows)], "parameters": {"binary_data_size": len(parts[name])}}
        for name, kind in KINDS.items()
    ]
    header = json.dumps({"inputs": inputs, **more}).encode()
    return header + b"".join(parts.values()), len(header)


def stream(
    rows: list[dict[str, Any]],
    *,
    batches: int = 1,
    dictionary: bool = False,
    metadata: dict[str, str] | None = None,
    packed: str | None = None,
) -> bytes:
    """An Arrow stream of those rows."""
    schema = pa.schema(TYPES, metadata=metadata)
    table = pa.Table.from_pylist(rows, schema=schema)
    if dictionary:
        for at, name in enumerate(table.schema.names):
            if TYPES[name] == pa.string():
                table = table.set_column(at, name, table.column(name).dictionary_encode())
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=packed)) as writer:
        size = max(-(-len(rows) // batches), 1)
        for start in range(0, max(len(rows), 1), size):
            for batch in table.slice(start, size).combine_chunks().to_batches() or [
                pa.RecordBatch.from_pylist([], table.schema)
            ]:
                writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def same(left: columns.Columns, right: columns.Columns) -> bool:
    return left.keys() == right.keys() and all(
        left[name].tolist() == right[name].tolist()
        if left[name].dtype == object
        else left[name].tobytes() == right[name].tobytes() and left[name].dtype == right[name].dtype == np.float64
        for name in left
    )


def check(sent: request.Rows, rows: list[dict[str, Any]]) -> None:
    """As JSON would have it: for the signature, and for one without booleans, whose numbers are converted together."""
    assert sent.count == len(rows)
    for signature in (SIGNATURE, WITHOUT):
        expected = columns.from_rows(signature, rows)
        assert same(sent.table(signature), expected)
        assert same(grid.split(grid.order(signature), sent.grid(signature)), expected)
    assert sent.keys("id") == [row["id"] or "" for row in rows]


@given(ROWS)
def test_binary_tensors_mean_what_json_means(rows: list[dict[str, Any]]) -> None:
    body, size = tensors_of(rows, id="mine")
    sent = binary.read(body, asked(inference_header_content_length=str(size)))
    assert sent.request_id == "mine"
    check(sent, rows)


@example(rows=[{**dict.fromkeys(VALUES), "id": "a"}], batches=1, dictionary=False, packed=None)
@given(NULL_ROWS, strategies.integers(1, 3), strategies.booleans(), strategies.sampled_from([None, "lz4", "zstd"]))
def test_an_arrow_stream_means_what_json_means(
    rows: list[dict[str, Any]], batches: int, dictionary: bool, packed: str | None
) -> None:
    body = stream(rows, batches=batches, dictionary=dictionary, metadata={arrow.REQUEST_ID: "mine"}, packed=packed)
    for _ in range(2):  # like none before, and like one before
        sent = arrow.read(body, asked())
        assert sent.request_id == "mine"
        check(sent, rows)


NUMERIC = [
    pa.int8(),
    pa.uint8(),
    pa.int32(),
    pa.int64(),
    pa.uint64(),
    pa.float16(),
    pa.float32(),
    pa.float64(),
    pa.null(),
]


@given(
    strategies.lists(strategies.none() | strategies.integers(0, 100), max_size=6),
    strategies.sampled_from(NUMERIC),
    strategies.sampled_from(NUMERIC),
    strategies.booleans(),
)
def test_every_numeric_type_is_taken_as_the_long_way_takes_it(
    values: list[int | None], first: pa.DataType, second: pa.DataType, nullable: bool
) -> None:
    fields = [
        Field(name=name, type=kind, nullable=nullable)
        for name, kind in (("a", FieldType.NUMBER), ("b", FieldType.INTEGER), ("c", FieldType.NUMBER))
    ]
    signature = msgspec.structs.replace(SIGNATURE, features=tuple(fields))
    arrays = {
        name: pa.array(values if kind != pa.null() else [None] * len(values), kind)
        for name, kind in (("a", first), ("b", second), ("c", pa.float64()))
    }
    batch = pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))
    given = arrow_columns.Batch(batch, {name: at for at, name in enumerate(arrays)})
    found = [
        outcome(lambda: columns.from_given(signature, arrays)),
        outcome(lambda: arrow_columns.of(signature, arrays)),
        outcome(lambda: grid.split(grid.order(signature), arrow_columns.grid_of_batch(signature, given))),
    ]
    for other in found[1:]:
        assert type(other) is type(found[0])
        assert same(other, found[0]) if isinstance(found[0], dict) and isinstance(other, dict) else other == found[0]


def outcome(act: Callable[[], columns.Columns]) -> columns.Columns | str:
    """The columns, or what is wrong."""
    try:
        return act()
    except Invalid as problem:
        return str(problem)


@given(strategies.lists(TEXT, max_size=40))
def test_raw_texts_come_back(values: list[str]) -> None:
    sent = tensors.raw_texts(values)
    assert sent == raw("BYTES", values)
    (back,) = tensors.texts([sent], len(values), ["inputs[0]"])
    assert back.to_pylist() == values


@given(strategies.lists(strategies.binary(max_size=9), max_size=4), strategies.integers(0, 4))
def test_texts_are_read_together_as_they_are_apart(parts: list[bytes], rows: int) -> None:
    """Whatever the bytes are, several tensors laid end to end are read as each alone, or refused as the first is."""

    def read(some: list[bytes]) -> Any:
        try:
            return [
                array.to_pylist() for array in tensors.texts(some, rows, [f"inputs[{at}]" for at in range(len(some))])
            ]
        except Invalid:
            return None

    if parts:
        apart = [read([part]) for part in parts]
        together = read(parts)
        assert together == (None if None in apart else [only for (only,) in apart])


@given(
    strategies.text(strategies.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20),
    strategies.lists(
        strategies.tuples(
            strategies.floats(allow_nan=False), strategies.sampled_from([True, False, None]), strategies.integers(1, 9)
        ),
        max_size=20,
    ),
)
def test_the_answer_reads_as_the_library_would_have_written_it(
    request_id: str, rows: list[tuple[float, bool | None, int]]
) -> None:
    scores, decisions, versions = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    ids = request.prediction_ids(request_id, len(rows))
    scored = request.Scored(
        request_id=request_id, prediction_ids=ids, scores=scores, decisions=decisions, versions=versions
    )
    table = pa.ipc.open_stream(arrow_answer.write(scored, "delay")).read_all()
    table.validate(full=True)
    assert table.schema.equals(arrow_answer.SCHEMA)
    assert table.schema.metadata == {b"podium.request_id": request_id.encode(), b"podium.endpoint": b"delay"}
    assert [column.to_pylist() for column in table.columns] == [ids, scores, decisions, versions]
    assert table["decision"].null_count == decisions.count(None)


BODY, SIZE = tensors_of([{"number": 1.5, "integer": 3, "text": "JFK", "boolean": True, "id": "UA1"}] * 3)
STREAMS = [
    stream(
        [{"number": 1.5, "integer": 3, "text": "JFK", "boolean": True, "id": "UA1"}] * 3,
        dictionary=dictionary,
        packed=packed,
        batches=batches,
    )
    for dictionary, packed, batches in ((False, None, 1), (True, None, 1), (False, "lz4", 2), (True, "zstd", 1))
]
CHANGES = strategies.lists(
    strategies.tuples(strategies.floats(0, 1, exclude_max=True), strategies.integers(0, 255)), min_size=1, max_size=6
)


def harmed(body: bytes, changes: list[tuple[float, int]], cut: float) -> bytes:
    changed = bytearray(body)
    for place, value in changes:
        changed[int(place * len(body))] = value
    return bytes(changed[: int(cut * len(body))]) if cut < 0.5 else bytes(changed)


def fits(sent: request.Rows) -> None:
    sent.keys("id")
    for signature in (WITHOUT, SIGNATURE):
        table = sent.table(signature)
        assert {len(column) for column in table.values()} == {sent.count}
        assert len(sent.grid(signature)) == sent.count


def named_or_fine(act: Callable[[], None]) -> bool:
    """Whether it works, or is refused by name; anything else is raised."""
    try:
        act()
    except Invalid as problem:
        return bool(problem.field)
    return True


@settings(max_examples=600, deadline=None)
@given(CHANGES, strategies.floats(0, 1), strategies.integers(-3, 3))
def test_harmed_binary_tensors_are_the_callers_mistake(changes: list[tuple[float, int]], cut: float, off: int) -> None:
    assert named_or_fine(
        lambda: fits(binary.read(harmed(BODY, changes, cut), asked(inference_header_content_length=str(SIZE + off))))
    )


@settings(max_examples=1500, deadline=None)
@given(strategies.sampled_from(STREAMS), CHANGES, strategies.floats(0, 1))
def test_a_harmed_stream_is_the_callers_mistake(body: bytes, changes: list[tuple[float, int]], cut: float) -> None:
    assert named_or_fine(lambda: fits(arrow.read(harmed(body, changes, cut), asked())))


@given(strategies.binary(max_size=200))
def test_noise_is_the_callers_mistake(body: bytes) -> None:
    with pytest.raises(Invalid):
        arrow.read(body, asked())
    with pytest.raises(Invalid):
        binary.read(body, asked(inference_header_content_length=str(len(body))))


def test_the_table_of_codecs_has_them() -> None:
    assert codecs.choose(codecs.OIP, {"inference-header-content-length": "1"}) is not None
    for family in (codecs.OIP, codecs.MLFLOW):
        assert codecs.choose(family, {"content-type": arrow.MEDIA}) is not None
    assert codecs.choose(codecs.MLFLOW, {"inference-header-content-length": "1"}) is None
    assert codecs.choose(codecs.OIP, {}) is not None
