"""The rows that a window's checks of outcomes look at: those old enough for their outcome to be complete."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import pyarrow
import pyarrow.compute

from podium.core import prediction, window
from podium.measures.segments import condition
from podium.monitor.checks import evaluate, groups, hours, labels, summaries
from podium.monitor.intake import chances
from podium.monitor.intake import window as log
from podium.monitor.reviews import decisions
from podium.store.store import Store

_NARROW = ("version", "score", "threshold", "decision")


class Cohort(NamedTuple):
    """The rows with a finite score, and of those the ones with an outcome, with the features that are asked for."""

    scored: pyarrow.Table
    labelled: evaluate.Labelled
    by: Mapping[str, condition.Column]
    """Of the labelled rows."""
    of: window.Window
    """When the rows were made."""


def read(
    store: Store, subject: summaries.Subject, span: window.Window, as_of_us: int, features: tuple[str, ...] = ()
) -> pyarrow.Table:
    """The subject's rows of a time, with the outcomes and people's decisions known at an instant."""
    query = log.Query(
        model=subject.model.name,
        endpoint=subject.endpoint,
        from_us=span.start_us,
        to_us=span.end_us,
        as_of_us=as_of_us,
        versions=(subject.version,),
        columns=(
            *_NARROW,
            *chances.columns(subject.model.spec.model.classes),
            *(prediction.FEATURE_PREFIX + name for name in features),
        ),
    )
    return decisions.fill(store, subject.project, log.read_window(store, subject.project, query), as_of_us)


def of_window(store: Store, subject: summaries.Subject, span: window.Window, scored: pyarrow.Table) -> Cohort:
    """The cohort of a window whose own rows are `scored`: they, or with a label window those made so much earlier."""
    spec = subject.model.spec
    features, later_us = groups.columns(spec, subject.reference), labels.window_us(spec)
    earlier = window.Window(span.start_us - later_us, span.end_us - later_us)
    if features or later_us:
        scored = read(store, subject, earlier, span.end_us, features)
        hours.renew(store, subject, earlier, scored, span.end_us)
    scored = scored.filter(pyarrow.compute.is_finite(scored.column("score")))
    known = summaries.usable(scored)
    return Cohort(scored, of_table(known, spec.model.classes), columns(known, features, subject), earlier)


def of_table(known: pyarrow.Table, classes: Sequence[str] = ()) -> evaluate.Labelled:
    """Rows of the log whose outcome is known, as arrays; `classes`: the model's, if it has several."""
    decision, threshold = known.column("decision"), known.column("threshold").drop_null()
    decided = decision.is_valid().to_numpy()
    return evaluate.Labelled(
        target=summaries.numbers(known.column("outcome")),
        score=summaries.scores(known, classes),
        act=summaries.numbers(decision) == 1.0 if decided.any() else None,
        decided=None if decided.all() else decided,
        threshold=threshold[-1].as_py() if len(threshold) else None,
    )


def columns(known: pyarrow.Table, features: Iterable[str], subject: summaries.Subject) -> dict[str, condition.Column]:
    """Features of rows of the log, by name, as segments take them."""
    return condition.ready({name: _column(known, name, subject) for name in features})


def _column(known: pyarrow.Table, name: str, subject: summaries.Subject) -> condition.Column:
    if name in subject.reference.numeric:
        return summaries.feature_numbers(known, name)
    return summaries.feature_words(known, name)
