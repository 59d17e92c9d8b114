"""Checks from a window's summary: what moved, how far, and whether that is more than chance. Pure."""

from collections.abc import Iterator, Mapping

import msgspec
import numpy

from podium.core import project, reference, run
from podium.core.check import CheckKind, CheckState
from podium.measures import rows as arrays
from podium.measures.business import cost
from podium.measures.drift import discoveries, dispersion, psi, weighted
from podium.measures.performance import by_name, interval
from podium.measures.quality import missing_rate, new_categories
from podium.monitor.checks.store import Summary

FALSE_DISCOVERIES = 0.01
"""At most this share of the columns called broken in a window is so by chance."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One check before it has an id: `limit` is in the unit of `value`."""

    kind: CheckKind
    measure: str
    column: str | None
    value: float | None
    reference: float | None
    limit: float
    rows: int
    over: bool
    """The limit is broken, chance or not."""
    p_value: float | None = None
    """How likely by chance; None where the interval already says."""
    low: float | None = None
    high: float | None = None
    enough: bool = True
    weight: float | None = None
    """The share of the feature in the model's scores, where that is known."""


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """The window's rows whose outcome is known: float64 [n] each; `act` (bool [n]) is None without decisions."""

    target: arrays.Numbers
    score: arrays.Numbers
    act: arrays.Truths | None
    threshold: float | None
    decided: arrays.Truths | None = None
    """Which rows have a decision (None: all): those that wait for a person have none, and cost nothing yet."""


def states(findings: list[Finding]) -> list[CheckState]:
    """The state of each finding: broken only if over its limit and, among all columns at once, no chance finding.

    Findings with p-values are controlled together; those of outcomes rest on their own interval.
    """
    tested = [place for place, each in enumerate(findings) if each.enough and each.p_value is not None]
    believed = discoveries.discoveries([findings[place].p_value or 0.0 for place in tested], FALSE_DISCOVERIES)
    chance = {place for place, sure in zip(tested, believed, strict=True) if not sure}
    return [_state(each, chance=place in chance) for place, each in enumerate(findings)]


def _state(finding: Finding, *, chance: bool) -> CheckState:
    if not finding.enough:
        return CheckState.NOT_ENOUGH_DATA
    return CheckState.BROKEN if finding.over and not chance else CheckState.OK


def of_columns(
    summary: Summary,
    trained: reference.Reference,
    limits: project.MonitorPart,
    against: reference.Reference | None,
) -> Iterator[Finding]:
    """Drift, missing values and new categories of every feature, drift of the score, and drift of all together.

    `against`: what features and scores are compared with, on the bins of `trained`: that itself, or history that
    matches; None where there is none, so that nothing can be said. New categories are those that training never saw.
    """
    found = [
        msgspec.structs.replace(each, weight=trained.importance.get(each.column or ""))
        for each in _of_columns(summary, trained, limits, against)
    ]
    yield from found
    if limits.weighted_psi > 0:
        drift = {each.column: each for each in found if each.kind is CheckKind.DRIFT and each.column}
        yield _weighted(drift, trained.importance, limits.weighted_psi)


def _of_columns(
    summary: Summary,
    trained: reference.Reference,
    limits: project.MonitorPart,
    against: reference.Reference | None,
) -> Iterator[Finding]:
    enough = summary.rows >= limits.min_rows and against is not None
    before = against or trained
    for name, known in before.numeric.items():
        seen = summary.numeric[name]
        spread = dispersion.scaled(known.dispersion, sum(seen.counts), before.window_rows)
        yield from _drift(CheckKind.DRIFT, name, (known.counts, seen.counts), limits.drift_psi, spread, enough)
        nulls = (known.nulls, known.nulls + sum(known.counts)), (seen.nulls, seen.rows)
        spread = dispersion.scaled(known.null_dispersion, seen.rows, before.window_rows)
        yield from _missing(name, *nulls, limits, spread, enough)
    for name, categories in before.categorical.items():
        words = summary.categorical[name]
        cells = (
            (*categories.counts.values(), categories.other),
            (*(words.counts.get(word, 0) for word in categories.counts), words.new),
        )
        spread = dispersion.scaled(categories.dispersion, sum(cells[1]), before.window_rows)
        yield from _drift(CheckKind.DRIFT, name, cells, limits.drift_psi, spread, enough)
        nulls = (categories.nulls, categories.nulls + sum(cells[0])), (words.nulls, words.rows)
        spread = dispersion.scaled(categories.null_dispersion, words.rows, before.window_rows)
        yield from _missing(name, *nulls, limits, spread, enough)
        if limits.new_categories > 0:
            known_words = sum(words.counts.values())
            seen_before = summary.rows >= limits.min_rows
            yield _new(name, trained.categorical[name], words.new, known_words, limits, seen_before)
    scores = (before.score.counts, summary.score.counts)
    spread = dispersion.scaled(before.score.dispersion, sum(scores[1]), before.window_rows)
    yield from _drift(CheckKind.SCORE_DRIFT, None, scores, limits.score_psi, spread, enough)


