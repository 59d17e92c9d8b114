"""The benchmark's model in every kind that a bundle may hold, with the same features.

What the pipeline itself cannot become (R, PMML) is a logistic regression over the same numbers; it says so.
"""

import pickle
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import onnx

from podium.bundle import columns, golden, layout
from podium.bundle.export import frame, graph, preprocessing
from podium.cli.bench.model import Model
from podium.core import bundle, digest, engine
from podium.core.errors import missing_extra
from podium.core.signature import FieldType

_PINS = (
    "scikit-learn",
    "numpy",
    "pandas",
    "scipy",
    "joblib",
    "cloudpickle",
    "threadpoolctl",
    "narwhals",
    "python-dateutil",
    "six",
)
_WEIGHT = 0.01
_LOGISTIC = "a logistic regression"
_PIPELINE = "the pipeline"


class Kind(NamedTuple):
    """A kind of model: its row's name, what the model is there, and how to make it of the benchmark's model."""

    name: str
    title: str
    content: str
    make: Callable[[Model, str], Model]
    """Of the model and the address of a server that has it already."""
    program: str = ""
    """What must be installed beside Python packages."""


def _bundle(model: Model, kind: bundle.Engine, spec: engine.Spec, files: dict[str, bytes]) -> Model:
    """The model with another engine's files in its bundle."""
    kept = {name: model.files[name] for name in (bundle.GOLDEN, bundle.REFERENCE)}
    return msgspec.structs.replace(
        model, engine=kind, files=kept | files | {bundle.ENGINE: digest.canonical(spec)}
    )  # fmt: skip


def _not_fused(model: Model, _vendor: str) -> Model:
    """The same graph without the word that its fused form was proven: so ONNX Runtime itself executes it."""
    data = graph.finish(onnx.load_model_from_string(model.onnx), layout.of(model.signature))
    return msgspec.structs.replace(model, onnx=data, files=model.files | {bundle.MODEL: data})


def _python(model: Model, _vendor: str) -> Model:
    """The fitted pipeline itself, pickled, in a process with the packages that made it."""
    spec = engine.Python(python=".".join(map(str, sys.version_info[:2])), model="model.pkl", limits=_LIMITS)
    lock = "".join(f"{name}=={found}\n" for name in _PINS if (found := _version(name)))
    files = {"model.pkl": pickle.dumps(model.estimator), "requirements.txt": lock.encode()}
    return _bundle(model, bundle.Engine.PYTHON, spec, files)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


_LIMITS = engine.Limits(seconds=30.0, start_seconds=300.0)
_R = """
score <- function(model, rows) {
  total <- rep(model$base, nrow(rows))
  for (name in model$names) {
    value <- rows[[name]]
    total <- total + model$weight * ifelse(is.na(value), 0, value)
  }
  1 / (1 + exp(-total))
}
"""


def _logistic(model: Model) -> tuple[Model, list[str], float]:
    """The model with the answers of a logistic regression over its numbers, null counting as 0."""
    names = [field.name for field in model.signature.features if field.type is FieldType.NUMBER]
    table = frame.table(model.signature, model.rows)
    sums: npt.NDArray[np.float64] = np.zeros(len(model.rows))
    for name in names:
        sums = sums + _WEIGHT * np.nan_to_num(table[name])
    base = -float(np.median(sums))
    expected = 1 / (1 + np.exp(-(sums + base)))
    chosen = golden.choose(model.signature, table)
    rows = golden.encode(model.signature, columns.take(table, chosen), expected[chosen])
    files = model.files | {bundle.GOLDEN: rows}
    return msgspec.structs.replace(model, expected=expected, files=files), names, base


def _r(model: Model, _vendor: str) -> Model:
    made, names, base = _logistic(model)
    listed = ", ".join(f'"{name}"' for name in names)
    code = f"saveRDS(list(base = {base!r}, weight = {_WEIGHT}, names = c({listed})), file('/dev/stdout', 'wb'))"
    saved = subprocess.run(["Rscript", "--vanilla", "-e", code], capture_output=True, check=True).stdout
    return _bundle(made, bundle.Engine.R, engine.R(limits=_LIMITS), {"model.rds": saved, "score.R": _R.encode()})


_PMML = """<?xml version="1.0" encoding="UTF-8"?>
<PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4"><Header/><DataDictionary>{fields}
<DataField name="bought" optype="categorical" dataType="integer"><Value value="0"/><Value value="1"/></DataField>
</DataDictionary><RegressionModel functionName="classification" normalizationMethod="logit"><MiningSchema>{used}
<MiningField name="bought" usageType="target"/></MiningSchema><Output>
<OutputField name="probability(1)" optype="continuous" dataType="double" feature="probability" value="1"/></Output>
<RegressionTable targetCategory="1" intercept="{base!r}">{terms}</RegressionTable>
<RegressionTable targetCategory="0" intercept="0"/></RegressionModel></PMML>
"""


def _pmml(model: Model, _vendor: str) -> Model:
    made, names, base = _logistic(model)
    fields = "".join(f'<DataField name="{name}" optype="continuous" dataType="double"/>' for name in names)
    used = "".join(f'<MiningField name="{name}" missingValueReplacement="0"/>' for name in names)
    terms = "".join(f'<NumericPredictor name="{name}" coefficient="{_WEIGHT}"/>' for name in names)
    text = _PMML.format(fields=fields, used=used, base=base, terms=terms)
    return _bundle(made, bundle.Engine.PMML, engine.Pmml(limits=_LIMITS), {"model.pmml": text.encode()})


def _treelite(model: Model, _vendor: str) -> Model:
    """The preprocessing in ONNX; the trees, which take their features in float32, as they were trained."""
    try:
        import treelite.sklearn
    except ImportError as missing:
        raise missing_extra("treelite", missing.name or "treelite") from None
    steps, trees = model.estimator[:-1], model.estimator[-1]
    made = graph.Graph(layout.of(model.signature))
    value = made.start([field.name for field in model.signature.features])
    for step in steps:
        value = preprocessing.convert(made, step, value)
    before = made.model(made.rounded(made.matrix(value)))
    before.graph.output[0].type.tensor_type.shape.dim[1].dim_value = trees.n_features_in_
    files = {
        bundle.MODEL: before.SerializeToString(),
        "model.treelite": treelite.sklearn.import_model(trees).serialize_bytes(),
    }
    return _bundle(model, bundle.Engine.TREELITE, engine.Treelite(preprocessing=bundle.MODEL), files)


def _external(model: Model, vendor: str) -> Model:
    spec = engine.External(url=vendor, output=layout.SCORE, seconds=30.0)
    return _bundle(model, bundle.Engine.EXTERNAL, spec, {})


ALL = (
    Kind("fused", "ONNX, fused", _PIPELINE, lambda model, _: model),
    Kind("onnx", "ONNX Runtime", _PIPELINE, _not_fused),
    Kind("treelite", "Treelite", _PIPELINE, _treelite),
    Kind("python", "Python in a process of its own", _PIPELINE, _python),
    Kind("external", "somebody else's server, here another scorer", _PIPELINE, _external),
    Kind("r", "R", _LOGISTIC, _r, "Rscript"),
    Kind("pmml", "PMML", _LOGISTIC, _pmml, "java"),
)
"""A further kind takes a row here."""
