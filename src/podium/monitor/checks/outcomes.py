"""Checks of outcomes as such: whether they come as they did in training, whatever the model says of them."""

from collections.abc import Iterator

import numpy

from podium.core import check, project, reference
from podium.core.check import CheckKind
from podium.measures import rows as arrays
from podium.measures.comparison import categorical as words
from podium.measures.comparison import numeric as numbers
from podium.measures.drift import dispersion, psi
from podium.measures.drift import reference as references
from podium.measures.sketch import histogram
from podium.monitor.checks import finding

MEASURE = "outcome_psi"
KIND = "outcome"


def of_target(
    target: arrays.Numbers, before: reference.Reference, limits: project.MonitorPart
) -> Iterator[finding.Finding]:
    """How far the outcomes that are known moved from those of the test split (PSI); `target`: finite, shape [n].

    Broken when they moved by more than the limit, and surely, by how far quiet windows differ. References of older
    versions say nothing.
    """
    if limits.outcome_psi <= 0:
        return
    if before.of_classes is not None:
        yield _of_classes(target, before, before.of_classes, limits)
        return
    found = None
    if before.target is not None and target.size >= limits.min_rows:
        now = histogram.coarse(histogram.numeric(target, before.target), before.target).counts
        spread = dispersion.scaled(before.target.dispersion, target.size, before.window_rows)
        found = psi.psi(before.target.counts, now, spread)
    yield finding.judged(
        CheckKind.OUTCOME_DRIFT,
        MEASURE,
        None,
        value=None if found is None else max(0.0, found.value),
        limit=limits.outcome_psi,
        rows=target.size,
        p_value=1.0 if found is None else found.p_value,
        said="" if found is None or before.target is None else said(target, before.target),
    )


def _of_classes(
    target: arrays.Numbers, before: reference.Reference, known: reference.ClassReference, limits: project.MonitorPart
) -> finding.Finding:
    """The same of the shares of several classes."""
    found, now = None, _counted(target, known)
    if target.size >= limits.min_rows:
        spread = dispersion.scaled(known.outcomes.dispersion, target.size, before.window_rows)
        old, new = ([each.counts[label] for label in known.labels] for each in (known.outcomes, now))
        found = psi.psi(old, new, spread)
    return finding.judged(
        CheckKind.OUTCOME_DRIFT,
        MEASURE,
        None,
        value=None if found is None else max(0.0, found.value),
        limit=limits.outcome_psi,
        rows=target.size,
        p_value=1.0 if found is None else found.p_value,
        said="" if found is None else words.said(known.outcomes, now),
    )


def _counted(target: arrays.Numbers, known: reference.ClassReference) -> histogram.CategorySketch:
    counts = numpy.bincount(target.astype(numpy.int64), minlength=len(known.labels)).tolist()
    return histogram.CategorySketch(counts=dict(zip(known.labels, counts, strict=True)), unseen={}, unnamed=0, nulls=0)


def said(target: arrays.Numbers, before: reference.NumericReference) -> str:
    """How the mean of the outcomes changed, in words; of 0 and 1 it is their rate."""
    if before.mean is None:
        return ""
    rate = before.minimum == 0.0 and before.maximum == 1.0 and bool(numpy.isin(target, (0.0, 1.0)).all())
    write = numbers.share if rate else numbers.number
    return f"{'rate' if rate else 'mean'} {write(before.mean)} → {write(float(target.mean()))}"


def measured(target: arrays.Numbers, name: str, before: reference.Reference) -> tuple[check.Measured, ...]:
    """The outcomes that are known by every measure of `podium check`; nothing without any, or without a reference."""
    known = before.of_classes
    if known is not None and target.size:
        counted = _counted(target, known)
        told, found = words.said(known.outcomes, counted), words.measures(known.outcomes, counted)
        return (check.Measured(column=name, kind=KIND, rows=target.size, measures=found, said=told),)
    if before.target is None or not target.size:
        return ()
    now = histogram.numeric(target, before.target)
    return (
        check.Measured(
            column=name,
            kind=KIND,
            rows=target.size,
            measures=numbers.measures(references.finest(before.target), now),
            said=said(target, before.target),
        ),
    )
