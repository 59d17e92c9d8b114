"""Daily summaries of what a version saw and scored; a window is the merge of its days."""

from collections.abc import Iterator

import msgspec
import numpy
import pyarrow
import pyarrow.compute

from podium.core import model, prediction, reference, time, window
from podium.core.errors import Invalid
from podium.measures import rows as arrays
from podium.measures.sketch import histogram, score_labels
from podium.monitor.checks import store as rows
from podium.monitor.intake import window as log
from podium.store.store import Store

_DAY = 86_400_000_000


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Whose rows are summarised: a version of a model at an endpoint, with its reference."""

    project: str
    endpoint: str
    model: model.Model
    version: int
    reference: reference.Reference


def of_window(store: Store, subject: Subject, span: window.Window, scored: pyarrow.Table) -> rows.Summary:
    """The summary of a window: stored days are read, changed and new ones are made and kept.

    `scored`: the version's rows of the window with outcomes known at its end (no features). The log only grows, so a
    day with as many rows as were summarised has not changed.
    """
    whole: rows.Summary | None = None
    at = scored.column("at").cast(pyarrow.int64()).to_numpy()
    for start, end in _days(span):
        mine = scored.filter(pyarrow.array((at >= start) & (at < end)))
        part = _day(store, subject, window.Window(start, end), mine, span.end_us)
        whole = part if whole is None else merge(whole, part)
    if whole is None:
        raise Invalid("A window covers some time.", field="window")
    return whole


def merge(one: rows.Summary, two: rows.Summary) -> rows.Summary:
    """The summary of both."""
    return rows.Summary(
        rows=one.rows + two.rows,
        numeric={name: histogram.merge_numeric(each, two.numeric[name]) for name, each in one.numeric.items()},
        categorical={
            name: histogram.merge_categorical(each, two.categorical[name]) for name, each in one.categorical.items()
        },
        score=histogram.merge_numeric(one.score, two.score),
        labels=score_labels.merge(one.labels, two.labels),
        as_of_us=max(one.as_of_us, two.as_of_us),
    )


def labelled(scored: pyarrow.Table, subject: Subject) -> score_labels.ScoreLabels:
    """The scores and outcomes of rows whose outcome is known, summed."""
    known = usable(scored)
    spec = subject.model.spec
    decision = known.column("decision")
    act = None if decision.null_count else decision.to_numpy().astype(numpy.bool_)
    return score_labels.summarise(
        numbers(known.column("outcome")), numbers(known.column("score")), spec.model.task, act, spec.costs
    )


def usable(scored: pyarrow.Table) -> pyarrow.Table:
    """The rows that can be measured: with an outcome, and a finite score."""
    good = pyarrow.compute.and_(
        pyarrow.compute.is_valid(scored.column("outcome")), pyarrow.compute.is_finite(scored.column("score"))
    )
    return scored.filter(good)


def numbers(column: pyarrow.ChunkedArray) -> arrays.Numbers:
    """A column as float64, null as NaN."""
    return numpy.asarray(column.cast(pyarrow.float64()).to_numpy(), dtype=numpy.float64)


def _days(span: window.Window) -> Iterator[tuple[int, int]]:
    start = span.start_us
    while start < span.end_us:
        end = min(span.end_us, (start // _DAY + 1) * _DAY)
        yield start, end
        start = end


def _day(store: Store, subject: Subject, span: window.Window, scored: pyarrow.Table, as_of_us: int) -> rows.Summary:
    day = time.from_us(span.start_us).date().isoformat()
    complete = span.end_us - span.start_us == _DAY
    address = (subject.project, subject.endpoint, subject.version, day)
    kept = None
    if complete:
        with store.read() as connection:
            kept = rows.find_summary(connection, *address)
    if kept is not None and kept.rows == scored.num_rows and _same_bins(kept, subject.reference):
        made = msgspec.structs.replace(kept, labels=labelled(scored, subject), as_of_us=as_of_us)
    else:
        made = _make(store, subject, span, scored, as_of_us)
    if complete and made.rows and (kept is None or made.labels != kept.labels or made.rows != kept.rows):
        with store.plumbing() as connection:
            rows.keep_summary(connection, *address, made)
    return made


def _same_bins(kept: rows.Summary, before: reference.Reference) -> bool:
    return kept.numeric.keys() == before.numeric.keys() and kept.categorical.keys() == before.categorical.keys()


def _make(store: Store, subject: Subject, span: window.Window, scored: pyarrow.Table, as_of_us: int) -> rows.Summary:
    query = log.Query(
        model=subject.model.name,
        endpoint=subject.endpoint,
        from_us=span.start_us,
        to_us=span.end_us,
        as_of_us=as_of_us,
        versions=(subject.version,),
        columns=tuple(
            prediction.FEATURE_PREFIX + name for name in (*subject.reference.numeric, *subject.reference.categorical)
        ),
    )
    seen = log.read_rows(store, subject.project, query) if scored.num_rows else scored
    before = subject.reference
    return rows.Summary(
        rows=scored.num_rows,
        numeric={name: histogram.numeric(feature_numbers(seen, name), known) for name, known in before.numeric.items()},
        categorical={
            name: histogram.categorical(feature_words(seen, name), known) for name, known in before.categorical.items()
        },
        score=histogram.numeric(numbers(scored.column("score")), before.score),
        labels=labelled(scored, subject),
        as_of_us=as_of_us,
    )


def feature_numbers(seen: pyarrow.Table, name: str) -> arrays.Numbers:
    """A numeric feature of rows of the log, null (or not logged) as NaN."""
    column = prediction.FEATURE_PREFIX + name
    if column not in seen.column_names:
        return numpy.full(seen.num_rows, numpy.nan)
    return numbers(seen.column(column))


def feature_words(seen: pyarrow.Table, name: str) -> numpy.typing.NDArray[numpy.object_]:
    """A categorical feature of rows of the log, null (or not logged) as None."""
    column = prediction.FEATURE_PREFIX + name
    if column not in seen.column_names:
        return numpy.full(seen.num_rows, None, dtype=object)
    return numpy.array([*seen.column(column).to_pylist(), None], dtype=object)[:-1]
