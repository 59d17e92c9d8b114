"""Single rows whose values a pattern finds, which are decoded together; where the compiled finder is not there.

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
from podium.scoring.protocols.plan import WRONG, Plan, Singles, identified, pick, plain_key
from podium.scoring.protocols.skeleton import Hole, Kind, Skeleton

_LONGEST = 16 * 1024
"""Bytes of a skeleton that may become a pattern: it takes a millisecond for each two thousand."""
_TEXT = rb'"[^"\\\x00-\x1f]*+"'
_KINDS: dict[Kind, bytes] = {
    Kind.NUMBER: rb"[-+.0-9eE]++",
    Kind.INTEGER: rb"[-+.0-9eE]++",
    Kind.BOOLEAN: rb"true|false",
    Kind.TEXT: _TEXT,
    Kind.KEY: _TEXT + b"|-?[0-9]++|null",
    Kind.ID: rb'"[^"\\\x00-\x1f]++"',
}
_OR_NULL: dict[Kind, bytes] = {
    Kind.NUMBER: rb"[-+.0-9eEnul]++",
    Kind.INTEGER: rb"[-+.0-9eEnul]++",
    Kind.BOOLEAN: rb"true|false|null",
    Kind.TEXT: _TEXT + b"|null",
}
_numbers: Any = msgspec.json.Decoder(list[float | bool | None]).decode
_texts: Any = msgspec.json.Decoder(list[str | None]).decode
_names: Any = msgspec.json.Decoder(list[str | int | None]).decode


class Pattern(NamedTuple):
    """What finds the values in a body, and what picks them: numbers and texts in the grid's order, the key, the id."""

    match: Callable[[bytes], re.Match[bytes] | None]
    numbers: Callable[[Sequence[bytes]], tuple[bytes, ...]]
    texts: Callable[[Sequence[bytes]], tuple[bytes, ...]]
    key: int | None
    id: int | None


def pattern(skeleton: Skeleton) -> Pattern | None:
    """The pattern of single rows; None for a long one."""
    if skeleton.size > _LONGEST:
        return None
    made = []
    taken: list[Hole] = []
    for hole in skeleton.holes:
        made.append(re.escape(hole.before))
        if hole.kind is Kind.ROWS:
            made.append(b"1")
            continue
        made += [b"(", (_OR_NULL if hole.nullable else _KINDS)[hole.kind], b")"]
        taken.append(hole)
    made.append(re.escape(skeleton.end))

    def places(*kinds: Kind) -> list[int]:
        """Which groups they are, in the order of their columns."""
        return [at for _, at in sorted((hole.column, at) for at, hole in enumerate(taken) if hole.kind in kinds)]

    return Pattern(
        re.compile(b"".join(made)).fullmatch,
        pick(places(Kind.NUMBER, Kind.INTEGER, Kind.BOOLEAN)),
        pick(places(Kind.TEXT)),
        next(iter(places(Kind.KEY)), None),
        next(iter(places(Kind.ID)), None),
    )


class Sheaf:
    """The values of a turn's single rows, as they were sent, until they are decoded together."""

    def __init__(self, plan: Plan, patterns: Sequence[Pattern]) -> None:
        self._plan = plan
        self._patterns = patterns
        self._numbers: list[bytes] = []
        self._texts: list[bytes] = []
        self._keys: dict[int, bytes] = {}
        """Those that were sent, by row."""
        self._ids: dict[int, bytes] = {}
        self._items: list[Any] = []

    def add(self, items: Sequence[Any]) -> list[Any]:
        """Take the values of requests whose bodies (their last entries) a pattern fits; the others."""
        return [item for item in items if not self._fits(item, item[-1])]

    def _fits(self, item: Any, body: bytes) -> bool:
        for pattern in self._patterns:
            found = pattern.match(body)
            if found is not None:
                values = found.groups()
                self._numbers += pattern.numbers(values)
                self._texts += pattern.texts(values)
                if pattern.key is not None:
                    self._keys[len(self._items)] = values[pattern.key]
                if pattern.id is not None:
                    self._ids[len(self._items)] = values[pattern.id]
                self._items.append(item)
                return True
        return False

    def read(self) -> tuple[list[Any], Singles | None, list[Any]]:
        """The items whose rows are read, those rows, and the items that must be read one by one."""
        if not self._items:
            return [], None, []
        rows = self._read()
        return ([], None, self._items) if rows is None else (self._items, rows, [])

    def _read(self) -> Singles | None:
        count = len(self._items)
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
        made: list[Any] = [""] * len(self._items)
        if sent:
            for row, value in zip(sent, _names(_listed([*sent.values()])), strict=True):
                made[row] = read(value)
        return made


def _listed(values: list[bytes]) -> bytes:
    return b"[" + b",".join(values) + b"]"
