"""Error analysis of a closed window, from the log, when somebody asks."""

import numpy
import numpy.typing
import pyarrow
import pyarrow.compute
from sqlalchemy import Connection

from podium.core import access, check, class_rules, mistakes, prediction, run, window
from podium.core.errors import NotFound
from podium.deploy.endpoints import store as endpoints
from podium.manage.registry import store as registry
from podium.measures import rows as arrays
from podium.measures.performance.multiclass import confusion
from podium.measures.segments import condition, errors
from podium.monitor.checks import closing, cohort, evaluate, groups, labels, summaries
from podium.monitor.checks import store as rows
from podium.monitor.intake import outcomes
from podium.monitor.intake import window as log
from podium.monitor.mistakes import analysis
from podium.store.store import Store

SEARCHED = 20_000
"""Features and segments are looked at on so many rows; the worst rows are found among all."""
MOST = 100
_ROLES = ("champion", "canary")
_INSIDE = (
    access.Permission.BUILD,
    access.Permission.VALIDATE,
    access.Permission.APPROVE,
    access.Permission.REVIEW,
    access.Permission.MONITOR,
    access.Permission.AUDIT,
)


def of_window(
    store: Store, caller: access.Caller, name: str, end_us: int | None = None, count: int = 20
) -> mistakes.Mistakes:
    """Where the model erred in the closed window that ends at an instant, or in the newest one.

    The rows are those of the window's checks of outcomes, with the outcomes known at its end. Features of single rows
    are for callers with a part in the model's life, not for those who may only read. `NotFound` without such a window,
    or where nothing decided in it.
    """
    closed, subject = _asked(store, caller, name, end_us)
    before = subject.reference
    later_us = labels.window_us(subject.model.spec)
    of = window.Window(closed.start_us - later_us, closed.end_us - later_us)
    scored = cohort.read(store, subject, of, closed.end_us).filter(pyarrow.compute.field("role").isin(_ROLES))
    known = summaries.usable(scored)
    labelled = cohort.of_table(known, subject.model.spec.model.classes)
    measure, losses = groups.losses_of(labelled, subject.model.spec)
    worst = numpy.array(errors.worst_rows(losses, count), dtype=numpy.int64)
    sampled = _spread(known.num_rows)
    seen = _features(store, subject, of, known.take(pyarrow.array(numpy.union1d(worst, sampled))))
    places = pyarrow.compute.index_in(seen.column("prediction_id"), known.column("prediction_id").combine_chunks())
    at = numpy.asarray(places.to_numpy(), dtype=numpy.int64)
    chosen = numpy.isin(at, sampled)
    by = cohort.columns(seen.filter(pyarrow.array(chosen)), (*before.numeric, *before.categorical), subject)
    usual = analysis.expected(measure.name, labelled.score[at[chosen]])
    looked = analysis.Rows(by, losses[at[chosen]], usual)
    told, quiet = analysis.tellers(looked)
    inside = any(caller.may(each) for each in _INSIDE)
    return mistakes.Mistakes(
        endpoint=name,
        version=subject.version,
        window=window.Window(closed.start_us, closed.end_us),
        of=of,
        measure=measure.name,
        rows=known.num_rows,
        waiting=scored.num_rows - known.num_rows,
        searched=int(chosen.sum()),
        loss=float(losses.mean()) if losses.size else None,
        worst=_worst(known, losses, worst, seen if inside else None, subject.model.spec.model.classes),
        features=told,
        quiet=quiet,
        confusion=_confusion(labelled, subject.model.spec.model.classes),
        segments=analysis.segments(looked, condition.of_reference(before)),
    )


def _asked(
    store: Store, caller: access.Caller, name: str, end_us: int | None
) -> tuple[check.ClosedWindow, summaries.Subject]:
    """The closed window, and the version that decided in it."""
    with store.read() as connection:
        place = endpoints.get(connection, caller.project, name)
        closed = _closed(connection, caller.project, name, end_us)
        owner = registry.model(connection, caller.project, place.model)
    if closed is None or closed.version is None:
        raise NotFound("No window in which a version decided ends then.", field="end_us", fix=f"podium close {name}")
    return closed, summaries.Subject(
        project=caller.project,
        endpoint=name,
        model=owner,
        version=closed.version,
        reference=closing.reference_of(store, owner, closed.version),
    )


def _closed(connection: Connection, project: str, name: str, end_us: int | None) -> check.ClosedWindow | None:
    if end_us is not None:
        return rows.find_window(connection, project, name, end_us)
    return next((each for each in rows.list_windows(connection, project, name, limit=100) if each.version), None)


def _spread(count: int) -> numpy.typing.NDArray[numpy.int64]:
    """The places of at most so many of `count` rows, spread evenly."""
    return numpy.unique(numpy.linspace(0, max(0, count - 1), min(SEARCHED, count)).astype(numpy.int64))


def _features(store: Store, subject: summaries.Subject, of: window.Window, wanted: pyarrow.Table) -> pyarrow.Table:
    """Some of the subject's deciding rows with all features that its reference knows."""
    names = (*subject.reference.numeric, *subject.reference.categorical)
    query = log.Query(
        model=subject.model.name,
        endpoint=subject.endpoint,
        from_us=of.start_us,
        to_us=of.end_us,
        as_of_us=of.end_us,
        versions=(subject.version,),
        roles=_ROLES,
        columns=tuple(prediction.FEATURE_PREFIX + each for each in names),
    )
    ids = wanted.column("prediction_id").combine_chunks()
    return log.read_rows(store, subject.project, query, pyarrow.compute.field("prediction_id").isin(ids))


def _confusion(labelled: evaluate.Labelled, classes: tuple[str, ...]) -> run.Confusion | None:
    if not classes:
        return None
    counts = confusion.confusion(labelled.target, labelled.score)
    return run.Confusion(labels=classes, counts=tuple(tuple(line) for line in counts.tolist()))


def _worst(
    known: pyarrow.Table,
    losses: arrays.Numbers,
    places: numpy.typing.NDArray[numpy.int64],
    seen: pyarrow.Table | None,
    classes: tuple[str, ...],
) -> tuple[mistakes.Mistake, ...]:
    """The worst rows, the worst first; `seen`: rows with their features, if the caller may see them."""
    found = known.take(pyarrow.array(places)).to_pylist()
    values = {} if seen is None or not found else _by_id(seen, [each["prediction_id"] for each in found])
    at = summaries.instants(known)
    return tuple(
        mistakes.Mistake(
            prediction_id=each["prediction_id"],
            at_us=int(at[place]),
            score=each["score"],
            decision=each["decision"],
            outcome=outcomes.label(each["outcome"], classes) if classes else each["outcome"],
            label=max(classes, key=lambda label: each[class_rules.PROBABILITY + label]) if classes else None,
            loss=float(losses[place]),
            features=values.get(each["prediction_id"]),
        )
        for each, place in zip(found, places.tolist(), strict=True)
    )


def _by_id(seen: pyarrow.Table, ids: list[str]) -> dict[str, dict[str, bool | float | str | None]]:
    mine = seen.filter(pyarrow.compute.field("prediction_id").isin(ids))
    prefix = prediction.FEATURE_PREFIX
    names = [each for each in mine.column_names if each.startswith(prefix)]
    return {row["prediction_id"]: {each.removeprefix(prefix): row[each] for each in names} for row in mine.to_pylist()}
