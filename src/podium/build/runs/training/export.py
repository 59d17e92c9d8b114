"""The form of the model that runs on its own: exported, proven on real rows, timed, with its golden rows."""

import statistics
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, NamedTuple

import msgspec
import numpy
import numpy.typing

from podium.build.runs.training import classes, evaluate, importance, windows
from podium.build.runs.training import table as tables
from podium.bundle import columns, golden
from podium.bundle.engines.onnx import session
from podium.bundle.export import explanation, frame, onnx
from podium.core import bundle, digest
from podium.core.dataset import Part
from podium.core.errors import Invalid
from podium.core.reference import Calibration, Pattern, Reference
from podium.core.signature import Field, FieldType, Signature, Task
from podium.measures.drift import reconstruction, reference, told_apart
from podium.measures.estimates import calibration

PARITY_ROWS = 20_000
CALIBRATION_ROWS = 50_000
PATTERN_ROWS = 20_000
_PROBES = 64
_TIMED = 200


Predict = Callable[[columns.Columns], numpy.typing.NDArray[numpy.float64]]


class Exported(NamedTuple):
    """What goes into the bundle, and what was measured of it."""

    signature: Signature
    parity: bundle.Parity
    latency_us: float
    files: dict[str, bytes]
    engine: bundle.Engine = bundle.Engine.ONNX


def export(estimator: Any, table: tables.Table, found: evaluate.Evaluated) -> Exported:
    """Export the fitted estimator. Raises `Refused` when the form answers differently from the original."""
    test = table.places(Part.TEST)
    real = columns.take(table.features, test[:PARITY_ROWS])
    made = onnx.export(estimator, table.signature, frame.frame(table.signature, real))
    scorer = session.Scorer(made.model)
    signature = nullability(estimator, scorer.predict, table.signature, real, made.parity.tolerance)
    chosen = golden.choose(signature, real)
    explained = explanation_of(estimator, table, explanation.Rows(real, made.expected, made.parity.tolerance))
    matters = importance.of(scorer.predict, explained, real)
    files = {
        bundle.MODEL: made.model,
        bundle.GOLDEN: golden.encode(signature, columns.take(real, chosen), found.scores[test[chosen]]),
        bundle.REFERENCE: digest.canonical(reference_of(table, found, matters, explained)),
        **explained,
    }
    return Exported(signature, made.parity, latency(scorer.predict, real), files)


def explanation_of(estimator: Any, table: tables.Table, proof: explanation.Rows) -> dict[str, bytes]:
    """How scores come about, where that can be told exactly; else nothing, and explanations are estimates."""
    train = table.places(Part.TRAIN)
    some = columns.take(table.features, train[:: max(1, train.size // explanation.MEAN_ROWS)])
    return explanation.write(estimator, table.signature, some, proof).files


def nullability(
    estimator: Any, predict: Predict, signature: Signature, real: columns.Columns, tolerance: float
) -> Signature:
    """A feature may be null where the original then gives a number, and the exported form the same one."""
    fields = tuple(
        msgspec.structs.replace(field, nullable=_takes_null(estimator, predict, signature, field, real, tolerance))
        for field in signature.features
    )
    return msgspec.structs.replace(signature, features=fields)


def _takes_null(
    estimator: Any,
    predict: Predict,
    signature: Signature,
    field: Field,
    real: columns.Columns,
    tolerance: float,
) -> bool:
    probe = columns.take(real, slice(0, _PROBES))
    null: Any = columns.NULL_TEXT if field.type is FieldType.TEXT else numpy.nan
    probe[field.name] = numpy.full(columns.count(probe), null, dtype=probe[field.name].dtype)
    try:
        original = evaluate.score(estimator, signature, probe)
        exported = predict(probe)
    except Exception:  # noqa: BLE001 - an estimator may refuse nulls in any way; then they are not allowed
        return False
    return bool(numpy.isfinite(exported).all() and numpy.abs(exported - original).max() <= tolerance)


def latency(predict: Predict, real: columns.Columns) -> float:
    """The median time to score one row, in microseconds."""
    count = columns.count(real)
    single = [columns.take(real, slice(at % count, at % count + 1)) for at in range(_TIMED)]
    times = []
    for row in single:
        begun = perf_counter()
        predict(row)
        times.append((perf_counter() - begun) * 1e6)
    return statistics.median(times)


def reference_of(
    table: tables.Table, found: evaluate.Evaluated, matters: importance.Importance, files: Mapping[str, bytes]
) -> Reference:
    """The training part's distributions, the metrics that the monitor compares with, and the features' importance.

    `files`: those of the bundle, with which contributions are computed where it has them.
    """
    train = table.take(Part.TRAIN)
    test = table.places(Part.TEST)
    labels = table.signature.labels
    scores = classes.top(found.scores) if labels else found.scores
    several = classes.reference_of(found.scores[test], table.target[test], labels) if labels else None
    numeric, categorical = {}, {}
    for field in table.signature.features:
        values = train[field.name]
        if field.type in (FieldType.TEXT, FieldType.BOOLEAN):
            objects = numpy.empty(len(values), dtype=object)
            objects[:] = columns.to_values(field, values)
            categorical[field.name] = reference.categorical(objects)
        else:
            numeric[field.name] = reference.detailed(values)
    made = Reference(
        rows=int(table.places(Part.TRAIN).size),
        numeric=numeric,
        categorical=categorical,
        score=reference.detailed(scores[test]),
        pattern=_pattern(train, tuple(numeric)),
        apart=told_apart.keep(tuple(numeric), windows.matrix(train, tuple(numeric)))
        if table.kept and numeric
        else None,
        target=None if labels else reference.detailed(table.target[test]),
        metrics={name: interval.value for name, interval in found.metrics[Part.TEST.value].items()},
        cost_per_row=found.costs.get("model"),
        metric_dispersion=found.metric_dispersion,
        importance=matters.shares,
        contributions=matters.contributions
        and importance.disperse(matters.contributions, files, table.features, table.windows, test[:PARITY_ROWS]),
        calibration=_calibration(table, found),
        classes=msgspec.UNSET
        if several is None
        else classes.disperse(several, found.scores, table.target, table.windows),
    )
    return windows.disperse(made, table.features, windows.Given(scores, table.target), table.windows)


def _pattern(train: columns.Columns, names: tuple[str, ...]) -> Pattern | None:
    """How numeric features move together in the training rows, evenly thinned."""
    step = columns.count(train) // PATTERN_ROWS + 1
    return reconstruction.pattern(names, windows.matrix(train, names)[::step]) if names else None


def _calibration(table: tables.Table, found: evaluate.Evaluated) -> Calibration | None:
    """How often the target was 1 at each score of the test split, where the scores do not say it themselves."""
    if table.signature.task is not Task.BINARY:
        return None
    test = table.places(Part.TEST)
    some = test[:: test.size // CALIBRATION_ROWS + 1]
    line = calibration.line(table.target[some], found.scores[some])
    return Calibration() if line is None else Calibration(scores=line.scores, rates=line.rates, counts=line.counts)


def check_finite(found: evaluate.Evaluated, primary: str) -> None:
    """Raise `Invalid` when the primary metric has no value on the test split."""
    if primary not in found.metrics[Part.TEST.value]:
        raise Invalid(
            f"The primary metric {primary!r} has no value on the test rows (too few, or of one class).",
            field="metrics.primary",
            fix="Give the test split more rows.",
        )
