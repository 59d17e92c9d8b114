"""Whether what a row says could make a model file's run endless or huge: asked of its graph before it is loaded.

A session runs inside the scorer, where nobody can end a call. So nothing in it may repeat itself by a value, or do one
thing or another by it, and how large a tensor gets follows from constants and from the sizes of others, never from what
stands in a row: what the golden rows took tells what any take. A name is `fixed` here when the rows' values have no say
in it, and `uneven` when the length of their texts has one in its size.
"""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from podium.bundle import layout
from podium.bundle.engines.onnx import file, outside
from podium.core import bundle
from podium.core.errors import Refused

_ENDLESS = {"Loop", "BeamSearch", "GreedySearch", "Sampling", "WhisperBeamSearch"}
"""Not `Scan`: it goes as often as a tensor is long, and skl2onnx measures distances with it."""
_REDUCED = (
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
)
_SIZED = {
    **dict.fromkeys(_REDUCED, (1,)),
    "AffineGrid": (1,),
    "BlackmanWindow": (0,),
    "CenterCropPad": (1,),
    "Col2Im": (1, 2),
    "Compress": (1,),
    "CropAndResize": (3,),
    "ConstantOfShape": (0,),
    "DFT": (1,),
    "Expand": (1,),
    "HammingWindow": (0,),
    "HannWindow": (0,),
    "If": (0,),
    "MaxUnpool": (2,),
    "MelWeightMatrix": (0, 1, 2, 3, 4),
    "NonMaxSuppression": (0, 1, 2, 3, 4),
    "NonZero": (0,),
    "OneHot": (1,),
    "Pad": (1,),
    "Range": (0, 1, 2),
    "Reshape": (1,),
    "Resize": (1, 2, 3),
    "STFT": (1, 3),
    "SequenceAt": (1,),
    "SequenceErase": (1,),
    "SequenceInsert": (2,),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "SplitToSequence": (1,),
    "Squeeze": (1,),
    "Tile": (1, 2),
    "TopK": (1,),
    "Unique": (0,),
    "Unsqueeze": (1,),
    "Upsample": (1,),
}
"""By operator: which of its inputs say how large its output is, or what is done at all."""
_SIZES = {"Shape", "Size"}
_UNEVEN = {"StringNormalizer", "StringSplit", "Tokenizer"}
"""Operators of which texts say how large their output is, up to the length of the texts."""
_JOINED = "StringConcat"
"""Makes texts longer: of two that rows say, again and again, as long as you like."""
_BUILT_IN = {"", "ai.onnx", "com.microsoft"}
_THEIRS = ("ai.onnx", "com.microsoft", "com.ms.internal", "org.pytorch")
"""So domains begin in which the runtime has operators: of a function there it would run its own of that name."""
_WITHOUT_GRAPHS = "ai.onnx.ml"
"""Its operators hold long lists, which need not be read."""
_FED = {layout.NUMBERS, layout.TEXTS}
"""A constant of such a name is one until rows are fed: they take its place."""


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
    """`Refused` with the reason when a row's values could make it run on, or decide how large a tensor gets; or when it
    is not all in this file."""
    try:
        outside.check(model)
        fields = _messages(model)
        functions = dict(_function(each) for each in fields.get(25, []))
        _Walk(functions).graph(b"".join(fields.get(7, [])), _Names(set(), set()), _FED)
    except (ValueError, KeyError, IndexError, TypeError, OverflowError, RecursionError) as problem:
        raise Refused("The engine cannot load this model file.", field=bundle.MODEL) from problem


def _messages(data: bytes) -> dict[int, list[bytes]]:
    """Texts and messages by field, as the runtime finds them: the same number on another wire type is no such field.

    A message that comes in several parts is all of them together.
    """
    found: dict[int, list[bytes]] = {}
    for field, kind, said in file.pieces(data):
        if kind == file.BYTES and isinstance(said, bytes):
            found.setdefault(field, []).append(said)
    return found


def _texts(fields: dict[int, list[bytes]], field: int) -> list[str]:
    return [each.decode() for each in fields.get(field, [])]


def _last(fields: dict[int, list[bytes]], field: int) -> str:
    return _texts(fields, field)[-1] if field in fields else ""


def _function(data: bytes) -> tuple[_Key, _Function]:
    fields = _messages(data)
    if _graphs(fields.get(11, [])):
        raise _given()
    key = (_last(fields, 10), _last(fields, 1), _last(fields, 13))
    if key[0].startswith(_THEIRS) or not key[0]:
        raise _refused(f"a function of its own named as an operator of the runtime's, {key[1]:.40}, which comes first")
    return key, _Function(_texts(fields, 4), _texts(fields, 5), fields.get(7, []))


def _node(data: bytes) -> _Node:
    fields = _messages(data)
    domain = _last(fields, 7)
    graphs = _graphs(fields.get(5, [])) if domain != _WITHOUT_GRAPHS else []
    return _Node(_last(fields, 4), domain, _last(fields, 8), _texts(fields, 1), _texts(fields, 2), graphs)


