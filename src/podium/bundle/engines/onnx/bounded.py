"""Whether what a row says could make a model file's run endless or huge: asked of its graph before it is loaded.

A session runs inside the scorer, where nobody can end a call. So nothing in it may repeat itself by a value, and how
large a tensor gets follows from constants and from the sizes of others, never from what stands in a row. A name is
`fixed` here when the rows' values have no say in it.
"""

from collections.abc import Iterable
from typing import NamedTuple

from podium.bundle.engines.onnx import file
from podium.core import bundle
from podium.core.errors import Refused

_ENDLESS = {"Loop", "BeamSearch", "GreedySearch", "Sampling", "WhisperBeamSearch"}
"""Not `Scan`: it goes as often as a tensor is long, and skl2onnx measures distances with it."""
_SIZED = {
    "AffineGrid": (1,),
    "BlackmanWindow": (0,),
    "CenterCropPad": (1,),
    "Col2Im": (1, 2),
    "ConstantOfShape": (0,),
    "DFT": (1,),
    "Expand": (1,),
    "HammingWindow": (0,),
    "HannWindow": (0,),
    "MaxUnpool": (2,),
    "MelWeightMatrix": (0, 1, 2, 3, 4),
    "OneHot": (1,),
    "Pad": (1,),
    "Range": (0, 1, 2),
    "Resize": (1, 2, 3),
    "STFT": (1, 3),
    "Tile": (1, 2),
    "Upsample": (1,),
}
"""By operator: which of its inputs say how large its output is."""
_SIZES = {"Shape", "Size"}
_BUILT_IN = {"", "ai.onnx", "com.microsoft"}
_WITHOUT_GRAPHS = "ai.onnx.ml"
"""Its operators hold long lists, which need not be read."""


class _Node(NamedTuple):
    operator: str
    domain: str
    overload: str
    inputs: list[str]
    outputs: list[str]
    graphs: list[bytes]


class _Function(NamedTuple):
    inputs: list[str]
    outputs: list[str]
    nodes: list[bytes]


_Key = tuple[str, str, str]


def check(model: bytes) -> None:
    """`Refused` with the reason when a row's values could make it run on, or decide how large a tensor gets."""
    try:
        fields = _messages(model)
        functions = dict(_function(each) for each in fields.get(25, []))
        _Walk(functions).graph(b"".join(fields.get(7, [])), frozenset())
    except (ValueError, KeyError, IndexError, TypeError, OverflowError, RecursionError) as problem:
        raise Refused("The engine cannot load this model file.", field=bundle.MODEL) from problem


def _messages(data: bytes) -> dict[int, list[bytes]]:
    """Texts and messages by field; a message that comes in several parts is all of them together."""
    found: dict[int, list[bytes]] = {}
    for field, _, said in file.pieces(data):
        if isinstance(said, bytes):
            found.setdefault(field, []).append(said)
    return found


def _texts(fields: dict[int, list[bytes]], field: int) -> list[str]:
    return [each.decode() for each in fields.get(field, [])]


def _last(fields: dict[int, list[bytes]], field: int) -> str:
    return _texts(fields, field)[-1] if field in fields else ""


def _function(data: bytes) -> tuple[_Key, _Function]:
    fields = _messages(data)
    key = (_last(fields, 10), _last(fields, 1), _last(fields, 13))
    return key, _Function(_texts(fields, 4), _texts(fields, 5), fields.get(7, []))


def _node(data: bytes) -> _Node:
    fields = _messages(data)
    domain = _last(fields, 7)
    graphs: list[bytes] = []
    for each in fields.get(5, []) if domain != _WITHOUT_GRAPHS else []:
        inside = _messages(each)
        graphs += [b"".join(inside[6])] if 6 in inside else []
        graphs += inside.get(11, [])
    return _Node(_last(fields, 4), domain, _last(fields, 8), _texts(fields, 1), _texts(fields, 2), graphs)


class _Walk:
    """Goes through graphs in the order of their nodes; what is named before it is made counts as not fixed."""

    def __init__(self, functions: dict[_Key, _Function]) -> None:
        self._functions = functions
        self._known: dict[tuple[_Key, tuple[bool, ...]], list[bool] | None] = {}

    def graph(self, data: bytes, around: frozenset[str]) -> bool:
        """Whether all outputs of a graph are fixed; `around`: what is, of the names that it sees."""
        fields = _messages(data)
        constants = {_last(_messages(each), 8) for each in fields.get(5, [])}
        given = {_last(_messages(each), 1) for each in fields.get(11, [])} - constants
        fixed = (set(around) | constants) - given
        self._nodes(fields.get(1, []), fixed)
        return all(_last(_messages(each), 1) in fixed for each in fields.get(12, []))

    def _nodes(self, nodes: Iterable[bytes], fixed: set[str]) -> None:
        for node in map(_node, nodes):
            alone = [name in fixed for name in node.inputs if name]
            if node.domain in _BUILT_IN:
                _allow(node, fixed)
            inside = [self.graph(each, frozenset(fixed)) for each in node.graphs]
            made = [node.operator in _SIZES or (all(alone + inside) and not node.operator.startswith("Random"))]
            called = self._functions.get((node.domain, node.operator, node.overload))
            if called is not None:
                made = self._call((node.domain, node.operator, node.overload), called, node.inputs, fixed)
            for at, name in enumerate(node.outputs):
                (fixed.add if made[min(at, len(made) - 1)] else fixed.discard)(name)

    def _call(self, key: _Key, called: _Function, inputs: list[str], fixed: set[str]) -> list[bool]:
        """Which of a function's outputs are fixed. What it is called with says so; asked once for each such case."""
        given = tuple(not name or name in fixed for name in inputs)
        if (key, given) not in self._known:
            self._known[key, given] = None
            inside = {name for name, is_fixed in zip(called.inputs, given, strict=False) if is_fixed}
            self._nodes(called.nodes, inside)
            self._known[key, given] = [name in inside for name in called.outputs] or [False]
        found = self._known[key, given]
        if found is None:
            raise _refused("a function that calls itself, which a row could keep going for ever")
        return found


def _allow(node: _Node, fixed: set[str]) -> None:
    if node.operator in _ENDLESS:
        raise _refused(f"{node.operator}, which a row could keep going for ever")
    for at in _SIZED.get(node.operator, ()):
        if at < len(node.inputs) and node.inputs[at] and node.inputs[at] not in fixed:
            raise _refused(f"{node.operator} by what a row says, which could take all memory")


def _refused(what: str) -> Refused:
    return Refused(
        f"The model file uses {what}.",
        field=bundle.MODEL,
        fix="Build it without, or bring the model in Python: there a limit of time and memory ends what goes on.",
    )
