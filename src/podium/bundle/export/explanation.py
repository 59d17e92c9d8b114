"""How a fitted estimator's answers come about, written beside the exported model: its trees or weights, and the part
that prepares their columns. Only what adds up to the model's own scores on real rows is written."""

from typing import Any, NamedTuple

import numpy as np
from sklearn import frozen, pipeline

from podium.bundle import columns, layout
from podium.bundle.explain import explainer, table
from podium.bundle.export import exact, graph, origins, parts, preprocessing
from podium.bundle.export.graph import Graph, Unsupported, Value
from podium.core.errors import PodiumError
from podium.core.signature import Signature, Task

MOST_STEPS = 2_000_000
"""Leaves times depth beyond which contributions would take too long; then an estimate is quicker."""
MEAN_ROWS = 20_000
"""Of so many training rows a linear model's means are taken, at most twice as many."""
_PROOF_ROWS = 256


class Written(NamedTuple):
    """The files of an explanation by path; none, and the reason, where there is no native one."""

    files: dict[str, bytes]
    reason: str = ""


class _Ends(NamedTuple):
    """The last estimator, and the columns that reach it."""

    model: Any
    value: Value
    rounded: bool


class Rows(NamedTuple):
    """Real rows to prove an explanation on, the original's scores of them [n], and how far it may be off."""

    table: columns.Columns
    expected: table.Doubles
    tolerance: float


def write(estimator: Any, signature: Signature, training: columns.Columns, rows: Rows) -> Written:
    """The files of the estimator's native explanation. `training`: of whose rows a linear model's means are taken.

    Where the estimator is of a kind that does not add up exactly, there are no files: answers are then explained by an
    estimate, which says so.
    """
    if signature.task is Task.MULTICLASS:
        return Written({}, "contributions are told of one score, not of several classes")
    try:
        return Written(_files(estimator, signature, training, rows))
    except Unsupported as problem:
        return Written({}, f"cannot take apart {problem}")
    except PodiumError as problem:
        return Written({}, problem.message)


def _files(estimator: Any, signature: Signature, training: columns.Columns, rows: Rows) -> dict[str, bytes]:
    inputs = layout.of(signature)
    found = Graph(inputs)
    names = [str(name) for name in getattr(estimator, "feature_names_in_", [each.name for each in signature.features])]
    last = _last(found, estimator, found.start(names))
    if not parts.is_sum(last.model):
        raise parts.unknown(last.model)
    matrix = found.matrix(last.value)
    encoder = _encoder(found, found.rounded(matrix) if last.rounded else matrix, len(last.value))
    made_of = origins.of(encoder.graph, inputs)
    data = graph.finish(encoder, inputs)
    body = parts.of(last.model, lambda: _means(data, inputs, training), binary=signature.task is Task.BINARY)
    about = table.About(
        kind="linear" if isinstance(body.numbers, table.Linear) else "trees",
        scale=body.scale,
        start=body.start,
        origins=tuple(made_of),
    )
    described = table.encode(table.Explained(about, body.numbers))
    _prove(data, described, signature, rows)
    return {table.ENCODER: data, table.FILE: described}


def _prove(encoder: bytes, described: bytes, signature: Signature, rows: Rows) -> None:
    """Local accuracy: contributions add up to the margin (checked by `explain`), and the margin is the score's."""
    made = explainer.Native(encoder, described, tuple(field.name for field in signature.features))
    if made.steps > MOST_STEPS:
        raise Unsupported(f"trees of {made.steps} steps within reasonable time")
    margin = made.explain(columns.take(rows.table, slice(0, _PROOF_ROWS))).margin
    worst = float(np.abs(explainer.score_of(made.about.scale, margin) - rows.expected[: len(margin)]).max())
    if not worst <= rows.tolerance:
        raise Unsupported(f"the score: contributions add up to others, by {worst:.3g}")


def _last(found: Graph, model: Any, value: Value) -> _Ends:
    if isinstance(model, exact.SEARCHES):
        return _last(found, model.best_estimator_, value)
    if isinstance(model, frozen.FrozenEstimator):
        return _last(found, model.estimator, value)
    if isinstance(model, pipeline.Pipeline):
        for _, step in model.steps[:-1]:
            value = preprocessing.convert(found, step, value)
        return _last(found, model.steps[-1][1], value)
    if isinstance(model, exact.HISTOGRAMS) and model._preprocessor is not None:  # noqa: SLF001
        value = exact.own_preprocessing(found, model._preprocessor, value)  # noqa: SLF001
    return _Ends(model, value, rounded=type(model) in (*exact.FORESTS, *exact.BOOSTED))


def _encoder(found: Graph, matrix: str, width: int) -> Any:
    model = found.model(matrix)
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = width
    return model


def _means(encoder: bytes, inputs: layout.Layout, training: columns.Columns) -> table.Doubles:
    found = explainer.encode(explainer.session(encoder), inputs, training)
    return np.asarray(found.mean(axis=0), dtype=np.float64)
