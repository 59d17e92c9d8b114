"""A window's features by every measure of `podium check`, from the window's summary. Pure."""

from collections.abc import Iterator

from podium.core import check, reference
from podium.measures.comparison import categorical as words
from podium.measures.comparison import numeric as numbers
from podium.measures.drift import reference as references
from podium.measures.sketch import histogram
from podium.monitor.checks import outputs
from podium.monitor.checks.summary import Summary

_PLACES = frozenset({"ks", "ks_p", "shift_z", "wasserstein", "p_value"})
"""Measures that need to know where values lie, and not only in which tenth of the reference."""
_OLDER = (
    "This version was trained when references kept ten bins: Kolmogorov-Smirnov and Wasserstein need finer ones, "
    "which the next training keeps."
)
_EMPTY = "The reference has no value to compare with."
_NONE = "The window has no value to compare."


def of_columns(summary: Summary, before: reference.Reference) -> tuple[check.Measured, ...]:
    """Every feature of the reference, then the score, of several classes also the class and each probability.

    `before`: on the bins on which the summary lies.
    """
    return tuple(_of_columns(summary, before))


def _of_columns(summary: Summary, before: reference.Reference) -> Iterator[check.Measured]:
    for name, known in before.numeric.items():
        yield _numeric(name, known, summary.numeric[name])
    for name, categories in before.categorical.items():
        yield _categorical(name, categories, summary.categorical[name])
    yield _numeric(None, before.score, summary.score)
    if before.of_classes is not None and summary.outputs is not None:
        yield _categorical(outputs.PREDICTED, before.of_classes.predicted, summary.outputs.predicted)
        for label, known in before.of_classes.probabilities.items():
            yield _numeric(outputs.PROBABILITY + label, known, summary.outputs.chances[label])


def _numeric(column: str | None, before: reference.NumericReference, now: histogram.NumericSketch) -> check.Measured:
    known = references.finest(before)
    found, lacking = numbers.measures(known, now), _lacking(sum(known.counts), sum(now.counts))
    if not lacking and before.fine is None:
        found, lacking = {name: value for name, value in found.items() if name not in _PLACES}, _OLDER
    return check.Measured(
        column=column,
        kind="numeric",
        rows=sum(now.counts),
        measures=found,
        said=numbers.said(before, now, now.quantiles),
        lacking=lacking,
    )


def _categorical(column: str, before: reference.CategoryReference, now: histogram.CategorySketch) -> check.Measured:
    old, new = (sum(each) for each in words.cells(before, now))
    told = [words.said(before, now), words.said_new(now)]
    return check.Measured(
        column=column,
        kind="category",
        rows=new,
        measures=words.measures(before, now),
        said="; ".join(each for each in told if each),
        lacking=_lacking(old, new),
    )


def _lacking(old: int, new: int) -> str:
    return _EMPTY if not old else "" if new else _NONE
