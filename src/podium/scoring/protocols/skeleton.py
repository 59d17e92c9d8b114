"""Bodies that differ from one seen before in nothing but their values.

A client sends the same text again and again, with other values in it. Once a compiled decoder has taken a body, what
stands around its values becomes a pattern, byte for byte: one match finds the values of the next body, and those of a
turn's bodies are decoded as one list. What such a body means is certain: it has the keys of the first one, each once.

Values are matched by their kind only (a number's characters, a text without escapes, true and false; null where the
signature allows it); whether they are JSON is for the decoder to say.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from podium.bundle.columns import NULL_TEXT
from podium.bundle.grid import Grid
from podium.core.signature import Field, FieldType
from podium.scoring.protocols.plan import WRONG, Plan, Singles, identified, pick, plain_key

LONGEST = 16 * 1024
"""Bytes of a body that may become a skeleton: making the pattern takes a millisecond for each two thousand."""
_IDENTIFIER = rb'"[^"\\\x00-\x1f]++"'
_TEXT = rb'"[^"\\\x00-\x1f]*+"'
_WHOLE = rb"-?[0-9]++"
_KINDS: dict[FieldType, bytes] = {
    FieldType.NUMBER: rb"[-+.0-9eE]++",
    FieldType.INTEGER: rb"[-+.0-9eE]++",
    FieldType.BOOLEAN: rb"true|false",
    FieldType.TEXT: _TEXT,
}
_OR_NULL: dict[FieldType, bytes] = {
    FieldType.NUMBER: rb"[-+.0-9eEnul]++",
    FieldType.INTEGER: rb"[-+.0-9eEnul]++",
    FieldType.BOOLEAN: rb"true|false|null",
    FieldType.TEXT: _TEXT + b"|null",
}
_SPACE = rb"[ \t\r\n]*+"
_NAME = re.compile(rb'"name"' + _SPACE + b":" + _SPACE + rb'"([^"\\]*+)"')
_BEFORE = rb'"(?:data"' + _SPACE + b":" + _SPACE + rb'\[|id"' + _SPACE + b":)" + _SPACE
_VALUE = re.compile(_BEFORE + rb'("[^"\\]*+"|[^]," \t\r\n]++)')
_ID = b'"id"'
_numbers: Any = msgspec.json.Decoder(list[float | bool | None]).decode
_texts: Any = msgspec.json.Decoder(list[str | None]).decode
_names: Any = msgspec.json.Decoder(list[str | int | None]).decode


class Skeleton(NamedTuple):
    """What finds the values in a body, and what picks them: numbers and texts in the grid's order, the key, the id."""

    match: Callable[[bytes], re.Match[bytes] | None]
    numbers: Callable[[Sequence[bytes]], tuple[bytes, ...]]
    texts: Callable[[Sequence[bytes]], tuple[bytes, ...]]
    key: int | None
    id: int | None


def of(plan: Plan, body: bytes) -> Skeleton | None:
    """The skeleton of an infer request of one row that a compiled decoder took; None where a pattern cannot tell."""
    if b"\\" in body or len(body) > LONGEST:
        return None
    names = [found[1].decode() for found in _NAME.finditer(body)]
    values = list(_VALUE.finditer(body))
    ids = [at for at, found in enumerate(values) if found[0].startswith(_ID)]
    if not plan.fits(names) or len(values) != len(names) + len(ids) or len(ids) > 1:
        return None
    columns = [*names]
    if ids:
        columns.insert(ids[0], "")
    made, end = [], 0
    for found, name in zip(values, columns, strict=True):
        made += [re.escape(body[end : found.start(1)]), b"(", _pattern(plan.fields.get(name), name), b")"]
        end = found.end(1)
    made.append(re.escape(body[end:]))
    key = columns.index(plan.key) if plan.key in names else None
    return Skeleton(
        re.compile(b"".join(made)).fullmatch,
        pick([columns.index(name) for name in plan.order.numbers]),
        pick([columns.index(name) for name in plan.order.texts]),
        key,
        ids[0] if ids else None,
    )


def _pattern(field: Field | None, name: str) -> bytes:
    if field is not None:
        return (_OR_NULL if field.nullable else _KINDS)[field.type]
    return _TEXT + b"|" + _WHOLE + b"|null" if name else _IDENTIFIER


class Sheaf:
    """The values of a turn's single rows, as they were sent, until they are decoded together."""

    def __init__(self, plan: Plan, skeletons: Sequence[Skeleton]) -> None:
        self._plan = plan
        self._skeletons = skeletons
        self._numbers: list[bytes] = []
        self._texts: list[bytes] = []
        self._keys: dict[int, bytes] = {}
        """Those that were sent, by row."""
        self._ids: dict[int, bytes] = {}
        self.items: list[Any] = []
        """Whose rows these are."""

    def add(self, item: Any, body: bytes) -> bool:
        """Whether a skeleton fits the body, whose values are taken in then."""
        for skeleton in self._skeletons:
            found = skeleton.match(body)
            if found is not None:
                values = found.groups()
                self._numbers += skeleton.numbers(values)
                self._texts += skeleton.texts(values)
                if skeleton.key is not None:
                    self._keys[len(self.items)] = values[skeleton.key]
                if skeleton.id is not None:
                    self._ids[len(self.items)] = values[skeleton.id]
                self.items.append(item)
                return True
        return False

    def read(self) -> Singles | None:
        """The rows; None when a value is not what it must be, or must be seen by the strict reader."""
        count = len(self.items)
        try:
            numbers = _numbers(_listed(self._numbers))
            texts = _texts(_listed(self._texts))
            keys = self._spread(self._keys, plain_key)
            ids = self._spread(self._ids, lambda sent: sent if identified(sent) else None)
        except WRONG:
            return None
        if None in keys or None in ids:
            return None
        if None in texts:
            texts = [NULL_TEXT if text is None else text for text in texts]
        places = self._plan.order
        made = Grid(
            np.array(numbers, dtype=np.float64).reshape(count, len(places.numbers)),
            np.array(texts, dtype=object).reshape(count, len(places.texts)),
        )
        return Singles(made, keys, ids)

    def _spread(self, sent: dict[int, bytes], read: Callable[[Any], str | None]) -> list[Any]:
        """What `read` says of the values that were sent; empty texts in the other rows."""
        made: list[Any] = [""] * len(self.items)
        if sent:
            for row, value in zip(sent, _names(_listed([*sent.values()])), strict=True):
                made[row] = read(value)
        return made


def _listed(values: list[bytes]) -> bytes:
    return b"[" + b",".join(values) + b"]"
