"""A small real model in ONNX with its golden rows, as a training run leaves them."""

import functools

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from podium.bundle import golden, layout
from podium.bundle.explain import table
from podium.core import bundle, reference, run
from podium.core.signature import Field, FieldType, Signature, Task

SIGNATURE = Signature(
    features=(Field(name="distance", type=FieldType.NUMBER), Field(name="hour", type=FieldType.INTEGER)),
    task=Task.BINARY,
    key="flight",
    target="late",
)
_WEIGHTS = np.array([[0.001], [0.05]])
_BIAS = -1.0


@functools.cache
def files(bias: float = _BIAS) -> dict[str, bytes]:
    """model.onnx (a logistic regression in double), golden.arrow and reference.json; `bias` makes another model."""
    rows = {"distance": np.linspace(100.0, 2000.0, 20), "hour": np.arange(20, dtype=np.float64)}
    logit = np.column_stack([rows["distance"], rows["hour"]]) @ _WEIGHTS[:, 0] + bias
    known = reference.Reference(
        rows=20, numeric={}, categorical={}, score=_score_reference(), metrics={"auc": 0.75}, cost_per_row=0.2
    )
    return {
        bundle.MODEL: _model(bias),
        bundle.GOLDEN: golden.encode(SIGNATURE, rows, 1 / (1 + np.exp(-logit))),
        bundle.REFERENCE: msgspec.json.encode(known),
    }


@functools.cache
def explanation(bias: float = _BIAS) -> dict[str, bytes]:
    """How the model's scores come about: its weights, and an encoder that hands the features on."""
    graph = helper.make_graph(
        [helper.make_node("Identity", [layout.NUMBERS], [layout.SCORE])],
        "features",
        [helper.make_tensor_value_info(layout.NUMBERS, TensorProto.DOUBLE, [None, 2])],
        [helper.make_tensor_value_info(layout.SCORE, TensorProto.DOUBLE, [None, 2])],
    )
    about = table.About(kind="linear", scale="log-odds", start=bias, origins=("distance", "hour"))
    weights = table.Linear(_WEIGHTS[:, 0], np.array([1050.0, 9.5]))
    return {table.ENCODER: _bytes(graph), table.FILE: table.encode(table.Explained(about, weights))}


def parity(max_abs_error: float = 1e-9) -> bundle.Parity:
    return bundle.Parity(rows=150, max_abs_error=max_abs_error, tolerance=1e-6, recipe="double")


def result(blobs: dict[str, str]) -> run.Result:
    """A result whose artifacts are those blobs by name."""
    auc = run.Interval(value=0.75, low=0.7, high=0.8, rows=150)
    return run.Result(
        signature=SIGNATURE,
        metrics={"test": {"auc": auc, "log_loss": run.Interval(value=0.5, low=0.45, high=0.55, rows=150)}},
        slices={"origin": {"JFK": {"auc": auc}}},
        threshold=0.4,
        baseline_cost={"model": 0.2, "never": 0.5, "always": 0.6},
        feature_latency_us=45.0,
        rows={"train": 700, "validation": 150, "test": 150},
        files=blobs,
        parity=msgspec.to_builtins(parity()),
    )


def _score_reference() -> reference.NumericReference:
    return reference.NumericReference(
        edges=(0.5,), counts=(10, 10), nulls=0, minimum=0.0, maximum=1.0, mean=0.5, deviation=0.3
    )


def _model(bias: float) -> bytes:
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", [layout.NUMBERS, "weights"], ["product"]),
            helper.make_node("Add", ["product", "bias"], ["logit"]),
            helper.make_node("Sigmoid", ["logit"], [layout.SCORE]),
        ],
        "logistic",
        [helper.make_tensor_value_info(layout.NUMBERS, TensorProto.DOUBLE, [None, 2])],
        [helper.make_tensor_value_info(layout.SCORE, TensorProto.DOUBLE, [None, 1])],
        [numpy_helper.from_array(_WEIGHTS, "weights"), numpy_helper.from_array(np.array([bias]), "bias")],
    )
    return _bytes(graph)


def _bytes(graph: onnx.GraphProto) -> bytes:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, {layout.KEY: msgspec.json.encode(layout.of(SIGNATURE)).decode()})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
