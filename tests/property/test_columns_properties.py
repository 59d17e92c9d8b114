"""Whatever is scored comes back from the prediction log bit for bit."""

import io
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, strategies

from podium.bundle import columns
from podium.core.signature import Field, FieldType, Signature, Task

SIGNATURE = Signature(
    features=tuple(Field(name=kind.value, type=kind) for kind in FieldType), task=Task.BINARY, key="id", target="y"
)
VALUES: dict[str, strategies.SearchStrategy[Any]] = {
    "number": strategies.none() | strategies.floats(allow_infinity=False) | strategies.integers(-(2**63), 2**64),
    "integer": strategies.none() | strategies.integers(-(2**53), 2**53) | strategies.integers(-99, 99).map(float),
    "text": strategies.none()
    | strategies.text(strategies.characters(exclude_categories=["Cs"], exclude_characters="\x00\x1a")),
    "boolean": strategies.none() | strategies.booleans(),
}
ROWS = strategies.lists(strategies.fixed_dictionaries(VALUES), max_size=12)


def same(left: columns.Columns, right: columns.Columns) -> bool:
    return left.keys() == right.keys() and all(
        left[name].tolist() == right[name].tolist()
        if left[name].dtype == object
        else left[name].tobytes() == right[name].tobytes() and left[name].dtype == right[name].dtype == np.float64
        for name in left
    )


@given(ROWS)
def test_the_log_gives_back_the_bits_that_were_scored(rows: list[dict[str, Any]]) -> None:
    scored = columns.from_rows(SIGNATURE, rows)
    sink = io.BytesIO()
    table = columns.to_arrow(SIGNATURE, scored)
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    assert same(columns.from_log(SIGNATURE, pa.ipc.open_file(sink.getvalue()).read_all()), scored)


@given(ROWS)
def test_a_row_alone_and_among_others_has_the_same_bits(rows: list[dict[str, Any]]) -> None:
    whole = columns.from_rows(SIGNATURE, rows)
    for at, row in enumerate(rows):
        assert same(columns.from_rows(SIGNATURE, [row]), columns.take(whole, slice(at, at + 1)))


@given(ROWS)
def test_json_lists_and_numpy_agree(rows: list[dict[str, Any]]) -> None:
    whole = columns.from_rows(SIGNATURE, rows)
    lists = {name: [row[name] for row in rows] for name in VALUES}
    assert same(columns.from_lists(SIGNATURE, lists), whole)
    assert same(columns.from_numpy(SIGNATURE, dict(whole) | {"text": np.array(lists["text"], dtype=object)}), whole)
    again = [columns.row(SIGNATURE, whole, at) for at in range(len(rows))]
    assert same(columns.from_rows(SIGNATURE, again), whole)
