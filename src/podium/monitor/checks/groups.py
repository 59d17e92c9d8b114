"""Checks between groups of rows: fairness, and segments in which the model does worse."""

from collections.abc import Iterator, Mapping

from podium.core import project, reference
from podium.core.check import CheckKind
from podium.core.signature import Task
from podium.measures import rows as arrays
from podium.measures.fairness import by_name as fairness
from podium.measures.performance import by_name, log_loss, mae
from podium.measures.performance.measure import Measure
from podium.measures.performance.multiclass import log_loss as several
from podium.measures.segments import condition, worst
from podium.monitor.checks import evaluate, finding

SHOWN = 5
"""At most so many segments are told of in a window, the most certain first."""
_LONGEST = 256
_LOSS = {
    Task.BINARY: ("log_loss", log_loss.losses),
    Task.REGRESSION: ("mae", mae.losses),
    Task.MULTICLASS: ("log_loss", several.losses),
}


def columns(spec: project.Project, before: reference.Reference) -> tuple[str, ...]:
    """The features that these checks look at; none: nothing is asked for."""
    wanted = spec.monitor.groups if spec.monitor.fairness else ()
    return (*before.numeric, *before.categorical) if spec.monitor.segment_excess > 0 else wanted


def of_fairness(
    rows: evaluate.Labelled, by: Mapping[str, condition.Column], spec: project.Project
) -> Iterator[finding.Finding]:
    """Each asked measure between the groups of each asked feature; rows that wait for a person's decision left out.

    Broken when the gap is larger than the limit and surely not 0, all these checks taken together (Bonferroni).
    """
    limits = spec.monitor
    asked = [(name, column) for name in limits.fairness for column in limits.groups]
    keep = rows.decided
    target, score = (each if keep is None else each[keep] for each in (rows.target, rows.score))
    act = rows.act if rows.act is None or keep is None else rows.act[keep]
    for name, column in asked:
        sure = 1.0 - (1.0 - spec.metrics.confidence) / len(asked)
        found = None
        if target.size >= limits.min_rows and (act is not None or name == "calibration"):
            groups = by[column] if keep is None else by[column][keep]
            found = fairness.gap(name, fairness.Scored(target, score, act), groups, sure).difference
        yield finding.Finding(
            kind=CheckKind.FAIRNESS,
            measure=name,
            column=column,
            value=None if found is None else found.value,
            reference=0.0,
            limit=limits.fairness_gap,
            rows=target.size,
            over=found is not None and found.value > limits.fairness_gap and found.low > 0.0,
            low=None if found is None else found.low,
            high=None if found is None else found.high,
            enough=found is not None,
        )


def of_segments(
    rows: evaluate.Labelled,
    by: Mapping[str, condition.Column],
    before: reference.Reference,
    spec: project.Project,
) -> Iterator[finding.Finding]:
    """The worst segments by the primary metric's loss (log loss or MAE where it has none per row).

    A segment is broken when its loss exceeds that of all other rows by more than the limit, and surely exceeds it; it
    was found on one half of the rows and confirmed on the other. Conditions are cut where training's quantiles lie, so
    that a segment has the same name in every window. With no such segment there is one check that is well.
    """
    limits = spec.monitor
    if limits.segment_excess <= 0:
        return
    measure, losses = losses_of(rows, spec)
    enough = rows.target.size >= max(limits.min_rows, 4 * worst.SUPPORT)
    over = []
    if enough:
        found = worst.worst(by, losses, parts=condition.of_reference(before))
        over = [each for each in found if each.excess.value > limits.segment_excess * abs(each.elsewhere)][:SHOWN]
    for each in over:
        yield finding.Finding(
            kind=CheckKind.SEGMENT,
            measure=measure.name,
            column=str(each)[:_LONGEST],
            value=each.loss,
            reference=each.elsewhere,
            limit=each.elsewhere + limits.segment_excess * abs(each.elsewhere),
            rows=each.rows,
            over=True,
            low=each.elsewhere + each.excess.low,
            high=each.elsewhere + each.excess.high,
        )
    if not over:
        yield _well(measure, rows.target, limits.segment_excess, enough=enough)


def losses_of(rows: evaluate.Labelled, spec: project.Project) -> tuple[Measure, arrays.Numbers]:
    """The measure by which rows are told apart, and each row's loss by it, shape [n]."""
    task = spec.model.task
    measure = by_name.find(spec.metrics.primary, spec.costs, task)
    lacks = measure.needs_threshold and rows.threshold is None
    if measure.losses is not None and not measure.higher_is_better and not lacks:
        return measure, measure.losses(rows.target, rows.score, measure.decide(rows.threshold))
    name, find = _LOSS[task]
    return by_name.find(name, None, task), find(rows.target, rows.score)


def _well(measure: Measure, target: arrays.Numbers, limit: float, *, enough: bool) -> finding.Finding:
    return finding.Finding(
        kind=CheckKind.SEGMENT,
        measure=measure.name,
        column=None,
        value=0.0 if enough else None,
        reference=0.0,
        limit=limit,
        rows=target.size,
        over=False,
        enough=enough,
    )
