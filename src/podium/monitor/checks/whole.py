"""Checks of rows as wholes: whether features still move together, and whether rows can be told from training's."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy

from podium.core import project, reference
from podium.core.check import CheckKind
from podium.measures.drift import dispersion, reconstruction, standard, told_apart
from podium.monitor.checks import finding, kept, samples
from podium.monitor.checks.finding import Finding
from podium.monitor.checks.summary import Summary

MEASURE, TOLD = "pattern", "told_apart"
_NO_ROWS = "this version's training kept no rows; the next one keeps some"


class Rows(NamedTuple):
    """Some of a window's rows by their numeric features, shape [n, columns]."""

    columns: tuple[str, ...]
    alike: standard.Matrix
    """Each standing for as many rows as the others; some may come more than once."""
    once: standard.Matrix
    """The same, each coming once."""

    def of(self, matrix: standard.Matrix, wanted: tuple[str, ...]) -> standard.Matrix:
        """The columns in the order in which training had them, which a reference as it is stored has not."""
        return matrix[:, [self.columns.index(each) for each in wanted]]


def of_window(summary: Summary, before: reference.Reference, limits: project.MonitorPart) -> Iterator[Finding]:
    """Of the rows that are kept of a window; see `of_rows`."""
    if limits.pattern_moved <= 0 and limits.told_apart <= 0:
        return
    names = tuple(before.numeric)
    none = numpy.empty((0, len(names)))
    found = Rows(names, none, none)
    if summary.sample is not None:
        rows = samples.read(summary.sample)
        alike, once = (each.numbers[:, : len(names)].astype(float) for each in (kept.alike(rows), kept.once(rows)))
        found = Rows(names, alike, once)
    yield from of_rows(found, before, limits, summary.rows)


def of_rows(found: Rows, before: reference.Reference, limits: project.MonitorPart, rows: int) -> Iterator[Finding]:
    """What the rules ask of some of a window's `rows`, by the measures of `podium check`.

    `pattern`: how far rows are from the pattern in which features moved together in training; broken when the mean
    distance changed by more than the limit, as a share of itself. `told_apart`: how much better they are told from
    training's rows than those of quiet windows are. Both broken only surely, by how far quiet windows differ. What a
    reference lacks (fewer than two numeric features, an older version's, not asked for then) says nothing.
    """
    if limits.pattern_moved > 0:
        yield _pattern(found, before, limits, rows)
    if limits.told_apart > 0:
        yield _told(found, before, limits, rows)


def _pattern(seen: Rows, before: reference.Reference, limits: project.MonitorPart, rows: int) -> Finding:
    matrix, found = seen.alike, None
    if before.pattern is not None and rows >= limits.min_rows:
        spread = dispersion.scaled(before.pattern.dispersion, len(matrix), before.window_rows)
        found = reconstruction.change(before.pattern, seen.of(matrix, before.pattern.columns), spread)
    return finding.judged(
        CheckKind.DRIFT,
        MEASURE,
        None,
        value=None if found is None else abs(found.value),
        limit=limits.pattern_moved,
        rows=len(matrix),
        p_value=1.0 if found is None else found.p_value,
        said="" if found is None else f"distance from how features move together {found.value:+.0%}",
    )


def _told(seen: Rows, before: reference.Reference, limits: project.MonitorPart, rows: int) -> Finding:
    known, matrix, found = before.apart, seen.once, None
    if known is not None and rows >= limits.min_rows:
        found = told_apart.told(known, seen.of(matrix, known.columns))
    usual = 0.5 if known is None else known.usual
    words = "" if known is not None else _NO_ROWS if before.numeric else "the model has no numeric feature"
    if found is not None:
        words = f"rows told from training's: AUC {found.auc:.2f}, usually {usual:.2f}; most by {', '.join(found.most)}"
    return Finding(
        kind=CheckKind.DRIFT,
        measure=TOLD,
        column=None,
        value=None if found is None else found.auc,
        reference=usual,
        limit=usual + limits.told_apart,
        rows=len(matrix),
        over=found is not None and found.beyond > limits.told_apart,
        p_value=1.0 if found is None else found.p_value,
        enough=found is not None,
        said=words,
    )
