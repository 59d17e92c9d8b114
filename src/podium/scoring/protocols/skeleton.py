"""What stands around the values of a body: bodies of one client differ in their values and in nothing else.

Once a compiled decoder has taken a body, the text between its values is known, byte for byte; what such a body means is
certain: it has the keys of the first one, each once. `sheaf` and `finder` find the values in the next ones.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, TypeVar

from podium.core.signature import Field, FieldType
from podium.scoring.protocols.plan import Plan

LONGEST = 4 * 1024 * 1024
"""Bytes of a body of which a skeleton may be made."""
_SPACE = rb"[ \t\r\n]*+"
_NAME = re.compile(rb'"name"' + _SPACE + b":" + _SPACE + rb'"([^"\\]*+)"')
_ID = rb'"id"' + _SPACE + b":" + _SPACE + rb'("[^"\\]*+")'
_SHAPE = rb'"shape"' + _SPACE + b":" + _SPACE + rb"\[" + _SPACE + rb"([0-9]++)"
_DATA = rb'"data"' + _SPACE + b":" + _SPACE + rb"\[" + _SPACE + rb'((?:[^]"\\]++|"[^"\\]*+")*+)\]'
_SIZE = rb'"binary_data_size"' + _SPACE + b":" + _SPACE + rb"([0-9]++)"
_HOLE = re.compile(b"|".join([_ID, _SHAPE, _DATA]))
_BINARY_HOLE = re.compile(b"|".join([_ID, _SHAPE, _SIZE]))


_MOST = 4
_SELDOM = 16
Known = TypeVar("Known")


class Seldom:
    """Of what is like nothing before the first, the 16th, the 256th and so on are learned: it takes a while."""

    def __init__(self) -> None:
        self._met = 0
        self._next = 1

    def now(self) -> bool:
        """One more was met: whether it is one of those."""
        self._met += 1
        if self._met < self._next:
            return False
        self._next *= _SELDOM
        return True


def newest(made: Known, known: Sequence[Known]) -> tuple[Known, ...]:
    """What was made now, then what is kept of what was known, the newest first."""
    return (made, *known[: _MOST - 1])


class Kind(StrEnum):
    """What a hole takes: values, one for each row, or what is there once."""

    NUMBER = "n"
    INTEGER = "w"
    BOOLEAN = "b"
    TEXT = "t"
    KEY = "k"
    ID = "i"
    ROWS = "r"
    """How many rows there are."""
    FP64 = "x"
    """The size of a tensor in binary, as are the next ones."""
    FP32 = "y"
    INT64 = "u"
    INT32 = "v"
    BYTES = "z"


_KINDS = {
    FieldType.NUMBER: Kind.NUMBER,
    FieldType.INTEGER: Kind.INTEGER,
    FieldType.BOOLEAN: Kind.BOOLEAN,
    FieldType.TEXT: Kind.TEXT,
}


OF_INTEGERS, OF_KEYS = 1 << 31, (1 << 32) - 1
"""In the column of a tensor in binary: of an integer feature, of the key."""


_DATATYPES = {"FP64": Kind.FP64, "FP32": Kind.FP32, "INT64": Kind.INT64, "INT32": Kind.INT32, "BYTES": Kind.BYTES}


class Hole(NamedTuple):
    """Where something is taken: behind that text. `column`: of the grid's numbers or of its texts."""

    before: bytes
    kind: Kind
    column: int = 0
    nullable: bool = False


class Skeleton(NamedTuple):
    """The holes of a body in their order, and what stands behind the last."""

    holes: tuple[Hole, ...]
    end: bytes

    @property
    def size(self) -> int:
        """Bytes of the text around the values."""
        return sum([len(hole.before) for hole in self.holes]) + len(self.end)


def of(plan: Plan, body: bytes) -> Skeleton | None:
    """The skeleton of an infer request that a compiled decoder took; None where the text alone cannot tell."""
    if b"\\" in body or len(body) > LONGEST:
        return None
    names = [found[1].decode() for found in _NAME.finditer(body)]
    return _skeleton(_HOLE, body, [_values(plan, name) for name in names]) if plan.fits(names) else None


def of_binary(plan: Plan, header: bytes, datatypes: Sequence[tuple[str, str]]) -> Skeleton | None:
    """The skeleton of the JSON before tensors in binary, which has no key twice. `datatypes`: of each name."""
    names = [name for name, _ in datatypes]
    if b"\\" in header or not plan.fits(names):
        return None
    tensors = [_tensor(plan, name, datatype) for name, datatype in datatypes]
    known = [tensor for tensor in tensors if tensor is not None]
    return _skeleton(_BINARY_HOLE, header, known) if len(known) == len(tensors) else None


def _skeleton(pattern: re.Pattern[bytes], body: bytes, values: Sequence[Hole]) -> Skeleton | None:
    """The skeleton with these values in their order, each of them and as many counts of rows found by the pattern."""
    holes: list[Hole] = []
    end, waiting = 0, iter(values)
    for found in pattern.finditer(body):
        start, after = found.span(found.lastindex or 0)
        before = body[end:start]
        if found[1] is not None:
            holes.append(Hole(before, Kind.ID))
        elif found[2] is not None:
            holes.append(Hole(before, Kind.ROWS))
        else:
            after -= len(found[3]) - len(found[3].rstrip(b" \t\r\n"))
            value = next(waiting, None)
            if value is None:
                return None
            holes.append(value._replace(before=before))
        end = after
    counted = [hole.kind for hole in holes].count(Kind.ROWS)
    if next(waiting, None) is not None or counted != len(values):
        return None
    return Skeleton(tuple(holes), body[end:])


def _values(plan: Plan, name: str) -> Hole:
    """What takes the values of that column."""
    field: Field | None = plan.fields.get(name)
    if field is None:
        return Hole(b"", Kind.KEY)
    places = plan.order.texts if field.type is FieldType.TEXT else plan.order.numbers
    return Hole(b"", _KINDS[field.type], places.index(name), field.nullable)


def _tensor(plan: Plan, name: str, datatype: str) -> Hole | None:
    """What takes the size of that tensor; None for a datatype that is seldom sent."""
    field: Field | None = plan.fields.get(name)
    if datatype not in _DATATYPES or ((field is None or field.type is FieldType.TEXT) != (datatype == "BYTES")):
        return None
    if field is None:
        return Hole(b"", Kind.BYTES, OF_KEYS)
    if field.type is FieldType.TEXT:
        return Hole(b"", Kind.BYTES, plan.order.texts.index(name))
    if field.type is FieldType.BOOLEAN:
        return None
    column = plan.order.numbers.index(name) | (OF_INTEGERS if field.type is FieldType.INTEGER else 0)
    return Hole(b"", _DATATYPES[datatype], column, field.nullable)
