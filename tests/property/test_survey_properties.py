"""A survey of a JSON body counts what its decoded value holds, and in any bytes both ways see the same."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from podium.scoring.protocols import survey

TEXTS = st.text(st.sampled_from('ab{}[]:,"\\\n0123456789é'), max_size=12)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**25), 10**25) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=30,
)
PARTS = st.lists(
    st.sampled_from(['"', "\\", "{", "}", "[", "]", ":", ",", "1", "1" * 18, "0" * 19, " ", "x", '"a"', "é", "[" * 70]),
    max_size=40,
)


def counted(value: Any, level: int = 1) -> survey.Survey:
    """What a survey of the value's JSON says, from the value itself."""
    if isinstance(value, dict | list):
        inner = list(value.values()) if isinstance(value, dict) else value
        parts = [counted(each, level + 1) for each in inner]
        keys = len(value) if isinstance(value, dict) else 0
        return survey.Survey(
            objects=isinstance(value, dict) + sum(part.objects for part in parts),
            lists=isinstance(value, list) + sum(part.lists for part in parts),
            colons=keys + sum(part.colons for part in parts),
            commas=max(0, len(inner) - 1) + sum(part.commas for part in parts),
            depth=max([level, *(part.depth for part in parts)]),
            keys=max([keys, *(part.keys for part in parts)]),
            is_long=any(part.is_long for part in parts),
        )
    is_long = not isinstance(value, str | bool) and "1" * 19 in "".join(
        "1" if digit.isdigit() else digit for digit in json.dumps(value)
    )
    return survey.Survey(0, 0, 0, 0, 0, 0, is_long)


@given(value=VALUES, plain=st.booleans(), indent=st.sampled_from([None, 1]))
def test_it_counts_what_the_value_holds(value: Any, plain: bool, indent: int | None) -> None:
    body = json.dumps(value, ensure_ascii=plain, indent=indent).encode()
    assert survey.of(body) == survey._of(body) == counted(value)


@pytest.mark.skipif(not survey.COMPILED, reason="no C compiler was at hand when Podium was installed")
@given(parts=PARTS, cut=st.integers(0, 3))
@example(parts=["}", "}", "{", ":"], cut=0)
@example(parts=["[" * 70, "{", ":", "]" * 9, ":"], cut=0)
@example(parts=['"', "\\"], cut=0)
@example(parts=["1" * 18, '"a"', "1"], cut=0)
def test_both_ways_see_the_same_in_any_bytes(parts: list[str], cut: int) -> None:
    body = "".join(parts).encode()[cut:]
    assert survey.of(body) == survey._of(body)
    large = body + b" " * 70_000
    assert survey.of(large) == survey._of(large)


def test_only_bytes_are_looked_at() -> None:
    if survey.COMPILED:
        with pytest.raises(TypeError):
            survey.of("{}")  # type: ignore[arg-type]
