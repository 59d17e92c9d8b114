"""Answers to single rows as plans with holes: what a codec's writer says, without asking it for each request.

A plan is a row of steps: which hole follows the step's piece of text (one byte: id, prediction's id, score, or the
end), how long the piece is (four bytes), and the piece. Where a C compiler was at hand when Podium was installed,
`_template.c` fills the holes.
"""

import functools
import struct
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Final, TypeAlias

import msgspec

from podium.core import native
from podium.scoring import call, request
from podium.scoring.codec import Asked, Codec

Plan: TypeAlias = bytes

_template = native.part(native.TEMPLATE)
COMPILED = _template is not None
"""Whether it is there."""
_HOLES: Final = ("hole-for-the-id", "hole-for-the-prediction", "0.512345678901")
_ID, _PREDICTION, _SCORE = _HOLES
_END: Final = 0xFF
_STEP = struct.Struct("=BI")
_KNOWN: Final = 256
_encode = msgspec.json.encode


def plan(
    codec: Codec,
    asked: Asked,
    version: int,
    decision: bool | None,  # noqa: FBT001
    referred: bool | None = None,  # noqa: FBT001
) -> Plan:
    """What the codec's writer says of a row with that version and decision, with holes."""
    scored = request.Scored(
        request_id=_ID,
        prediction_ids=[_PREDICTION],
        scores=[float(_SCORE)],
        decisions=[decision],
        versions=[version],
        referred=None if referred is None else [referred],
    )
    text = codec.write(scored, asked).body.decode()
    found = sorted((text.index(hole), at) for at, hole in enumerate(_HOLES) if hole in text)
    steps = []
    begin = 0
    for place, at in found:
        steps.append(_step(at, text[begin:place]))
        begin = place + len(_HOLES[at])
    return b"".join([*steps, _step(_END, text[begin:])])


def _step(hole: int, text: str) -> bytes:
    piece = text.encode()
    return _STEP.pack(hole, len(piece)) + piece


def fill(plans: list[Plan], request_ids: list[str], prediction_ids: list[str], scores: Sequence[float]) -> list[bytes]:
    """The answers to rows, each behind its length (see `call.sized`); there may be more ids and scores than plans.

    Ids hold no control characters.
    """
    if not plans:
        return []
    numbers = _encode(scores)
    if _template is not None:
        made: list[bytes] = _template.fill(plans, request_ids, prediction_ids, numbers)
        return made
    rows = zip(plans, request_ids, prediction_ids, numbers[1:-1].decode().split(","), strict=False)
    return [_fill(each, _escaped(ids), _escaped(prediction), score) for each, ids, prediction, score in rows]


def _fill(each: Plan, request_id: str, prediction_id: str, score: str) -> bytes:
    text, order = _understood(each)
    return call.sized((text % order((request_id, prediction_id, score))).encode())


@functools.lru_cache(_KNOWN)
def _understood(each: Plan) -> tuple[str, Callable[[tuple[str, str, str]], object]]:
    """A plan as text to be formatted, and what it wants of id, prediction's id and score."""
    pieces, holes = [], []
    at = 0
    while at < len(each):
        hole, size = _STEP.unpack_from(each, at)
        at += _STEP.size + size
        pieces.append(each[at - size : at].decode().replace("%", "%%"))
        holes.append(hole)
    return "%s".join(pieces), itemgetter(*holes[:-1])


def _escaped(text: str) -> str:
    return _encode(text).decode()[1:-1] if '"' in text or "\\" in text else text
