"""ONNX's operators as steps over single columns: those that Podium's own export writes, in double precision."""

import functools
from collections.abc import Callable, Sequence

import numpy as np

from podium.bundle.engines.onnx import ensemble, file
from podium.bundle.engines.onnx.ensemble import Unsupported
from podium.bundle.engines.onnx.program import Kind
from podium.bundle.engines.onnx.values import Graph, Tensor, Text, Texts, Value

_FLOAT, _DOUBLE = 1, 11
_LANES = 8


def _arithmetic(kind: Kind) -> Callable[[Graph, file.Node], Value]:
    def operator(graph: Graph, node: file.Node) -> Value:
        return Tensor(graph.pairs(kind, graph.numbers(node, 0), graph.numbers(node, 1)))

    return operator


def _logic(kind: Kind) -> Callable[[Graph, file.Node], Value]:
    def operator(graph: Graph, node: file.Node) -> Value:
        return Tensor(graph.pairs(kind, graph.numbers(node, 0, "truth"), graph.numbers(node, 1, "truth")), "truth")

    return operator


def _each(kind: Kind, becomes: str = "double") -> Callable[[Graph, file.Node], Value]:
    def operator(graph: Graph, node: file.Node) -> Value:
        return Tensor([graph.program.add(kind, column) for column in graph.numbers(node, 0).columns], becomes)

    return operator


def _equal(graph: Graph, node: file.Node) -> Value:
    given = graph.given(node, 0)
    if isinstance(given, Texts):
        wanted = np.broadcast_to(graph.constant(node, 1).reshape(1, -1), (1, len(given.columns)))[0].tolist()
        return Tensor(
            [
                graph.program.text(column.column, column.codes({word: 1.0}, 0.0), 0.0)
                for column, word in zip(given.columns, wanted, strict=True)
            ],
            "truth",
        )
    kinds = "double", "whole"
    return Tensor(graph.pairs(Kind.SAME, graph.numbers(node, 0, *kinds), graph.numbers(node, 1, *kinds)), "truth")


def _where(graph: Graph, node: file.Node) -> Value:
    asked, fill, other = graph.numbers(node, 0, "truth"), graph.constant(node, 1), graph.given(node, 2)
    if isinstance(other, np.ndarray):
        other = graph.tensor(other)
    width = max(len(asked.columns), fill.size, len(other.columns))
    if {len(asked.columns), fill.size, len(other.columns)} - {1, width}:
        raise Unsupported("Where over columns that do not go together")
    fills = np.broadcast_to(fill.reshape(-1), (width,)).tolist()
    wheres = [asked.columns[at % len(asked.columns)] for at in range(width)]
    if isinstance(other, Texts):
        texts = [other.columns[at % len(other.columns)] for at in range(width)]
        return Texts([_instead(graph, *each) for each in zip(wheres, fills, texts, strict=True)])
    if other.kind != "double" or fill.dtype != np.float64:
        raise Unsupported("Where of another type")
    others = [other.columns[at % len(other.columns)] for at in range(width)]
    return Tensor([graph.program.choose(*each) for each in zip(wheres, fills, others, strict=True)])


def _instead(graph: Graph, where: int, fill: str, text: Text) -> Text:
    """The text column in which those texts stand for another for which the step `where` gave 1."""
    step = graph.program.steps[where]
    if step.kind is not Kind.TEXT or step.a != text.column or step.value != 0.0:
        raise Unsupported("texts that depend on other columns")
    hit = [word for word, code in graph.program.texts(step).items() if code == 1.0]
    return Text(text.column, tuple((dict(text.instead) | dict.fromkeys(hit, fill)).items()))


def _label(graph: Graph, node: file.Node) -> Value:
    said, given = node.attributes, graph.given(node, 0)
    if "values_int64s" in said:
        codes, otherwise, kind = [float(each) for each in said["values_int64s"]], float(said["default_int64"]), "whole"
    else:
        if said["values_tensor"].dtype != np.float64 or said["default_tensor"].dtype != np.float64:
            raise Unsupported("an encoder to another type")
        codes, otherwise, kind = said["values_tensor"].tolist(), float(said["default_tensor"].ravel()[0]), "double"
    if isinstance(given, Texts):
        words = dict(zip(said["keys_strings"], codes, strict=True))
        return Tensor(
            [graph.program.text(each.column, each.codes(words, otherwise), otherwise) for each in given.columns], kind
        )
    keys = said["keys_tensor"]
    if keys.dtype != np.float64:
        raise Unsupported("an encoder from another type")
    columns = graph.numbers(node, 0).columns
    return Tensor([graph.program.code(column, keys.tolist(), codes, otherwise) for column in columns], kind)


def _gather(graph: Graph, node: file.Node) -> Value:
    given, places = graph.given(node, 0), graph.constant(node, 1)
    if node.attributes.get("axis", 0) != 1 or places.ndim != 1 or isinstance(given, np.ndarray):
        raise Unsupported("Gather of other than columns")
    return given._replace(columns=[given.columns[at] for at in places.tolist()])


