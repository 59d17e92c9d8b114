"""The compiled finder reads record batches like one before: the rows that the long way gives, or none."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.core.errors import PodiumError
from podium.core.signature import Field, FieldType, Signature, Task
from podium.scoring import codec
from podium.scoring.protocols import arrow, finder, ipc_frames, plan

SIGNATURE = Signature(
    features=(
        Field(name="n", type=FieldType.NUMBER, nullable=True),
        Field(name="m", type=FieldType.NUMBER, nullable=False),
        Field(name="i", type=FieldType.INTEGER, nullable=True),
        Field(name="b", type=FieldType.BOOLEAN, nullable=True),
        Field(name="t", type=FieldType.TEXT, nullable=True),
        Field(name="u", type=FieldType.TEXT, nullable=False),
    ),
    task=Task.BINARY,
    key="k",
    target="y",
)
pytestmark = pytest.mark.skipif(not finder.COMPILED, reason="no C compiler was at hand when Podium was installed")
ASKED = codec.Asked("delay", SIGNATURE, {}, lambda prefix: f"{prefix}-new")
NUMBERS: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.float64(): st.floats() | st.sampled_from([-0.0, 2.0**53, 2.0**53 - 1, 1e300, 1.5]),
    pa.float32(): st.floats(width=32) | st.sampled_from([-0.0, 1.5, 16777216.0]),
    pa.int64(): st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 2**53, 2**53 - 1, -(2**53)]),
    pa.int32(): st.integers(-(2**31), 2**31 - 1),
}
TEXTS = st.text(max_size=6) | st.sampled_from(["a\x00", "\x1a", "x" * 513, "y" * 32, "", "é"])
GOOD: dict[pa.DataType, Any] = {
    pa.float64(): 2.0,
    pa.float32(): 3.0,
    pa.int64(): 7,
    pa.int32(): 8,
    pa.bool_(): True,
    pa.string(): "a",
}
Columns = dict[str, tuple[pa.DataType, list[Any]]]


def body(columns: Columns, metadata: dict[str, str] | None = None, *, end: bool = True) -> bytes:
    schema = pa.schema([(name, kind) for name, (kind, _) in columns.items()], metadata=metadata)
    arrays = [pa.array(values, kind) for kind, values in columns.values()]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        stream.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
    made: bytes = sink.getvalue().to_pybytes()
    return made if end else made[:-8]


def learned(columns: Columns) -> tuple[Any, int]:
    """A plan that knows batches of such columns, and where their schema ends."""
    good = {name: (kind, [GOOD[kind]]) for name, (kind, _) in columns.items()}
    first = body(good)
    known = arrow._Plan(first, SIGNATURE)
    head = ipc_frames.head(first)
    assert known.like.read(first, head) is None
    arrow._read(first, known, head, ASKED)
    assert known.like.read(first, head) is not None
    return known, head


def meaning(rows: Any) -> Any:
    grid = rows.grid(SIGNATURE)
    numbers = np.where(np.isnan(grid.numbers), np.nan, grid.numbers)
    return rows.request_id, rows.keys("k"), np.ascontiguousarray(numbers).tobytes(), grid.texts.tolist()


def long_way(sent: bytes, head: int) -> Any:
    try:
        return meaning(arrow._read(sent, arrow._Plan(sent, SIGNATURE), head, ASKED))
    except (PodiumError, pa.ArrowException):
        return None


def check(known: Any, head: int, sent: bytes) -> bool:
    block = known.like.read(sent, head)
    if block is None:
        return False
    assert meaning(arrow._found(block, known, head, sent, ASKED)) == long_way(sent, head)
    return True


@st.composite
def tables(draw: st.DrawFn) -> Columns:
    rows = draw(st.integers(1, 20))
    kinds: dict[str, pa.DataType] = {name: draw(st.sampled_from(list(NUMBERS))) for name in ("n", "m", "i")}
    kinds |= {"b": pa.bool_(), "t": pa.string(), "u": pa.string()}
    if draw(st.booleans()):
        kinds["k"] = pa.string()

    def values(kind: pa.DataType) -> list[Any]:
        any_of = NUMBERS.get(kind, st.booleans() if kind == pa.bool_() else TEXTS)
        each = any_of if draw(st.integers(0, 2)) == 0 else st.just(GOOD[kind])
        each = st.none() | each if draw(st.integers(0, 2)) == 0 else each
        return draw(st.lists(each, min_size=rows, max_size=rows))

    return {name: (kinds[name], values(kinds[name])) for name in draw(st.permutations(sorted(kinds)))}


@settings(max_examples=500, deadline=None)
@given(tables(), st.booleans())
def test_rows_are_those_of_the_long_way(columns: Columns, end: bool) -> None:
    known, head = learned(columns)
    check(known, head, body(columns, end=end))


PLAIN: Columns = {
    "n": (pa.float64(), [1.5, None, 2.5]),
    "t": (pa.string(), ["ab", None, "é"]),
    "i": (pa.int64(), [1, 2, None]),
    "m": (pa.float32(), [0.5, 1.0, 2.0]),
    "b": (pa.bool_(), [True, None, False]),
    "u": (pa.string(), ["", "é", "ab"]),
    "k": (pa.string(), ["1", "2", "3"]),
}


@settings(max_examples=1000, deadline=None)
@given(st.integers(0, 5000), st.sampled_from([1, 0, 2]), st.binary(max_size=3))
def test_a_changed_byte_is_no_other_meaning(at: int, gone: int, other: bytes) -> None:
    known, head = learned(PLAIN)
    sent = body(PLAIN)
    at = head + at % (len(sent) - head)
    check(known, head, sent[:at] + other + sent[at + gone :])


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 50), st.sampled_from([0, 1, 3, 4, 8, 64, -1, -8, 2**31, 2**62, -(2**63)]))
def test_a_changed_number_of_the_metadata_is_no_other_meaning(which: int, other: int) -> None:
    known, head = learned(PLAIN)
    sent = bytearray(body(PLAIN))
    places = ipc_frames.places_of_batch(bytes(sent[head:]))
    numbers = [places.length, places.rows]
    numbers += range(places.nodes, places.nodes + 16 * len(PLAIN), 8)
    numbers += range(places.buffers, places.buffers + 16 * places.buffer_count, 8)
    at = head + numbers[which % len(numbers)]
    sent[at : at + 8] = other.to_bytes(8, "little", signed=True)
    check(known, head, bytes(sent))


def test_plain_batches_are_found_and_columns_are_there_for_others() -> None:
    known, head = learned(PLAIN)
    sent = body(PLAIN)
    assert check(known, head, sent)
    assert check(known, head, sent[:-8])
    assert not check(known, head, sent + b"\0" * 8)
    rows = arrow._found(known.like.read(sent, head), known, head, sent, ASKED)
    other = Signature(features=SIGNATURE.features[:1], task=Task.BINARY, key="k", target="y")
    np.testing.assert_array_equal(rows.grid(other).numbers, [[1.5], [np.nan], [2.5]])
    assert rows.keys("u") == ["", "é", "ab"]
    assert [rows.columns["i"].to_pylist(), len(rows.columns)] == [[1, 2, None], 7]


def test_the_codec_learns_and_says_the_same() -> None:
    sent = body(PLAIN, {arrow.REQUEST_ID: "one"})
    first, second = arrow.read(sent, ASKED), arrow.read(sent, ASKED)
    assert [type(first).__name__, type(second).__name__] == ["Batch", "Found"]
    assert meaning(first) == meaning(second)
    assert second.request_id == "one"
    named = ASKED._replace(headers={"x-request-id": "two"})
    assert arrow.read(sent, named).request_id == "two"


@pytest.mark.parametrize(
    "columns",
    [
        {name: PLAIN[name] for name in PLAIN if name != "u"},
        {**PLAIN, "more": (pa.float64(), [1.0, 2.0, 3.0])},
        {**PLAIN, "t": (pa.large_string(), ["a", "b", "c"])},
        {**PLAIN, "i": (pa.int16(), [1, 2, 3])},
        {**PLAIN, "t": (pa.dictionary(pa.int8(), pa.string()), ["a", "b", "a"])},
        {**PLAIN, "b": (pa.float64(), [1.0, 0.0, 1.0])},
    ],
)
def test_other_streams_are_not_learned(columns: Columns) -> None:
    sent = body(columns)
    for _ in range(3):
        try:
            assert type(arrow.read(sent, ASKED)).__name__ != "Found"
        except PodiumError:
            return


def test_compressed_batches_are_not_learned() -> None:
    schema = pa.schema([(name, kind) for name, (kind, _) in PLAIN.items()])
    arrays = [pa.array(values * 400, kind) for kind, values in PLAIN.values()]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as stream:
        stream.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
    sent = sink.getvalue().to_pybytes()
    assert [type(arrow.read(sent, ASKED)).__name__ for _ in range(3)] == ["Batch"] * 3


@pytest.mark.parametrize("spoilt", range(0, 180, 3))
def test_a_program_that_makes_no_sense_fits_nothing(spoilt: int) -> None:
    known, head = learned(PLAIN)
    sent = body(PLAIN)
    (program,) = known.like._programs
    for other in (0, 1, 127, 255):
        changed = program[:spoilt] + bytes([other]) + program[spoilt + 1 :]
        found = finder.Finder(plan.Plan(SIGNATURE), [changed]).batch(sent, head)
        assert found is None or len(found.grid) == 3
    assert finder.Finder(plan.Plan(SIGNATURE), [program[:spoilt]]).batch(sent, head) is None
    with pytest.raises(ValueError, match="schema"):
        finder.Finder(plan.Plan(SIGNATURE), []).batch(sent, len(sent) + 1)


def test_a_word_is_the_same_object_and_each_has_its_own_bytes() -> None:
    """Words that share a place among those that are kept do not become each other."""
    words = [f"word-{at}" for at in range(2000)]
    count = len(words)
    columns: Columns = {**{name: (kind, [GOOD[kind]] * count) for name, (kind, _) in PLAIN.items()}}
    known, head = learned(PLAIN)
    for text in (words, ["x", "y"] * (count // 2), words[::-1]):
        block = known.like.read(body(columns | {"t": (pa.string(), text)}), head)
        assert block is not None
        assert block.grid.texts[:, 0].tolist() == text
    block = known.like.read(body(columns | {"t": (pa.string(), ["x"] * count)}), head)
    assert block is not None
    assert len({id(text) for text in block.grid.texts[:, 0]}) == 1
