"""Checks of outcomes: performance and cost against what training promised, by their intervals. Pure."""

from collections.abc import Iterator

import msgspec

from podium.core import project, reference, run
from podium.core.check import CheckKind
from podium.measures import rows as arrays
from podium.measures.business import cost
from podium.measures.drift import dispersion
from podium.measures.performance import by_name, interval
from podium.monitor.checks.finding import Finding


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """The window's rows whose outcome is known: float64 [n] each; `act` (bool [n]) is None without decisions.

    Of several classes the target is a class's place, and the score a probability for each [n, classes].
    """

    target: arrays.Numbers
    score: arrays.Numbers
    act: arrays.Truths | None
    threshold: float | None
    decided: arrays.Truths | None = None
    """Which rows have a decision (None: all): those that wait for a person have none, and cost nothing yet."""


def of_outcomes(rows: Labelled, before: reference.Reference, spec: project.Project) -> Iterator[Finding]:
    """The primary metric, others that are asked for, and the cost per row, each against the test split of training."""
    confidence, limits = spec.metrics.confidence, spec.monitor
    enough = rows.target.size >= limits.min_rows
    for name in dict.fromkeys((spec.metrics.primary, *limits.metrics)):
        expected = before.metrics.get(name)
        if limits.performance_drop <= 0 or expected is None:
            continue
        measure = by_name.find(name, spec.costs, spec.model.task)
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
