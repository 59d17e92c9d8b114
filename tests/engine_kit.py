"""One model in every kind that a bundle may hold: the same signature, the same scores, its golden rows.

`score` adds steps, so that trees say it too; from a milliard on it has no answer. In the kinds that are code, and in
PMML, some values of `kind` make the model misbehave.
"""

import ctypes
import math
import pickle
import shutil
import subprocess
import sys
import types
from collections.abc import Callable, Mapping
from os import geteuid
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from treelite import model_builder

from podium.bundle import columns, golden, layout, write
from podium.bundle.export import trees
from podium.bundle.export.graph import Graph, finish
from podium.core import bundle, digest, engine, reference
from podium.core.signature import Field, FieldType, Signature, Task
from tests import scoring_kit as kit

SIGNATURE = Signature(
    features=(
        Field(name="amount", type=FieldType.NUMBER),
        Field(name="hour", type=FieldType.INTEGER, nullable=False),
        Field(name="kind", type=FieldType.TEXT),
        Field(name="holiday", type=FieldType.BOOLEAN),
    ),
    task=Task.BINARY,
    key="flight",
    target="late",
)
MILLIARD = 1e9
Row = dict[str, Any]


def score(row: Mapping[str, Any]) -> float:
    """What the model says to a row."""
    amount = row["amount"] or 0.0
    if amount >= MILLIARD:
        return math.nan
    total = 0.2
    total += 0.1 if amount >= 500 else 0.0
    total += 0.3 if row["hour"] >= 12 else 0.0
    total += 0.15 if row["kind"] == "prop" else 0.0
    return total + (0.05 if row["holiday"] else 0.0)


def rows(count: int) -> list[Row]:
    """Ordinary rows, with nulls and a category that nobody knows among them."""
    kinds = ("jet", "prop", None, "cargo", "zeppelin ✈", "")
    return [
        {
            "amount": None if at % 11 == 3 else (at * 37) % 1000 + 0.5,
            "hour": (at * 7) % 24,
            "kind": kinds[at % len(kinds)],
            "holiday": (None, True, False, False)[at % 4],
        }
        for at in range(count)
    ]


def tensors(given: list[Row], **more: Any) -> dict[str, Any]:
    """Rows as an infer request."""
    kinds = {"amount": "FP64", "hour": "INT64", "kind": "BYTES", "holiday": "BOOL"}
    return {
        "inputs": [
            {"name": name, "shape": [len(given)], "datatype": kinds[name], "data": [row[name] for row in given]}
            for name in kinds
        ],
        **more,
    }


