"""Trees for Treelite, and the preprocessing before them in ONNX in double, where ONNX does not answer the same."""

from collections.abc import Sequence
from typing import Any

import msgspec
from onnx import TensorProto

from podium.bundle import layout
from podium.bundle.export import exact, graph, preprocessing
from podium.bundle.export.graph import Unsupported
from podium.core import errors

try:
    import treelite
    import treelite.sklearn
    from treelite import frontend
except ModuleNotFoundError:
    raise errors.missing_extra("treelite", "treelite") from None


class Form(msgspec.Struct, frozen=True):
    """The two files."""

    preprocessing: bytes
    """ONNX: the layout's inputs to the trees' features [n, k]."""
    trees: bytes


def build(estimator: Any, inputs: layout.Layout, names: Sequence[str], *, binary: bool) -> Form:
    """The form of a fitted estimator over a table with those columns; `Unsupported` if it is not made of such trees."""
    model = estimator
    while isinstance(model, exact.SEARCHES):
        model = model.best_estimator_
    made = graph.Graph(inputs)
    value = made.start(names)
    steps = getattr(model, "steps", None)
    if steps is not None:
        for _, step in steps[:-1]:
            value = preprocessing.convert(made, step, value)
        model = steps[-1][1]
    if binary and [float(each) for each in getattr(model, "classes_", ())] != [0.0, 1.0]:
        raise Unsupported("classes other than 0 and 1")
    matrix = made.matrix(value)
    if isinstance(model, (*exact.FORESTS, *exact.BOOSTED)):
        matrix = made.rounded(matrix)
    trees = _trees(model)
    before = made.model(matrix)
    before.graph.output[0].type.tensor_type.shape.dim[1].dim_value = len(value)
    before.graph.output[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    return Form(graph.finish(before, inputs), bytes(trees.serialize_bytes()))


def _trees(model: Any) -> treelite.Model:
    try:
        if hasattr(model, "get_booster"):
            return frontend.from_xgboost(model.get_booster())
        if hasattr(model, "booster_"):
            return frontend.from_lightgbm(model.booster_)
        return treelite.sklearn.import_model(model)
    except (treelite.TreeliteError, NotImplementedError, TypeError, ValueError, AttributeError) as problem:
        raise Unsupported(f"{type(model).__name__} as trees") from problem
