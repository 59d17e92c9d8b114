"""Model files that do what exports never do: of one number, scored a thousandth of it on golden rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy
from onnx import TensorProto, helper, numpy_helper
from treelite import model_builder

from podium.bundle import columns, golden, layout, write
from podium.core import bundle, digest, reference
from podium.core.signature import Field, FieldType, Signature, Task
from tests import scoring_kit as kit

SIGNATURE = Signature(
    features=(Field(name="amount", type=FieldType.NUMBER),), task=Task.BINARY, key="flight", target="late"
)
GOLDEN = tuple(float(at) for at in range(8))
SCALE = {"scale": numpy.array([[0.001]])}
SCALED = [helper.make_node("Mul", [layout.NUMBERS, "scale"], [layout.SCORE])]
LEFT = [
    helper.make_node("StringNormalizer", ["words"], ["left"], stopwords=["out", "NaN"], is_case_sensitive=1),
    helper.make_node("Cast", ["left"], ["numbers left"], to=TensorProto.DOUBLE),
    helper.make_node("Unsqueeze", ["numbers left", "axis"], ["rows"]),
    helper.make_node("Mul", ["rows", "scale"], [layout.SCORE]),
]
"""Of numbers as words those that are some; ONNX Runtime raises where none is left."""
WITHOUT_NULLS = [
    helper.make_node("Squeeze", [layout.NUMBERS, "axis"], ["flat"]),
    helper.make_node("Cast", ["flat"], ["words"], to=TensorProto.STRING),
    *LEFT,
]
"""Rows with a null are left out."""
DROPPING = SCALE | {"axis": numpy.array([1])}
BY_TABLE = [
    helper.make_node("Cast", [layout.NUMBERS], ["at"], to=TensorProto.INT64),
    helper.make_node("GatherElements", ["table", "at"], [layout.SCORE], axis=0),
]
"""The score is looked up; ONNX Runtime raises for what is not in the table."""
TABLE = {"table": numpy.array(GOLDEN).reshape(-1, 1) / 1000}
IN_SINGLE = [
    helper.make_node("Mul", [layout.NUMBERS, "scale"], ["scaled"]),
    helper.make_node("Cast", ["scaled"], [layout.SCORE], to=TensorProto.FLOAT),
]


def graph(
    nodes: Sequence[Any],
    constants: Mapping[str, numpy.ndarray[Any, Any]],
    *,
    kind: int = TensorProto.DOUBLE,
    shape: Sequence[Any] = (None, 1),
    rows_at_once: int = 0,
    functions: Sequence[Any] = (),
    opsets: Sequence[Any] = (),
) -> bytes:
    """An ONNX file of those nodes."""
    made = helper.make_graph(
        list(nodes),
        "odd",
        [helper.make_tensor_value_info(layout.NUMBERS, TensorProto.DOUBLE, [None, 1])],
        [helper.make_tensor_value_info(layout.SCORE, kind, list(shape))],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    versions = [helper.make_opsetid("", 17), *opsets]
    model = helper.make_model(made, opset_imports=versions, ir_version=9, functions=list(functions))
    described = msgspec.structs.replace(layout.of(SIGNATURE), rows_at_once=rows_at_once)
    helper.set_model_props(model, {layout.KEY: msgspec.json.encode(described).decode()})
    return bytes(model.SerializeToString())


def trees() -> bytes:
    """A Treelite file of one tree: its right side is for amounts that no golden row has."""
    builder = model_builder.ModelBuilder(
        threshold_type="float64",
        leaf_output_type="float64",
        metadata=model_builder.Metadata(
            num_feature=1,
            task_type="kRegressor",
            average_tree_output=False,
            num_target=1,
            num_class=[1],
            leaf_vector_shape=(1, 1),
        ),
        tree_annotation=model_builder.TreeAnnotation(num_tree=1, target_id=[0], class_id=[0]),
        postprocessor=model_builder.PostProcessorFunc(name="identity"),
        base_scores=[0.0],
    )
    builder.start_tree()
    for node, limit in ((0, 1000.0), (2, 2000.0)):
        builder.start_node(node)
        builder.numerical_test(
            0, limit, default_left=True, opname="<", left_child_key=node + 1, right_child_key=node + 2
        )
        builder.end_node()
        builder.start_node(node + 1)
        builder.leaf(0.25 * (node + 1))
        builder.end_node()
    builder.start_node(4)
    builder.leaf(0.5)
    builder.end_node()
    builder.end_tree()
    return bytes(builder.commit().serialize_bytes())


def manifest(**changes: Any) -> bundle.Manifest:
    """What such a bundle is, its files still to be named."""
    plain = bundle.Manifest(
        project=kit.PROJECT,
        model=kit.MODEL,
        engine=bundle.Engine.ONNX,
        signature=SIGNATURE,
        threshold=0.5,
        files=(),
        parity=bundle.Parity(rows=8, max_abs_error=0.0, tolerance=1e-6, recipe="made by a test"),
        run="run-1",
        dataset="sha256:" + "0" * 64,
        source="",
        created_us=kit.NOW,
    )
    return msgspec.structs.replace(plain, **changes)


def table(amounts: Sequence[float | None]) -> columns.Columns:
    """Rows of those amounts."""
    return columns.from_rows(SIGNATURE, [{"amount": amount} for amount in amounts])


def tensors(amounts: Sequence[float | None]) -> dict[str, Any]:
    """The same as a request."""
    return {"inputs": [{"name": "amount", "shape": [len(amounts)], "datatype": "FP64", "data": list(amounts)}]}


def write_bundle(folder: Path, files: Mapping[str, bytes], described: bundle.Manifest | None = None) -> str:
    """Write a bundle of those model files into a scorer's folder; its digest."""
    described = described or manifest()
    known = reference.NumericReference(
        edges=(0.5,), counts=(1, 1), nulls=0, minimum=0.0, maximum=1.0, mean=0.5, deviation=0.3
    )
    told = reference.Reference(rows=8, numeric={}, categorical={}, score=known, metrics={}, cost_per_row=None)
    whole = dict(files) | {
        bundle.GOLDEN: golden.encode(SIGNATURE, table(GOLDEN), numpy.array(GOLDEN) / 1000),
        bundle.REFERENCE: digest.canonical(told),
    }
    named = write.seal(described, whole)[0]
    write.write(at(folder, named), described, whole)
    return named


def at(folder: Path, named: str) -> Path:
    """Where the scorer of that folder keeps a bundle."""
    return folder / "bundles" / named.removeprefix(digest.PREFIX)


def serve(folder: Path, endpoint: str, files: Mapping[str, bytes]) -> None:
    """Give a scorer's folder such a bundle as an endpoint's champion."""
    document = kit.document(1, kit.route("champion", 1, write_bundle(folder, files)), endpoint=endpoint)
    kit.put_rollout(folder, kit.sign(document), endpoint)
