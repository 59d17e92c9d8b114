"""How good the original model is: scores, threshold, metrics with intervals, slices, costs."""

from typing import Any, NamedTuple

import numpy
import numpy.typing
import pandas

from podium.build.runs.training import classes, fairness
from podium.build.runs.training import table as tables
from podium.bundle import columns
from podium.bundle.export import frame
from podium.core import project, split
from podium.core.dataset import Part
from podium.core.errors import Invalid
from podium.core.review import Band
from podium.core.run import Interval
from podium.core.signature import Signature, Task
from podium.measures import rows
from podium.measures.business import cost, review, threshold
from podium.measures.drift import dispersion
from podium.measures.performance import by_name
from podium.measures.performance.measure import Measure

SLICE_ROWS = 100
SLICES = 20
_ALLOWANCE = 1e-9
_BLOCK_ROWS = 32_768
"""Scored at once: what a pipeline makes of a block (one-hot columns, copies) is let go before the next."""


class Evaluated(NamedTuple):
    """Everything measured of the original model."""

    scores: rows.Numbers
    """Of all rows, shape [n]; of several classes their probabilities [n, classes]."""
    threshold: float | None
    metrics: dict[str, dict[str, Interval]]
    slices: dict[str, dict[str, dict[str, Interval]]]
    costs: dict[str, float]
    """Per row on the test split: `model`, `never`, `always`; empty without costs. Where people decide some rows:
    `with_review`, their looks paid for, if the project file says what a look costs."""
    band: Band | None = None
    """Scores that are referred to a person."""
    referred: float = 0.0
    """The share of the test split's rows that are."""
    fairness: dict[str, dict[str, Interval]] = {}  # noqa: RUF012 - never changed
    """By measure, then slice column: the widest gap between groups on the test split."""
    metric_dispersion: dict[str, float] = {}  # noqa: RUF012 - never changed
    """By metric that is a mean: how much more windows' means vary than by chance."""


def score(estimator: Any, signature: Signature, features: columns.Columns) -> rows.Numbers:
    """What the original answers, float64 [n]: the probability of target = 1, or the predicted number; of several
    classes the probability of each [n, classes].

    Raises `Invalid` when it gives no probabilities, or anything that is not finite.
    """
    count, task = columns.count(features), signature.task
    blocks = [slice(start, start + _BLOCK_ROWS) for start in range(0, count, _BLOCK_ROWS)] or [slice(0, 0)]
    answer = numpy.concatenate([_score_block(estimator, signature, columns.take(features, at)) for at in blocks])
    if task is Task.MULTICLASS:
        return classes.check_chances(answer, count, len(signature.labels))
    if answer.shape != (count,) or not numpy.isfinite(answer).all():
        raise Invalid("The model does not give one finite number for each row.", field="train")
    if task is Task.BINARY and answer.size and (answer.min() < -_ALLOWANCE or answer.max() > 1 + _ALLOWANCE):
        raise Invalid("The model gives probabilities outside 0 and 1.", field="train")
    return numpy.clip(answer, 0.0, 1.0) if task is Task.BINARY else answer


def _score_block(estimator: Any, signature: Signature, features: columns.Columns) -> rows.Numbers:
    made = frame.frame(signature, features)
    return _answer(
        estimator, made[[str(name) for name in getattr(estimator, "feature_names_in_", made.columns)]], signature
    )


def _answer(estimator: Any, block: pandas.DataFrame, signature: Signature) -> rows.Numbers:
    if signature.task is Task.REGRESSION:
        return numpy.asarray(estimator.predict(block), dtype=numpy.float64).reshape(-1)
    if not hasattr(estimator, "predict_proba"):
        raise Invalid(
            f"{type(estimator).__name__} gives no probabilities.", field="train", fix="Use one with predict_proba."
        )
    if signature.task is Task.MULTICLASS:
        return classes.answer(estimator, block, signature.labels)
    answer: rows.Numbers = numpy.asarray(estimator.predict_proba(block), dtype=numpy.float64)[:, _positive(estimator)]
    return answer


def _positive(estimator: Any) -> int:
    classes = [float(known) for known in getattr(estimator, "classes_", (0.0, 1.0))]
    if 1.0 not in classes:
        raise Invalid("The model does not know the class 1.", field="train", fix="Fit it on the target as given.")
    return classes.index(1.0)


