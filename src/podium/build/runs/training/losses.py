"""Models of a regression's loss, learned on the test split, from which it is estimated before outcomes come."""

import collections
from collections.abc import Sequence
from typing import Any

import numpy

from podium.build.runs.training import evaluate
from podium.build.runs.training import table as tables
from podium.bundle import columns
from podium.bundle import losses as bundled
from podium.bundle.export import frame, onnx
from podium.core import project
from podium.core.dataset import Part
from podium.core.signature import FieldType, Task
from podium.measures import rows as arrays
from podium.measures.estimates import loss_model, tail
from podium.measures.performance import by_name

ROWS = 5_000
"""Of the test split, evenly."""
_WORDS = 200


def files(table: tables.Table, found: evaluate.Evaluated, spec: project.Project) -> dict[str, bytes]:
    """The file of the models; none where no rule asks for an estimate, or too few rows tell of the loss."""
    measure = by_name.find(spec.metrics.primary, spec.costs, spec.model.task)
    if table.signature.task is not Task.REGRESSION or spec.monitor.estimated_drop <= 0 or measure.losses is None:
        return {}
    test = table.places(Part.TEST)
    test = test[:: test.size // ROWS + 1]
    if measure.name == "mape":  # rows whose target is 0 have no such loss
        test = test[table.target[test] != 0.0]
    if test.size < loss_model.LEAST:
        return {}
    lost = measure.losses(table.target[test], found.scores[test], 0.0)
    if measure.name == "mape" and (tail.index(lost) or tail.FEWEST) < tail.FEWEST:  # targets that come near 0
        return {}
    rows, score = columns.take(table.features, test), found.scores[test]
    about = _about(measure.name, table, rows, lost)
    given = bundled.matrix(about, rows, score)
    made = loss_model.fit(given, lost)
    models = [_exported(each, about, given) for each in (made.loss, made.scatter, *made.folds)]
    return {bundled.FILE: bundled.encode(about, models)}


def _exported(trees: Any, about: bundled.About, given: loss_model.Table) -> bytes:
    """Trees in ONNX, proven on their own rows."""
    described = bundled.signature(about)
    names = [field.name for field in described.features]
    trees.feature_names_in_ = numpy.array(names, dtype=object)
    return onnx.export(trees, described, frame.frame(described, dict(zip(names, given.T, strict=True)))).model


def _about(measure: str, table: tables.Table, rows: columns.Columns, lost: arrays.Numbers) -> bundled.About:
    """The columns: words by their mean loss, so that trees need few splits; the most frequent 200 of each feature."""
    texts = (FieldType.TEXT, FieldType.BOOLEAN)
    words = {field.name: rows[field.name] for field in table.signature.features if field.type in texts}
    return bundled.About(
        measure=measure,
        numbers=tuple(field.name for field in table.signature.features if field.type not in texts),
        words={name: _ordered(bundled.spelled(each), lost) for name, each in words.items()},
    )


def _ordered(words: Sequence[str | None], lost: arrays.Numbers) -> tuple[str, ...]:
    counts = dict(collections.Counter(word for word in words if word is not None).most_common(_WORDS))
    totals = dict.fromkeys(counts, 0.0)
    for word, each in zip(words, lost.tolist(), strict=True):
        if word in totals:
            totals[word] += each
    return tuple(sorted(totals, key=lambda word: (totals[word] / counts[word], word)))
