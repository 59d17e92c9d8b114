"""A growing ONNX graph over columns, all in double precision."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from podium.bundle import layout
from podium.core import errors

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ModuleNotFoundError:
    raise errors.missing_extra("train", "onnx") from None

OPSET = 21
ML_OPSET = 5
IR = 10
LANES = 8
"""Doubles in the widest vector of a processor (512 bits)."""
ML = "ai.onnx.ml"
_NOTHING = -1e300
"""Its exponential is 0."""


class Unsupported(Exception):
    """This recipe does not know such a step; another may."""


class Column(msgspec.Struct, frozen=True):
    """One column: where it stands, and whether it is text. Columns are gathered only when they are needed."""

    tensor: str
    index: int
    text: bool = False


Value = list[Column]


class Graph:
    """Nodes and constants; each `add` gives the name of the new tensor."""

    def __init__(self, inputs: layout.Layout) -> None:
        self.layout = inputs
        self.nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], onnx.TensorProto] = {}
        self._widths = {layout.NUMBERS: len(inputs.numbers), layout.TEXTS: len(inputs.texts)}

    def start(self, names: Sequence[str]) -> Value:
        """The features with those names, as the model receives them."""
        numbers = {name: index for index, name in enumerate(self.layout.numbers)}
        texts = {name: index for index, name in enumerate(self.layout.texts)}
        if unknown := [name for name in names if name not in numbers and name not in texts]:
            raise Unsupported(f"the estimator wants {len(unknown)} columns that are not features")
        return [
            Column(layout.TEXTS, texts[name], text=True) if name in texts else Column(layout.NUMBERS, numbers[name])
            for name in names
        ]

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Append a node with one output."""
        output = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], domain=domain, **attributes))
        return output

    def constant(self, array: npt.ArrayLike) -> str:
        """A constant tensor: float64, int64, bool, or text."""
        value = np.asarray(array)
        if value.dtype.kind in "OU":
            value = value.astype(object)
        raw = repr(value.tolist()).encode() if value.dtype == object else value.tobytes()
        key = (value.dtype.str, value.shape, raw)
        if key not in self._constants:
            name = f"c{len(self._constants)}"
            if value.dtype == object:
                texts = [str(text).encode() for text in value.ravel()]
                self._constants[key] = helper.make_tensor(name, TensorProto.STRING, value.shape, texts)
            else:
                self._constants[key] = numpy_helper.from_array(value, name)
        return str(self._constants[key].name)

    def value(self, tensor: str, width: int, *, text: bool = False) -> Value:
        """All columns of a tensor [n, width]."""
        self._widths[tensor] = width
        return [Column(tensor, index, text) for index in range(width)]

    def matrix(self, value: Value) -> str:
        """One tensor [n, len(value)] with those columns, which are all text or all not."""
        if not value:
            raise Unsupported("a step without columns")
        if len({column.text for column in value}) > 1:
            raise Unsupported("a step over text and numbers together")
        parts: list[tuple[str, list[int]]] = []
        for column in value:
            if parts and parts[-1][0] == column.tensor:
                parts[-1][1].append(column.index)
            else:
                parts.append((column.tensor, [column.index]))
        tensors = [self._gather(tensor, indexes) for tensor, indexes in parts]
        return tensors[0] if len(tensors) == 1 else self.add("Concat", *tensors, axis=1)

    def _gather(self, tensor: str, indexes: list[int]) -> str:
        if indexes == list(range(self._widths[tensor])):
            return tensor
        return self.add("Gather", tensor, self.constant(np.array(indexes, dtype=np.int64)), axis=1)

    def number(self, tensor: str) -> str:
        """Cast to float64."""
        return self.add("Cast", tensor, to=TensorProto.DOUBLE)

    def rounded(self, tensor: str) -> str:
        """Round to float32 as NumPy does, and carry on in float64."""
        return self.number(self.add("Cast", tensor, to=TensorProto.FLOAT))

    def each(self, operator: str, tensor: str) -> str:
        """Apply Sigmoid or Exp to a column [n, 1], so that a row's result does not depend on the rows beside it.

        The engine computes whole vectors and the rest of a column by different instructions, which differ in the last
        bit. Each row fills whole vectors of its own here.
        """
        lanes = self.add("Expand", tensor, self.constant(np.array([1, LANES], dtype=np.int64)))
        return self.add("Gather", self.add(operator, lanes), self.constant(np.array([0], dtype=np.int64)), axis=1)

    def weighed(self, tensor: str, weights: npt.NDArray[np.float64]) -> str:
        """The sum of the columns [n, k] times their weights [k], as [n, 1]; each row fills whole vectors here too."""
        spare = -len(weights) % LANES
        if spare:
            ends = self.constant(np.array([0, 0, 0, spare], dtype=np.int64))
            tensor = self.add("Pad", tensor, ends)
        row = self.constant(np.concatenate([weights, np.zeros(spare)]).reshape(1, -1))
        return self.add("ReduceSum", self.add("Mul", tensor, row), self.constant(np.array([1])), keepdims=1)

    def softmax(self, tensor: str, width: int) -> str:
        """Shares of one of a row's `width` sums [n, width]: exp, divided by the row's total. Each row fills whole
        vectors here too."""
        above = self.add("Sub", tensor, self.add("ReduceMax", tensor, self.constant(np.array([1])), keepdims=1))
        if spare := -width % LANES:
            ends = self.constant(np.array([0, 0, 0, spare], dtype=np.int64))
            above = self.add("Pad", above, ends, self.constant(np.array(_NOTHING)))
        each = self.add("Exp", above)
        total = self.add("ReduceSum", each, self.constant(np.array([1])), keepdims=1)
        return self.add("Div", self.first(each, width) if spare else each, total)

    def first(self, tensor: str, width: int) -> str:
        """The first columns of a tensor."""
        return self.add("Gather", tensor, self.constant(np.arange(width, dtype=np.int64)), axis=1)

    def model(self, score: str, width: int = 1) -> onnx.ModelProto:
        """The finished model, whose output is the tensor `score` [n, width]."""
        self.nodes.append(helper.make_node("Identity", [score], [layout.SCORE]))
        opsets = {"": OPSET, ML: ML_OPSET}
        return assemble(self.layout, self.nodes, list(self._constants.values()), opsets, width)


def assemble(
    inputs: layout.Layout,
    nodes: list[onnx.NodeProto],
    constants: list[onnx.TensorProto],
    opsets: dict[str, int],
    width: int = 1,
) -> onnx.ModelProto:
    """A model with the layout's inputs and the one output."""
    takes = []
    if inputs.numbers:
        takes.append(helper.make_tensor_value_info(layout.NUMBERS, TensorProto.DOUBLE, [None, len(inputs.numbers)]))
    if inputs.texts:
        takes.append(helper.make_tensor_value_info(layout.TEXTS, TensorProto.STRING, [None, len(inputs.texts)]))
    gives = [helper.make_tensor_value_info(layout.SCORE, TensorProto.DOUBLE, [None, width])]
    whole = helper.make_graph(nodes, "podium", takes, gives, initializer=constants)
    imports = [helper.make_opsetid(domain, number) for domain, number in opsets.items()]
    return helper.make_model(whole, opset_imports=imports, ir_version=IR, producer_name="podium")


def finish(model: onnx.ModelProto, described: layout.Layout) -> bytes:
    """The model's bytes, with its layout in the metadata; the same model gives the same bytes."""
    helper.set_model_props(model, {layout.KEY: msgspec.json.encode(described).decode()})
    return bytes(model.SerializeToString(deterministic=True))
