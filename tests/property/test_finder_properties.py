"""Bodies like one before are read by what differs, compiled or not: what comes out is what the strict reader says."""

import json
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.bundle.grid import Grid
from podium.core.signature import Field, FieldType, Signature, Task
from podium.scoring.protocols import finder, plan, reader, skeleton
from podium.scoring.protocols import sheaf as sheaf_module
from tests.property.strict_reading import COLUMNS, KEYS, SIGNATURE, Rows, same, strictly

COMPILED = pytest.mark.skipif(not finder.COMPILED, reason="no C compiler was at hand when Podium was installed")
WAYS = pytest.mark.parametrize("found", [False, pytest.param(True, marks=COMPILED)])


def learned(body: bytes, *, found: bool) -> reader.Reader:
    """A reader that has met that body and no other. `found`: by the compiled finder."""
    made = reader.Reader(SIGNATURE, reader.OIP, found=found)
    made.learn([each["name"] for each in json.loads(body)["inputs"]])
    read = made.read(body)
    assert read is not None
    made.unlike(body, single=isinstance(read, tuple))
    return made


def together(made: reader.Reader, bodies: list[bytes]) -> list[Rows] | None:
    """As the tick does it; None when a row has no skeleton or must be read by itself."""
    sheaf = made.sheaf()
    if sheaf.add([(at, body) for at, body in enumerate(bodies)]):
        return None
    _, rows, others = sheaf.read()
    if rows is None or others or (not rows.certain and made.checks.doubtful(rows.grid.numbers) is not None):
        return None
    return [
        same(rows.ids[at], [rows.keys[at]], Grid(rows.grid.numbers[at : at + 1], rows.grid.texts[at : at + 1]))
        for at in range(len(bodies))
    ]


KINDS = {"t": "BYTES", "u": "BYTES", "b": "BOOL", "i": "INT64", "k": "BYTES"}


def row_body(row: dict[str, Any], request_id: Any, *, spaced: bool, plain: bool) -> bytes:
    return rows_body({name: [value] for name, value in row.items()}, request_id, spaced=spaced, plain=plain)


def rows_body(columns: dict[str, list[Any]], request_id: Any, *, spaced: bool, plain: bool) -> bytes:
    inputs = [
        {"name": name, "shape": [len(values)], "datatype": KINDS.get(name, "FP64"), "data": values}
        for name, values in columns.items()
    ]
    body = {"inputs": inputs} if request_id is None else {"id": request_id, "inputs": inputs}
    separators = (", ", " : ") if spaced else (",", ":")
    return json.dumps(body, ensure_ascii=plain, separators=separators).encode("utf-8", "surrogatepass")


FIRST: dict[str, Any] = {"t": "a:]}", "n": 1.5, "i": 3, "b": True, "u": "é", "m": 0}
ROW = st.sets(st.sampled_from(sorted(COLUMNS)), max_size=2).flatmap(
    lambda strange: st.fixed_dictionaries(
        {name: COLUMNS[name] if name in strange else st.just(value) for name, value in FIRST.items()}
    )
)
"""A plain row, in which a value or two may be strange."""
ID = st.one_of(st.text(max_size=4), st.sampled_from(["a:b", 'a"b', "x" * 129, 7]))


@WAYS
@settings(max_examples=400, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=3), st.booleans(), st.booleans(), st.booleans(), st.data())
def test_rows_read_together_mean_what_the_strict_reader_says(
    found: bool,
    rows: list[dict[str, Any]],
    spaced: bool,
    keyed: bool,
    named: bool,
    data: st.DataObject,
) -> None:
    first = {"k": "key", **FIRST} if keyed else FIRST
    made = learned(row_body(first, "one" if named else None, spaced=spaced, plain=False), found=found)
    bodies = [
        row_body(
            {"k": data.draw(KEYS), **row} if keyed else row,
            data.draw(ID) if named else None,
            spaced=spaced,
            plain=data.draw(st.booleans()),
        )
        for row in rows
    ]
    read = together(made, bodies)
    assert read is None or read == [strictly(reader.OIP, body) for body in bodies]