def of_outcomes(rows: Labelled, before: reference.Reference, spec: project.Project) -> Iterator[Finding]:
    """The primary metric, others that are asked for, and the cost per row, each against the test split of training."""
    confidence, limits = spec.metrics.confidence, spec.monitor
    enough = rows.target.size >= limits.min_rows
    for name in dict.fromkeys((spec.metrics.primary, *limits.metrics)):
        expected = before.metrics.get(name)
        if limits.performance_drop <= 0 or expected is None:
            continue
        measure = by_name.find(name, spec.costs)
        found = measure.interval(rows.target, rows.score, rows.threshold, confidence) if enough else None
        found = _widened(found, before, name)
        sign = 1.0 if measure.higher_is_better else -1.0
        limit = expected - sign * limits.performance_drop * abs(expected)
        yield of_estimate(CheckKind.PERFORMANCE, measure.name, found, expected, limit, sign, rows.target.size)
    if limits.cost_rise > 0 and before.cost_per_row is not None and spec.costs is not None and rows.act is not None:
        target, act = (each if rows.decided is None else each[rows.decided] for each in (rows.target, rows.act))
        some = enough and target.size >= limits.min_rows
        paid = interval.mean(cost.losses(target, act, spec.costs), confidence) if some else None
        paid = _widened(paid, before, by_name.COST)
        limit = before.cost_per_row + limits.cost_rise * abs(before.cost_per_row)
        yield of_estimate(CheckKind.COST, by_name.COST, paid, before.cost_per_row, limit, -1.0, target.size)


def _widened(found: run.Interval | None, before: reference.Reference, metric: str) -> run.Interval | None:
    """An interval over rows that belong together: wider by the root of how much more quiet windows vary."""
    if found is None or metric not in before.metric_dispersion:
        return found
    times = dispersion.scaled(before.metric_dispersion[metric], found.rows, before.window_rows) ** 0.5
    low, high = (found.value + (end - found.value) * times for end in (found.low, found.high))
    return msgspec.structs.replace(found, low=low, high=high)


def _weighted(drift: Mapping[str, Finding], importance: Mapping[str, float], limit: float) -> Finding:
    """Drift of all features together; nothing is known where importances are not, or where one could not be judged."""
    known = {name: each.value for name, each in drift.items() if each.value is not None and each.enough}
    some = all(name in known for name, share in importance.items() if share > 0.0)
    value = weighted.weighted(known, importance) if importance and some else None
    return Finding(
        kind=CheckKind.DRIFT,
        measure="weighted_psi",
        column=None,
        value=value,
        reference=0.0,
        limit=limit,
        rows=max((each.rows for each in drift.values()), default=0),
        over=value is not None and value > limit,
        p_value=discoveries.simes([1.0 if each.p_value is None else each.p_value for each in drift.values()]),
        enough=value is not None,
    )


def _drift(
    kind: CheckKind,
    column: str | None,
    cells: tuple[tuple[int, ...], tuple[int, ...]],
    limit: float,
    spread: float,
    enough: bool,  # noqa: FBT001
) -> Iterator[Finding]:
    """`cells`: counts before and now; `spread`: how much more a quiet window varies than by chance."""
    if limit <= 0:
        return
    before, now = cells
    found = psi.psi(before, now, spread) if enough else None
    yield Finding(
        kind=kind,
        measure="psi",
        column=column,
        value=None if found is None else max(0.0, found.value),
        reference=0.0,
        limit=limit,
        rows=int(numpy.sum(now)),
        over=found is not None and found.value > limit,
        p_value=1.0 if found is None else found.p_value,
        enough=found is not None,
    )


def _missing(
    column: str,
    before: tuple[int, int],
    now: tuple[int, int],
    limits: project.MonitorPart,
    spread: float,
    enough: bool,  # noqa: FBT001
) -> Iterator[Finding]:
    """`before`, `now`: nulls and all rows."""
    expected, rows = missing_rate.missing_rate(*before), now[1]
    value = missing_rate.missing_rate(*now) if enough else None
    if limits.missing_rate <= 0 or expected is None:
        return
    changed = psi.psi((before[0], before[1] - before[0]), (now[0], now[1] - now[0]), spread)
    limit = expected + limits.missing_rate
    yield Finding(
        kind=CheckKind.QUALITY,
        measure="missing_rate",
        column=column,
        value=value,
        reference=expected,
        limit=limit,
        rows=rows,
        over=value is not None and value > limit,
        p_value=1.0 if changed is None else changed.p_value,
        enough=value is not None,
    )


def _new(
    column: str,
    before: reference.CategoryReference,
    unseen: int,
    known: int,
    limits: project.MonitorPart,
    enough: bool,  # noqa: FBT001
) -> Finding:
    value = new_categories.new_categories(unseen, known, before) if enough else None
    changed = psi.psi((before.other, sum(before.counts.values())), (unseen, known))
    return Finding(
        kind=CheckKind.QUALITY,
        measure="new_categories",
        column=column,
        value=value,
        reference=0.0,
        limit=limits.new_categories,
        rows=unseen + known,
        over=value is not None and value > limits.new_categories,
        p_value=1.0 if changed is None else changed.p_value,
        enough=value is not None,
    )


def of_estimate(  # noqa: PLR0913 - an estimate and its rule
    kind: CheckKind,
    measure: str,
    found: run.Interval | None,
    expected: float,
    limit: float,
    sign: float,
    rows: int,
) -> Finding:
    """Broken when the estimate is past the limit, and its whole interval is worse than what training promised."""
    over = found is not None and (
        found.value < limit and found.high < expected if sign > 0 else found.value > limit and found.low > expected
    )
    return Finding(
        kind=kind,
        measure=measure,
        column=None,
        value=None if found is None else found.value,
        reference=expected,
        limit=limit,
        rows=rows,
        over=over,
        low=None if found is None else found.low,
        high=None if found is None else found.high,
        enough=found is not None,
    )
