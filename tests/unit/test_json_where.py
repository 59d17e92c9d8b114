"""Where in a body that was refused the fault stands: a path of protocol's words, features' names and numbers."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.scoring.protocols import where

NAMES = {"distance"}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"inputs":[{"name":"distance","data":[1,NaN]}]}', "inputs[0].data[1]"),
        (b'{"inputs" : [ {"data":[1]}, {"shape": [tru]} ]}', "inputs[1].shape[0]"),
        (b'{"instances":[{"distance":1e400}]}', "instances[0].distance"),
        (b'{"instances":[[1,18446744073709551616]]}', "instances[0][1]"),
        (b'{"instances":[[1,-9223372036854775809]]}', "instances[0][1]"),
        (b'{"inputs":[{"data":["\\ud800"]}]}', "inputs[0].data[0]"),
        (b'{"inputs":[{"data":["a","\xff"]}]}', "inputs[0].data[1]"),
        (b'{"inputs":[{"data":["a","\x01"]}]}', "inputs[0].data[1]"),
        (b'{"dataframe_split":{"columns":["distance"],"data":[[1],[Infinity]]}}', "dataframe_split.data[1][0]"),
        (b'{"id":"a","id":"b"}', "id"),
        (b'{"id":00}', "id"),
    ],
)
def test_the_fault_is_found(body: bytes, path: str) -> None:
    assert where.find(body, NAMES) == path


def test_no_other_key_is_repeated() -> None:
    assert where.find(b'{"instances":[{"secret":NaN}]}', NAMES) == "instances[0]"
    assert where.find(b'{"secret":{"inputs":NaN}}', NAMES) == ""


@pytest.mark.parametrize("body", [b"", b"{", b"NaN", b'{"id":1,}', b'{"inputs":[1,2', b'{"id":1}', b"[" * 9, b"]]]"])
def test_what_is_wrong_as_a_whole_has_no_place(body: bytes) -> None:
    assert where.find(body, NAMES) == ""


def test_it_is_not_looked_for_far() -> None:
    assert where.find(b'{"inputs":[' + b"1," * 400 + b"NaN]}") == "inputs[400]"
    assert where.find(b'{"inputs":[' + b"1," * 3000 + b"NaN]}") == ""
    assert where.find(b'{"inputs":[NaN' + b" " * 300_000 + b"]}") == ""


VALUES = st.recursive(
    st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(before=st.lists(VALUES, max_size=4), after=st.lists(VALUES, max_size=2), deep=st.integers(0, 3))
def test_whatever_stands_before_it(before: list[Any], after: list[Any], deep: int) -> None:
    document = json.dumps({"instances": [*before, "@@" * 3, *after]}, ensure_ascii=False)
    broken = document.replace(json.dumps("@@" * 3), "[" * deep + "NaN" + "]" * deep, 1).encode(errors="replace")
    assert where.find(broken) == f"instances[{len(before)}]" + "[0]" * deep
