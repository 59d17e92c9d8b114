"""Guardrails of a release: by how much the challenger is worse where it may not be, judged by non-inferiority."""

import math

import msgspec
import numpy.typing

from podium.core import guardrail_rules, model, project, release, run
from podium.core.errors import Invalid
from podium.core.release import Verdict
from podium.measures import rows as arrays
from podium.measures.guardrails import change, figure
from podium.measures.performance import compare


class Sides(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of champion and challenger: `paired` where both scored the same ones, in the same order."""

    first: figure.Scored
    second: figure.Scored
    groups: dict[str, tuple[numpy.typing.ArrayLike, numpy.typing.ArrayLike]]
    """By feature: the value of each row, on both sides."""
    paired: bool
    anytime_rows: int
    """About how many rows there are when it matters: where the limits are narrowest."""


class Took(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds that each of some rows took both models, shape [n], measured for the `look`-th time."""

    first: arrays.Numbers
    second: arrays.Numbers
    look: int
    by: str
    """Who timed them, in words."""


def judge(owner: model.Model, sides: Sides, took: Took | None) -> tuple[release.Guarded, ...]:
    """What is seen of each guardrail of the project file.

    All together surely err no more often than one interval of the project's confidence (Bonferroni).
    """
    wanted = owner.spec.release.guardrails
    confidence = 1.0 - (1.0 - owner.spec.metrics.confidence) / max(1, len(wanted))
    return tuple(_judged(owner, each, sides, took, confidence) for each in wanted)


def verdict(found: run.Interval, margin: float) -> Verdict:
    """What an interval of the improvement says of a figure that may be worse by a margin.

    >>> verdict(run.Interval(value=-0.1, low=-0.3, high=0.1, rows=9), 0.5).value
    'not-worse'
    """
    if found.high < -margin:
        return Verdict.WORSE
    if found.low > 0:
        return Verdict.BETTER
    return Verdict.NOT_WORSE if found.low >= -margin else Verdict.NOT_ENOUGH_DATA


def _judged(
    owner: model.Model, part: project.GuardrailPart, sides: Sides, took: Took | None, confidence: float
) -> release.Guarded:
    if part.metric == guardrail_rules.LATENCY:
        return _latency(part, took, confidence)
    first, second = sides.first, sides.second
    if part.by:
        groups = sides.groups.get(part.by)
        if groups is None:
            return _nothing(part, 0, confidence)
        first, second = first._replace(group=groups[0]), second._replace(group=groups[1])
    rows = min(first.target.size, second.target.size)
    try:
        pulls = figure.pulls(part.metric, first, second, owner.spec.costs, owner.spec.model.task)
    except Invalid:  # a version without a threshold, or rows that nobody has decided yet
        return _nothing(part, rows, confidence)
    if pulls is None:
        return _nothing(part, rows, confidence)
    found = change.change(*pulls, confidence, paired=sides.paired, anytime_rows=sides.anytime_rows)
    return _nothing(part, rows, confidence) if found is None else _said(part, found, pulls.values, confidence)


def _latency(part: project.GuardrailPart, took: Took | None, confidence: float) -> release.Guarded:
    """Each look times rows anew: the k-th spends 6 / (π k)² of the chance to err, and all together spend it once."""
    if took is None:
        return _nothing(part, 0, confidence)
    sure = 1.0 - (1.0 - confidence) * 6.0 / (math.pi * took.look) ** 2
    found = compare.losses(took.first, took.second, sure)
    if found is None:
        return _nothing(part, took.first.size, confidence)
    made = _said(part, found, (float(took.first.mean()), float(took.second.mean())), sure)
    return msgspec.structs.replace(made, timed_by=took.by)


def _said(
    part: project.GuardrailPart, found: run.Interval, values: tuple[float, float], confidence: float
) -> release.Guarded:
    return release.Guarded(
        metric=part.metric,
        by=part.by,
        margin=part.margin,
        verdict=verdict(found, part.margin),
        rows=found.rows,
        first=values[0],
        second=values[1],
        difference=found.value,
        low=found.low,
        high=found.high,
        confidence=confidence,
    )


def _nothing(part: project.GuardrailPart, count: int, confidence: float) -> release.Guarded:
    return release.Guarded(
        metric=part.metric,
        by=part.by,
        margin=part.margin,
        verdict=Verdict.NOT_ENOUGH_DATA,
        rows=count,
        confidence=confidence,
    )
