"""Support: whether rows lie where the model was seen to work; outside of it no estimate is worth showing."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy

from podium.core import reference
from podium.measures.drift import reference as references
from podium.measures.quality import new_categories
from podium.measures.sketch import histogram

LIMIT = 0.05
"""An estimate is hidden when more than this share of the rows lies outside, in any one column."""


TIMES = 3.0
"""A region is thin where so many times as large a share of the rows lies as of the reference's."""
_CUTS = (0.005, 0.01, 0.025, *(each / 20 for each in range(1, 20)), 0.975, 0.99, 0.995)
"""Regions of numbers: twentieths of the reference, in both tails finer."""


class Outside(msgspec.Struct, frozen=True, kw_only=True):
    """A column, and the share of rows in which it has a value that the reference does not cover."""

    column: str
    share: float


def outside(
    numeric: Mapping[str, histogram.NumericSketch],
    categorical: Mapping[str, histogram.CategorySketch],
    before: reference.Reference,
    limit: float = LIMIT,
) -> tuple[Outside, ...]:
    """The columns in which more than `limit` of the rows lie outside the reference, the worst first; none: supported.

    Outside is: beyond the reference's smallest and largest value, a category that it does not know, or no value where
    the reference always had one. Each column is looked at alone: a new combination of known values is not seen.

    >>> import numpy
    >>> from podium.measures.drift import reference as references
    >>> known = references.numeric(numpy.arange(10.0))
    >>> score = references.numeric(numpy.array([0.1, 0.2]))
    >>> before = reference.Reference(
    ...     rows=10, numeric={"x": known}, categorical={}, score=score, metrics={}, cost_per_row=None
    ... )
    >>> outside({"x": histogram.numeric(numpy.array([5.0, 99.0]), known)}, {}, before)
    (Outside(column='x', share=0.5),)
    """
    shares = {name: _number(numeric[name], known) for name, known in before.numeric.items() if name in numeric}
    shares |= {
        name: _word(categorical[name], known) for name, known in before.categorical.items() if name in categorical
    }
    found = [Outside(column=name, share=share) for name, share in shares.items() if share > limit]
    return tuple(sorted(found, key=lambda each: (-each.share, each.column)))


def thin(
    numeric: Mapping[str, histogram.NumericSketch],
    categorical: Mapping[str, histogram.CategorySketch],
    before: reference.Reference,
    limit: float = LIMIT,
) -> tuple[Outside, ...]:
    """The columns in which more than `limit` of the rows lie where the reference had few, the worst first.

    What is learnt of rows is an average over regions, most of it from where most of them were. Where a region has three
    times as many as it had, surely, they may lie in another part of it. Regions are twentieths of a number, finer in
    the tails, and categories.

    >>> import numpy
    >>> from podium.measures.drift import reference as references
    >>> known, score = references.detailed(numpy.arange(1000.0)), references.numeric(numpy.array([0.1, 0.2]))
    >>> before = reference.Reference(
    ...     rows=1000, numeric={"x": known}, categorical={}, score=score, metrics={}, cost_per_row=None
    ... )
    >>> now = numpy.concatenate([numpy.arange(0.0, 1000.0, 2.0), numpy.linspace(950.0, 999.0, 100)])
    >>> thin({"x": histogram.numeric(now, known)}, {}, before)
    (Outside(column='x', share=0.185),)
    """
    shares = {
        name: _crowded(_regions(references.finest(known).counts, numeric[name].counts))
        for name, known in before.numeric.items()
        if name in numeric
    }
    shares |= {
        name: _crowded((list(known.counts.values()), [categorical[name].counts.get(each, 0) for each in known.counts]))
        for name, known in before.categorical.items()
        if name in categorical
    }
    found = [Outside(column=name, share=share) for name, share in shares.items() if share > limit]
    return tuple(sorted(found, key=lambda each: (-each.share, each.column)))


def _regions(before: Sequence[int], now: Sequence[int]) -> tuple[list[int], list[int]]:
    """The counts of bins, added up over the regions in which their middles lie."""
    old = numpy.asarray(before, dtype=numpy.float64)
    middles = (numpy.cumsum(old) - old / 2) / max(1.0, float(old.sum()))
    places = numpy.searchsorted(_CUTS, middles)
    both = (numpy.bincount(places, weights=each).astype(numpy.int64).tolist() for each in (old, numpy.asarray(now)))
    one, two = both
    return one, two


def _crowded(cells: tuple[Sequence[int], Sequence[int]]) -> float:
    """The share of rows now in cells where far more than expected lie: more than chance brings, too."""
    old, new = (numpy.asarray(each, dtype=numpy.float64) for each in cells)
    if not old.sum() or not new.sum():
        return 0.0
    expected = TIMES * old / old.sum() * new.sum()
    return float(new[new > expected + 2.0 * numpy.sqrt(expected / TIMES)].sum() / new.sum())


def _number(now: histogram.NumericSketch, before: reference.NumericReference) -> float:
    if not now.rows:
        return 0.0
    empty = 0 if before.nulls else now.nulls
    if before.minimum is None:
        return sum(now.counts) / now.rows
    return (now.below + now.above + empty) / now.rows


def _word(now: histogram.CategorySketch, before: reference.CategoryReference) -> float:
    if not now.rows:
        return 0.0
    known = now.rows - now.nulls - now.new
    fresh = new_categories.new_categories(now.new, known, before) or 0.0
    empty = 0 if before.nulls else now.nulls
    return (fresh * (now.rows - now.nulls) + empty) / now.rows
