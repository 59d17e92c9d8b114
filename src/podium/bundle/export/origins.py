"""From which feature each column of a prepared matrix was made, read off the graph that makes it."""

from typing import Any

from onnx import numpy_helper

from podium.bundle import layout
from podium.bundle.export.graph import Unsupported

_COLUMN_BY_COLUMN = frozenset(
    {"Add", "And", "Cast", "Div", "Equal", "Identity", "IsNaN", "LabelEncoder", "Max", "Min", "Mul", "Not", "Or", "Sub"}
    | {"Where"}
)
_Made = list[frozenset[str]]


def of(graph: Any, inputs: layout.Layout) -> list[str]:
    """The features' names, one for each column of the graph's output; `Unsupported` where a column has several."""
    made: dict[str, _Made] = {
        layout.NUMBERS: [frozenset({name}) for name in inputs.numbers],
        layout.TEXTS: [frozenset({name}) for name in inputs.texts],
    }
    constants = {each.name: each for each in graph.initializer}
    for node in graph.node:
        given = [made.get(name) for name in node.input]
        widths = [list(constants[name].dims)[-1:] for name in node.input if name in constants]
        made[node.output[0]] = _made(node, given, [int(width[0]) for width in widths if width], constants)
    result = made[graph.output[0].name]
    if any(len(each) != 1 for each in result):
        raise Unsupported("columns that are made of several features")
    return [next(iter(each)) for each in result]


def _made(node: Any, given: list[_Made | None], widths: list[int], constants: dict[str, Any]) -> _Made:
    known = [each for each in given if each is not None]
    if node.op_type == "Gather" and given[0] is not None and node.input[1] in constants:
        chosen = numpy_helper.to_array(constants[node.input[1]]).ravel().tolist()
        return [given[0][at] for at in chosen]
    if node.op_type == "Concat":
        return [column for each in known for column in each]
    if node.op_type in _COLUMN_BY_COLUMN and known:
        width = max([len(each) for each in known] + widths)
        return [frozenset[str]().union(*(each[at if len(each) > 1 else 0] for each in known)) for at in range(width)]
    raise Unsupported(f"the operator {node.op_type}, over several columns")
