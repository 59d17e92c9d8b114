"""Record batches like one before: the compiled finder reads their buffers; the library would make arrays of them."""

import struct
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from podium.bundle import grid as grids
from podium.core.errors import Invalid
from podium.core.signature import FieldType, Signature
from podium.scoring.protocols import finder, ipc_frames, sent, skeleton
from podium.scoring.protocols.plan import Block, Plan

_FRAME = struct.Struct("=7q")
_COLUMN = struct.Struct("=cI")
_NUMBERS = {pa.float64(): b"x", pa.float32(): b"y", pa.int64(): b"u", pa.int32(): b"v"}
_TEXT, _BITS = b"z", b"q"


class Frames:
    """What was learned of the batches behind one schema, for one signature."""

    def __init__(self, signature: Signature, fields: Sequence[pa.Field]) -> None:
        self._signature = signature
        self._plan = Plan(signature)
        self._columns = _columns(self._plan, fields) if finder.COMPILED else None
        self._programs: tuple[bytes, ...] = ()
        self._finder: finder.Finder | None = None
        self._seldom = skeleton.Seldom()

    def read(self, body: bytes, head: int) -> Block | None:
        """The rows of the one batch behind the schema; None when it is like none before, or the rows are in doubt."""
        return None if self._finder is None else self._finder.batch(body, head)

    def unlike(self, body: bytes, head: int, rows: sent.Batch) -> None:
        """Those rows were read the long way: what their batch is like is learned, if the finder then reads the same."""
        if self._columns is None or not rows.count or not self._seldom.now():
            return
        program = _program(self._columns, len(rows.columns), body[head:])
        if program is None:
            return
        found = finder.Finder(self._plan, [program]).batch(body, head)
        if found is not None and _are_same(found, rows, self._signature):
            self._programs = skeleton.newest(program, self._programs)
            self._finder = finder.Finder(self._plan, self._programs)


def _columns(plan: Plan, fields: Sequence[pa.Field]) -> bytes | None:
    """What the finder makes of each column, in the stream's order; None where one is of a type that is seldom sent."""
    if not plan.fits([field.name for field in fields]):
        return None
    made = []
    for field in fields:
        feature = plan.fields.get(field.name)
        if feature is None or feature.type is FieldType.TEXT:
            good, kind = field.type == pa.string(), _TEXT
            column = skeleton.OF_KEYS if feature is None else plan.order.texts.index(field.name)
        else:
            boolean = feature.type is FieldType.BOOLEAN
            good = field.type == pa.bool_() if boolean else field.type in _NUMBERS
            kind = _BITS if boolean else _NUMBERS.get(field.type, b"")
            column = plan.order.numbers.index(field.name)
            column |= skeleton.OF_INTEGERS if feature.type is FieldType.INTEGER else 0
        if not good:
            return None
        nullable = feature is not None and feature.nullable
        made.append(_COLUMN.pack(kind.upper() if nullable else kind, column))
    return b"".join(made)


def _program(columns: bytes, count: int, message: bytes) -> bytes | None:
    try:
        places = ipc_frames.places_of_batch(message)
    except (struct.error, ValueError, IndexError):
        return None
    numbers = (places.after, places.length, places.rows, places.nodes, places.buffers, count, places.buffer_count)
    return _FRAME.pack(*numbers) + columns + message[: places.after]


def _are_same(found: Block, rows: sent.Batch, signature: Signature) -> bool:
    try:
        grid, keys = rows.grid(signature), rows.keys(signature.key)
    except Invalid:
        return False
    same = grids.same_numbers(np.ascontiguousarray(grid.numbers), found.grid.numbers)
    return same and grid.texts.tolist() == found.grid.texts.tolist() and keys == found.keys
