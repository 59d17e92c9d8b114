"""The second recipe: skl2onnx for what ours does not know, in double, with our imputer where its own is float32."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import skl2onnx
from onnx import TensorProto, helper, numpy_helper
from skl2onnx.common import data_types
from skl2onnx.operator_converters import common
from sklearn import impute

from podium.bundle import columns, layout
from podium.bundle.export.graph import ML, OPSET, Unsupported, assemble

RECIPE = "skl2onnx-double"
_ML_OPSET = 3
_NULL = "nan"
"""How skl2onnx writes a null among an encoder's categories."""


def build(
    estimator: Any, inputs: layout.Layout, names: Sequence[str], *, binary: bool, places: Sequence[int] = ()
) -> Any:
    """The ONNX model of a fitted estimator over a table with those columns; `Unsupported` if skl2onnx refuses.

    `places`: of several classes, where each stands among the estimator's.
    """
    texts = set(inputs.texts)
    types = [
        (name, data_types.StringTensorType([None, 1]) if name in texts else data_types.DoubleTensorType([None, 1]))
        for name in names
    ]
    try:
        model = skl2onnx.convert_sklearn(
            estimator,
            initial_types=types,
            target_opset={"": OPSET, ML: _ML_OPSET},
            options={id(estimator): {"zipmap": False}} if binary or places else None,
            custom_conversion_functions={impute.SimpleImputer: _impute},
        )
    except Exception as problem:  # skl2onnx raises whatever its converters raise
        raise Unsupported(f"this estimator with skl2onnx ({type(problem).__name__})") from problem
    return _regroup(model, inputs, [1] if binary else list(places))


def _impute(scope: Any, operator: Any, container: Any) -> None:
    """Fill nulls in double: skl2onnx rounds the fill, and with it the column, to float32."""
    step = operator.raw_operator
    text = isinstance(operator.inputs[0].type, data_types.StringTensorType)
    if step.add_indicator or any(_is_null(fill) for fill in step.statistics_):
        raise NotImplementedError
    source = common.concatenate_variables(scope, operator.inputs, container)
    kind = TensorProto.STRING if text else TensorProto.DOUBLE
    fills = [str(fill) if text else float(fill) for fill in step.statistics_]
    fill = _initializer(scope, container, kind, [1, len(fills)], fills)
    missing = scope.get_unique_variable_name("missing")
    if text or not _is_null(step.missing_values):
        marker = _NULL if _is_null(step.missing_values) else step.missing_values
        wanted = _initializer(scope, container, kind, [1], [str(marker) if text else float(marker)])
        container.add_node("Equal", [source, wanted], [missing], name=scope.get_unique_operator_name("Equal"))
    else:
        container.add_node("IsNaN", [source], [missing], name=scope.get_unique_operator_name("IsNaN"))
    output = operator.outputs[0].full_name
    container.add_node("Where", [missing, fill, source], [output], name=scope.get_unique_operator_name("Where"))


def _initializer(scope: Any, container: Any, kind: int, shape: list[int], values: list[Any]) -> str:
    name = str(scope.get_unique_variable_name("constant"))
    encoded = [value.encode() if isinstance(value, str) else value for value in values]
    container.add_initializer(name, kind, shape, encoded)
    return name


def _is_null(value: Any) -> bool:
    return value is None or value != value


def _regroup(model: Any, inputs: layout.Layout, picked: list[int]) -> Any:
    """Take the columns from the two grouped inputs, and give one score [n, 1], or those of the picked classes."""
    first, constants = _spread(inputs, {entry.name for entry in model.graph.input})
    last, more = _score([entry.name for entry in model.graph.output], picked)
    nodes = [*first, *model.graph.node, *last]
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    held = [*constants, *model.graph.initializer, *more]
    return assemble(inputs, nodes, held, {"": OPSET, ML: _ML_OPSET} | opsets, max(1, len(picked)))


def _spread(inputs: layout.Layout, wanted: set[str]) -> tuple[list[Any], list[Any]]:
    nodes: list[Any] = []
    constants: list[Any] = []
    if inputs.texts:
        constants.append(helper.make_tensor("podium_null", TensorProto.STRING, [1], [columns.NULL_TEXT.encode()]))
        constants.append(helper.make_tensor("podium_nan", TensorProto.STRING, [1], [_NULL.encode()]))
        nodes.append(helper.make_node("Equal", [layout.TEXTS, "podium_null"], ["podium_is_null"]))
        nodes.append(helper.make_node("Where", ["podium_is_null", "podium_nan", layout.TEXTS], ["podium_texts"]))
    for source, names in ((layout.NUMBERS, inputs.numbers), ("podium_texts", inputs.texts)):
        for at, name in enumerate(names):
            if name in wanted:
                index = f"podium_at_{source}_{at}"
                constants.append(numpy_helper.from_array(np.array([at], dtype=np.int64), index))
                nodes.append(helper.make_node("Gather", [source, index], [name], axis=1))
    return nodes, constants


def _score(outputs: list[str], classes: list[int]) -> tuple[list[Any], list[Any]]:
    """The probabilities of some classes, or without any the value, as float64 [n, classes or 1]."""
    width = max(1, len(classes))
    shape = numpy_helper.from_array(np.array([-1, width], dtype=np.int64), "podium_shape")
    second = numpy_helper.from_array(np.array(classes, dtype=np.int64), "podium_second")
    picked = "podium_picked" if classes else outputs[0]
    nodes = [helper.make_node("Gather", [outputs[1], "podium_second"], [picked], axis=1)] if classes else []
    nodes.append(helper.make_node("Cast", [picked], ["podium_double"], to=TensorProto.DOUBLE))
    nodes.append(helper.make_node("Reshape", ["podium_double", "podium_shape"], [layout.SCORE]))
    return nodes, [shape, second] if classes else [shape]
