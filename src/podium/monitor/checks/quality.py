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
from podium.monitor.checks import finding
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
    yield finding.judged(
        CheckKind.QUALITY,
        "missing_rate",
        column,
        value=value,
        limit=limit,
        rows=rows,
        p_value=1.0 if changed is None else changed.p_value,
        reference=expected,
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
    return finding.judged(
        CheckKind.QUALITY,
        "new_categories",
        column,
        value=value,
        limit=limits.new_categories,
        rows=seen.new + known,
        p_value=1.0 if changed is None else changed.p_value,
        said=words.said_new(seen),
    )


def stuck(look: Look, one: bool, cells: Cells, spread: compared.Spread, said: str) -> Finding:  # noqa: FBT001
    """Whether a column has one value only; a window of n rows counts as n / spread."""
    rows = int(numpy.sum(cells[1]))
    enough = look.enough and rows > 0
    return finding.judged(
        CheckKind.QUALITY,
        "constant",
        look.column,
        value=float(one) if enough else None,
        limit=0.0,
        rows=rows,
        p_value=constant.chance(cells[0], rows / spread.times) if enough else 1.0,
        said=said if one else "",
    )


def outside(
    look: Look, known: reference.NumericReference, seen: histogram.NumericSketch, spread: compared.Spread
) -> Finding:
    """Values below or above all of training's; a window of n rows counts as n / spread."""
    value = numbers.outside(known, seen) if look.enough else None
    return finding.judged(
        CheckKind.QUALITY,
        "out_of_range",
        look.column,
        value=value,
        limit=look.limits.out_of_range,
        rows=sum(seen.counts),
        p_value=numbers.chance_outside(known, seen, spread.times),
    )


def gone(
    look: Look, known: reference.CategoryReference, seen: histogram.CategorySketch, spread: compared.Spread
) -> Finding:
    """Categories that training knew and that do not come any more, by the share of rows that they had."""
    rows = sum(seen.counts.values()) + seen.new
    now = {name: count / spread.times for name, count in words.seen(seen).items() if count}
    lost = vanished.vanished(known.counts, now)
    enough = look.enough and rows > 0
    return finding.judged(
        CheckKind.QUALITY,
        "vanished",
        look.column,
        value=lost.share if enough else None,
        limit=look.limits.vanished,
        rows=rows,
        p_value=lost.p_value,
        said=words.said(known, seen),
    )