def evaluate(table: tables.Table, scores: rows.Numbers, spec: project.Project) -> Evaluated:
    """Choose the threshold on validation, then measure each part, the test's slices, and costs."""
    cut = _threshold(table, scores, spec)
    measures = [by_name.find(name, spec.costs, spec.model.task) for name in _names(spec)]
    confidence = spec.metrics.confidence
    metrics = {}
    for part in split.PARTS:
        places = table.places(part)
        metrics[part.value] = _measure(measures, table.target[places], scores[places], cut, confidence)
    test = table.places(Part.TEST)
    slices = {
        column: _slices(values, test, lambda at: _measure(measures, table.target[at], scores[at], cut, confidence))
        for column, values in table.slices.items()
    }
    band = _band(table, scores, spec) if cut is not None else None
    paid = _costs(table.target[test], scores[test], cut, spec) | _looked(
        table.target[test], scores[test], cut, band, spec
    )
    share = review.share(scores[test], band) if band is not None else 0.0
    unlike = fairness.gaps(table, scores, cut, band, spec)
    spread = _dispersions(measures, table, scores, cut)
    return Evaluated(scores, cut, metrics, slices, paid, band, share, unlike, spread)


def _dispersions(
    measures: list[Measure], table: tables.Table, scores: rows.Numbers, cut: float | None
) -> dict[str, float]:
    """Over all rows, as a quiet window has rows of every part."""
    if table.windows is None:
        return {}
    return {
        measure.name: dispersion.of_means(measure.losses(table.target, scores, measure.decide(cut)), table.windows)
        for measure in measures
        if measure.losses is not None and not (measure.needs_threshold and cut is None)
    }


def _names(spec: project.Project) -> list[str]:
    costs = () if spec.costs is None else (by_name.COST,)
    return list(dict.fromkeys((spec.metrics.primary, *spec.metrics.report, *costs)))


def _threshold(table: tables.Table, scores: rows.Numbers, spec: project.Project) -> float | None:
    if spec.costs is None or spec.model.task is not Task.BINARY:
        return None
    places = table.places(Part.VALIDATION)
    return threshold.choose(table.target[places], scores[places], spec.costs).threshold


def _band(table: tables.Table, scores: rows.Numbers, spec: project.Project) -> Band | None:
    """As written, or as costs least on validation."""
    part = spec.review
    if part is None or spec.costs is None:
        return None
    if part.low is not None and part.high is not None:
        return Band(low=part.low, high=part.high)
    places = table.places(Part.VALIDATION)
    return review.choose(table.target[places], scores[places], spec.costs, part.cost or 0.0).band


def _measure(
    measures: list[Measure], target: rows.Numbers, scores: rows.Numbers, cut: float | None, confidence: float
) -> dict[str, Interval]:
    found = {measure.name: measure.interval(target, scores, cut, confidence) for measure in measures}
    return {name: interval for name, interval in found.items() if interval is not None}


def _slices(values: list[Any], test: numpy.typing.NDArray[numpy.int64], measure: Any) -> dict[str, Any]:
    words = tables.texts([values[place] for place in test])
    known, counts = numpy.unique(words.astype(str), return_counts=True)
    often = [at for at in numpy.argsort(-counts, kind="stable")[:SLICES] if counts[at] >= SLICE_ROWS]
    return {str(known[at]): measure(test[words == known[at]]) for at in often}


def _costs(target: rows.Numbers, scores: rows.Numbers, cut: float | None, spec: project.Project) -> dict[str, float]:
    if spec.costs is None or cut is None:
        return {}
    model = cost.per_row(target, rows.decisions(scores, cut), spec.costs)
    return {} if model is None else {"model": model, **cost.baselines(target, spec.costs)}


def _looked(
    target: rows.Numbers, scores: rows.Numbers, cut: float | None, band: Band | None, spec: project.Project
) -> dict[str, float]:
    """The cost per row where a person decides the band's rows, rightly, and each look is paid for."""
    if spec.costs is None or spec.review is None or spec.review.cost is None or cut is None or band is None:
        return {}
    inside = (scores >= band.low) & (scores < band.high)
    act = numpy.where(inside, target == 1.0, rows.decisions(scores, cut))
    decided = cost.per_row(target, act, spec.costs)
    return {} if decided is None else {"with_review": decided + spec.review.cost * float(inside.mean())}
