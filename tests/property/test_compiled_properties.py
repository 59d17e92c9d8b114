"""A compiled reader gives what the strict one gives, or nothing: whatever the body, there is one meaning."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from podium.bundle import grid
from podium.bundle.grid import Grid
from podium.core.errors import Invalid
from podium.core.signature import Field, FieldType, Signature, Task
from podium.scoring.codec import Asked
from podium.scoring.codecs import TABLE
from podium.scoring.protocols import plan, reader, skeleton

SIGNATURE = Signature(
    features=(
        Field(name="t", type=FieldType.TEXT),
        Field(name="n", type=FieldType.NUMBER),
        Field(name="i", type=FieldType.INTEGER),
        Field(name="b", type=FieldType.BOOLEAN),
        Field(name="u", type=FieldType.TEXT, nullable=False),
        Field(name="m", type=FieldType.NUMBER, nullable=False),
    ),
    task=Task.BINARY,
    key="k",
    target="y",
)
ORDER = grid.order(SIGNATURE)
READERS = {family: reader.Reader(SIGNATURE, family) for family in (reader.OIP, reader.MLFLOW)}
Rows = tuple[str, list[str], bytes, list[Any]]


def same(request_id: str, keys: list[str], found: Grid) -> Rows:
    return request_id, keys, np.ascontiguousarray(found.numbers).tobytes(), found.texts.tolist()


def strictly(family: str, body: bytes) -> Rows | None:
    asked = Asked("e", SIGNATURE, {}, lambda _: "")
    try:
        rows = TABLE[family, "application/json"].read(body, asked)
        return same(rows.request_id, rows.keys("k"), grid.of(ORDER, rows.table(SIGNATURE)))
    except Invalid:
        return None


def quickly(family: str, body: bytes) -> Rows | None:
    """As the tick does it; None when it goes to the strict reader."""
    found = READERS[family].read(body)
    if found is None:
        return None
    checks = READERS[family].checks
    if isinstance(found, tuple):
        numbers, texts, key, request_id = found
        made = Grid(np.array([numbers], dtype=np.float64), np.array([texts], dtype=object))
        keys = [key]
    else:
        made, keys, request_id = plan.fill(found), list(found.keys or ()), found.request_id
    return None if checks.doubtful(made.numbers) is not None else same(request_id, keys, made)


def agree(family: str, body: bytes) -> bool:
    """Check it; whether the quick way was open."""
    quick = quickly(family, body)
    assert quick is None or quick == strictly(family, body)
    return quick is not None


NUMBERS = st.one_of(
    st.none(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**66), 2**66),
    st.sampled_from([0, -0.0, 2**53, 2**53 + 1, -(2**53), 2**63, 2**63 - 1, -(2**63), 1e308, 5e-324, True, "1", [1]]),
)
WHOLE = st.one_of(
    st.none(), st.integers(-(2**54), 2**54), st.sampled_from([1.0, 1.5, -0.0, 1e15, 9007199254740993, True])
)
TEXTS = st.one_of(
    st.none(), st.text(max_size=5), st.sampled_from(["a:b", '":', "\\", "\x1a", "\x00", "é", "\u2028", 1, ["a"]])
)
KEYS = st.one_of(
    st.none(), st.text(max_size=3), st.integers(-(2**65), 2**65), st.sampled_from([1.0, True, "a:b", "x" * 513])
)
COLUMNS = {
    "t": TEXTS,
    "n": NUMBERS,
    "i": WHOLE,
    "b": st.sampled_from([None, True, False, 0, 1]),
    "u": TEXTS,
    "m": NUMBERS,
}


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


def learned(body: bytes) -> reader.Reader:
    """A reader that has met that body and no other."""
    made = reader.Reader(SIGNATURE, reader.OIP)
    found = json.loads(body)
    made.learn([each["name"] for each in found["inputs"]])
    assert isinstance(made.read(body), tuple)
    made.unlike(body)
    return made


def together(made: reader.Reader, bodies: list[bytes]) -> list[Rows] | None:
    """As the tick does it; None when a row has no skeleton or must be read by itself."""
    sheaf = made.sheaf()
    if not all(sheaf.add(at, body) for at, body in enumerate(bodies)):
        return None
    rows = sheaf.read()
    if rows is None or made.checks.doubtful(rows.grid.numbers) is not None:
        return None
    return [
        same(rows.ids[at], [rows.keys[at]], Grid(rows.grid.numbers[at : at + 1], rows.grid.texts[at : at + 1]))
        for at in range(len(bodies))
    ]


KINDS = {"t": "BYTES", "u": "BYTES", "b": "BOOL", "i": "INT64", "k": "BYTES"}


def row_body(row: dict[str, Any], request_id: Any, *, spaced: bool, plain: bool) -> bytes:
    inputs = [
        {"name": name, "shape": [1], "datatype": KINDS.get(name, "FP64"), "data": [value]}
        for name, value in row.items()
    ]
    body = {"inputs": inputs} if request_id is None else {"id": request_id, "inputs": inputs}
    separators = (", ", " : ") if spaced else (",", ":")
    return json.dumps(body, ensure_ascii=plain, separators=separators).encode("utf-8", "surrogatepass")


FIRST: dict[str, Any] = {"t": "a:]}", "n": 1.5, "i": 3, "b": True, "u": "é", "m": 0}
ROW = st.fixed_dictionaries(COLUMNS)
ID = st.one_of(st.text(max_size=4), st.sampled_from(["a:b", 'a"b', "x" * 129, 7]))


@settings(max_examples=400, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=3), st.booleans(), st.booleans(), st.booleans(), st.data())
def test_rows_read_together_mean_what_the_strict_reader_says(
    rows: list[dict[str, Any]],
    spaced: bool,
    keyed: bool,
    named: bool,
    data: st.DataObject,
) -> None:
    first = {"k": "key", **FIRST} if keyed else FIRST
    made = learned(row_body(first, "one" if named else None, spaced=spaced, plain=False))
    bodies = [
        row_body(
            {"k": data.draw(KEYS), **row} if keyed else row,
            data.draw(ID) if named else None,
            spaced=spaced,
            plain=data.draw(st.booleans()),
        )
        for row in rows
    ]
    found = together(made, bodies)
    assert found is None or found == [strictly(reader.OIP, body) for body in bodies]


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2000), st.sampled_from([1, 0, 2]), st.binary(max_size=3))
def test_a_changed_byte_is_no_other_meaning_of_a_skeleton(at: int, gone: int, other: bytes) -> None:
    body = row_body({"k": 7, **FIRST}, "one", spaced=False, plain=False)
    made = learned(body)
    at %= len(body)
    changed = body[:at] + other + body[at + gone :]
    found = together(made, [changed, body])
    assert found is None or found == [strictly(reader.OIP, changed), strictly(reader.OIP, body)]


@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("spaced", [False, True])
def test_a_row_like_one_before_needs_no_decoder(keyed: bool, named: bool, spaced: bool) -> None:
    def body(key: Any, request_id: str, row: dict[str, Any]) -> bytes:
        whole = {"k": key, **row} if keyed else row
        return row_body(whole, request_id if named else None, spaced=spaced, plain=False)

    made = learned(body("key", "one", FIRST))
    others = [
        body(-7, "two", {"t": None, "n": None, "i": None, "b": None, "u": "data\u0301: [1", "m": -1.5e-7}),
        body("x", "three", {"t": "", "n": 12, "i": -0.0, "b": False, "u": "id", "m": 2**60}),
    ]
    found = together(made, others)
    assert found is not None
    assert found == [strictly(reader.OIP, each) for each in others]


@pytest.mark.parametrize(
    "values",
    [
        {"n": b"1,2", "i": b""},
        {"t": b'"a', "u": b'b"'},
        {"t": b'"a\\""'},
        {"u": b"null"},
        {"m": b"null"},
        {"m": b"NaN"},
        {"m": b"1e400"},
        {"m": b"--1"},
        {"b": b"1"},
        {"n": b"true"},
        {"t": b'"\x00"'},
        {"t": b'"\xff"'},
    ],
)
def test_what_is_no_value_goes_the_strict_way(values: dict[str, bytes]) -> None:
    row = {name: json.dumps(value).encode() for name, value in {**FIRST, "t": "a", "u": "b"}.items()} | values
    pieces = [
        b'{"name":"%s","shape":[1],"datatype":"%s","data":[%s]}'
        % (name.encode(), KINDS.get(name, "FP64").encode(), value)
        for name, value in row.items()
    ]
    made = learned(row_body(FIRST, None, spaced=False, plain=False))
    assert together(made, [b'{"inputs":[' + b",".join(pieces) + b"]}"]) is None


def test_a_skeleton_is_made_seldom_and_few_are_kept() -> None:
    made = reader.Reader(SIGNATURE, reader.OIP)
    made.learn(FIRST)
    for turn in range(5000):
        body = row_body(FIRST, None, spaced=False, plain=False) + b" " * (turn % 7)
        if not made.sheaf().add(turn, body):
            made.unlike(body)
    assert 1 < len(made._skeletons) <= 4
    assert skeleton.of(plan.Plan(SIGNATURE), b" " * skeleton.LONGEST + body) is None
