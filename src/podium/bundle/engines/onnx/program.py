"""A program over columns in the making: each step makes one column of others, and the same step is not taken twice."""

import struct
from collections.abc import Iterable, Sequence
from enum import IntEnum, auto
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from podium.bundle.engines.onnx.ensemble import Ensemble, Unsupported


class Kind(IntEnum):
    """What a step does; `_fused.c` has the same list in the same order, and says what `a`, `b` and `value` are."""

    NUMBER = 0
    TEXT = auto()
    CONSTANT = auto()
    ADD = auto()
    SUBTRACT = auto()
    MULTIPLY = auto()
    DIVIDE = auto()
    LEAST = auto()
    MOST = auto()
    SAME = auto()
    BOTH = auto()
    EITHER = auto()
    ADD_TO = auto()
    SUBTRACT_FROM = auto()
    MULTIPLY_BY = auto()
    DIVIDE_BY = auto()
    LEAST_OF = auto()
    MOST_OF = auto()
    SAME_AS = auto()
    IS_NULL = auto()
    FILL = auto()
    CHOOSE = auto()
    ROUND = auto()
    SIGMOID = auto()
    EXPONENT = auto()
    MEMBER = auto()
    CODE = auto()
    SUM = auto()
    TREES = auto()


TO_VALUE = {
    Kind.ADD: Kind.ADD_TO,
    Kind.SUBTRACT: Kind.SUBTRACT_FROM,
    Kind.MULTIPLY: Kind.MULTIPLY_BY,
    Kind.DIVIDE: Kind.DIVIDE_BY,
    Kind.LEAST: Kind.LEAST_OF,
    Kind.MOST: Kind.MOST_OF,
    Kind.SAME: Kind.SAME_AS,
}
"""The same with a number in the place of the second column."""
_EITHER_WAY = frozenset((Kind.ADD, Kind.MULTIPLY, Kind.SAME))
_BOTH = frozenset((Kind.ADD, Kind.SUBTRACT, Kind.MULTIPLY, Kind.DIVIDE, Kind.LEAST, Kind.MOST, Kind.SAME)) | {
    Kind.BOTH,
    Kind.EITHER,
    Kind.CHOOSE,
}
_NO_COLUMN = frozenset((Kind.NUMBER, Kind.TEXT, Kind.CONSTANT))
STEP = np.dtype([("kind", "i4"), ("to", "i4"), ("a", "i4"), ("b", "i4"), ("value", "f8")])
_MOST_MEMBER = 65536.0


class Step(NamedTuple):
    """`of`: the columns that it sums up, or that its trees ask for."""

    kind: Kind
    a: int = 0
    b: int = 0
    value: float = 0.0
    of: tuple[int, ...] = ()

    def needs(self) -> Iterable[int]:
        """The columns of which it makes its own."""
        if self.of:
            return self.of
        if self.kind in _NO_COLUMN:
            return ()
        return (self.a, self.b) if self.kind in _BOTH else (self.a,)


class Parts(NamedTuple):
    """What `_fused.Program` is made of."""

    columns: int
    answers: bytes
    steps: bytes
    list: bytes
    table: bytes
    dictionaries: tuple[dict[str, float], ...]
    ensembles: tuple[tuple[bytes, ...], ...]


