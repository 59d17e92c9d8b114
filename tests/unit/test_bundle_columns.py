"""Values from outside become typed columns, or are refused without being repeated."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from podium.bundle import columns
from podium.core.errors import Invalid
from podium.core.signature import Field, FieldType, Signature, Task


def one(kind: FieldType, *, nullable: bool = True) -> Signature:
    return Signature(features=(Field(name="x", type=kind, nullable=nullable),), task=Task.BINARY, key="id", target="y")


LENGTHS = pytest.mark.parametrize("before", [0, 30], ids=["few", "many"])
GOOD: list[tuple[FieldType, Any, Any]] = [
    (FieldType.NUMBER, 1.5, 1.5),
    (FieldType.NUMBER, 3, 3.0),
    (FieldType.NUMBER, -0.0, -0.0),
    (FieldType.NUMBER, 2**70, float(2**70)),
    (FieldType.NUMBER, None, math.nan),
    (FieldType.NUMBER, math.nan, math.nan),
    (FieldType.INTEGER, 2**53, float(2**53)),
    (FieldType.INTEGER, 3.0, 3.0),
    (FieldType.INTEGER, -0.0, 0.0),
    (FieldType.INTEGER, None, math.nan),
    (FieldType.BOOLEAN, True, 1.0),
    (FieldType.BOOLEAN, None, math.nan),
    (FieldType.TEXT, "é", "é"),
    (FieldType.TEXT, "", ""),
    (FieldType.TEXT, None, columns.NULL_TEXT),
    (FieldType.TEXT, math.nan, columns.NULL_TEXT),
]
BAD: list[tuple[FieldType, Any]] = [
    (FieldType.NUMBER, True),
    (FieldType.NUMBER, "1.5"),
    (FieldType.NUMBER, math.inf),
    (FieldType.NUMBER, -math.inf),
    (FieldType.NUMBER, 10**400),
    (FieldType.NUMBER, [1.0]),
    (FieldType.NUMBER, {}),
    (FieldType.INTEGER, 1.5),
    (FieldType.INTEGER, 2**53 + 1),
    (FieldType.INTEGER, -(2**63)),
    (FieldType.INTEGER, 10**400),
    (FieldType.INTEGER, math.inf),
    (FieldType.INTEGER, True),
    (FieldType.BOOLEAN, 1),
    (FieldType.BOOLEAN, "true"),
    (FieldType.TEXT, 1.5),
    (FieldType.TEXT, 1),
    (FieldType.TEXT, "\ud800"),
    (FieldType.TEXT, "a\x00b"),
    (FieldType.TEXT, columns.NULL_TEXT),
]
FILL: dict[FieldType, Any] = {
    FieldType.NUMBER: 1.0,
    FieldType.INTEGER: 1,
    FieldType.BOOLEAN: False,
    FieldType.TEXT: "a",
}


@LENGTHS
@pytest.mark.parametrize(("kind", "sent", "expected"), GOOD)
def test_a_good_value_has_one_canonical_form(kind: FieldType, sent: Any, expected: Any, before: int) -> None:
    got = columns.from_rows(one(kind), [{"x": FILL[kind]}] * before + [{"x": sent, "other": object()}])["x"]
    assert len(got) == before + 1
    if kind is FieldType.TEXT:
        assert got[-1] == expected
    else:
        assert got.dtype == np.float64
        assert got[-1:].tobytes() == np.array([expected]).tobytes()


@LENGTHS
@pytest.mark.parametrize(("kind", "sent"), BAD)
def test_a_bad_value_is_refused_by_feature_and_row(kind: FieldType, sent: Any, before: int) -> None:
    with pytest.raises(Invalid) as problem:
        columns.from_lists(one(kind), {"x": [FILL[kind]] * before + [sent]})
    assert problem.value.field == "x"
    assert f"row {before} " in problem.value.message


@LENGTHS
@pytest.mark.parametrize("kind", list(FieldType))
def test_null_is_refused_where_it_is_not_allowed(kind: FieldType, before: int) -> None:
    with pytest.raises(Invalid, match="null"):
        columns.from_lists(one(kind, nullable=False), {"x": [FILL[kind]] * before + [None]})


def test_the_message_never_echoes_the_value() -> None:
    with pytest.raises(Invalid) as problem:
        columns.from_lists(one(FieldType.NUMBER), {"x": ["s3cret"]})
    assert "s3cret" not in str(problem.value)


def test_a_missing_feature_is_refused_even_if_null_is_allowed() -> None:
    with pytest.raises(Invalid, match="missing in row 1"):
        columns.from_rows(one(FieldType.NUMBER), [{"x": 1.0}, {}])
    with pytest.raises(Invalid, match="missing"):
        columns.from_lists(one(FieldType.NUMBER), {})
    with pytest.raises(Invalid, match="missing"):
        columns.from_arrow(one(FieldType.NUMBER), pa.table({"y": [1.0]}))


def test_lists_of_different_lengths_are_refused() -> None:
    signature = Signature(
        features=(Field(name="a", type=FieldType.NUMBER), Field(name="b", type=FieldType.NUMBER)),
        task=Task.BINARY,
        key="id",
        target="y",
    )
    with pytest.raises(Invalid):
        columns.from_lists(signature, {"a": [1.0], "b": [1.0, 2.0]})
    with pytest.raises(Invalid):
        columns.from_numpy(signature, {"a": np.zeros(1), "b": np.zeros(2)})


@pytest.mark.parametrize(
    ("kind", "array", "expected"),
    [
        (FieldType.NUMBER, pa.array([1, None], pa.int32()), [1.0, math.nan]),
        (FieldType.NUMBER, pa.array([1.5, math.nan], pa.float32()), [1.5, math.nan]),
        (FieldType.INTEGER, pa.array([None, 7], pa.uint8()), [math.nan, 7.0]),
        (FieldType.INTEGER, pa.array([2.0, None]), [2.0, math.nan]),
        (FieldType.BOOLEAN, pa.array([True, None]), [1.0, math.nan]),
        (FieldType.NUMBER, pa.nulls(2), [math.nan, math.nan]),
        (FieldType.TEXT, pa.array(["a", None]).dictionary_encode(), ["a", columns.NULL_TEXT]),
        (FieldType.TEXT, pa.array(["a", None], pa.large_string()), ["a", columns.NULL_TEXT]),
    ],
)
def test_arrow_types_that_hold_the_same_values(kind: FieldType, array: pa.Array, expected: list[Any]) -> None:
    for given in (array, pa.chunked_array([array])):
        got = columns.from_arrow(one(kind), pa.table({"x": given}))["x"]
        np.testing.assert_array_equal(got, np.array(expected, dtype=got.dtype))


@pytest.mark.parametrize(
    ("kind", "array"),
    [
        (FieldType.NUMBER, pa.array(["a"])),
        (FieldType.NUMBER, pa.array([True])),
        (FieldType.INTEGER, pa.array([1.5])),
        (FieldType.INTEGER, pa.array([2**53 + 1])),
        (FieldType.BOOLEAN, pa.array([2])),
        (FieldType.TEXT, pa.array([1])),
        (FieldType.NUMBER, pa.array([math.inf])),
    ],
)
def test_arrow_values_of_a_wrong_type_are_refused(kind: FieldType, array: pa.Array) -> None:
    with pytest.raises(Invalid):
        columns.from_arrow(one(kind), pa.table({"x": array}))


@pytest.mark.parametrize(
    ("kind", "array"),
    [
        (FieldType.INTEGER, np.array([2**63], dtype=np.uint64)),
        (FieldType.INTEGER, np.array([-(2**60)])),
        (FieldType.NUMBER, np.array(["a"])),
        (FieldType.NUMBER, np.array([True])),
        (FieldType.TEXT, np.array([1.0])),
        (FieldType.NUMBER, np.array([object()])),
    ],
)
def test_numpy_values_of_a_wrong_type_are_refused(kind: FieldType, array: Any) -> None:
    with pytest.raises(Invalid):
        columns.from_numpy(one(kind), {"x": array})


def test_the_callers_array_is_not_changed() -> None:
    mine = np.array([1.0, np.nan])
    columns.from_numpy(one(FieldType.NUMBER), {"x": mine})["x"][0] = 9.0
    assert mine[0] == 1.0


def test_a_row_as_json_values() -> None:
    signature = Signature(
        features=tuple(Field(name=kind.value, type=kind) for kind in FieldType), task=Task.BINARY, key="id", target="y"
    )
    sent = {"number": 1.5, "integer": 3, "text": None, "boolean": True}
    row = columns.row(signature, columns.from_rows(signature, [sent]), 0)
    assert row == sent
    assert [type(value) for value in row.values()] == [float, int, type(None), bool]
