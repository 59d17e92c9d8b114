"""What a version saw and scored in some rows of the log, summarised."""

from collections.abc import Sequence

import msgspec
import numpy
import pyarrow
import pyarrow.compute

from podium.core import model, prediction, reference, window
from podium.measures import rows as arrays
from podium.measures.sketch import histogram, score_labels
from podium.monitor.checks import outputs, parts, samples
from podium.monitor.checks import store as rows
from podium.monitor.checks.summary import Summary
from podium.monitor.intake import chances
from podium.monitor.intake import window as log
from podium.store.store import Store


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Whose rows are summarised: a version of a model at an endpoint, with its reference."""

    project: str
    endpoint: str
    model: model.Model
    version: int
    reference: reference.Reference

    @property
    def address(self) -> rows.Address:
        return rows.Address(project=self.project, endpoint=self.endpoint, version=self.version)


def labelled(scored: pyarrow.Table, subject: Subject) -> score_labels.ScoreLabels:
    """The scores and outcomes of rows whose outcome is known, summed."""
    known = usable(scored)
    spec = subject.model.spec
    if spec.model.classes:
        return score_labels.summarise_classes(numbers(known.column("outcome")), scores(known, spec.model.classes))
    decision = known.column("decision")
    act = None if decision.null_count else decision.to_numpy().astype(numpy.bool_)
    return score_labels.summarise(
        numbers(known.column("outcome")), numbers(known.column("score")), spec.model.task, act, spec.costs
    )


def usable_scores(scored: pyarrow.Table) -> pyarrow.Table:
    """The rows with a finite score."""
    return scored.filter(pyarrow.compute.is_finite(scored.column("score")))


def usable(scored: pyarrow.Table) -> pyarrow.Table:
    """The rows that can be measured: with an outcome, and a finite score."""
    good = pyarrow.compute.and_(
        pyarrow.compute.is_valid(scored.column("outcome")), pyarrow.compute.is_finite(scored.column("score"))
    )
    return scored.filter(good)


def scores(known: pyarrow.Table, classes: Sequence[str]) -> arrays.Numbers:
    """What measures of performance take: the scores [n], of several classes the probability of each [n, classes]."""
    return chances.shares(chances.of(known, classes)) if classes else numbers(known.column("score"))


def numbers(column: pyarrow.ChunkedArray) -> arrays.Numbers:
    """A column as float64, null as NaN."""
    return numpy.asarray(column.cast(pyarrow.float64()).to_numpy(), dtype=numpy.float64)


def pack(subject: Subject, scored: pyarrow.Table, seen: pyarrow.Table, as_of_us: int) -> parts.Part:
    """The summary of rows as it is stored. `scored`: with their outcome; `seen`: the same with their features."""
    before = subject.reference
    values = {name: feature_numbers(seen, name) for name in before.numeric}
    words = {name: feature_words(seen, name) for name in before.categorical}
    made = Summary(
        rows=scored.num_rows,
        numeric={name: histogram.numeric(values[name], known) for name, known in before.numeric.items()},
        categorical={name: histogram.categorical(words[name], known) for name, known in before.categorical.items()},
        score=histogram.numeric(numbers(scored.column("score")), before.score),
        labels=labelled(scored, subject),
        as_of_us=as_of_us,
        outputs=outputs.of_rows(usable_scores(scored), before),
    )
    sample = samples.take(values | {parts.SCORE: numbers(seen.column("score"))}, seen.num_rows, words)
    return msgspec.structs.replace(parts.pack(made, before), sample=sample)


def read(store: Store, subject: Subject, span: window.Window) -> pyarrow.Table:
    """The subject's rows of a time with the features of its reference, by time."""
    query = log.Query(
        model=subject.model.name,
        endpoint=subject.endpoint,
        from_us=span.start_us,
        to_us=span.end_us,
        as_of_us=span.end_us,
        versions=(subject.version,),
        columns=(
            "score",
            *(
                prediction.FEATURE_PREFIX + name
                for name in (*subject.reference.numeric, *subject.reference.categorical)
            ),
        ),
    )
    return log.read_rows(store, subject.project, query)


def instants(table: pyarrow.Table) -> numpy.typing.NDArray[numpy.int64]:
    """When rows were made, in microseconds, shape [n]."""
    return numpy.asarray(table.column("at").cast(pyarrow.int64()).to_numpy(), dtype=numpy.int64)


def between(table: pyarrow.Table, span: window.Window) -> pyarrow.Table:
    """The rows of a time, of rows in order of time."""
    first, end = numpy.searchsorted(instants(table), [span.start_us, span.end_us])
    return table.slice(first, end - first)


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