PYTHON = """
import math
import os
import sys
import time


def bad(kind):
    if kind == "die":
        os.kill(os.getpid(), 9)
    if kind == "sleep":
        time.sleep(60)
    if kind == "slow":
        time.sleep(0.5)
    if kind == "eat":
        return [bytearray(1 << 20) for _ in range(4000)]
    if kind == "raise":
        raise ValueError("a secret")
    if kind == "junk":
        os.write(int(sys.argv[2]), b"\\x00\\x00\\x00\\x05Sjunk" * 100)
    if kind == "huge":
        os.write(int(sys.argv[2]), b"\\xff\\xff\\xff\\xff")
    if kind == "murder":
        import subprocess
        own = subprocess.Popen(["/bin/sleep", "60"])
        own.kill()
        if own.wait() != -9:
            os._exit(6)
        try:
            os.kill(-os.getpgid(os.getppid()), 0)
            os._exit(7)
        except PermissionError:
            os.kill(os.getppid(), 9)
    if kind == "net":
        import socket
        socket.create_connection(("127.0.0.1", 9), 1)


def score(rows):
    answers = []
    for row in rows:
        bad(row["kind"])
        amount = row["amount"] or 0.0
        total = 0.2
        total += 0.1 if amount >= 500 else 0.0
        total += 0.3 if row["hour"] >= 12 else 0.0
        total += 0.15 if row["kind"] == "prop" else 0.0
        total += 0.05 if row["holiday"] else 0.0
        answers.append(math.nan if amount >= 1e9 else total)
    return answers
"""
PICKLED = """
import steps


class Steps:
    classes_ = [0, 1]

    def predict_proba(self, rows):
        return [[1 - late, late] for late in steps.score(rows)]
"""
R_SCRIPT = """
bad <- function(kind) {
  if (kind == "die") tools::pskill(Sys.getpid(), 9)
  if (kind == "sleep") Sys.sleep(60)
  if (kind == "eat") return(numeric(5e8))
  if (kind == "raise") stop("a secret")
  if (kind == "murder" && !tools::pskill(as.integer(strsplit(readLines("/proc/self/stat"), " ")[[1]][4]), 9)) stop("no")
  if (kind == "net") close(socketConnection("127.0.0.1", 9, timeout = 1))
  NULL
}
score <- function(model, rows) {
  for (kind in rows$kind[!is.na(rows$kind)]) bad(kind)
  yes <- function(x) !is.na(x) & x
  total <- model$base + ifelse(yes(rows$amount >= 500), 0.1, 0)
  total <- total + ifelse(rows$hour >= 12, 0.3, 0)
  total <- total + ifelse(yes(rows$kind == "prop"), 0.15, 0)
  total <- total + ifelse(yes(rows$holiday), 0.05, 0)
  ifelse(yes(rows$amount >= 1e9), NaN, total)
}
"""
PMML = """<?xml version="1.0" encoding="UTF-8"?>
<PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4">
  <Header/>
  <DataDictionary>
    <DataField name="amount" optype="continuous" dataType="double">
      <Interval closure="openOpen" leftMargin="-1.7E308" rightMargin="1E9"/>
    </DataField>
    <DataField name="hour" optype="continuous" dataType="double"/>
    <DataField name="kind" optype="categorical" dataType="string"/>
    <DataField name="holiday" optype="categorical" dataType="boolean"/>
    <DataField name="late" optype="continuous" dataType="double"/>
  </DataDictionary>
  <RegressionModel functionName="regression">
    <MiningSchema>
      <MiningField name="amount" missingValueReplacement="0" invalidValueTreatment="returnInvalid"/>
      <MiningField name="hour"/>
      <MiningField name="kind" missingValueReplacement="none" invalidValueTreatment="asIs"/>
      <MiningField name="holiday" missingValueReplacement="false"/>
      <MiningField name="late" usageType="target"/>
    </MiningSchema>
    <LocalTransformations>%s</LocalTransformations>
    <RegressionTable intercept="0.2">%s</RegressionTable>
  </RegressionModel>
</PMML>
"""
_STEP = """<DerivedField name="at_{name}" optype="continuous" dataType="double"><Apply function="if">
<Apply function="{test}"><FieldRef field="{name}"/><Constant dataType="{type}">{edge}</Constant></Apply>
<Constant dataType="double">{weight}</Constant><Constant dataType="double">0</Constant></Apply></DerivedField>"""
_STEPS = (
    ("amount", "greaterOrEqual", "double", "500", "0.1"),
    ("hour", "greaterOrEqual", "double", "12", "0.3"),
    ("kind", "equal", "string", "prop", "0.15"),
    ("holiday", "equal", "boolean", "true", "0.05"),
)
_DOUBLINGS = 26
"""Of 64 letters: more than Java's heap holds."""
_SEARCHED, _ENDLESS = "a" * 80, r"(a|aa)+\1?b"
"""The group that is meant again keeps Java from remembering where it failed before."""


def _harms() -> str:
    """A field that is 0, but for two values of `kind`: "eat" makes a text of 4 GiB of it, "sleep" an endless search."""
    when = (
        '<Apply function="if"><Apply function="equal"><FieldRef field="kind"/>'
        '<Constant dataType="string">{}</Constant></Apply>{}{}</Apply>'
    )
    text, zero = '<Constant dataType="string">{}</Constant>', '<Constant dataType="double">0</Constant>'
    field = '<DerivedField name="{}" optype="{}" dataType="{}">{}</DerivedField>'
    words = ("categorical", "string")
    made = [field.format("text_0", *words, when.format("eat", text.format("x" * 64), text.format("")))]
    for at in range(_DOUBLINGS):
        twice = f'<Apply function="concat"><FieldRef field="text_{at}"/><FieldRef field="text_{at}"/></Apply>'
        made.append(field.format(f"text_{at + 1}", *words, twice))
    size = f'<Apply function="stringLength"><FieldRef field="text_{_DOUBLINGS}"/></Apply>'
    looked = f'<Apply function="matches">{text.format(_SEARCHED)}{text.format(_ENDLESS)}</Apply>'
    endless = f'<Apply function="if">{looked}{zero}{zero}</Apply>'
    harmful = when.format("eat", size, when.format("sleep", endless, zero))
    return "".join([*made, field.format("at_harm", "continuous", "double", harmful)])


