"""A column's summary on its reference's bins: small, and mergeable, so that a window is the merge of its days."""

import collections

import msgspec
import numpy

from podium.core import reference
from podium.core.errors import Invalid
from podium.measures import binning, rows
from podium.measures.drift import reference as references

NAMED = 50
"""How many new categories keep their name in a summary."""


class NumericSketch(msgspec.Struct, frozen=True, kw_only=True):
    """A numeric column: counts on the reference's bins, nulls, sums, extremes, and rows outside training's range."""

    counts: tuple[int, ...]
    nulls: int
    total: float
    squares: float
    minimum: float | None
    maximum: float | None
    below: int
    above: int
    sums: tuple[float, ...] = ()
    """The sum of the values in each bin; empty in summaries of older versions."""
    infinite: int = 0
    quantiles: tuple[float, float, float] | None = None
    """Of a sample: 10 %, 50 %, 90 %; they tell a change of unit, which the reference's bins cannot."""

    @property
    def rows(self) -> int:
        return sum(self.counts) + self.nulls + self.infinite

    @property
    def mean(self) -> float | None:
        known = sum(self.counts)
        return self.total / known if known else None


class CategorySketch(msgspec.Struct, frozen=True, kw_only=True):
    """A text or boolean column: counts of the reference's categories, of others by name (50 at most), and nulls."""

    counts: dict[str, int]
    unseen: dict[str, int]
    unnamed: int
    """Rows with another category, beyond those named."""
    nulls: int

    @property
    def new(self) -> int:
        return sum(self.unseen.values()) + self.unnamed

    @property
    def rows(self) -> int:
        return sum(self.counts.values()) + self.new + self.nulls


def numeric(values: rows.Numbers, before: reference.NumericReference) -> NumericSketch:
    """Summarise values (float64, shape [n], NaN = null) on the finest bins; `Invalid` on infinity or another shape.

    >>> before = references.numeric(numpy.array([1.0, 2.0, 3.0, 4.0]), bins=2)
    >>> numeric(numpy.array([1.0, 9.0, numpy.nan]), before).counts
    (1, 1)
    """
    references.present(values)
    edges = references.finest(before).edges
    made = binning.Bins(numpy.array(edges, dtype=numpy.float64), low=before.minimum, high=before.maximum)
    made.add(values)
    return of_bins(made)


def coarse(now: NumericSketch, before: reference.NumericReference) -> NumericSketch:
    """A summary on the reference's fine bins as one on its `edges`: what rules were made for.

    >>> before = references.detailed(numpy.arange(1000.0))
    >>> fine = numeric(numpy.arange(500.0), before)
    >>> len(fine.counts), coarse(fine, before).counts
    (256, (100, 100, 100, 100, 100, 0, 0, 0, 0, 0))
    """
    if before.fine is None or len(now.counts) == len(before.counts):
        return now
    starts = numpy.append(0, numpy.searchsorted(before.fine.edges, before.edges) + 1)
    sums = tuple(numpy.add.reduceat(now.sums, starts).tolist()) if now.sums else ()
    counts = numpy.add.reduceat(numpy.array(now.counts, dtype=numpy.int64), starts)
    return msgspec.structs.replace(now, counts=tuple(counts.tolist()), sums=sums)


def of_bins(made: binning.Bins) -> NumericSketch:
    """The summary of values that were counted on their bins.

    >>> made = binning.Bins(numpy.array([2.0]))
    >>> made.add(numpy.array([1.0, 5.0, numpy.nan]))
    >>> of_bins(made).rows, of_bins(made).mean
    (3, 3.0)
    """
    return NumericSketch(
        counts=tuple(made.counts.tolist()),
        nulls=made.nulls,
        total=made.total,
        squares=made.squares_from_zero,
        minimum=made.minimum,
        maximum=made.maximum,
        below=made.below,
        above=made.above,
        sums=tuple(made.sums.tolist()),
        infinite=made.infinite,
    )


def categorical(values: references.Objects, before: reference.CategoryReference) -> CategorySketch:
    """Summarise categories (objects, shape [n], None = null).

    >>> before = references.categorical(numpy.array(["a", "b"], dtype=object))
    >>> made = categorical(numpy.array(["a", "z", None], dtype=object), before)
    >>> made.counts, made.unseen, made.nulls
    ({'a': 1}, {'z': 1}, 1)
    """
    counts, nulls = references.tally(values)
    return of_counts(counts, 0, nulls, before)


def of_counts(
    counts: dict[str, int], unnamed: int, nulls: int, before: reference.CategoryReference, most: int = NAMED
) -> CategorySketch:
    """The summary of categories that were counted, `unnamed` rows of them without; `most` new ones keep their name.

    >>> before = references.categorical(numpy.array(["a", "b"], dtype=object))
    >>> of_counts({"a": 3, "z": 2}, 5, 1, before).new
    7
    """
    known = {word: number for word, number in counts.items() if word in before.counts}
    unseen, more = named({word: number for word, number in counts.items() if word not in before.counts}, most)
    return CategorySketch(counts=known, unseen=unseen, unnamed=unnamed + more, nulls=nulls)


def merge_numeric(one: NumericSketch, two: NumericSketch) -> NumericSketch:
    """The summary of both sets of rows; `Invalid` when they lie on different bins.

    >>> before = references.numeric(numpy.array([1.0, 2.0]))
    >>> half = numeric(numpy.array([1.0]), before)
    >>> merge_numeric(half, half) == numeric(numpy.array([1.0, 1.0]), before)
    True
    """
    if len(one.counts) != len(two.counts):
        raise Invalid("These summaries lie on different bins.", field="counts")
    return NumericSketch(
        counts=tuple(a + b for a, b in zip(one.counts, two.counts, strict=True)),
        nulls=one.nulls + two.nulls,
        total=one.total + two.total,
        squares=one.squares + two.squares,
        minimum=min((each.minimum for each in (one, two) if each.minimum is not None), default=None),
        maximum=max((each.maximum for each in (one, two) if each.maximum is not None), default=None),
        below=one.below + two.below,
        above=one.above + two.above,
        sums=tuple(a + b for a, b in zip(one.sums, two.sums, strict=True)) if one.sums and two.sums else (),
        infinite=one.infinite + two.infinite,
    )


def merge_categorical(one: CategorySketch, two: CategorySketch) -> CategorySketch:
    """The summary of both sets of rows; all counts are exact, names of new categories are kept for the 50 largest.

    >>> before = references.categorical(numpy.array(["a"], dtype=object))
    >>> half = categorical(numpy.array(["a", "z"], dtype=object), before)
    >>> merge_categorical(half, half).new
    2
    """
    unseen, more = named(dict(collections.Counter(one.unseen) + collections.Counter(two.unseen)))
    return CategorySketch(
        counts=dict(collections.Counter(one.counts) + collections.Counter(two.counts)),
        unseen=unseen,
        unnamed=one.unnamed + two.unnamed + more,
        nulls=one.nulls + two.nulls,
    )


def named(counts: dict[str, int], most: int = NAMED) -> tuple[dict[str, int], int]:
    """The most frequent categories, by name where as many, and the rows of all others.

    >>> named({"a": 1, "b": 3, "c": 2}, 2)
    ({'b': 3, 'c': 2}, 1)
    """
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return dict(ordered[:most]), sum(number for _, number in ordered[most:])