def _concat(graph: Graph, node: file.Node) -> Value:
    parts = [graph.given(node, at) for at in range(len(node.inputs))]
    if node.attributes["axis"] != 1:
        raise Unsupported("Concat of other than columns")
    texts = [column for part in parts if isinstance(part, Texts) for column in part.columns]
    if texts and all(isinstance(part, Texts) for part in parts):
        return Texts(texts)
    tensors = [graph.tensor(part) for part in parts]
    if len({tensor.kind for tensor in tensors}) > 1:
        raise Unsupported("Concat of several types")
    return Tensor([column for tensor in tensors for column in tensor.columns], tensors[0].kind)


def _cast(graph: Graph, node: file.Node) -> Value:
    given, to = graph.numbers(node, 0, "double", "float", "whole", "truth"), node.attributes["to"]
    if to == _DOUBLE:
        return Tensor(given.columns)
    if to == _FLOAT and given.kind == "double":
        return Tensor([graph.program.add(Kind.ROUND, column) for column in given.columns], "float")
    raise Unsupported("a cast to another type")


def _expand(graph: Graph, node: file.Node) -> Value:
    given, shape = graph.numbers(node, 0), graph.constant(node, 1).tolist()
    if len(given.columns) != 1 or len(shape) != 2 or shape[0] != 1:
        raise Unsupported("Expand of other than one column")
    return Tensor(list(given.columns) * shape[1])


def _pad(graph: Graph, node: file.Node) -> Value:
    given, ends = graph.numbers(node, 0), graph.constant(node, 1).tolist()
    if ends[:3] != [0, 0, 0] or len(ends) != 4 or len(node.inputs) > 3 or "mode" in node.attributes:
        raise Unsupported("Pad of other than columns at the right")
    filled = float(graph.constant(node, 2).item()) if len(node.inputs) == 3 else 0.0
    return Tensor([*given.columns, *[graph.program.constant(filled)] * ends[3]])


def _sum(graph: Graph, node: file.Node) -> Value:
    given = _across(graph, node)
    if len(given) % _LANES:
        raise Unsupported("a sum of other than whole vectors")
    return Tensor([graph.program.add(Kind.SUM, of=given)])


def _largest(graph: Graph, node: file.Node) -> Value:
    return Tensor([functools.reduce(functools.partial(graph.program.pair, Kind.MOST), _across(graph, node))])


def _across(graph: Graph, node: file.Node) -> tuple[int, ...]:
    """The columns of which the operator makes one."""
    if graph.constant(node, 1).tolist() != [1] or node.attributes.get("keepdims", 1) != 1:
        raise Unsupported(f"{node.operator} of other than columns")
    return tuple(graph.numbers(node, 0).columns)


def _trees(graph: Graph, node: file.Node) -> Value:
    given, splits = graph.numbers(node, 0), ensemble.read(node.attributes)
    if splits.features.max() >= len(given.columns):
        raise Unsupported("trees that ask for a feature that is not there")
    columns = list(given.columns)
    for at, members in splits.members.items():  # it is asked of a column of 0 and 1, and 1 stands at the right
        null = bool(splits.null_left[at])
        columns.append(graph.program.member(given.columns[splits.features[at]], members, null=null))
    parts = ensemble.by_target(ensemble.as_limits(splits, len(given.columns)))
    return Tensor([_grown(graph, part, columns) for part in parts])


def _grown(graph: Graph, splits: ensemble.Splits, columns: Sequence[int]) -> int:
    """The sum over trees of one target."""
    if not len(splits.roots):
        return graph.program.constant(0.0)
    return graph.program.trees(ensemble.lay(splits), columns)


def _identity(graph: Graph, node: file.Node) -> Value:
    return graph.given(node, 0)


OPERATORS: dict[str, Callable[[Graph, file.Node], Value]] = {
    "Add": _arithmetic(Kind.ADD),
    "Sub": _arithmetic(Kind.SUBTRACT),
    "Mul": _arithmetic(Kind.MULTIPLY),
    "Div": _arithmetic(Kind.DIVIDE),
    "Min": _arithmetic(Kind.LEAST),
    "Max": _arithmetic(Kind.MOST),
    "And": _logic(Kind.BOTH),
    "Or": _logic(Kind.EITHER),
    "IsNaN": _each(Kind.IS_NULL, "truth"),
    "Sigmoid": _each(Kind.SIGMOID),
    "Exp": _each(Kind.EXPONENT),
    "Equal": _equal,
    "Where": _where,
    "LabelEncoder": _label,
    "Gather": _gather,
    "Concat": _concat,
    "Cast": _cast,
    "Expand": _expand,
    "Pad": _pad,
    "ReduceSum": _sum,
    "ReduceMax": _largest,
    "TreeEnsemble": _trees,
    "Identity": _identity,
}
