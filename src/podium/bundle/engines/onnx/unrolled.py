"""A graph unrolled into steps over single columns: moving columns costs nothing, and what nobody needs is left out."""

from typing import NamedTuple

from podium.bundle import layout
from podium.bundle.engines.onnx import file, operators
from podium.bundle.engines.onnx.ensemble import Unsupported
from podium.bundle.engines.onnx.program import Parts
from podium.bundle.engines.onnx.values import Graph


class Unrolled(NamedTuple):
    """A program, and how many scores it gives a row."""

    parts: Parts
    width: int


def unroll(read: file.File, described: layout.Layout) -> Unrolled:
    """The program of a model file whose inputs are laid out like this. `Unsupported` where it has none."""
    graph = Graph(described)
    graph.values |= read.constants
    for node in read.nodes:
        if len(node.outputs) != 1 or node.operator not in operators.OPERATORS:
            raise Unsupported(f"the operator {node.operator}")
        try:
            graph.values[node.outputs[0]] = operators.OPERATORS[node.operator](graph, node)
        except (KeyError, IndexError, ValueError, TypeError) as problem:
            raise Unsupported(f"such a form of the operator {node.operator}") from problem
    answer = graph.tensor(graph.values[layout.SCORE])
    if answer.kind != "double":
        raise Unsupported("scores of another type")
    return Unrolled(graph.program.parts(answer.columns), len(answer.columns))
