"""The compiled finder reads tensors behind a header like one before: the rows that the long way gives, or none."""

import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.core.errors import PodiumError
from podium.core.signature import Field, FieldType, Signature, Task
from podium.scoring import codec
from podium.scoring.protocols import binary, finder, headers, outputs, plan

SIGNATURE = Signature(
    features=(
        Field(name="n", type=FieldType.NUMBER, nullable=True),
        Field(name="m", type=FieldType.NUMBER, nullable=False),
        Field(name="i", type=FieldType.INTEGER, nullable=True),
        Field(name="t", type=FieldType.TEXT, nullable=True),
        Field(name="u", type=FieldType.TEXT, nullable=False),
    ),
    task=Task.BINARY,
    key="k",
    target="y",
)
COMPILED = pytest.mark.skipif(not finder.COMPILED, reason="no C compiler was at hand when Podium was installed")
ASKED = codec.Asked("delay", SIGNATURE, {}, lambda prefix: f"{prefix}-new")
FORMATS = {"FP64": "d", "FP32": "f", "INT64": "q", "INT32": "i"}
NUMBERS: dict[str, st.SearchStrategy[Any]] = {
    "FP64": st.floats() | st.sampled_from([-0.0, 2.0**53, 2.0**53 - 1, 1e300, 1.5]),
    "FP32": st.floats(width=32) | st.sampled_from([-0.0, 1.5, 16777216.0]),
    "INT64": st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 2**53, 2**53 - 1, -(2**53)]),
    "INT32": st.integers(-(2**31), 2**31 - 1),
}
TEXTS = st.text(max_size=6) | st.sampled_from(["a\x00", "\x1a", "x" * 513, "", "é"])
GOOD = {"FP64": 2.0, "FP32": 3.0, "INT64": 7, "INT32": 8}
Columns = dict[str, tuple[str, list[Any]]]


def raw(datatype: str, values: list[Any]) -> bytes:
    if datatype == "BYTES":
        texts = [value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value for value in values]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    return struct.pack(f"<{len(values)}{FORMATS[datatype]}", *values)


def body(columns: Columns, **more: Any) -> tuple[bytes, int]:
    """A request, and how long its JSON is."""
    parts = [raw(datatype, values) for datatype, values in columns.values()]
    inputs = [
        {
            "name": name,
            "shape": [len(values)],
            "datatype": datatype,
            "parameters": {"binary_data_size": len(part)},
        }
        for (name, (datatype, values)), part in zip(columns.items(), parts, strict=True)
    ]
    header = json.dumps({**more, "inputs": inputs}).encode()
    return header + b"".join(parts), len(header)


def learned(columns: Columns, **more: Any) -> headers.Headers:
    """What knows a header with such columns."""
    made = headers.Headers(SIGNATURE)
    good = {
        name: (datatype, ["a"] if datatype == "BYTES" else [GOOD[datatype]]) for name, (datatype, _) in columns.items()
    }
    first, size = body(good, **more)
    assert made.read(first, size) is None
    binary._read(first, size, ASKED, made)
    found = made.read(first, size)
    assert found is not None
    return made


@st.composite
def tables(draw: st.DrawFn) -> Columns:
    rows = draw(st.integers(1, 4))
    datatypes = {name: draw(st.sampled_from(list(FORMATS))) for name in ("n", "m", "i")} | dict.fromkeys("tu", "BYTES")
    if draw(st.booleans()):
        datatypes["k"] = "BYTES"
    names = draw(st.permutations(sorted(datatypes)))

    def values(datatype: str) -> list[Any]:
        kind = (
            NUMBERS.get(datatype, TEXTS)
            if draw(st.integers(0, 3))
            else st.just("b" if datatype == "BYTES" else GOOD[datatype])
        )
        return draw(st.lists(kind, min_size=rows, max_size=rows))

    return {name: (datatypes[name], values(datatypes[name])) for name in names}


def long_way(given: bytes, size: int) -> Any:
    try:
        rows = binary._read(given, size, ASKED, None)
        made = rows.grid(SIGNATURE)
        return (
            rows.request_id,
            rows.wanted,
            rows.keys("k"),
            np.ascontiguousarray(made.numbers).tobytes(),
            made.texts.tolist(),
        )
    except PodiumError:
        return None


@COMPILED
@settings(max_examples=500, deadline=None)
@given(tables(), st.booleans(), st.text(max_size=4), st.booleans())
def test_rows_are_those_of_the_long_way(columns: Columns, named: bool, name: str, out: bool) -> None:
    more: dict[str, Any] = {"parameters": {"binary_data_output": out}} if out else {}
    like = learned(columns, **({"id": "one"} if named else {}), **more)
    given, size = body(columns, **({"id": name} if named else {}), **more)
    found = like.read(given, size)
    if found is None:
        return
    block, wanted = found
    assert wanted == outputs.Wanted(None, out)
    numbers = np.ascontiguousarray(block.grid.numbers).tobytes()
    assert (block.request_id or "req-new", wanted, block.keys, numbers, block.grid.texts.tolist()) == long_way(
        given, size
    )


@COMPILED
@settings(max_examples=300, deadline=None)
@given(st.integers(0, 900), st.sampled_from([1, 0, 2]), st.binary(max_size=3), st.integers(-3, 3))
def test_a_changed_byte_or_size_is_no_other_meaning(at: int, gone: int, other: bytes, longer: int) -> None:
    columns: Columns = {
        "n": ("FP64", [1.5, 2.5]),
        "t": ("BYTES", ["ab", "c"]),
        "i": ("INT64", [1, 2]),
        "m": ("FP32", [0.5, 1]),
        "u": ("BYTES", ["", "é"]),
        "k": ("BYTES", ["1", "2"]),
    }
    like = learned(columns)
    given, size = body(columns)
    at %= len(given)
    changed = given[:at] + other + given[at + gone :]
    size = min(max(size + longer, 0), len(changed))
    found = like.read(changed, size)
    if found is not None:
        block, wanted = found
        numbers = np.ascontiguousarray(block.grid.numbers).tobytes()
        assert (block.request_id or "req-new", wanted, block.keys, numbers, block.grid.texts.tolist()) == long_way(
            changed, size
        )


@COMPILED
def test_the_codec_learns_and_says_the_same() -> None:
    columns: Columns = {
        "n": ("FP64", [1.5, float("nan")]),
        "m": ("FP32", [0.25, 1.0]),
        "i": ("INT64", [1, -2]),
        "t": ("BYTES", ["a", "é"]),
        "u": ("BYTES", ["x", ""]),
        "k": ("BYTES", ["1", "2"]),
    }
    given, size = body(columns, id="one")
    asked = ASKED._replace(headers={binary.HEADER: str(size)})
    first, second = binary.read(given, asked), binary.read(given, asked)
    assert "Found" in type(second).__name__
    for rows in (first, second):
        made = rows.grid(SIGNATURE)
        assert (rows.request_id, rows.count, rows.keys("k"), rows.keys("u")) == ("one", 2, ["1", "2"], ["x", ""])
        assert made.texts.tolist() == [["a", "x"], ["é", ""]]
        assert np.array_equal(made.numbers, [[1.5, 0.25, 1.0], [np.nan, 1.0, -2.0]], equal_nan=True)
    other = Signature(features=SIGNATURE.features[:1], task=Task.BINARY, key="k", target="y")
    assert second.grid(other).numbers.tolist()[0] == [1.5]
    with pytest.raises(ValueError, match="header"):
        finder.Finder(plan.Plan(SIGNATURE), []).binary(given, len(given) + 1)