def _graphs(attributes: Iterable[bytes]) -> list[bytes]:
    graphs: list[bytes] = []
    for each in attributes:
        inside = _messages(each)
        graphs += [b"".join(inside[6])] if 6 in inside else []
        graphs += inside.get(11, [])
    return graphs


class _Names(NamedTuple):
    """What is known of the names seen so far."""

    fixed: set[str]
    uneven: set[str]

    def copy(self) -> "_Names":
        return _Names(set(self.fixed), set(self.uneven))

    def of(self, name: str) -> "_Said":
        return _Said(not name or name in self.fixed, name in self.uneven)

    def learn(self, name: str, said: "_Said") -> None:
        for known, is_so in zip(self, said, strict=True):
            (known.add if is_so else known.discard)(name)


class _Said(NamedTuple):
    """What is known of a name."""

    fixed: bool
    uneven: bool = False


class _Walk:
    """Goes through graphs in the order of their nodes; what is named before it is made counts as not fixed."""

    def __init__(self, functions: dict[_Key, _Function]) -> None:
        self._functions = functions
        self._known: dict[Any, list[_Said] | None] = {}

    def graph(
        self, data: bytes, around: _Names, fed: Collection[str] = (), *, uneven: bool = False
    ) -> tuple[bool, bool]:
        """Whether all outputs of a graph are fixed, and whether any of them is uneven.

        `around`: the names it sees; `fed`: inputs that are fed though they have a value; `uneven`: what all are.
        """
        fields = _messages(data)
        constants = {_last(_messages(each), 8) for each in fields.get(5, [])}
        given = {_last(_messages(each), 1) for each in fields.get(11, [])}
        names = around.copy()
        for name in constants | given:
            made = name in constants and not (name in given and name in fed)
            names.learn(name, _Said(fixed=made, uneven=uneven and not made))
        self._nodes(fields.get(1, []), names)
        outputs = [_last(_messages(each), 1) for each in fields.get(12, [])]
        return all(name in names.fixed for name in outputs), any(name in names.uneven for name in outputs)

    def _nodes(self, nodes: Iterable[bytes], names: _Names) -> None:
        for node in map(_node, nodes):
            if node.domain in _BUILT_IN:
                _allow(node, names.fixed)
            made = self._made(node, names)
            for at, name in enumerate(node.outputs):
                names.learn(name, made[min(at, len(made) - 1)])

    def _made(self, node: _Node, names: _Names) -> list[_Said]:
        """What is known of its outputs, the last of which speaks for all that follow."""
        called = self._functions.get((node.domain, node.operator, node.overload))
        if called is not None:
            if node.graphs:
                raise _given()
            return self._call((node.domain, node.operator, node.overload), called, node.inputs, names)
        alone = [name in names.fixed for name in node.inputs if name]
        uneven = any(name in names.uneven for name in node.inputs)
        _allow_uneven(node, names)
        inside = [self.graph(each, names, uneven=uneven) for each in node.graphs]
        uneven = uneven or any(each for _, each in inside)
        if node.operator in _SIZES:
            return [_Said(not uneven)]
        fixed = all([*alone, *(each for each, _ in inside)]) and not node.operator.startswith("Random")
        return [_Said(fixed, uneven=not fixed and (uneven or node.operator in _UNEVEN))]

    def _call(self, key: _Key, called: _Function, inputs: list[str], names: _Names) -> list[_Said]:
        """The same of a function's outputs. What it is called with says so; asked once for each such case."""
        given = tuple(names.of(name) for name in inputs)
        if (key, given) not in self._known:
            self._known[key, given] = None
            inside = _Names(set(), set())
            for name, said in zip(called.inputs, given, strict=False):
                inside.learn(name, said)
            self._nodes(called.nodes, inside)
            self._known[key, given] = [inside.of(name) for name in called.outputs] or [_Said(fixed=False)]
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


def _allow_uneven(node: _Node, names: _Names) -> None:
    """Of texts, and what is as long as they are, no product: not of their lengths, nor of themselves."""
    given = [names.of(name) for name in node.inputs]
    grow = [not said.fixed if node.operator == _JOINED else said.uneven for said in given]
    if sum(grow) > 1:
        raise _refused(f"{node.operator} of two tensors as long as a row says, which could take all memory")
    if node.operator == "Scan" and any(said.uneven for said in given):
        raise _refused("Scan by what a row says, which it could keep going for ever")


def _given() -> Refused:
    return _refused("a function that is given a graph, which a row could keep going for ever")


def _refused(what: str) -> Refused:
    return Refused(
        f"The model file uses {what}.",
        field=bundle.MODEL,
        fix="Build it without, or bring the model in Python: there a limit of time and memory ends what goes on.",
    )
