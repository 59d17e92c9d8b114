"""Checks of a column's quality: what is missing, new, gone, out of range, or stands still. Pure."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy

from podium.core import project, reference
from podium.core.check import CheckKind
from podium.measures.comparison import categorical as words
from podium.measures.comparison import numeric as numbers
from podium.measures.drift import psi, wander
from podium.measures.quality import constant, missing_rate, new_categories, vanished
from podium.measures.sketch import histogram
from podium.monitor.checks import against as compared
from podium.monitor.checks.finding import Finding

Cells = tuple[Sequence[int], Sequence[int]]
"""Counts before and now."""


class Look(NamedTuple):
    """A look at one column."""

    column: str
    limits: project.MonitorPart
    window_rows: float
    """Rows of a window at which dispersions were measured."""
    enough: bool
    wandering: wander.Wander | None
    """How matching windows wander, where they are known."""
    null_wandering: wander.Wander | None


def missing(
    column: str,
    before: tuple[int, int],
    now: tuple[int, int],
    limits: project.MonitorPart,
    spread: compared.Spread,
    enough: bool,  # noqa: FBT001
) -> Iterator[Finding]:
    """`before`, `now`: nulls and all rows."""
    expected, rows = missing_rate.missing_rate(*before), now[1]
    value = missing_rate.missing_rate(*now) if enough else None
    if limits.missing_rate <= 0 or expected is None:
        return
    changed = spread.psi((before[0], before[1] - before[0]), (now[0], now[1] - now[0]))
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


def new(
    column: str,
    before: reference.CategoryReference,
    seen: histogram.CategorySketch,
    limits: project.MonitorPart,
    enough: bool,  # noqa: FBT001
) -> Finding:
    known = sum(seen.counts.values())
    value = new_categories.new_categories(seen.new, known, before) if enough else None
    changed = psi.psi((before.other, sum(before.counts.values())), (seen.new, known))
    return Finding(
        kind=CheckKind.QUALITY,
        measure="new_categories",
        column=column,
        value=value,
        reference=0.0,
        limit=limits.new_categories,
        rows=seen.new + known,
        over=value is not None and value > limits.new_categories,
        p_value=1.0 if changed is None else changed.p_value,
        enough=value is not None,
        said=words.said_new(seen),
    )


def stuck(look: Look, one: bool, cells: Cells, spread: compared.Spread, said: str) -> Finding:  # noqa: FBT001
    """Whether a column has one value only; a window of n rows counts as n / spread."""
    rows = int(numpy.sum(cells[1]))
    enough = look.enough and rows > 0
    return Finding(
        kind=CheckKind.QUALITY,
        measure="constant",
        column=look.column,
        value=float(one) if enough else None,
        reference=0.0,
        limit=0.0,
        rows=rows,
        over=enough and one,
        p_value=constant.chance(cells[0], rows / spread.times) if enough else 1.0,
        enough=enough,
        said=said if one else "",
    )


def outside(
    look: Look, known: reference.NumericReference, seen: histogram.NumericSketch, spread: compared.Spread
) -> Finding:
    """Values below or above all of training's; a window of n rows counts as n / spread."""
    value = numbers.outside(known, seen) if look.enough else None
    return Finding(
        kind=CheckKind.QUALITY,
        measure="out_of_range",
        column=look.column,
        value=value,
        reference=0.0,
        limit=look.limits.out_of_range,
        rows=sum(seen.counts),
        over=value is not None and value > look.limits.out_of_range,
        p_value=numbers.chance_outside(known, seen, spread.times),
        enough=value is not None,
    )


def gone(
    look: Look, known: reference.CategoryReference, seen: histogram.CategorySketch, spread: compared.Spread
) -> Finding:
    """Categories that training knew and that do not come any more, by the share of rows that they had."""
    rows = sum(seen.counts.values()) + seen.new
    now = {name: count / spread.times for name, count in words.seen(seen).items() if count}
    lost = vanished.vanished(known.counts, now)
    enough = look.enough and rows > 0
    return Finding(
        kind=CheckKind.QUALITY,
        measure="vanished",
        column=look.column,
        value=lost.share if enough else None,
        reference=0.0,
        limit=look.limits.vanished,
        rows=rows,
        over=enough and lost.share > look.limits.vanished,
        p_value=lost.p_value,
        enough=enough,
        said=words.said(known, seen),
    )
