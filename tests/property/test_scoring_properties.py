"""The front door agrees with a strict reference parser; routing keeps its promises; torn logs keep whole batches."""

import itertools
import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.scoring import router
from podium.scoring.log import batches, segment
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


@settings(deadline=None)
@given(st.data())
def test_a_torn_log_keeps_every_whole_batch_and_nothing_else(data: st.DataObject) -> None:
    schema = pa.schema([("prediction_id", pa.string()), ("score", pa.float64())])
    encoder = segment.Encoder(schema)
    pieces = [encoder.head]
    for batch in range(4):
        columns = [[f"r{batch}/{row}" for row in range(3)], [0.5, batch + 1.0, batch + 2.0]]
        pieces.append(encoder.encode(pa.record_batch([pa.array(column) for column in columns], schema=schema)))
    whole = b"".join(pieces)
    ends = [sum(map(len, pieces[: count + 1])) for count in range(len(pieces))]
    cut = data.draw(st.integers(0, len(whole)))
    kept = max((count for count, end in enumerate(ends) if end <= cut), default=0)
    torn = whole[:cut] + bytes(data.draw(st.sampled_from([0, 7, 4096])))
    found = batches.find(torn)
    assert found.rows == 3 * kept
    assert not found.rows or found.end == ends[kept]


@settings(deadline=None)
@given(st.data())
def test_a_flipped_bit_costs_the_batch_that_it_is_in_and_no_other(data: st.DataObject) -> None:
    schema = pa.schema([("prediction_id", pa.string()), ("score", pa.float64())])
    encoder = segment.Encoder(schema)
    pieces = [encoder.head]
    for batch in range(4):
        columns = [[f"r{batch}/{row}" for row in range(3)], [0.5, batch + 1.0, batch + 2.0]]
        pieces.append(encoder.encode(pa.record_batch([pa.array(column) for column in columns], schema=schema)))
    ends = [sum(map(len, pieces[: count + 1])) for count in range(len(pieces))]
    harmed = bytearray(b"".join(pieces))
    bit = data.draw(st.integers(0, 8 * len(harmed) - 1))
    harmed[bit // 8] ^= 1 << bit % 8
    where = next(count for count, end in enumerate(ends) if bit // 8 < end)
    found = batches.find(bytes(harmed))
    whole = [(start, end) for count, (start, end) in enumerate(itertools.pairwise(ends), 1) if count != where]
    assert list(found.spans) == (whole if where else [])
    assert found.rows == (9 if where else 0)
