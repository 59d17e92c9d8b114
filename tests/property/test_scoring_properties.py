"""The front door agrees with a strict reference parser; routing keeps its promises."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.scoring import router
from podium.scoring.protocols import json_body

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), VALUES), st.booleans())
def test_every_good_document_passes_unchanged(value: dict[str, Any], plain: bool) -> None:
    assert json_body.parse(json.dumps(value, ensure_ascii=plain).encode("utf-8", "surrogatepass")) == value


@given(st.text(max_size=4), VALUES, VALUES, st.lists(VALUES, max_size=3))
def test_a_duplicate_key_is_found_at_any_place(key: str, one: Any, two: Any, around: list[Any]) -> None:
    twice = f"{{{json.dumps(key)}:{json.dumps(one)},{json.dumps(key)}:{json.dumps(two)}}}"
    rest = "".join(json.dumps(each) + "," for each in around)
    with pytest.raises(json_body.Malformed):
        json_body.parse(f'{{"a":[{rest}[{twice}]]}}'.encode())


@given(st.binary(max_size=200))
def test_no_bytes_break_the_parser(body: bytes) -> None:
    try:
        value = json_body.parse(body)
    except json_body.Malformed:
        return
    assert isinstance(value, dict)


@given(st.text(), st.lists(st.text(min_size=1), min_size=1, max_size=20), st.floats(0, 1), st.floats(0, 1))
def test_raising_the_canarys_weight_never_sends_a_key_back(salt: str, keys: list[str], a: float, b: float) -> None:
    low, high = sorted((a, b))
    ids = [f"r/{row}" for row in range(len(keys))]
    few, many = (router.to_canary(salt, weight, keys, ids) for weight in (low, high))
    assert not (few & ~many).any()
    assert not router.to_canary(salt, 0.0, keys, ids).any()
    assert router.to_canary(salt, 1.0, keys, ids).all()


def test_the_share_is_the_weight() -> None:
    keys = [f"key-{number}" for number in range(20_000)]
    assert router.to_canary("delay/2", 0.2, keys, keys).mean() == pytest.approx(0.2, abs=0.01)
