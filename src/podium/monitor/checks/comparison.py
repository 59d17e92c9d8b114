"""Challenger against champion, from the log: paired on the same rows in shadow, on their own rows in canary."""

from datetime import timedelta

import msgspec
import numpy
import pyarrow
import pyarrow.compute

from podium.core import guardrail_rules, model, prediction, release, run, time
from podium.core.release import Stage, Verdict
from podium.measures import rows as arrays
from podium.measures.business import cost
from podium.measures.guardrails import figure
from podium.measures.performance import by_name, interval
from podium.measures.performance import compare as paired
from podium.measures.value import champion
from podium.monitor.checks import guardrails, summaries, timing
from podium.monitor.intake import chances
from podium.monitor.intake import window as log
from podium.monitor.reviews import decisions
from podium.store.store import Store

_NARROW = ("version", "score", "threshold", "decision")


class _Rows(msgspec.Struct, frozen=True, kw_only=True):
    target: arrays.Numbers
    score: arrays.Numbers
    act: arrays.Truths | None
    threshold: float | None


def compare(store: Store, project: str, owner: model.Model, item: release.Release, end_us: int) -> release.Comparison:
    """What all matured rows since the challenger began to listen (in canary: to decide) say at an instant."""
    canary, classes = item.stage is Stage.CANARY, owner.spec.model.classes
    query = log.Query(
        model=owner.name,
        endpoint=item.endpoint,
        from_us=item.stage_since_us if canary else item.created_us,
        to_us=end_us,
        as_of_us=end_us,
        matured=True,
        columns=(
            *_NARROW,
            *chances.columns(owner.spec.model.classes),
            *(prediction.FEATURE_PREFIX + each for each in _groups(owner)),
        ),
    )
    if query.from_us >= query.to_us:
        return _nothing(owner, query)
    scored = summaries.usable(decisions.fill(store, project, log.read_window(store, project, query), end_us))
    version = scored.column("version")
    mine = scored.filter(pyarrow.compute.equal(version, item.version))
    theirs = scored.filter(
        pyarrow.compute.and_(
            pyarrow.compute.not_equal(version, item.version), pyarrow.compute.not_equal(scored.column("role"), "shadow")
        )
    )
    if canary:
        mine = mine.filter(pyarrow.compute.not_equal(mine.column("role"), "shadow"))
        found, least = (
            _unpaired(owner, query, *(_rows(each, classes) for each in (theirs, mine))),
            owner.spec.monitor.min_rows,
        )
    else:
        theirs, mine = _pairs(theirs, mine)
        found, least = (
            _paired(owner, query, *(_rows(each, classes) for each in (theirs, mine))),
            owner.spec.release.shadow.min_rows,
        )
    if not owner.spec.release.guardrails:
        return found
    enough = min(theirs.num_rows, mine.num_rows) >= least
    sides = _sides(owner, *((theirs, mine) if enough else (theirs.slice(0, 0), mine.slice(0, 0))), canary=canary)
    return msgspec.structs.replace(
        found, guardrails=guardrails.judge(owner, sides, _took(store, project, owner, item, query))
    )


def _groups(owner: model.Model) -> list[str]:
    return sorted({each.by for each in owner.spec.release.guardrails if each.by})


def _sides(owner: model.Model, theirs: pyarrow.Table, mine: pyarrow.Table, *, canary: bool) -> guardrails.Sides:
    first, second = (
        figure.Scored(each.target, each.score, each.act, each.threshold)
        for each in (_rows(one, owner.spec.model.classes) for one in (theirs, mine))
    )
    columns = [(by, prediction.FEATURE_PREFIX + by) for by in _groups(owner)]
    return guardrails.Sides(
        first=first,
        second=second,
        groups={
            by: (theirs.column(name).to_pylist(), mine.column(name).to_pylist())
            for by, name in columns
            if name in theirs.column_names and name in mine.column_names
        },
        paired=not canary,
        anytime_rows=_often(owner) if canary else max(1, owner.spec.release.shadow.min_rows),
    )


