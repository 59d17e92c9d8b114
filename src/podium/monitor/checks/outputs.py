"""What comes out of a model of several classes beside its score: which class is most probable, and each probability.

They are kept, merged and compared as columns are, under names that no feature of such a project may have.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy
import pyarrow

from podium.core import class_rules, reference
from podium.measures import rows as arrays
from podium.measures.comparison import categorical as said
from podium.measures.comparison import numeric as numbers
from podium.measures.drift import reference as references
from podium.measures.drift import wander
from podium.measures.performance.multiclass import classes
from podium.measures.sketch import histogram
from podium.monitor.checks import against
from podium.monitor.checks.summary import Outputs, Summary
from podium.monitor.intake import chances

PREDICTED, PROBABILITY = class_rules.PREDICTED, class_rules.PROBABILITY
_Numbers = dict[str, histogram.NumericSketch]
_Words = dict[str, histogram.CategorySketch]


class Cells(NamedTuple):
    """One column of what comes out: its counts before and now, and how far a quiet window lies."""

    column: str
    counts: tuple[Sequence[int], Sequence[int]]
    spread: against.Spread
    said: str


def of_rows(scored: pyarrow.Table, before: reference.Reference) -> Outputs | None:
    """The outputs of rows of the log with a finite score; None where there is one number for a score."""
    known = before.of_classes
    if known is None:
        return None
    return of_chances(chances.of(scored, known.labels), known)


def of_chances(found: arrays.Numbers, known: reference.ClassReference) -> Outputs:
    """The same of probabilities [rows, classes], of which rows with NaN are left out."""
    some = found[numpy.isfinite(found).all(axis=1)]
    words = numpy.array(known.labels, dtype=object)[classes.decided(some)] if some.size else numpy.empty(0, object)
    return Outputs(
        predicted=histogram.categorical(words, known.predicted),
        chances={
            label: histogram.numeric(some[:, at], known.probabilities[label]) for at, label in enumerate(known.labels)
        },
    )


def reference_of(
    found: arrays.Numbers, target: arrays.Numbers, trained: reference.ClassReference
) -> reference.ClassReference:
    """What later rows are compared with, of probabilities [rows, classes] and the classes' places [rows] (NaN: not
    known); how far quiet windows differ, and calibration, are taken from training's."""
    known = target[numpy.isfinite(target)].astype(numpy.int64)
    return msgspec.structs.replace(
        trained,
        predicted=_counted(classes.decided(found), trained.labels, trained.predicted),
        outcomes=_counted(known, trained.labels, trained.outcomes),
        probabilities={
            label: msgspec.structs.replace(
                references.detailed(found[:, at]),
                dispersion=trained.probabilities[label].dispersion,
                null_dispersion=trained.probabilities[label].null_dispersion,
            )
            for at, label in enumerate(trained.labels)
        },
    )


def _counted(
    places: classes.Numbers, labels: Sequence[str], trained: reference.CategoryReference
) -> reference.CategoryReference:
    counts = numpy.bincount(places, minlength=len(labels)).tolist()
    return msgspec.structs.replace(trained, counts=dict(zip(labels, counts, strict=True)))


def names(labels: Sequence[str]) -> frozenset[str]:
    """The columns of what comes out beside the score; none where there are no classes."""
    return frozenset({PREDICTED, *(PROBABILITY + label for label in labels)}) if labels else frozenset()


def beside(summary: Summary) -> tuple[_Numbers, _Words]:
    """The summary's columns with those of its outputs behind them."""
    if summary.outputs is None:
        return summary.numeric, summary.categorical
    named = {PROBABILITY + label: each for label, each in summary.outputs.chances.items()}
    return summary.numeric | named, summary.categorical | {PREDICTED: summary.outputs.predicted}


def apart(numeric: _Numbers, categorical: _Words, before: reference.Reference) -> Outputs | None:
    """Take the outputs out of columns, as `beside` put them there."""
    known = before.of_classes
    if known is None or PREDICTED not in categorical:
        return None
    found = {label: numeric.pop(PROBABILITY + label) for label in known.labels}
    return Outputs(predicted=categorical.pop(PREDICTED), chances=found)


def words(before: reference.Reference, name: str) -> reference.CategoryReference:
    """The reference of a category column, or of the most probable class."""
    known = before.of_classes
    return known.predicted if known is not None and name == PREDICTED else before.categorical[name]


def cells(summary: Summary, known_of: against.Against) -> Iterator[Cells]:
    """The counts of every output, as drift is measured of them."""
    before = known_of.reference
    known, seen = before.of_classes, summary.outputs
    if known is None or seen is None:
        return
    now = _classes(known.predicted, seen.predicted)
    told = said.said(known.predicted, seen.predicted)
    yield Cells(
        PREDICTED,
        (list(known.predicted.counts.values()), now),
        _spread(PREDICTED, known.predicted.dispersion, sum(now), known_of),
        told,
    )
    for label, each in known.probabilities.items():
        counts = histogram.coarse(seen.chances[label], each).counts
        column = PROBABILITY + label
        spread = _spread(column, each.dispersion, sum(counts), known_of)
        yield Cells(column, (each.counts, counts), spread, numbers.said(each, seen.chances[label], None))


def _spread(column: str, dispersion: float, rows: int, known_of: against.Against) -> against.Spread:
    return against.spread(dispersion, rows, known_of.reference.window_rows, known_of.cells.get(column))


def merged(
    seen: Sequence[Outputs], before: reference.ClassReference
) -> tuple[reference.ClassReference, Mapping[str, wander.Wander]]:
    """Matching windows as one reference on the bins of training, and how far they lie from each other."""
    cut = {
        PROBABILITY + label: [histogram.coarse(each.chances[label], known).counts for each in seen]
        for label, known in before.probabilities.items()
    }
    spoken = {PREDICTED: [_classes(before.predicted, each.predicted) for each in seen]}
    wanders = wander.learn(cut) | wander.learn(spoken) if seen else {}
    whole = numpy.array(spoken[PREDICTED]).reshape(-1, len(before.predicted.counts)).sum(axis=0).tolist()
    return (
        msgspec.structs.replace(
            before,
            predicted=msgspec.structs.replace(
                before.predicted,
                counts=dict(zip(before.predicted.counts, whole, strict=True)),
                dispersion=_times(wanders.get(PREDICTED)),
            ),
            probabilities={
                label: msgspec.structs.replace(
                    known,
                    counts=_sum(cut[PROBABILITY + label], len(known.counts)),
                    dispersion=_times(wanders.get(PROBABILITY + label)),
                )
                for label, known in before.probabilities.items()
            },
        ),
        wanders,
    )


def _classes(known: reference.CategoryReference, seen: histogram.CategorySketch) -> list[int]:
    return [seen.counts.get(word, 0) for word in known.counts]


def _sum(counts: Sequence[Sequence[int]], cells_: int) -> tuple[int, ...]:
    return tuple(numpy.array(counts, dtype=numpy.int64).reshape(-1, cells_).sum(axis=0).tolist())


def _times(found: wander.Wander | None) -> float:
    return 1.0 if found is None else found.dispersion