class Program:
    """Columns are named by the number of the step that makes them."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._known: dict[tuple[Any, ...], int] = {}
        self._table: list[float] = []
        self._sets: dict[tuple[float, ...], int] = {}
        self._dictionaries: list[dict[str, float]] = []
        self._ensembles: list[Ensemble] = []

    def add(self, kind: Kind, a: int = 0, b: int = 0, value: float = 0.0, of: tuple[int, ...] = ()) -> int:
        """The column that this step makes."""
        key = (kind, a, b, struct.pack("d", value), of)
        if key not in self._known:
            self._known[key] = len(self.steps)
            self.steps.append(Step(kind, a, b, value, of))
        return self._known[key]

    def constant(self, value: float) -> int:
        """A column of one number."""
        return self.add(Kind.CONSTANT, value=value)

    def pair(self, kind: Kind, a: int, b: int) -> int:
        """Of two columns; where one is a constant, of the other and a number."""
        if kind in TO_VALUE:
            if self.steps[b].kind is Kind.CONSTANT:
                return self.add(TO_VALUE[kind], a, value=self.steps[b].value)
            if self.steps[a].kind is Kind.CONSTANT and kind in _EITHER_WAY:
                return self.add(TO_VALUE[kind], b, value=self.steps[a].value)
        return self.add(kind, a, b)

    def choose(self, where: int, value: float, other: int) -> int:
        """The number where a column is true, else the other column."""
        asked = self.steps[where]
        if asked.kind is Kind.IS_NULL and asked.a == other:
            return self.add(Kind.FILL, other, value=value)
        return self.add(Kind.CHOOSE, other, where, value)

    def text(self, column: int, codes: dict[str, float], otherwise: float) -> int:
        """The code of each text of an input's column."""
        if codes not in self._dictionaries:
            self._dictionaries.append(codes)
        return self.add(Kind.TEXT, column, self._dictionaries.index(codes), otherwise)

    def texts(self, step: Step) -> dict[str, float]:
        """The codes of a step made by `text`."""
        return self._dictionaries[step.b]

    def code(self, column: int, keys: Sequence[float], codes: Sequence[float], otherwise: float) -> int:
        """The code of each number."""
        pairs = sorted(zip(keys, codes, strict=True), key=lambda pair: pair[0])
        if len({key for key, _ in pairs}) < len(pairs) or any(key != key for key, _ in pairs):
            raise Unsupported("an encoder with a key twice, or of null")
        numbers = (float(len(pairs)), *(key for key, _ in pairs), *(code for _, code in pairs))
        return self.add(Kind.CODE, column, self._tabled(numbers), otherwise)

    def member(self, column: int, members: tuple[float, ...], *, null: bool) -> int:
        """1 where a number is among the members (or null, where that counts), else 0."""
        if any(not 0 <= each < _MOST_MEMBER or each != int(each) for each in members):
            raise Unsupported("a set of other numbers than small whole ones")
        there = set(members)
        size = int(max(members, default=-1.0)) + 1
        found = self.add(
            Kind.MEMBER, column, self._tabled((float(size), *(float(each in there) for each in range(size))))
        )
        return self.choose(self.add(Kind.IS_NULL, column), 1.0, found) if null else found

    def _tabled(self, numbers: tuple[float, ...]) -> int:
        if numbers not in self._sets:
            self._sets[numbers] = len(self._table)
            self._table += numbers
        return self._sets[numbers]

    def trees(self, ensemble: Ensemble, columns: Sequence[int]) -> int:
        """The sum over the trees, whose features are these columns."""
        asked = np.flatnonzero(np.bincount(ensemble.nodes["cell"][_inner(ensemble)], minlength=1))
        if len(asked) and asked[-1] >= len(columns):
            raise Unsupported("trees that ask for a feature that is not there")
        self._ensembles.append(ensemble)
        of = tuple(columns[feature] for feature in asked.tolist())
        place = np.zeros(int(asked[-1]) + 1 if len(asked) else 1, dtype=np.uint32)
        place[asked] = np.arange(len(asked))
        ensemble.nodes["cell"] = place[ensemble.nodes["cell"]]  # now: the place in `of`
        return self.add(Kind.TREES, len(self._ensembles) - 1, of=of or (self.constant(0.0),))

    def parts(self, answers: Sequence[int]) -> Parts:
        """What leads to the answers, with few columns: one that is not needed any more gives its place to another."""
        wanted = self._wanted(answers)
        last = {need: at for at in wanted for need in self.steps[at].needs()} | dict.fromkeys(answers, len(self.steps))
        places: dict[int, int] = {}
        free: list[int] = []
        most = 0
        made: list[tuple[int, int, int, int, float]] = []
        listed: list[int] = []
        trees: list[tuple[bytes, ...]] = []
        for at in wanted:
            step = self.steps[at]
            gone = [places[need] for need in dict.fromkeys(step.needs()) if last[need] == at]
            if step.kind is not Kind.TREES:  # all others read a row before they write it
                free += gone
            if not free:
                free.append(most)
                most += 1
            places[at] = free.pop()
            if step.kind is Kind.TREES:
                free += gone
            a, b = self._operands(step, places)
            if step.kind is Kind.SUM:
                a, b = len(listed), len(step.of)
                listed += [places[need] for need in step.of]
            elif step.kind is Kind.TREES:
                a, b = len(trees), 0
                trees.append(_bytes(self._ensembles[step.a], [places[need] for need in step.of]))
            made.append((int(step.kind), places[at], a, b, step.value))
        return Parts(
            columns=most,
            answers=np.array([places[at] for at in answers], dtype=np.int32).tobytes(),
            steps=np.array(made, dtype=STEP).tobytes(),
            list=np.array(listed, dtype=np.int32).tobytes(),
            table=np.array(self._table, dtype=np.float64).tobytes(),
            dictionaries=tuple(self._dictionaries),
            ensembles=tuple(trees),
        )

    def _wanted(self, answers: Sequence[int]) -> list[int]:
        """The steps that lead to the answers, in an order in which they can be taken, with texts looked up first."""
        found = set(answers)
        for at in range(max(answers), -1, -1):
            if at in found:
                found.update(self.steps[at].needs())
        return sorted(found, key=lambda at: (self.steps[at].kind is not Kind.TEXT, at))

    def _operands(self, step: Step, places: dict[int, int]) -> tuple[int, int]:
        if step.of or step.kind in _NO_COLUMN:
            return step.a, step.b
        return places[step.a], places[step.b] if step.kind in _BOTH else step.b


def _inner(ensemble: Ensemble) -> npt.NDArray[np.bool_]:
    """Which nodes are splits."""
    found: npt.NDArray[np.bool_] = ensemble.nodes["child"] != np.arange(len(ensemble.nodes))
    return found


def _bytes(ensemble: Ensemble, places: list[int]) -> tuple[bytes, ...]:
    nodes = ensemble.nodes.copy()
    nodes["cell"] = np.array(places, dtype=np.uint32)[nodes["cell"]]
    return tuple(each.tobytes() for each in (nodes, *ensemble[1:]))