@WAYS
@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2000), st.sampled_from([1, 0, 2]), st.binary(max_size=3))
def test_a_changed_byte_is_no_other_meaning_of_a_skeleton(found: bool, at: int, gone: int, other: bytes) -> None:
    body = row_body({"k": 7, **FIRST}, "one", spaced=False, plain=False)
    made = learned(body, found=found)
    at %= len(body)
    changed = body[:at] + other + body[at + gone :]
    read = together(made, [changed, body])
    assert read is None or read == [strictly(reader.OIP, changed), strictly(reader.OIP, body)]


@WAYS
@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("spaced", [False, True])
def test_a_row_like_one_before_needs_no_decoder(found: bool, keyed: bool, named: bool, spaced: bool) -> None:
    def body(key: Any, request_id: str, row: dict[str, Any]) -> bytes:
        whole = {"k": key, **row} if keyed else row
        return row_body(whole, request_id if named else None, spaced=spaced, plain=False)

    made = learned(body("key", "one", FIRST), found=found)
    others = [
        body(-7, "two", {"t": None, "n": None, "i": None, "b": None, "u": "data\u0301: [1", "m": -1.5e-7}),
        body("x", "three", {"t": "", "n": 12, "i": -0.0, "b": False, "u": "id", "m": 2**60}),
    ]
    read = together(made, others)
    assert read is not None
    assert read == [strictly(reader.OIP, each) for each in others]


@WAYS
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
def test_what_is_no_value_goes_the_strict_way(found: bool, values: dict[str, bytes]) -> None:
    row = {name: json.dumps(value).encode() for name, value in {**FIRST, "t": "a", "u": "b"}.items()} | values
    pieces = [
        b'{"name":"%s","shape":[1],"datatype":"%s","data":[%s]}'
        % (name.encode(), KINDS.get(name, "FP64").encode(), value)
        for name, value in row.items()
    ]
    made = learned(row_body(FIRST, None, spaced=False, plain=False), found=found)
    assert together(made, [b'{"inputs":[' + b",".join(pieces) + b"]}"]) is None


@WAYS
def test_a_skeleton_is_made_seldom_and_few_are_kept(found: bool) -> None:
    made = reader.Reader(SIGNATURE, reader.OIP, found=found)
    made.learn(FIRST)
    for turn in range(5000):
        body = row_body(FIRST, None, spaced=False, plain=False) + b" " * (turn % 7)
        sheaf = made.sheaf()
        if sheaf.add([(turn, body)]) or sheaf.read()[2]:
            made.unlike(body, single=True)
    assert 1 < len(made._programs if found else made._patterns) <= 4
    assert skeleton.of(plan.Plan(SIGNATURE), b" " * skeleton.LONGEST + body) is None
    long = skeleton.of(plan.Plan(SIGNATURE), b" " * 16384 + body)
    assert long is not None
    assert sheaf_module.pattern(long) is None


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[Any]]:
    """Plain rows, in which one column or two may be strange."""
    rows = draw(st.integers(1, 5))
    strange = draw(st.sets(st.sampled_from(sorted(COLUMNS)), max_size=2))
    return {
        name: draw(st.lists(COLUMNS[name], min_size=rows, max_size=rows)) if name in strange else [value] * rows
        for name, value in FIRST.items()
    }


@COMPILED
@settings(max_examples=400, deadline=None)
@given(
    tables(),
    st.just(["a", "", "é", "b", "7"]) | st.lists(KEYS, min_size=5, max_size=5),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.just("another") | ID,
)
def test_many_rows_mean_what_the_strict_reader_says(
    columns: dict[str, list[Any]], keys: list[Any], spaced: bool, keyed: bool, named: bool, one: bool, request_id: Any
) -> None:
    learnt = {"k": "key", **FIRST} if keyed else FIRST
    times = 1 if one else 3
    made = learned(
        rows_body(
            {name: [value] * times for name, value in learnt.items()},
            "one" if named else None,
            spaced=spaced,
            plain=False,
        ),
        found=True,
    )
    whole = {"k": keys[: len(columns["t"])], **columns} if keyed else columns
    body = rows_body(whole, request_id if named else None, spaced=spaced, plain=False)
    read = made.read(body)
    if isinstance(read, plan.Block):
        assert read.certain
        assert same(read.request_id, read.keys, read.grid) == strictly(reader.OIP, body)


