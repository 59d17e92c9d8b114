"""What a model becomes where no form in ONNX answers as it does: trees for Treelite, else itself in its own process."""

import importlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy

from podium.build.runs.training import evaluate, export, importance
from podium.build.runs.training import table as tables
from podium.bundle import columns, golden, layout
from podium.bundle.engines import place, registry
from podium.bundle.engines.python import model as python
from podium.bundle.export import classes, explanation, locked, onnx
from podium.bundle.export.graph import Unsupported
from podium.core import bundle, digest, engine, project
from podium.core.dataset import Part
from podium.core.errors import PodiumError, Refused
from podium.core.signature import Task
from podium.measures import rows

PICKLE = "model.pkl"
LOCK = "requirements.txt"
_BLOCK_ROWS = 500
_LIMITS = engine.Limits(seconds=10.0)
_Files = dict[str, bytes]


class Trained:
    """What was trained, on what, and how well."""

    def __init__(self, estimator: Any, table: tables.Table, found: evaluate.Evaluated, source: Path) -> None:
        self.estimator = estimator
        self.table = table
        self.found = found
        self.source = source

    def names(self) -> list[str]:
        """The columns that the estimator takes."""
        fields = [field.name for field in self.table.signature.features]
        return [str(name) for name in getattr(self.estimator, "feature_names_in_", fields)]


def export_any(trained: Trained, spec: project.Project) -> export.Exported:
    """The first form that answers as the original: ONNX, and then, where the project allows, Treelite and itself.

    Raises `Refused` with what was tried.
    """
    try:
        return export.export(trained.estimator, trained.table, trained.found)
    except Refused as problem:
        first = problem
    tried = ["onnx"]
    said: list[str] = []
    for kind, make in _KINDS:
        if kind.value not in spec.bundle.allow:
            continue
        try:
            return _prove(trained, kind, make(trained), tried)
        except (Unsupported, PodiumError) as problem:
            tried.append(kind.value)
            said.append(f"{kind}: {locked.explain(problem)}")
    fix = first.fix
    if bundle.Engine.PYTHON.value not in spec.bundle.allow:
        fix = (
            f'{first.fix or ""} Or allow = ["treelite", "python"] under [bundle]: then it runs in a process of its own.'
        )
    raise Refused(" ".join([first.message, *said]), field=first.field, fix=fix.strip() if fix else None) from first


def _treelite(trained: Trained) -> _Files:
    ensembles = importlib.import_module("podium.bundle.export.ensembles")  # an extra that training does without
    signature = trained.table.signature
    if signature.labels and classes.places(trained.estimator, signature.labels) != list(range(len(signature.labels))):
        raise Unsupported("classes in another order than the project file's")
    form = ensembles.build(
        trained.estimator, layout.of(signature), trained.names(), binary=signature.task is Task.BINARY
    )
    spec = engine.Treelite(preprocessing=bundle.MODEL)
    return {bundle.ENGINE: digest.canonical(spec), spec.model: form.trees, bundle.MODEL: form.preprocessing}


def _python(trained: Trained) -> _Files:
    data = locked.dump(trained.estimator)
    version = ".".join(map(str, sys.version_info[:2]))
    spec = engine.Python(python=version, model=PICKLE, lock=LOCK, rows_at_once=0, limits=_LIMITS)
    return {
        bundle.ENGINE: digest.canonical(spec),
        PICKLE: data,
        LOCK: locked.lock(data),
        **locked.code(trained.source),
    }


_KINDS: tuple[tuple[bundle.Engine, Callable[[Trained], _Files]], ...] = (
    (bundle.Engine.TREELITE, _treelite),
    (bundle.Engine.PYTHON, _python),
)


def _prove(trained: Trained, kind: bundle.Engine, files: _Files, tried: list[str]) -> export.Exported:
    """Compare on the rows of the test. The packages are those of this process here, and their lock's when packaged."""
    table, found = trained.table, trained.found
    test = table.places(Part.TEST)[: export.PARITY_ROWS]
    real = columns.take(table.features, test)
    expected = found.scores[test]
    allowed = onnx.allowed(expected, table.signature)
    with tempfile.TemporaryDirectory(prefix="podium-form-") as name:
        model, files = _settled(Path(name), trained, kind, files, real)
        try:
            answers = score(model, real)
            error = onnx.largest(answers - expected)
            worst = float(numpy.where(numpy.isnan(error), numpy.inf, error).max())
            if not worst <= allowed:
                raise Unsupported(f"it: a row differs by {worst:.3g}, allowed {allowed:.3g}")
            recipe = f"{kind} after {', '.join(tried)}"
            proof = bundle.Parity(rows=len(error), max_abs_error=worst, tolerance=allowed, recipe=recipe)
            described = export.nullability(trained.estimator, model.predict, table.signature, real, allowed)
            latency = export.latency(model.predict, real)
            files |= export.explanation_of(trained.estimator, table, explanation.Rows(real, expected, allowed))
            matters = importance.of(model.predict, files, real)
        finally:
            model.close()
    chosen = golden.choose(described, real)
    files |= {
        bundle.GOLDEN: golden.encode(described, columns.take(real, chosen), expected[chosen]),
        bundle.REFERENCE: digest.canonical(export.reference_of(table, found, matters, files)),
    }
    return export.Exported(described, proof, latency, files, kind)


def _settled(
    folder: Path, trained: Trained, kind: bundle.Engine, files: _Files, real: columns.Columns
) -> tuple[registry.Model, _Files]:
    """The model, set to one row a call where its sums depend on the batch."""
    model = _load(folder / "any", trained, kind, files)
    if registry.same_in_any_batch(model, real):
        return model, files
    model.close()
    spec = engine.decode(files[bundle.ENGINE])
    if not isinstance(spec, engine.Python):
        raise Unsupported("it: a row's answer depends on the rows beside it")
    files = files | {bundle.ENGINE: digest.canonical(engine.one_by_one(spec))}
    return _load(folder / "one", trained, kind, files), files


def _load(folder: Path, trained: Trained, kind: bundle.Engine, files: _Files) -> registry.Model:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    manifest = registry.stand_in(kind, trained.table.signature)
    spec = engine.decode(files[bundle.ENGINE])
    if isinstance(spec, engine.Python):
        return python.run(folder, manifest, spec, Path(sys.executable))
    return registry.load(folder, manifest, place.Place())


def score(model: registry.Model, table: columns.Columns) -> rows.Numbers:
    """Scores, asked for in blocks, as a call has a time limit."""
    count = columns.count(table)
    blocks = [slice(start, start + _BLOCK_ROWS) for start in range(0, count, _BLOCK_ROWS)]
    return numpy.concatenate([model.predict(columns.take(table, at)) for at in blocks])
