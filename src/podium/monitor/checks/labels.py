"""Checks of the outcomes themselves: whether they come for some rows rather than for others."""

from collections.abc import Iterator

from podium.core import project, time
from podium.core.check import CheckKind
from podium.measures import rows as arrays
from podium.measures.labels import selection
from podium.monitor.checks import finding


def window_us(spec: project.Project) -> int:
    """How long outcomes take to be complete; 0 where the project does not say."""
    return int(time.parse_duration(spec.monitor.label_window, "monitor.label_window").total_seconds() * 1_000_000)


def of_selection(labelled: arrays.Truths, scores: arrays.Numbers, spec: project.Project) -> Iterator[finding.Finding]:
    """How far the share of rows with an outcome differs between low, middle and high scores of a complete cohort.

    `labelled`: which rows have an outcome; `scores`: finite; shapes [n]. Only with a `label_window`: before outcomes
    are complete, that some have none says nothing. Broken when the gap is larger than the limit and surely not 0.
    """
    limits = spec.monitor
    if not window_us(spec) or limits.label_selection <= 0:
        return
    enough = scores.size >= limits.min_rows and bool(labelled.any())
    found = selection.by_score(labelled, scores, spec.metrics.confidence).shares.difference if enough else None
    yield finding.Finding(
        kind=CheckKind.QUALITY,
        measure="label_selection",
        column=None,
        value=None if found is None else found.value,
        reference=0.0,
        limit=limits.label_selection,
        rows=scores.size,
        over=found is not None and found.value > limits.label_selection and found.low > 0.0,
        low=None if found is None else found.low,
        high=None if found is None else found.high,
        enough=found is not None,
    )
