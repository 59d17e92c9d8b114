"""The compiled finder: it reads the values of a turn's single rows, or of one body with many, straight into a grid.

It is there where a C compiler was at hand when Podium was installed; `sheaf` and the decoders of `compiled` take its
place elsewhere, and take whatever it is not certain of.
"""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from podium.bundle.columns import NULL_TEXT
from podium.bundle.grid import Grid
from podium.core import native
from podium.scoring import request
from podium.scoring.protocols import powers
from podium.scoring.protocols.plan import Block, Plan, Singles
from podium.scoring.protocols.skeleton import Hole, Kind, Skeleton

_values = native.part(native.VALUES)
COMPILED = _values is not None
"""Whether it is there."""
_POWERS = powers.table() if COMPILED else b""
_STEP = struct.Struct("=cII")
_ONCE = (Kind.ROWS, Kind.ID)


def program(skeleton: Skeleton) -> bytes | None:
    """The finder's steps; None where values come before it is said how many there are."""
    kinds = [hole.kind for hole in skeleton.holes]
    if Kind.ROWS not in kinds or any(kind not in _ONCE for kind in kinds[: kinds.index(Kind.ROWS)]):
        return None
    return b"".join([*map(_step, skeleton.holes), _STEP.pack(b"e", 0, len(skeleton.end)), skeleton.end])


def _step(hole: Hole) -> bytes:
    kind = hole.kind.upper() if hole.nullable else hole.kind
    return _STEP.pack(kind.encode(), hole.column, len(hole.before)) + hole.before


class Finder:
    """Reads what fits one of its programs."""

    def __init__(self, plan: Plan, programs: Sequence[bytes]) -> None:
        self._width, self._depth = len(plan.order.numbers), len(plan.order.texts)
        self._find = _values.Finder(
            programs=tuple(programs),
            powers=_POWERS,
            width=self._width,
            depth=self._depth,
            most_rows=plan.most,
            longest_key=request.LONGEST_KEY,
            longest_id=request.LONGEST_ID,
            null_text=NULL_TEXT,
        )

    def single(self, bodies: list[bytes]) -> tuple[Singles, list[int]]:
        """The rows of bodies with one row each, and which bodies do not fit, or are in doubt."""
        numbers, texts, keys, ids, misfits = self._find.single(bodies)
        return Singles(self._grid(len(keys), numbers, texts), keys, ids, certain=True), misfits

    def many(self, body: bytes) -> Block | None:
        """The rows of a body; None when it does not fit, or is in doubt."""
        return self._block(self._find.many(body))

    def binary(self, body: bytes, size: int) -> Block | None:
        """The rows of a body of tensors behind a JSON of that size; None when it does not fit, or is in doubt."""
        return self._block(self._find.binary(body, size))

    def batch(self, body: bytes, head: int) -> Block | None:
        """The rows of an Arrow stream's one batch behind a schema of that size; None as `binary`."""
        return self._block(self._find.batch(body, head))

    def _block(self, found: Any) -> Block | None:
        if found is None:
            return None
        rows, numbers, texts, keys, request_id = found
        return Block(self._grid(rows, numbers, texts), keys, request_id, certain=True)

    def _grid(self, rows: int, numbers: bytearray, texts: list[str]) -> Grid:
        return Grid(
            np.frombuffer(numbers, dtype=np.float64).reshape(rows, self._width),
            np.array(texts, dtype=object).reshape(rows, self._depth),
        )


class Sheaf:
    """The bodies of a turn's single rows, until they are read together."""

    def __init__(self, finder: Finder, most: int) -> None:
        self._finder = finder
        self._most = most
        self._items: list[Any] = []
        self._bodies: list[bytes] = []

    def add(self, items: list[Any]) -> list[Any]:
        """Take requests whose bodies (their last entries) may hold a single row; the others."""
        large: list[Any] = []
        if max([len(item[-1]) for item in items]) > self._most:
            large = [item for item in items if len(item[-1]) > self._most]
            items = [item for item in items if len(item[-1]) <= self._most]
        self._items += items
        self._bodies += [item[-1] for item in items]
        return large

    def read(self) -> tuple[list[Any], Singles | None, list[Any]]:
        """The items whose rows are read, those rows, and the items that must be read one by one."""
        items = self._items
        if not items:
            return [], None, []
        rows, misfits = self._finder.single(self._bodies)
        if not misfits:
            return items, rows, []
        others = set(misfits)
        good = [item for at, item in enumerate(items) if at not in others]
        return good, rows if good else None, [items[at] for at in misfits]
