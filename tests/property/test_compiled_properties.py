"""A compiled reader gives what the strict one gives, or nothing: whatever the body, there is one meaning."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from podium.bundle.grid import Grid
from podium.scoring.protocols import plan, reader
from tests.property.strict_reading import COLUMNS, KEYS, SIGNATURE, Rows, same, strictly

READERS = {family: reader.Reader(SIGNATURE, family) for family in (reader.OIP, reader.MLFLOW)}


def quickly(family: str, body: bytes) -> Rows | None:
    """As the tick does it; None when it goes to the strict reader."""
    found = READERS[family].read(body)
    if found is None:
        return None
    checks = READERS[family].checks
    if isinstance(found, plan.Block | plan.Many):
        made, keys, request_id, _ = plan.block(found) if isinstance(found, plan.Many) else found
    else:
        numbers, texts, key, request_id = found
        made = Grid(np.array([numbers], dtype=np.float64), np.array([texts], dtype=object))
        keys = [key]
    return None if checks.doubtful(made.numbers) is not None else same(request_id, keys, made)


def agree(family: str, body: bytes) -> bool:
    """Check it; whether the quick way was open."""
    quick = quickly(family, body)
    assert quick is None or quick == strictly(family, body)
    return quick is not None


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[Any]]:
    """Columns, mostly good, sometimes with the key, one more or one less."""
    rows = draw(st.integers(0, 3))
    columns = {name: draw(st.lists(kind, min_size=rows, max_size=rows)) for name, kind in COLUMNS.items()}
    if draw(st.booleans()):
        columns["k"] = draw(st.lists(KEYS, min_size=rows, max_size=rows))
    if draw(st.integers(0, 9)) == 0:
        columns["more"] = [0] * rows
    if draw(st.integers(0, 9)) == 0:
        del columns[draw(st.sampled_from(sorted(columns)))]
    if draw(st.booleans()):
        columns = {name: columns[name] for name in draw(st.permutations(sorted(columns)))}
    return columns


def text(draw: st.DrawFn, value: Any) -> bytes:
    """JSON of a value, written in one way or another, sometimes with a piece repeated."""
    plain, spaced = draw(st.booleans()), draw(st.booleans())
    written = json.dumps(value, ensure_ascii=plain, separators=(", ", " : ") if spaced else (",", ":"))
    if draw(st.integers(0, 5)) == 0:
        twice = draw(
            st.sampled_from(['"shape":[1],', '"columns":[],', '"data":[1],', '"n":1,', '"id":"x",', '"name":"n",'])
        )
        places = [at + 1 for at, sign in enumerate(written) if sign == "{"]
        at = draw(st.sampled_from(places))
        written = written[:at] + twice + written[at:]
    return written.encode("utf-8", "surrogatepass")


@st.composite
def oip_bodies(draw: st.DrawFn) -> bytes:
    kinds = {"t": "BYTES", "u": "BYTES", "b": "BOOL", "i": "INT64", "k": "BYTES"}
    inputs = [
        {"name": name, "shape": [len(data)], "datatype": kinds.get(name, "FP64"), "data": data}
        for name, data in draw(tables()).items()
    ]
    body: dict[str, Any] = {"inputs": inputs}
    if draw(st.booleans()):
        body["id"] = draw(st.one_of(st.text(max_size=4), st.sampled_from(["a:b", 'a"b', "x" * 129, 7, None])))
    return text(draw, body)


@st.composite
def mlflow_bodies(draw: st.DrawFn) -> bytes:
    columns = draw(tables())
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    body: dict[str, Any] = draw(
        st.sampled_from(
            [
                {"dataframe_split": {"columns": list(columns), "data": rows}},
                {"dataframe_records": [dict(zip(columns, row, strict=True)) for row in rows]},
                {"instances": [dict(zip(columns, row, strict=True)) for row in rows]},
                {"inputs": columns},
            ]
        )
    )
    return text(draw, body)


@settings(max_examples=600, deadline=None)
@given(oip_bodies())
def test_tensors_mean_what_the_strict_reader_says(body: bytes) -> None:
    agree(reader.OIP, body)


@settings(max_examples=600, deadline=None)
@given(mlflow_bodies())
@example(b'{"dataframe_split":{"columns":["t","n","i","b","u","m"],"data":[["a\\u003a",1,1,true,"x",1]],"data":[]}}')
@example(b'{"dataframe_records":[{"t":":","n":1,"i":1,"b":true,"u":"x","m":1,"m":2}]}')
@example(b'{"dataframe_records":[{"t":"a","n":1,"i":1,"b":true,"u":"x","m":1,"m" :2}]}')
def test_records_mean_what_the_strict_reader_says(body: bytes) -> None:
    agree(reader.MLFLOW, body)


@settings(max_examples=200, deadline=None)
@given(oip_bodies(), st.integers(0, 2000), st.binary(max_size=2))
def test_a_changed_byte_is_no_other_meaning(body: bytes, at: int, other: bytes) -> None:
    at %= len(body)
    agree(reader.OIP, body[:at] + other + body[at + len(other) :])


GOOD: dict[str, list[Any]] = {
    "t": ["a", "b:c"],
    "n": [1.5, None],
    "i": [3, None],
    "b": [True, None],
    "u": ["x", "é"],
    "m": [0, 2**60],
}


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("key", [{}, {"k": ["a", 7]}])
def test_the_usual_shapes_go_the_quick_way(rows: int, key: dict[str, list[Any]]) -> None:
    columns = {name: data[:rows] for name, data in {**GOOD, **key}.items()}
    records = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    split = {"columns": list(columns), "data": [list(each.values()) for each in records]}
    kinds = {"t": "BYTES", "u": "BYTES", "b": "BOOL", "i": "INT64", "k": "BYTES"}
    tensors = [
        {"name": name, "shape": [rows], "datatype": kinds.get(name, "FP64"), "data": data}
        for name, data in columns.items()
    ]
    for family in READERS:
        READERS[family].learn(columns)
    assert agree(reader.MLFLOW, json.dumps({"dataframe_records": records}).encode())
    assert agree(reader.MLFLOW, json.dumps({"dataframe_split": split}).encode())
    assert agree(reader.MLFLOW, json.dumps({"inputs": columns}).encode())
    assert agree(reader.OIP, json.dumps({"inputs": tensors, "id": "r"}, ensure_ascii=False).encode())


def test_a_reader_learns_few_shapes() -> None:
    made = reader.Reader(SIGNATURE, reader.OIP)
    names = [field.name for field in SIGNATURE.features]
    for turn in range(20):
        made.learn(names[turn % 6 :] + names[: turn % 6] + ["k"] * (turn // 6))
    body = {"inputs": [{"name": name, "shape": [1], "datatype": "FP64", "data": [1]} for name in names]}
    assert made.read(json.dumps(body).encode()) is None
    assert len(made._decoders) <= 8


def test_null_is_not_a_number() -> None:
    body = b'{"dataframe_records":[{"t":null,"n":null,"i":null,"b":null,"u":"x","m":1}]}'
    found = READERS[reader.MLFLOW].read(body)
    assert isinstance(found, tuple)
    assert [value is None or math.isfinite(value) for value in found[0]] == [True] * 4
    assert agree(reader.MLFLOW, body)
