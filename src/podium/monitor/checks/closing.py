"""Closing a window: its checks and alerts in one transaction, once."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import pyarrow
import pyarrow.compute

from podium.core import access, check, endpoint, event, model, project, reference, time, value, window
from podium.core import bundle as bundles
from podium.core.signature import Task
from podium.deploy.packaging import manifest
from podium.manage.registry import store as registry
from podium.monitor.alerts import actions as alerts
from podium.monitor.alerts import message
from podium.monitor.checks import (
    cohort,
    contributions,
    estimates,
    evaluate,
    feed,
    finding,
    groups,
    hours,
    inputs,
    kept_measures,
    labels,
    losses,
    matching,
    measured,
    outcomes,
    summaries,
    whole,
)
from podium.monitor.checks import store as rows
from podium.monitor.checks.summary import Summary
from podium.monitor.value import actions as values
from podium.monitor.value import store as value_rows
from podium.store.store import Store
from podium.store.transaction import Transaction


class Found(NamedTuple):
    """What a window says: by its rules, by every measure of its features, and of what its decisions were worth."""

    findings: list[finding.Finding]
    measured: tuple[check.Measured, ...]
    worth: value.WindowValue | None = None


def span_of(owner: model.Model, end_us: int) -> window.Window:
    """The window of a model that ends at an instant."""
    length = time.parse_duration(owner.spec.monitor.window, "monitor.window")
    return window.before(time.from_us(end_us), length)


def close(
    store: Store, caller: access.Caller, place: endpoint.Endpoint, owner: model.Model, end_us: int
) -> check.ClosedWindow:
    """Check the champion's window and act on its alerts; a window that was closed before is only read."""
    with store.read() as connection:
        known = rows.find_window(connection, caller.project, place.name, end_us)
    if known is not None:
        return known
    span = span_of(owner, end_us)
    if place.champion is None:
        return _keep(store, caller, place, span, (0, 0), Found([], ()))
    subject = summaries.Subject(
        project=caller.project,
        endpoint=place.name,
        model=owner,
        version=place.champion,
        reference=reference_of(store, owner, place.champion),
    )
    scored = cohort.read(store, subject, span, span.end_us)
    summary = hours.of_window(store, subject, span, scored)
    against = matching.reference_of(store, subject, span)
    judged = cohort.of_window(store, subject, span, scored)
    added = _added(store, subject, summary)
    findings = [
        *inputs.of_columns(summary, subject.reference, owner.spec.monitor, against),
        *whole.of_window(summary, subject.reference, owner.spec.monitor),
        *contributions.findings(added, subject.reference, owner.spec.monitor, summary.rows),
        *feed.of_rows(scored, span, owner.spec.monitor),
        *_of_scores(store, subject, summary, scored),
        *_of_rows(subject, judged),
    ]
    expected = subject.reference.cost_per_row
    worth = values.of_window(store, place, owner.spec, span, judged.of, judged.scored, expected)
    made = measured.of_columns(summary, against.reference) if against is not None and summary.rows else ()
    made = contributions.with_measures(made, added, subject.reference)
    made += outcomes.measured(judged.labelled.target, owner.spec.data.target, subject.reference)
    counts = (summary.rows, summaries.usable(scored).num_rows)
    return _keep(store, caller, place, span, counts, Found(findings, made, worth), owner)


def reference_of(store: Store, owner: model.Model, version: int) -> reference.Reference:
    """What a version saw in training, from its bundle."""
    described = manifest.read(store.blobs, _digest(store, owner, version))
    return msgspec.json.decode(store.blobs.get(described.file(bundles.REFERENCE).digest), type=reference.Reference)


def _digest(store: Store, owner: model.Model, version: int) -> str:
    with store.read() as connection:
        return registry.version(connection, owner.project, owner.name, version).digest


def _added(store: Store, subject: summaries.Subject, summary: Summary) -> contributions.Explained:
    """What features add to the window's scores, where a rule asks for it: it takes time."""
    if subject.model.spec.monitor.contribution_moved <= 0 or not summary.rows:
        return contributions.Explained(None)
    return contributions.of_window(store, subject, _digest(store, subject.model, subject.version), summary)


def _of_rows(subject: summaries.Subject, judged: cohort.Cohort) -> Iterator[finding.Finding]:
    """What the rows say whose outcome is complete."""
    spec = subject.model.spec
    yield from outcomes.of_target(judged.labelled.target, subject.reference, spec.monitor)
    yield from evaluate.of_outcomes(judged.labelled, subject.reference, spec)
    yield from groups.of_fairness(judged.labelled, judged.by, spec)
    yield from groups.of_segments(judged.labelled, judged.by, subject.reference, spec)
    known = judged.scored.column("outcome").is_valid().to_numpy()
    yield from labels.of_selection(known, summaries.numbers(judged.scored.column("score")), spec)


