"""A check of rows as wholes: whether numeric features still move together as they did in training."""

from collections.abc import Iterator

import numpy

from podium.core import project, reference
from podium.core.check import CheckKind
from podium.measures.drift import dispersion, reconstruction, standard
from podium.monitor.checks import kept, samples
from podium.monitor.checks.finding import Finding
from podium.monitor.checks.summary import Summary

MEASURE = "pattern"


def of_window(summary: Summary, before: reference.Reference, limits: project.MonitorPart) -> Iterator[Finding]:
    """Of the rows that are kept of a window; see `of_rows`."""
    if limits.pattern_moved <= 0:
        return
    matrix = numpy.empty((0, len(before.numeric)))
    if summary.sample is not None:
        found = kept.alike(samples.read(summary.sample)).numbers
        matrix = found[:, : len(before.numeric)].astype(numpy.float64)
    yield from of_rows(matrix, before, limits, summary.rows)


def of_rows(
    matrix: standard.Matrix, before: reference.Reference, limits: project.MonitorPart, rows: int
) -> Iterator[Finding]:
    """How far rows are from the pattern in which features moved together, against training, as `podium check` has it.

    `matrix`: some of the window's `rows`, shape [n, numeric features]. Broken when the mean distance changed by more
    than the limit, as a share of itself, and surely, by how far quiet windows differ. A reference without a pattern
    (fewer than two numeric features, or an older version's) says nothing.
    """
    if limits.pattern_moved <= 0:
        return
    found = None
    if before.pattern is not None and rows >= limits.min_rows:
        spread = dispersion.scaled(before.pattern.dispersion, len(matrix), before.window_rows)
        found = reconstruction.change(before.pattern, matrix, spread)
    yield Finding(
        kind=CheckKind.DRIFT,
        measure=MEASURE,
        column=None,
        value=None if found is None else abs(found.value),
        reference=0.0,
        limit=limits.pattern_moved,
        rows=len(matrix),
        over=found is not None and abs(found.value) > limits.pattern_moved,
        p_value=1.0 if found is None else found.p_value,
        enough=found is not None,
        said="" if found is None else f"distance from how features move together {found.value:+.0%}",
    )
