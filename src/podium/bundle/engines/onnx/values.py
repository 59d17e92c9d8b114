"""What a graph's operators take and give: columns of a program, texts that come in, constants."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from podium.bundle import layout
from podium.bundle.engines.onnx import file
from podium.bundle.engines.onnx.ensemble import Unsupported
from podium.bundle.engines.onnx.program import Kind, Program


class Text(NamedTuple):
    """A column of the texts, some of which stand for others."""

    column: int
    instead: tuple[tuple[str, str], ...] = ()

    def codes(self, codes: dict[str, float], otherwise: float) -> dict[str, float]:
        """The same codes by the text that comes in."""
        changed = dict(self.instead)
        kept = {text: code for text, code in codes.items() if text not in changed}
        return kept | {text: codes.get(shown, otherwise) for text, shown in changed.items()}


class Tensor(NamedTuple):
    """[n, len(columns)]. Numbers are of one `kind`: double, float (only to be made double again), whole or truth."""

    columns: Sequence[int]
    kind: str = "double"


class Texts(NamedTuple):
    """[n, len(columns)]."""

    columns: Sequence[Text]


Value = Tensor | Texts | npt.NDArray[Any]
"""Constants are arrays."""


class Graph:
    """What is known so far, by name."""

    def __init__(self, described: layout.Layout) -> None:
        self.program = Program()
        numbers = [self.program.add(Kind.NUMBER, at) for at in range(len(described.numbers))]
        self.values: dict[str, Value] = {
            layout.NUMBERS: Tensor(numbers),
            layout.TEXTS: Texts([Text(at) for at in range(len(described.texts))]),
        }

    def given(self, node: file.Node, at: int) -> Value:
        return self.values[node.inputs[at]]

    def numbers(self, node: file.Node, at: int, *kinds: str) -> Tensor:
        """An input of one of those kinds."""
        found = self.tensor(self.given(node, at))
        if found.kind not in (kinds or ("double",)):
            raise Unsupported(f"{node.operator} of another type")
        return found

    def constant(self, node: file.Node, at: int) -> npt.NDArray[Any]:
        found = self.given(node, at)
        if not isinstance(found, np.ndarray):
            raise Unsupported(f"{node.operator} by what differs from row to row")
        return found

    def tensor(self, value: Value) -> Tensor:
        """Columns; of a constant, which is the same in each row."""
        if isinstance(value, Tensor):
            return value
        kinds = {"f8": "double", "i8": "whole", "b1": "truth"}
        if not isinstance(value, np.ndarray) or value.dtype.str[1:] not in kinds or value.size != value.shape[-1]:
            raise Unsupported("a constant that is no row of numbers")
        columns = [self.program.constant(float(each)) for each in value.ravel().tolist()]
        return Tensor(columns, kinds[value.dtype.str[1:]])

    def pairs(self, kind: Kind, one: Tensor, two: Tensor) -> list[int]:
        """Column by column; one column goes with each of the other's."""
        width = max(len(one.columns), len(two.columns))
        if {len(one.columns), len(two.columns)} - {1, width} or one.kind != two.kind:
            raise Unsupported("columns that do not go together")
        return [
            self.program.pair(kind, *(each.columns[at % len(each.columns)] for each in (one, two)))
            for at in range(width)
        ]
