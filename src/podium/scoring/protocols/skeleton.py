"""What stands around the values of a body: bodies of one client differ in their values and in nothing else.

Once a compiled decoder has taken a body, the text between its values is known, byte for byte; what such a body means is
certain: it has the keys of the first one, each once. `sheaf` and `finder` find the values in the next ones.
"""

import re
from enum import StrEnum
from typing import NamedTuple

from podium.core.signature import Field, FieldType
from podium.scoring.protocols.plan import Plan

LONGEST = 4 * 1024 * 1024
"""Bytes of a body of which a skeleton may be made."""
_SPACE = rb"[ \t\r\n]*+"
_NAME = re.compile(rb'"name"' + _SPACE + b":" + _SPACE + rb'"([^"\\]*+)"')
_ID = rb'"id"' + _SPACE + b":" + _SPACE + rb'("[^"\\]*+")'
_SHAPE = rb'"shape"' + _SPACE + b":" + _SPACE + rb"\[" + _SPACE + rb"([0-9]++)"
_DATA = rb'"data"' + _SPACE + b":" + _SPACE + rb"\[" + _SPACE + rb'((?:[^]"\\]++|"[^"\\]*+")*+)\]'
_HOLE = re.compile(b"|".join([_ID, _SHAPE, _DATA]))


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


_KINDS = {
    FieldType.NUMBER: Kind.NUMBER,
    FieldType.INTEGER: Kind.INTEGER,
    FieldType.BOOLEAN: Kind.BOOLEAN,
    FieldType.TEXT: Kind.TEXT,
}


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
    if not plan.fits(names):
        return None
    holes: list[Hole] = []
    end, waiting = 0, iter(names)
    for found in _HOLE.finditer(body):
        start, after = found.span(found.lastindex or 0)
        before = body[end:start]
        if found[1] is not None:
            holes.append(Hole(before, Kind.ID))
        elif found[2] is not None:
            holes.append(Hole(before, Kind.ROWS))
        else:
            after -= len(found[3]) - len(found[3].rstrip(b" \t\r\n"))
            name = next(waiting, None)
            if name is None:
                return None
            holes.append(_values(plan, before, name))
        end = after
    counted = [hole.kind for hole in holes].count(Kind.ROWS)
    if next(waiting, None) is not None or counted != len(names):
        return None
    return Skeleton(tuple(holes), body[end:])


def _values(plan: Plan, before: bytes, name: str) -> Hole:
    field: Field | None = plan.fields.get(name)
    if field is None:
        return Hole(before, Kind.KEY)
    places = plan.order.texts if field.type is FieldType.TEXT else plan.order.numbers
    return Hole(before, _KINDS[field.type], places.index(name), field.nullable)