def _took(
    store: Store, project: str, owner: model.Model, item: release.Release, query: log.Query
) -> guardrails.Took | None:
    """What single rows take the champion's bundle and the challenger's, if a guardrail watches it.

    As the scorers timed it where they serve; else (none did: a folder, an older scorer) on the worker, of the newest
    rows.
    """
    if all(each.metric != guardrail_rules.LATENCY for each in owner.spec.release.guardrails):
        return None
    window_us = time.parse_duration(owner.spec.monitor.window) // timedelta(microseconds=1)
    look = -(-(query.to_us - query.from_us) // window_us)
    there = timing.by_scorers(store, project, item, query.from_us)
    if there is not None:
        return guardrails.Took(first=there[0], second=there[1], look=look, by="the scorers")
    whole = msgspec.structs.replace(query, columns=None, roles=("champion",), matured=False)
    newest = timing.newest(store, project, whole)
    if not newest.num_rows:
        return None
    first, second = timing.milliseconds(store, newest, newest.column("digest")[-1].as_py(), item.digest)
    return guardrails.Took(first=first, second=second, look=look, by="a worker")


def _pairs(theirs: pyarrow.Table, mine: pyarrow.Table) -> tuple[pyarrow.Table, pyarrow.Table]:
    """The rows that both scored, in the same order."""
    common = set(theirs.column("prediction_id").to_pylist()) & set(mine.column("prediction_id").to_pylist())
    wanted = pyarrow.array(sorted(common), pyarrow.string())
    one, two = (
        each.filter(pyarrow.compute.is_in(each.column("prediction_id"), wanted)).sort_by("prediction_id")
        for each in (theirs, mine)
    )
    return one, two


def _rows(table: pyarrow.Table, classes: tuple[str, ...]) -> _Rows:
    decision, threshold = table.column("decision"), table.column("threshold").drop_null()
    decided = not decision.null_count
    return _Rows(
        target=summaries.numbers(table.column("outcome")),
        score=summaries.scores(table, classes),
        act=decision.to_numpy().astype(numpy.bool_) if decided else None,
        threshold=threshold[-1].as_py() if len(threshold) else None,
    )


def _paired(owner: model.Model, query: log.Query, first: _Rows, second: _Rows) -> release.Comparison:
    spec = owner.spec
    if first.target.size < max(2, spec.release.shadow.min_rows):
        return _nothing(owner, query, first.target.size)
    measure = by_name.find(spec.metrics.primary, spec.costs, spec.model.task)
    often = spec.release.shadow.min_rows if paired.anytime(measure) else None
    found = paired.compare(
        measure,
        first.target,
        paired.Scored(first.score, first.threshold),
        paired.Scored(second.score, second.threshold),
        spec.metrics.confidence,
        anytime_rows=None if often is None else max(1, often),
    )
    if found is None:
        return _nothing(owner, query, first.target.size)
    margin = spec.release.margin
    verdict = Verdict.NOT_ENOUGH_DATA
    if found.better(margin):
        verdict = Verdict.BETTER
    elif found.improvement.high < -margin:
        verdict = Verdict.WORSE
    elif found.not_worse(margin):
        verdict = Verdict.NOT_WORSE
    often_rows = None if often is None else max(1, often)
    return _said(owner, query, found.improvement, verdict, _saved_paired(owner, first, second, often_rows))


def _unpaired(owner: model.Model, query: log.Query, first: _Rows, second: _Rows) -> release.Comparison:
    """Champion and canary on the rows that each decided; looked at after each window, so by an interval that allows it.

    A canary that is not surely worse, and not surely as good within the margin, is told as not enough data.
    """
    spec = owner.spec
    count = min(first.target.size, second.target.size)
    if count < max(2, spec.monitor.min_rows):
        return _nothing(owner, query, count)
    measure = by_name.find(spec.metrics.primary, spec.costs, spec.model.task)
    one, two = (
        measure.interval(each.target, each.score, each.threshold, spec.metrics.confidence) for each in (first, second)
    )
    if one is None or two is None:
        return _nothing(owner, query, count)
    difference = paired.apart(
        one,
        two,
        spec.metrics.confidence,
        higher_is_better=measure.higher_is_better,
        anytime_rows=_often(owner),
    )
    verdict = Verdict.NOT_ENOUGH_DATA
    if difference.high < -spec.release.margin:
        verdict = Verdict.WORSE
    elif difference.low > spec.release.margin:
        verdict = Verdict.BETTER
    elif difference.low >= -spec.release.margin:
        verdict = Verdict.NOT_WORSE
    return _said(owner, query, difference, verdict, _saved_apart(owner, first, second))


def _often(owner: model.Model) -> int:
    """About how many rows both have together when the canary has enough of its own."""
    spec = owner.spec
    return max(1, round(spec.monitor.min_rows / max(spec.release.canary.weight, 1e-6)))


def _saved_paired(owner: model.Model, first: _Rows, second: _Rows, often: int | None) -> run.Interval | None:
    """What the challenger saves on the same rows, by an interval that may be looked at as often as the verdict's."""
    costs = owner.spec.costs
    if costs is None or first.act is None or second.act is None:
        return None
    return champion.champion(
        first.target, first.act, second.act, costs, confidence=owner.spec.metrics.confidence, anytime_rows=often
    )


def _saved_apart(owner: model.Model, first: _Rows, second: _Rows) -> run.Interval | None:
    """What it saves where each has rows of its own."""
    costs, sure = owner.spec.costs, owner.spec.metrics.confidence
    if costs is None or first.act is None or second.act is None:
        return None
    one, two = (
        interval.mean(cost.losses(*each, costs), sure)
        for each in ((first.target, first.act), (second.target, second.act))
    )
    if one is None or two is None:
        return None
    return paired.apart(one, two, sure, higher_is_better=False, anytime_rows=_often(owner))


def _said(
    owner: model.Model, query: log.Query, found: run.Interval, verdict: Verdict, saved: run.Interval | None
) -> release.Comparison:
    return release.Comparison(
        verdict=verdict,
        metric=owner.spec.metrics.primary,
        rows=found.rows,
        difference=found.value,
        low=found.low,
        high=found.high,
        confidence=owner.spec.metrics.confidence,
        cost_difference=None if saved is None else saved.value,
        cost_low=None if saved is None else saved.low,
        cost_high=None if saved is None else saved.high,
        from_us=query.from_us,
        to_us=query.to_us,
    )


def _nothing(owner: model.Model, query: log.Query, count: int = 0) -> release.Comparison:
    empty = run.Interval(value=0.0, low=0.0, high=0.0, rows=count)
    return _said(owner, query, empty, Verdict.NOT_ENOUGH_DATA, None)
