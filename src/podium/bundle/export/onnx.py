"""From a fitted estimator to an ONNX file that is proven, on real rows, to give the same answers."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from podium.bundle import columns, layout
from podium.bundle.engines.onnx import session
from podium.bundle.export import alike, classes, exact, frame, general, graph, several
from podium.core import bundle
from podium.core.errors import Invalid, Refused
from podium.core.signature import Signature, Task

TOLERANCE = 1e-6
_BATCHES = (1, 7, 50)
_BATCH_ROWS = 1050
RECIPES = (exact, general)


class Exported(msgspec.Struct, frozen=True):
    """The model file, the proof that it answers alike, and the original's scores of the rows."""

    model: bytes
    parity: bundle.Parity
    expected: npt.NDArray[np.float64]


def expected_scores(estimator: Any, signature: Signature, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
    """What the original answers: the probability of the larger class, or the value [n]; of several classes each one's
    probability, in the signature's order [n, classes]."""
    given = rows[list(_names(estimator, signature))]
    if signature.task is Task.MULTICLASS:
        chances = np.asarray(estimator.predict_proba(given), dtype=np.float64)
        return np.ascontiguousarray(chances[:, classes.places(estimator, signature.labels)])
    scores = estimator.predict_proba(given)[:, 1] if signature.task is Task.BINARY else estimator.predict(given)
    return np.asarray(scores, dtype=np.float64).reshape(-1)


def export(estimator: Any, signature: Signature, rows: pd.DataFrame, tolerance: float = TOLERANCE) -> Exported:
    """The first recipe's form whose every row is within tolerance; `Refused` with the worst row's error if none is.

    `rows` are real rows as the estimator takes them. The tolerance is absolute for a probability, and relative to the
    spread of the original's answers (interquartile range / 1.349) for a regression.
    """
    if len(rows) == 0:
        raise Invalid("An export needs rows on which to compare the answers.", field="rows")
    names = _names(estimator, signature)
    expected = expected_scores(estimator, signature, rows)
    if not np.isfinite(expected).all():
        raise Refused("The model answers some rows with something that is not a number.", field="score")
    worst_allowed = allowed(expected, signature, tolerance)
    table = frame.table(signature, rows)
    tried: list[str] = []
    for recipe in RECIPES:
        try:
            model = _build(recipe, estimator, signature, names)
            data, found = _settled(model, signature, table)
        except graph.Unsupported as problem:
            tried.append(f"{recipe.RECIPE}: cannot express {problem}")
            continue
        error = largest(found - expected)
        worst = int(np.where(np.isnan(error), np.inf, error).argmax())
        if error[worst] <= worst_allowed:
            proof = bundle.Parity(
                rows=len(rows), max_abs_error=float(error[worst]), tolerance=worst_allowed, recipe=recipe.RECIPE
            )
            return Exported(data, proof, expected)
        tried.append(f"{recipe.RECIPE}: row {worst} differs by {error[worst]:.3g}, allowed {worst_allowed:.3g}")
    raise Refused(
        f"No export of this model answers as the original does ({'; '.join(tried)}).",
        field="model",
        fix="Use steps that Podium exports (see the guide), or put skl2onnx.sklapi.CastTransformer before the trees.",
    )


def _build(recipe: Any, estimator: Any, signature: Signature, names: Sequence[str]) -> Any:
    if signature.task is not Task.MULTICLASS:
        return recipe.build(estimator, layout.of(signature), names, binary=signature.task is Task.BINARY)
    places = classes.places(estimator, signature.labels)
    if recipe is exact:
        return several.build(estimator, layout.of(signature), names, places)
    return general.build(estimator, layout.of(signature), names, binary=False, places=places)


def largest(difference: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How far off each row is, whatever its classes: its largest difference [n]."""
    off = np.abs(difference)
    return off if off.ndim == 1 else np.asarray(off.max(axis=1), dtype=np.float64)


def _settled(model: Any, signature: Signature, table: columns.Columns) -> tuple[bytes, npt.NDArray[np.float64]]:
    """The model's bytes and scores: set to one row a call if its sums depend on the batch, else fused where that is
    proven to give the same bits."""
    described = layout.of(signature)
    data = graph.finish(model, described)
    try:
        scorer = session.Scorer(data)
        found = scorer.predict(table)
    except Refused as problem:
        raise graph.Unsupported("a model that the engine loads") from problem
    if not _same_in_any_batch(scorer, table):
        data = graph.finish(model, msgspec.structs.replace(described, rows_at_once=1))
        found = session.Scorer(data).predict(table)
    elif alike.is_alike(data, scorer, table, found):
        data = graph.finish(model, msgspec.structs.replace(described, fused=True))
    return data, found


def _same_in_any_batch(scorer: session.Scorer, table: columns.Columns) -> bool:
    rows = min(columns.count(table), _BATCH_ROWS)
    sample = columns.take(table, slice(0, rows))
    whole = scorer.predict(sample)
    for size in _BATCHES:
        parts = [scorer.predict(columns.take(sample, slice(at, at + size))) for at in range(0, rows, size)]
        if np.concatenate(parts).tobytes() != whole.tobytes():
            return False
    return True


def _names(estimator: Any, signature: Signature) -> Sequence[str]:
    """The columns that the estimator was fitted on, in its order; else the signature's."""
    fitted = getattr(estimator, "feature_names_in_", None)
    names = [field.name for field in signature.features]
    return names if fitted is None else [str(name) for name in fitted]


def allowed(expected: npt.NDArray[np.float64], signature: Signature, tolerance: float = TOLERANCE) -> float:
    """By how much an answer may differ from the original's: absolute for a probability, else in units of the spread."""
    return tolerance * _spread(expected) if signature.task is Task.REGRESSION else tolerance


def _spread(expected: npt.NDArray[np.float64]) -> float:
    """Of the middle half of the answers, as a standard deviation (a few wild rows do not widen the tolerance)."""
    low, high = np.quantile(expected, (0.25, 0.75))
    return float(high - low) / 1.349 or float(expected.std()) or 1.0
