"""What features and scores are compared with: training, or the windows of history that match a window by its season."""

from collections.abc import Sequence

import msgspec
import numpy
import pyarrow
import pyarrow.compute

from podium.core import prediction, reference, season, window
from podium.measures.drift import wander
from podium.measures.drift.wander import Wander
from podium.measures.sketch import histogram, score_labels
from podium.monitor.checks import outputs, summaries
from podium.monitor.checks.against import SCORE, Against
from podium.monitor.checks.summary import Summary
from podium.monitor.intake import chances
from podium.monitor.intake import window as log
from podium.store.store import Store

_Both = tuple[Wander | None, Wander | None]
"""Over a column's cells, and its nulls."""
_DECIDED = ("champion", "canary")


def reference_of(store: Store, subject: summaries.Subject, span: window.Window) -> Against | None:
    """What the subject's window is compared with, on the bins of its training.

    Training itself, unless the rules name a season: then what the endpoint decided in the matching windows before it,
    whichever version decided; scores only of this version, which may have been a shadow then. None without at least
    three such windows of `min_rows` rows. How far quiet windows differ is measured between them.
    """
    limits = subject.model.spec.monitor
    if limits.reference == "training":
        return Against(subject.reference)
    spans = season.matching(limits.reference, span, limits.reference_windows)
    return merge([_read(store, subject, one) for one in spans], subject.reference, limits.min_rows)


def merge(windows: Sequence[Summary], trained: reference.Reference, min_rows: int) -> Against | None:
    """Matching windows as one reference, with how far they lie from each other; None without three with enough rows.

    With too few that have enough scores, the scores' part is empty, and says nothing.
    """
    seen = [each for each in windows if each.rows >= min_rows]
    if len(seen) < season.FEWEST:
        return None
    scores = [each.score for each in seen if sum(each.score.counts) >= min_rows]
    scores = scores if len(scores) >= season.FEWEST else []
    cells, nulls = _wanders(seen, scores, trained)
    made = msgspec.structs.replace(
        trained,
        rows=sum(each.rows for each in seen),
        window_rows=sum(each.rows for each in seen) / len(seen),
        numeric={
            name: _numeric(known, [one.numeric[name] for one in seen], (cells.get(name), nulls.get(name)))
            for name, known in trained.numeric.items()
        },
        categorical={
            name: _categorical(known, [one.categorical[name] for one in seen], (cells.get(name), nulls.get(name)))
            for name, known in trained.categorical.items()
        },
        score=_numeric(trained.score, scores, (cells.get(SCORE), None)),
    )
    if trained.of_classes is not None:
        told = [each.outputs for each in seen if each.outputs and sum(each.score.counts) >= min_rows]
        classes, wanders = outputs.merged(told if len(told) >= season.FEWEST else [], trained.of_classes)
        made, cells = msgspec.structs.replace(made, classes=classes), cells | dict(wanders)
    return Against(made, cells, nulls)


def _wanders(
    seen: Sequence[Summary], scores: Sequence[histogram.NumericSketch], trained: reference.Reference
) -> tuple[dict[str, Wander], dict[str, Wander]]:
    """How far the windows lie from each other, by column: numbers, categories and nulls each among their kind."""
    numbers = {
        name: [histogram.coarse(one.numeric[name], known).counts for one in seen]
        for name, known in trained.numeric.items()
    }
    numbers[SCORE] = [histogram.coarse(each, trained.score).counts for each in scores]
    words = {
        name: [_words(known, one.categorical[name]) for one in seen] for name, known in trained.categorical.items()
    }
    nulls = {
        name: [(one.numeric[name].nulls, sum(one.numeric[name].counts)) for one in seen] for name in trained.numeric
    }
    nulls |= {
        name: [(one.categorical[name].nulls, one.categorical[name].rows - one.categorical[name].nulls) for one in seen]
        for name in trained.categorical
    }
    return wander.learn(numbers) | wander.learn(words), wander.learn(nulls)


def _words(known: reference.CategoryReference, seen: histogram.CategorySketch) -> list[int]:
    return [*(seen.counts.get(word, 0) for word in known.counts), seen.new]


def _numeric(
    known: reference.NumericReference, seen: Sequence[histogram.NumericSketch], wanders: _Both
) -> reference.NumericReference:
    mine = [histogram.coarse(each, known).counts for each in seen]
    counts = numpy.array(mine, dtype=numpy.int64).reshape(-1, len(known.counts))
    return msgspec.structs.replace(
        known,
        counts=tuple(counts.sum(axis=0).tolist()),
        nulls=sum(each.nulls for each in seen),
        mean=sum(each.total for each in seen) / int(counts.sum()) if counts.sum() else known.mean,
        dispersion=_times(wanders[0]),
        null_dispersion=_times(wanders[1]),
        fine=None if known.fine is None else _fine(known.fine, seen),
    )


def _fine(known: reference.FineBins, seen: Sequence[histogram.NumericSketch]) -> reference.FineBins:
    counts = numpy.array([each.counts for each in seen], dtype=numpy.int64).reshape(-1, len(known.counts)).sum(axis=0)
    sums = numpy.array([each.sums for each in seen]).reshape(-1, len(known.counts)).sum(axis=0)
    return msgspec.structs.replace(known, counts=tuple(counts.tolist()), sums=tuple(sums.tolist()))


def _categorical(
    known: reference.CategoryReference, seen: Sequence[histogram.CategorySketch], wanders: _Both
) -> reference.CategoryReference:
    whole = numpy.array([_words(known, each) for each in seen]).sum(axis=0).tolist()
    return msgspec.structs.replace(
        known,
        counts=dict(zip(known.counts, whole, strict=False)),
        other=whole[-1],
        nulls=sum(each.nulls for each in seen),
        dispersion=_times(wanders[0]),
        null_dispersion=_times(wanders[1]),
    )


def _times(wanders: Wander | None) -> float:
    return 1.0 if wanders is None else wanders.dispersion


def _read(store: Store, subject: summaries.Subject, span: window.Window) -> Summary:
    before = subject.reference
    query = log.Query(
        model=subject.model.name,
        endpoint=subject.endpoint,
        from_us=span.start_us,
        to_us=span.end_us,
        as_of_us=span.end_us,
        columns=(
            "version",
            "score",
            *chances.columns(subject.model.spec.model.classes),
            *(prediction.FEATURE_PREFIX + each for each in _features(before)),
        ),
    )
    found = log.read_rows(store, subject.project, query)
    decided = found.filter(pyarrow.compute.is_in(found.column("role"), pyarrow.array(_DECIDED)))
    mine = found.filter(pyarrow.compute.equal(found.column("version"), subject.version))
    mine = mine.filter(pyarrow.compute.is_finite(mine.column("score")))
    return Summary(
        rows=decided.num_rows,
        numeric={
            name: histogram.numeric(summaries.feature_numbers(decided, name), known)
            for name, known in before.numeric.items()
        },
        categorical={
            name: histogram.categorical(summaries.feature_words(decided, name), known)
            for name, known in before.categorical.items()
        },
        score=histogram.numeric(summaries.numbers(mine.column("score")), before.score),
        labels=score_labels.ScoreLabels(rows=0, sums={}),
        as_of_us=span.end_us,
        outputs=outputs.of_rows(mine, before),
    )


def _features(before: reference.Reference) -> tuple[str, ...]:
    return (*before.numeric, *before.categorical)