@COMPILED
@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("spaced", [False, True])
@pytest.mark.parametrize("rows", [1, 2, 300])
def test_plain_rows_need_no_decoder(named: bool, spaced: bool, rows: int) -> None:
    one = {"k": 1, **FIRST}
    made = learned(row_body(one, "one" if named else None, spaced=spaced, plain=False), found=True)
    columns = {name: [value] * rows for name, value in {"k": "é", **FIRST, "n": -1.25e-7, "u": "b"}.items()}
    body = rows_body(columns, "another" if named else None, spaced=spaced, plain=False)
    read = made.read(body)
    assert isinstance(read, plan.Block)
    assert same(read.request_id, read.keys, read.grid) == strictly(reader.OIP, body)


@COMPILED
@pytest.mark.parametrize(
    "changed",
    [
        (b'"shape":[2]', b'"shape":[3]'),
        (b'"shape":[2]', b'"shape":[0]'),
        (b'"shape":[2]', b'"shape":[-2]'),
        (b'"shape":[2]', b'"shape":[02]'),
        (b'"shape":[2]', b'"shape":[2000000000]'),
        (b'"shape":[2]', b'"shape":[99999999999999999999]'),
        (b"[1.5,1.5]", b"[1.5,1.5,]"),
        (b"[1.5,1.5]", b"[1.5 1.5]"),
        (b"[1.5,1.5]", b"[1.5,,1.5]"),
        (b"[1.5,1.5]", b"[1.5,1.5"),
        (b"[true,true]", b"[true,truefalse]"),
    ],
)
def test_many_rows_that_are_not_as_many_as_said_go_the_strict_way(changed: tuple[bytes, bytes]) -> None:
    made = learned(row_body(FIRST, None, spaced=False, plain=False), found=True)
    body = rows_body({name: [value] * 2 for name, value in FIRST.items()}, None, spaced=False, plain=False)
    assert isinstance(made.read(body), plan.Block)
    wrong = body.replace(*changed, 1)
    assert wrong != body
    assert not isinstance(made.read(wrong), plan.Block)


def spelled(draw: st.DrawFn) -> str:
    """A number as JSON has it: of any length, size and way of writing."""
    digits = st.text("0123456789", min_size=1, max_size=draw(st.sampled_from([3, 19, 40])))
    whole = draw(digits).lstrip("0") or "0"
    fraction = "." + draw(digits) if draw(st.booleans()) else ""
    power = (
        f"{draw(st.sampled_from('eE'))}{draw(st.integers(-360, 320)):{draw(st.sampled_from(['', '+']))}}"
        if draw(st.booleans())
        else ""
    )
    return draw(st.sampled_from(["", "-"])) + whole + fraction + power


SPELLED = st.composite(spelled)()
HALFWAY = st.builds(
    lambda mantissa, power: (
        str((2 * mantissa + 1) * 2**power) if power >= 0 else f"{(2 * mantissa + 1) * 5**-power}e{power}"
    ),
    st.integers(2**52, 2**53 - 1),
    st.integers(-30, 40),
)
NEAR = st.builds(
    lambda value, digits: f"{value:.{digits}g}", st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 25)
)


@COMPILED
@settings(max_examples=1500, deadline=None)
@given(
    st.lists(
        st.one_of(SPELLED, HALFWAY, NEAR, st.floats(allow_nan=False, allow_infinity=False).map(repr)),
        min_size=1,
        max_size=20,
    )
)
def test_a_number_is_the_nearest_float64(numbers: list[str]) -> None:
    """Against Python's own parser, which is exact; what is not finite is for others."""
    plain = Signature(features=(Field(name="n", type=FieldType.NUMBER),), task=Task.BINARY, key="k", target="y")
    made = finder.Finder(
        plan.Plan(plain),
        [finder._STEP.pack(b"r", 0, 0) + finder._STEP.pack(b"N", 0, 1) + b":" + finder._STEP.pack(b"e", 0, 0)],
    )
    read = made.many(f"{len(numbers)}:{','.join(numbers)}".encode())
    wanted = [float(number) for number in numbers]
    plainly = [re.fullmatch("-?[0-9]+", spelt) is not None for spelt in numbers]
    if not all(map(math.isfinite, wanted)) or any(
        abs(number) >= 2**63 and whole for number, whole in zip(wanted, plainly, strict=True)
    ):
        assert read is None
        return
    assert read is not None
    wanted = [0.0 if number == 0 and whole else number for number, whole in zip(wanted, plainly, strict=True)]
    assert read.grid.numbers.tobytes() == np.array(wanted).tobytes()
