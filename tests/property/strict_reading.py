"""What the strict reader makes of a body: what every quicker way must make of it, or leave alone."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from podium.bundle import grid
from podium.bundle.grid import Grid
from podium.core.errors import Invalid
from podium.core.signature import Field, FieldType, Signature, Task
from podium.scoring.codec import Asked
from podium.scoring.codecs import TABLE

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