class Kind(NamedTuple):
    """A kind of model: what executes it, and its files."""

    engine: bundle.Engine
    files: dict[str, bytes]


def onnx_files() -> dict[str, bytes]:
    """For ONNX Runtime."""
    constants = {
        "edges": numpy.array([[500.0, 12.0, 0.5]]),
        "weights": numpy.array([[0.1, 0.3, 0.05]]),
        "prop": numpy.array([[0.15]]),
        "base": numpy.array([[0.2]]),
        "limit": numpy.array([[MILLIARD]]),
        "zero": numpy.array([[0.0]]),
        "widths": numpy.array([1, 1, 1]),
    }
    nodes = [
        helper.make_node("IsNaN", [layout.NUMBERS], ["null"]),
        helper.make_node("Where", ["null", "zero", layout.NUMBERS], ["known"]),
        helper.make_node("GreaterOrEqual", ["known", "edges"], ["over"]),
        helper.make_node("Cast", ["over"], ["ones"], to=TensorProto.DOUBLE),
        helper.make_node("Mul", ["ones", "weights"], ["steps"]),
        helper.make_node("Split", ["steps", "widths"], ["amount", "hour", "holiday"], axis=1),
        helper.make_node(
            "LabelEncoder",
            [layout.TEXTS],
            ["found"],
            domain="ai.onnx.ml",
            keys_strings=["prop"],
            values_int64s=[1],
            default_int64=0,
        ),
        helper.make_node("Cast", ["found"], ["one"], to=TensorProto.DOUBLE),
        helper.make_node("Mul", ["one", "prop"], ["kind"]),
        helper.make_node("Split", ["known", "widths"], ["sum", "unused", "unused_too"], axis=1),
        helper.make_node("Sub", ["limit", "sum"], ["room"]),
        helper.make_node("Log", ["room"], ["log"]),
        helper.make_node("Mul", ["log", "zero"], ["nothing"]),
        *(
            helper.make_node("Add", [left, right], [made])
            for left, right, made in (
                ("base", "amount", "one_step"),
                ("one_step", "hour", "two_steps"),
                ("two_steps", "kind", "three_steps"),
                ("three_steps", "holiday", "four_steps"),
                ("four_steps", "nothing", layout.SCORE),
            )
        ),
    ]
    graph = helper.make_graph(
        nodes,
        "steps",
        [
            helper.make_tensor_value_info(layout.NUMBERS, TensorProto.DOUBLE, [None, 3]),
            helper.make_tensor_value_info(layout.TEXTS, TensorProto.STRING, [None, 1]),
        ],
        [helper.make_tensor_value_info(layout.SCORE, TensorProto.DOUBLE, [None, 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    helper.set_model_props(model, {layout.KEY: msgspec.json.encode(layout.of(SIGNATURE)).decode()})
    onnx.checker.check_model(model)
    return {bundle.MODEL: bytes(model.SerializeToString())}


_TREES = ((0, 500.0, 0.1), (1, 12.0, 0.3), (2, 0.5, 0.05), (3, 0.5, 0.15), (0, MILLIARD, math.nan))
"""Feature, from where on, and what is added then."""


def fused_files() -> dict[str, bytes]:
    """Trees of a step each, in a graph that runs fused."""
    described = layout.of(SIGNATURE)
    graph = Graph(described)
    numbers = layout.NUMBERS
    filled = graph.add("Where", graph.add("IsNaN", numbers), graph.constant(numpy.zeros((1, 3))), numbers)
    known = graph.add("Equal", layout.TEXTS, graph.constant(numpy.array(["prop"], dtype=object)))
    source = graph.add("Concat", filled, graph.number(known), axis=1)
    grown = [
        [
            trees.Node(left=1, right=2, feature=feature, threshold=math.nextafter(edge, -math.inf)),
            trees.Node(value=0.0),
            trees.Node(value=weight),
        ]
        for feature, edge, weight in _TREES
    ]
    total = graph.add("Add", trees.add(graph, grown, source), graph.constant(numpy.array([0.2])))
    return {bundle.MODEL: finish(graph.model(total), msgspec.structs.replace(described, fused=True))}


def treelite_files() -> dict[str, bytes]:
    """Trees of a step each, behind preprocessing in ONNX."""
    nodes = [
        helper.make_node(
            "LabelEncoder",
            [layout.TEXTS],
            ["found"],
            domain="ai.onnx.ml",
            keys_strings=["prop"],
            values_int64s=[1],
            default_int64=0,
        ),
        helper.make_node("Cast", ["found"], ["kind"], to=TensorProto.DOUBLE),
        helper.make_node("Concat", [layout.NUMBERS, "kind"], [layout.SCORE], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "before",
        [
            helper.make_tensor_value_info(layout.NUMBERS, TensorProto.DOUBLE, [None, 3]),
            helper.make_tensor_value_info(layout.TEXTS, TensorProto.STRING, [None, 1]),
        ],
        [helper.make_tensor_value_info(layout.SCORE, TensorProto.DOUBLE, [None, 4])],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    before = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    spec = engine.Treelite(preprocessing=bundle.MODEL)
    return {
        bundle.ENGINE: digest.canonical(spec),
        bundle.MODEL: bytes(before.SerializeToString()),
        "model.treelite": _trees().serialize_bytes(),
    }


def _trees() -> Any:
    builder = model_builder.ModelBuilder(
        threshold_type="float64",
        leaf_output_type="float64",
        metadata=model_builder.Metadata(
            num_feature=4,
            task_type="kRegressor",
            average_tree_output=False,
            num_target=1,
            num_class=[1],
            leaf_vector_shape=(1, 1),
        ),
        tree_annotation=model_builder.TreeAnnotation(num_tree=len(_TREES), target_id=[0] * 5, class_id=[0] * 5),
        postprocessor=model_builder.PostProcessorFunc(name="identity"),
        base_scores=[0.2],
    )
    for feature, edge, weight in _TREES:
        builder.start_tree()
        builder.start_node(0)
        builder.numerical_test(feature, edge, default_left=True, opname="<", left_child_key=1, right_child_key=2)
        builder.end_node()
        for key, value in ((1, 0.0), (2, weight)):
            builder.start_node(key)
            builder.leaf(value)
            builder.end_node()
        builder.end_tree()
    return builder.commit()


def python_files(**more: Any) -> dict[str, bytes]:
    """A function in a process of its own."""
    spec = engine.Python(**{"python": _version(), "call": "steps:score", "rows": "dicts", "limits": LIMITS, **more})
    return {bundle.ENGINE: digest.canonical(spec), "requirements.txt": b"", "code/steps.py": PYTHON.encode()}


def pickle_files() -> dict[str, bytes]:
    """A pickled object whose class is in the bundle."""
    module = types.ModuleType("estimator")
    sys.modules["estimator"], sys.modules["steps"] = module, types.ModuleType("steps")
    try:
        exec(PICKLED, module.__dict__)
        data = pickle.dumps(module.Steps())
    finally:
        del sys.modules["estimator"], sys.modules["steps"]
    files = python_files(call="", model="model.pkl")
    return files | {"model.pkl": data, "code/estimator.py": PICKLED.encode()}


def r_files() -> dict[str, bytes]:
    """An R list and a script."""
    made = subprocess.run(
        ["Rscript", "--vanilla", "-e", "saveRDS(list(base = 0.2), file('/dev/stdout', 'wb'))"],
        capture_output=True,
        check=True,
    ).stdout
    return {bundle.ENGINE: digest.canonical(engine.R(limits=LIMITS)), "model.rds": made, "score.R": R_SCRIPT.encode()}


def pmml_files() -> dict[str, bytes]:
    """A PMML document."""
    names = ("name", "test", "type", "edge", "weight")
    steps = "".join(_STEP.format(**dict(zip(names, step, strict=True))) for step in _STEPS)
    added = (*(step[0] for step in _STEPS), "harm")
    terms = "".join(f'<NumericPredictor name="at_{name}" coefficient="1"/>' for name in added)
    spec = engine.Pmml(output="late", limits=JAVA_LIMITS)
    return {bundle.ENGINE: digest.canonical(spec), "model.pmml": (PMML % (steps + _harms(), terms)).encode()}


LIMITS = engine.Limits(seconds=2.0, memory_mb=400)
JAVA_LIMITS = engine.Limits(seconds=5.0, start_seconds=120.0, memory_mb=1024)


def _version() -> str:
    return ".".join(map(str, sys.version_info[:2]))


def kinds(vendor: str) -> dict[str, Callable[[], Kind]]:
    """Every kind by name; `vendor`: the address of a server that speaks for somebody else."""
    return {
        "onnx": lambda: Kind(bundle.Engine.ONNX, onnx_files()),
        "fused": lambda: Kind(bundle.Engine.ONNX, fused_files()),
        "treelite": lambda: Kind(bundle.Engine.TREELITE, treelite_files()),
        "python": lambda: Kind(bundle.Engine.PYTHON, python_files()),
        "pickle": lambda: Kind(bundle.Engine.PYTHON, pickle_files()),
        "r": lambda: Kind(bundle.Engine.R, r_files()),
        "pmml": lambda: Kind(bundle.Engine.PMML, pmml_files()),
        "oip": lambda: _external(engine.External(url=f"{vendor}/v2/models/late/infer", seconds=2.0)),
        "mlflow": lambda: _external(engine.External(url=f"{vendor}/invocations", protocol="mlflow", seconds=2.0)),
    }


def _external(spec: engine.External) -> Kind:
    return Kind(bundle.Engine.EXTERNAL, {bundle.ENGINE: digest.canonical(spec)})


def signals_can_be_kept() -> bool:
    """Whether this system can keep a process from signalling others: Linux 6.12 with Landlock."""
    if sys.platform != "linux":
        return False
    version: int = ctypes.CDLL(None).syscall(444, None, 0, 1)
    return version >= 6


def need(kind: str) -> None:
    """Install what a kind needs where that is ours to do; skip the test where it is not."""
    programs = {"r": ("Rscript", "r-base-core"), "pmml": ("java", "default-jre-headless")}
    if kind not in programs or shutil.which(programs[kind][0]):
        return
    if geteuid() == 0 and shutil.which("apt-get"):
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", programs[kind][1]]):
            subprocess.run(["apt-get", *command], check=False, capture_output=True)
    if not shutil.which(programs[kind][0]):
        pytest.skip(f"{programs[kind][1]} is not installed, and cannot be installed here")


def manifest(kind: Kind, tolerance: float = 1e-9) -> bundle.Manifest:
    """What the bundle is, its files still to be named."""
    return bundle.Manifest(
        project=kit.PROJECT,
        model=kit.MODEL,
        engine=kind.engine,
        signature=SIGNATURE,
        threshold=0.5,
        files=(),
        parity=bundle.Parity(rows=64, max_abs_error=0.0, tolerance=tolerance, recipe="made by a test"),
        run="run-1",
        dataset="sha256:" + "0" * 64,
        source="",
        created_us=kit.NOW,
    )


def write_bundle(folder: Path, kind: Kind) -> str:
    """Write the kind's bundle into a scorer's folder; its digest."""
    given = rows(64)
    table = columns.from_rows(SIGNATURE, given)
    known = reference.NumericReference(
        edges=(0.5,), counts=(1, 1), nulls=0, minimum=0.0, maximum=1.0, mean=0.5, deviation=0.3
    )
    files = kind.files | {
        bundle.GOLDEN: golden.encode(SIGNATURE, table, numpy.array([score(row) for row in given])),
        bundle.REFERENCE: digest.canonical(
            reference.Reference(rows=64, numeric={}, categorical={}, score=known, metrics={}, cost_per_row=None)
        ),
    }
    named = write.seal(manifest(kind), files)[0]
    write.write(folder / "bundles" / named.removeprefix(digest.PREFIX), manifest(kind), files)
    return named


def serve(folder: Path, endpoint: str, named: str, number: int = 1) -> None:
    """Give a scorer's folder a rollout with the bundle as champion."""
    document = kit.document(number, kit.route("champion", number, named), endpoint=endpoint)
    kit.put_rollout(folder, kit.sign(document), endpoint)
