"""Checks of what goes in and what comes out, before outcomes are known: features and scores, from summaries. Pure."""

from collections.abc import Iterator, Mapping

import msgspec
import numpy

from podium.core import project, reference
from podium.core.check import CheckKind
from podium.measures.comparison import categorical as words
from podium.measures.comparison import numeric as numbers
from podium.measures.drift import discoveries, kolmogorov_smirnov, total_variation, weighted
from podium.measures.drift import reference as references
from podium.measures.quality import constant
from podium.measures.sketch import histogram
from podium.monitor.checks import against as compared
from podium.monitor.checks import finding, outputs, quality
from podium.monitor.checks.finding import Finding
from podium.monitor.checks.summary import Summary

_PSI = (CheckKind.DRIFT, "psi")


def of_columns(
    summary: Summary,
    trained: reference.Reference,
    limits: project.MonitorPart,
    against: compared.Against | None,
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
        drift = {each.column: each for each in found if (each.kind, each.measure) == _PSI and each.column}
        yield _weighted(drift, trained.importance, limits.weighted_psi)


def _of_columns(
    summary: Summary,
    trained: reference.Reference,
    limits: project.MonitorPart,
    against: compared.Against | None,
) -> Iterator[Finding]:
    enough = summary.rows >= limits.min_rows and against is not None
    known_of = against or compared.Against(trained)
    before = known_of.reference
    for name, known in before.numeric.items():
        look = _looking(name, limits, known_of, enough)
        yield from _numeric(look, known, summary.numeric[name])
    for name, categories in before.categorical.items():
        look = _looking(name, limits, known_of, enough)
        yield from _categorical(look, categories, summary.categorical[name])
        if limits.new_categories > 0:
            some = summary.rows >= limits.min_rows
            yield quality.new(name, trained.categorical[name], summary.categorical[name], limits, some)
    scores = (before.score.counts, histogram.coarse(summary.score, before.score).counts)
    wanders = known_of.cells.get(compared.SCORE)
    spread = compared.spread(before.score.dispersion, sum(scores[1]), before.window_rows, wanders)
    yield from _drift(CheckKind.SCORE_DRIFT, None, scores, limits.score_psi, spread, enough)
    for each in outputs.cells(summary, known_of):
        found = _drift(CheckKind.SCORE_DRIFT, each.column, each.counts, limits.score_psi, each.spread, enough)
        yield from _worded(found, each.said)


def _looking(column: str, limits: project.MonitorPart, known: compared.Against, enough: bool) -> quality.Look:  # noqa: FBT001
    rows = known.reference.window_rows
    return quality.Look(column, limits, rows, enough, known.cells.get(column), known.nulls.get(column))


def _numeric(look: quality.Look, known: reference.NumericReference, seen: histogram.NumericSketch) -> Iterator[Finding]:
    """The index over ten bins, as rules always had it; the share that moved over all bins, as `podium check` has it."""
    spread = compared.spread(known.dispersion, sum(seen.counts), look.window_rows, look.wandering)
    cells, said = (known.counts, histogram.coarse(seen, known).counts), numbers.said(known, seen, seen.quantiles)
    yield from _worded(_drift(CheckKind.DRIFT, look.column, cells, look.limits.drift_psi, spread, look.enough), said)
    if look.limits.drift_moved > 0:
        gap = kolmogorov_smirnov.kolmogorov_smirnov(references.finest(known).counts, seen.counts)
        yield _moved(look, cells, None if gap is None else gap.value, spread, said)
    nulls = (known.nulls, known.nulls + sum(known.counts)), (seen.nulls, seen.rows)
    null_spread = compared.spread(known.null_dispersion, seen.rows, look.window_rows, look.null_wandering)
    yield from quality.missing(look.column, *nulls, look.limits, null_spread, look.enough)
    if look.limits.constant:
        several = not constant.constant(known.minimum, known.maximum)
        yield quality.stuck(look, several and constant.constant(seen.minimum, seen.maximum), cells, spread, said)
    if look.limits.out_of_range > 0:
        yield quality.outside(look, known, seen, spread)


def _categorical(
    look: quality.Look, known: reference.CategoryReference, seen: histogram.CategorySketch
) -> Iterator[Finding]:
    cells, said = words.cells(known, seen), words.said(known, seen)
    spread = compared.spread(known.dispersion, sum(cells[1]), look.window_rows, look.wandering)
    yield from _worded(_drift(CheckKind.DRIFT, look.column, cells, look.limits.drift_psi, spread, look.enough), said)
    if look.limits.drift_moved > 0:
        yield _moved(look, cells, total_variation.total_variation(*cells), spread, said)
    nulls = (known.nulls, known.nulls + sum(cells[0])), (seen.nulls, seen.rows)
    null_spread = compared.spread(known.null_dispersion, seen.rows, look.window_rows, look.null_wandering)
    yield from quality.missing(look.column, *nulls, look.limits, null_spread, look.enough)
    if look.limits.constant:
        several = sum(count > 0 for count in cells[0]) > 1
        different = sum(count > 0 for count in seen.counts.values()) + len(seen.unseen) + seen.unnamed
        yield quality.stuck(look, several and constant.constant(None, None, different), cells, spread, said)
    if look.limits.vanished > 0:
        yield quality.gone(look, known, seen, spread)


def _worded(found: Iterator[Finding], said: str) -> Iterator[Finding]:
    for each in found:
        yield msgspec.structs.replace(each, said=said)


def _moved(
    look: quality.Look, cells: quality.Cells, moved: float | None, spread: compared.Spread, said: str
) -> Finding:
    """The share of rows that moved, the effect of `podium check`; tested as the stability index is."""
    tested = spread.psi(*cells) if look.enough else None
    value = moved if tested is not None else None
    return finding.judged(
        CheckKind.DRIFT,
        "moved",
        look.column,
        value=value,
        limit=look.limits.drift_moved,
        rows=int(numpy.sum(cells[1])),
        p_value=1.0 if tested is None else tested.p_value,
        said=said,
    )


def _weighted(drift: Mapping[str, Finding], importance: Mapping[str, float], limit: float) -> Finding:
    """Drift of all features together; nothing is known where importances are not, or where one could not be judged."""
    known = {name: each.value for name, each in drift.items() if each.value is not None and each.enough}
    some = all(name in known for name, share in importance.items() if share > 0.0)
    value = weighted.weighted(known, importance) if importance and some else None
    return finding.judged(
        CheckKind.DRIFT,
        "weighted_psi",
        None,
        value=value,
        limit=limit,
        rows=max((each.rows for each in drift.values()), default=0),
        p_value=discoveries.simes([1.0 if each.p_value is None else each.p_value for each in drift.values()]),
    )


def _drift(
    kind: CheckKind,
    column: str | None,
    cells: quality.Cells,
    limit: float,
    spread: compared.Spread,
    enough: bool,  # noqa: FBT001
) -> Iterator[Finding]:
    """`cells`: counts before and now; `spread`: how much more a quiet window varies than by chance."""
    if limit <= 0:
        return
    before, now = cells
    found = spread.psi(before, now) if enough else None
    yield finding.judged(
        kind,
        "psi",
        column,
        value=None if found is None else max(0.0, found.value),
        limit=limit,
        rows=int(numpy.sum(now)),
        p_value=1.0 if found is None else found.p_value,
    )
