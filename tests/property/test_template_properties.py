"""Answers by plan are what the codec's own writer says, by either way of filling the holes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.core import native
from podium.core.signature import Field, FieldType, Signature, Task
from podium.scoring import call, codec, codecs, request, template

SIGNATURE = Signature(features=(Field(name="n", type=FieldType.NUMBER),), task=Task.BINARY, key="k", target="y")
COMPILED = pytest.mark.skipif(not template.COMPILED, reason="no C compiler was at hand when Podium was installed")
WAYS = pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=COMPILED)])
IDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=40).filter(
    str.isprintable
)
SCORES = st.floats(allow_nan=False, allow_infinity=False)


@pytest.fixture(autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.getfixturevalue("compiled"):
        monkeypatch.setattr(template, "_template", None)


def asked(family: str, media: str = "application/json") -> tuple[codec.Codec, codec.Asked]:
    chosen = codecs.choose(family, {"content-type": media})
    assert chosen is not None
    return chosen, codec.Asked('end"point', SIGNATURE, {}, lambda prefix: f"{prefix}-1")


@WAYS
@pytest.mark.parametrize("family", [codecs.OIP, codecs.MLFLOW])
@given(
    rows=st.lists(
        st.tuples(IDS, SCORES, st.sampled_from([True, False, None]), st.sampled_from([None, True, False])), max_size=9
    ),
    more=st.integers(0, 2),
)
def test_a_plan_says_what_the_writer_says(family: str, compiled: bool, rows: list[Any], more: int) -> None:
    chosen, about = asked(family)
    plans = [template.plan(chosen, about, 7, decision, referred) for _, _, decision, referred in rows]
    ids = [each for each, *_ in rows]
    scores = [score for _, score, *_ in rows]
    made = template.fill(
        plans, ids + ["x"] * more, [f"{each}/0" for each in ids] + ["x/0"] * more, scores + [0.5] * more
    )
    assert len(made) == len(rows)
    for sized, (request_id, score, decision, referred) in zip(made, rows, strict=True):
        said = request.Scored(
            request_id=request_id,
            prediction_ids=[f"{request_id}/0"],
            scores=[score],
            decisions=[decision],
            versions=[7],
            referred=None if referred is None else [referred],
        )
        written = chosen.write(said, about).body
        assert sized == call.sized(written)
        assert call.body_of(sized) == written
        assert json.loads(written)


@COMPILED
@pytest.mark.parametrize("compiled", [True])
@pytest.mark.parametrize(
    "given",
    [
        ([b""], ["a"], ["a/0"], b"[1]"),
        ([b"\xff\x01\x00\x00\x00"], ["a"], ["a/0"], b"[1]"),
        ([b"\xff\x00\x00\x00\x00more"], ["a"], ["a/0"], b"[1]"),
        ([b"\x03\x00\x00\x00\x00\xff\x00\x00\x00\x00"], ["a"], ["a/0"], b"[1]"),
        ([b"\x00\x00\x00\x00\x00"], ["a"], ["a/0"], b"[1]"),
        ([b"\xff\xff\xff\xff\xff"], ["a"], ["a/0"], b"[1]"),
        ([b"\xff\x00\x00\x00\x00"], ["a"], ["a/0"], b""),
        ([b"\xff\x00\x00\x00\x00"] * 2, ["a"] * 2, ["a/0"] * 2, b"[1]"),
        ([b"\xff\x00\x00\x00\x00"], ["\ud800"], ["a/0"], b"[1]"),
        ([b"\xff\x00\x00\x00\x00"], [], ["a/0"], b"[1]"),
        ([b"\xff\x00\x00\x00\x00"], ["a"], [7], b"[1]"),
        (["text"], ["a"], ["a/0"], b"[1]"),
        ((b"",), ["a"], ["a/0"], b"[1]"),
    ],
)
def test_a_wrong_plan_or_call_is_an_error_and_no_crash(compiled: bool, given: tuple[Any, ...]) -> None:
    with pytest.raises((ValueError, TypeError, IndexError)):
        native.part(native.TEMPLATE).fill(*given)