def _of_scores(
    store: Store, subject: summaries.Subject, summary: Summary, scored: pyarrow.Table
) -> Iterator[finding.Finding]:
    """What is estimated before outcomes are known."""
    spec = subject.model.spec
    if spec.model.task is Task.REGRESSION:
        yield from estimates.of_losses(
            lambda: losses.of(store.blobs, _digest(store, subject.model, subject.version)),
            summary,
            subject.reference,
            spec,
        )
        return
    finite = scored.filter(pyarrow.compute.is_finite(scored.column("score")))
    thresholds = finite.column("threshold").drop_null()
    threshold = thresholds[-1].as_py() if len(thresholds) else None
    scores = summaries.scores(finite, spec.model.classes)
    yield from estimates.of_scores(scores, threshold, summary, subject.reference, spec)


def _keep(  # noqa: PLR0913 - a window and what it found
    store: Store,
    caller: access.Caller,
    place: endpoint.Endpoint,
    span: window.Window,
    counts: tuple[int, int],
    found: Found,
    owner: model.Model | None = None,
) -> check.ClosedWindow:
    with store.write(caller) as tx:
        made = _checks(tx, place, span, found.findings)
        closed = check.ClosedWindow(
            id=tx.new_id("window"),
            project=caller.project,
            endpoint=place.name,
            model=place.model,
            version=place.champion,
            start_us=span.start_us,
            end_us=span.end_us,
            closed_us=tx.now_us,
            rows=counts[0],
            matured=counts[1],
            checks=len(made),
            broken=sum(each.state is check.CheckState.BROKEN for each in made),
        )
        rows.add_window(tx.connection, closed)
        if place.champion is not None and owner is not None:
            broken = _alerting(tx, place.champion, place, span, made, owner.spec.monitor)
            alerts.apply(tx, msgspec.structs.replace(broken, around=message.around(made, owner.spec, found.worth)))
        rows.add_checks(tx.connection, made)
        if place.champion is not None and found.measured:
            kept = check.WindowMeasures(
                endpoint=place.name, version=place.champion, window=span, columns=found.measured
            )
            kept_measures.keep(tx.connection, caller.project, kept)
        if found.worth is not None:
            value_rows.keep(tx.connection, caller.project, found.worth)
        tx.record(
            "window.closed",
            event.Subject("window", closed.id),
            permission=access.Permission.MONITOR,
            parents=[event.Subject("endpoint", place.name)],
            detail={
                "endpoint": place.name,
                "version": place.champion,
                "window": {"start_us": span.start_us, "end_us": span.end_us},
                "rows": closed.rows,
                "matured": closed.matured,
                "checks": closed.checks,
                "broken": closed.broken,
            },
        )
        return tx.done(closed)


def _checks(
    tx: Transaction, place: endpoint.Endpoint, span: window.Window, findings: list[finding.Finding]
) -> list[check.Check]:
    return [
        check.Check(
            id=tx.new_id("check"),
            project=place.project,
            endpoint=place.name,
            version=place.champion or 0,
            window=span,
            kind=each.kind,
            measure=each.measure,
            column=each.column,
            value=each.value,
            reference=each.reference,
            limit=each.limit,
            rows=each.rows,
            state=state,
            low=each.low,
            high=each.high,
            weight=each.weight,
            said=each.said,
        )
        for each, state in zip(findings, finding.states(findings), strict=True)
    ]


def _alerting(
    tx: Transaction,
    version: int,
    place: endpoint.Endpoint,
    span: window.Window,
    made: list[check.Check],
    limits: project.MonitorPart,
) -> alerts.Findings:
    """Checks alert when broken in enough of the last windows; a kind recovers when none of its checks is broken."""
    back = limits.last_windows() - 1
    before = rows.broken_before(tx.connection, place.project, place.name, version, span.end_us, back) if back else []
    broken: dict[check.CheckKind, list[check.Check]] = {}
    first_us = {}
    for each in made:
        key = each.measure, each.column
        times = [span.start_us, *(start_us for start_us, earlier in before if key in earlier)]
        if each.state is check.CheckState.BROKEN and len(times) >= max(1, limits.persistence):
            broken.setdefault(each.kind, []).append(each)
            first_us[key] = min(times)
    kinds = {each.kind for each in made}
    well = {kind for kind in kinds if all(each.state is check.CheckState.OK for each in made if each.kind is kind)}
    return alerts.Findings(
        endpoint=place.name,
        version=version,
        since_us=span.start_us,
        broken=broken,
        recovered=frozenset(well),
        first_us=first_us,
    )
