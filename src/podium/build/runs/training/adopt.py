"""Takes over a model that was made elsewhere: run by its engine on the data, measured, and proven on real rows."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy
import pyarrow.parquet

from podium.build.runs.training import evaluate, export, fallback, importance, request
from podium.build.runs.training import table as tables
from podium.bundle import columns, golden
from podium.bundle.engines import place, registry
from podium.core import bundle, digest, engine, run, signature
from podium.core.dataset import Part
from podium.core.errors import Invalid, PodiumError, Refused
from podium.core.signature import FieldType, Task
from podium.measures import rows

_PROBES = 16
_ALLOWANCE = 1e-9

Tell = Callable[[float, str], None]


def adopt(folder: Path, asked: request.Request, tell: Tell) -> tuple[tables.Table, evaluate.Evaluated, export.Exported]:
    """The data, what was measured of the model, and its files with golden rows.

    Raises `Refused` when it answers otherwise than it did where it comes from (the data's column `expected`).
    """
    imported = asked.imported
    if imported is None:
        raise Invalid("There is no model to take over.", field="imported")
    data = tables.read(folder / request.DATA, asked.spec)
    expected = _expected(folder / request.DATA, imported)
    tell(0.1, "Making the model ready")
    source = folder / request.SOURCE
    where = place.Place(folder=Path(asked.engines)) if asked.engines else place.Place()
    taken = _Taken(source, data.signature, imported, where)
    try:
        tell(0.2, "Scoring with it")
        taken.settle(data)
        scores = _check(taken.score(data, expected), data.signature)
        found = evaluate.evaluate(data, scores, asked.spec)
        export.check_finite(found, asked.spec.metrics.primary)
        tell(0.8, "Proving that it answers as it did where it comes from")
        return data, found, _prove(taken, data, found, expected)
    finally:
        taken.model.close()


class _Taken:
    """The model in its engine, and how it was found to be."""

    def __init__(
        self, source: Path, described: signature.Signature, imported: run.Imported, where: place.Place
    ) -> None:
        self.source = source
        self.imported = imported
        self.signature = described
        self._where = where
        self.model = self._load()

    def _load(self) -> registry.Model:
        return registry.load(self.source, registry.stand_in(self.imported.engine, self.signature), self._where)

    def settle(self, data: tables.Table) -> None:
        """Where a row's score depends on the rows beside it, one row a call from now on."""
        if self.imported.engine is bundle.Engine.ONNX or self._same_in_any_batch(data):
            return
        path = self.source / bundle.ENGINE
        spec = engine.decode(path.read_bytes())
        if isinstance(spec, engine.Treelite) or spec.rows_at_once == 1:
            raise Refused("The model answers the same row differently each time.", field="engine")
        path.write_bytes(digest.canonical(engine.one_by_one(spec)))
        self.model.close()
        self.model = self._load()
        self.settle(data)

    def _same_in_any_batch(self, data: tables.Table) -> bool:
        external = self.imported.engine is bundle.Engine.EXTERNAL  # so many calls are not for somebody else's service
        return registry.same_in_any_batch(self.model, data.features, (50,) if external else registry.BATCHES)

    def score(self, data: tables.Table, expected: rows.Numbers) -> rows.Numbers:
        """Of all rows [n]; of somebody else's service only what it answered before, as asking costs."""
        if self.imported.engine is bundle.Engine.EXTERNAL:
            return expected
        return fallback.score(self.model, data.features)


def _expected(path: Path, imported: run.Imported) -> rows.Numbers:
    name = imported.expected
    if name not in pyarrow.parquet.read_schema(path).names:
        raise Invalid(
            f"The data has no column {name!r} with the model's own answers.",
            field=name,
            fix="Score the rows where the model comes from, and add its answers as a column.",
        )
    column = pyarrow.parquet.read_table(path, columns=[name]).column(name)
    try:
        values = numpy.asarray(column.cast(pyarrow.float64()).to_numpy(), dtype=numpy.float64)
    except pyarrow.ArrowInvalid:
        raise Invalid(f"The column {name!r} does not hold numbers.", field=name) from None
    if not numpy.isfinite(values).all():
        raise Invalid(f"The column {name!r} is null or not finite in some rows.", field=name)
    return values


def _check(scores: rows.Numbers, described: signature.Signature) -> rows.Numbers:
    wrong = ~numpy.isfinite(scores)
    if wrong.any():
        raise Invalid(f"The model has no answer for row {int(wrong.argmax())} of the data.", field="engine")
    if described.task is Task.BINARY and (scores.min() < -_ALLOWANCE or scores.max() > 1 + _ALLOWANCE):
        raise Invalid("The model gives probabilities outside 0 and 1.", field="engine")
    return scores


def _prove(taken: _Taken, data: tables.Table, found: evaluate.Evaluated, expected: rows.Numbers) -> export.Exported:
    imported = taken.imported
    test = data.places(Part.TEST)[: export.PARITY_ROWS]
    real = columns.take(data.features, test)
    chosen = golden.choose(data.signature, real)
    told = expected[test]
    if imported.engine is bundle.Engine.EXTERNAL:
        answers, told = taken.model.predict(columns.take(real, chosen)), told[chosen]
    else:
        answers = found.scores[test]
    error = numpy.abs(answers - told)
    worst = int(numpy.where(numpy.isnan(error), numpy.inf, error).argmax())
    if not error[worst] <= imported.tolerance:
        raise Refused(
            f"The model answers otherwise than where it comes from: by {error[worst]:.3g} in the worst of {len(error)} "
            f"rows; {imported.tolerance:.3g} is allowed.",
            field=imported.expected,
            fix="Bring the same model, environment and rows; or allow more, if you can say why.",
        )
    proof = bundle.Parity(
        rows=len(error),
        max_abs_error=float(error[worst]),
        tolerance=imported.tolerance,
        recipe=f"imported:{imported.engine}",
    )
    described = _nullability(taken, real)
    files = {name: (taken.source / name).read_bytes() for name in imported.files}
    matters = importance.of(taken.model.predict, files, real)
    files |= {
        bundle.GOLDEN: golden.encode(described, columns.take(real, chosen), expected[test[chosen]]),
        bundle.REFERENCE: digest.canonical(export.reference_of(data, found, matters, files)),
    }
    return export.Exported(described, proof, export.latency(taken.model.predict, real), files, imported.engine)


def _nullability(taken: _Taken, real: columns.Columns) -> signature.Signature:
    """A feature may be null where the model then gives a number."""
    fields = tuple(
        msgspec.structs.replace(field, nullable=_takes_null(taken.model, field, real))
        for field in taken.signature.features
    )
    return msgspec.structs.replace(taken.signature, features=fields)


def _takes_null(model: registry.Model, field: signature.Field, real: columns.Columns) -> bool:
    probe = columns.take(real, slice(0, _PROBES))
    null = columns.NULL_TEXT if field.type is FieldType.TEXT else numpy.nan
    probe[field.name] = numpy.full(columns.count(probe), null, dtype=probe[field.name].dtype)
    try:
        return bool(numpy.isfinite(model.predict(probe)).all())
    except PodiumError:
        return False
