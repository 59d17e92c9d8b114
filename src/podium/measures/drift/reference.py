"""What training saw of a column, in the form against which drift is measured."""

import collections
from typing import TypeAlias

import msgspec
import numpy
import numpy.typing

from podium.core import reference
from podium.core.errors import Invalid
from podium.measures import binning, rows

Objects: TypeAlias = numpy.typing.NDArray[numpy.object_]
"""A one-dimensional array of text, booleans and None (null), one value a row."""
TOP = 200
FINE = 250
"""Bins of a column whose values' places count: a multiple of ten, so that the deciles are among their edges."""
_TAILS = 8


def numeric(values: rows.Numbers, bins: int = 10) -> reference.NumericReference:
    """Bin a numeric column (float64, shape [n], NaN = null) at its quantiles, each bin about as full as the others.

    Columns with few different values get fewer bins; a column with one value gets a bin below it, one for it and one
    above it, so that leaving it shows. The mean, extremes and sample deviation are in the column's unit, over values
    that are not null. `Invalid` on infinity, another shape or fewer than 2 bins.

    >>> made = numeric(numpy.array([1.0, 2.0, 3.0, 4.0, numpy.nan]), bins=2)
    >>> made.edges, made.counts, made.nulls, made.mean
    ((2.0,), (2, 2), 1, 2.5)
    >>> numeric(numpy.array([7.0, 7.0])).counts
    (0, 2, 0)
    """
    if bins < 2:
        raise Invalid("At least two bins are needed.", field="bins")
    known = present(values)
    nulls = int(values.size - known.size)
    if not known.size:
        return reference.NumericReference(
            edges=(), counts=(0,), nulls=nulls, minimum=None, maximum=None, mean=None, deviation=None
        )
    made = binning.Bins(edges(known, bins), centre=float(known[0]))
    made.add(known)
    return of_bins(made, nulls)


def detailed(values: rows.Numbers) -> reference.NumericReference:
    """As `numeric`, with the bins of `podium check` too, to which the ten edges are added where they are not there.

    So counts on the ten bins are sums of counts on the fine ones, to the row.

    >>> made = detailed(numpy.arange(1000.0))
    >>> set(made.edges) <= set(made.fine.edges), sum(made.fine.counts), detailed(numpy.array([numpy.nan])).fine
    (True, 1000, None)
    """
    made, known = numeric(values), present(values)
    if not known.size:
        return made
    inner = binning.different(numpy.sort(numpy.concatenate([fine_edges(known), made.edges])))
    bins = binning.Bins(inner, centre=float(known[0]))
    bins.add(known)
    fine = reference.FineBins(
        edges=tuple(inner.tolist()), counts=tuple(bins.counts.tolist()), sums=tuple(bins.sums.tolist())
    )
    return msgspec.structs.replace(made, fine=fine)


def finest(known: reference.NumericReference) -> reference.NumericReference:
    """The reference on its fine bins, as `podium check` has it; itself where there are none.

    >>> made = detailed(numpy.arange(1000.0))
    >>> len(made.counts), len(finest(made).counts), finest(finest(made)) == finest(made)
    (10, 256, True)
    """
    if known.fine is None:
        return known
    fine = known.fine
    return msgspec.structs.replace(known, edges=fine.edges, counts=fine.counts, sums=fine.sums, fine=None)


def of_bins(made: binning.Bins, nulls: int) -> reference.NumericReference:
    """The reference of values that were counted on their bins.

    >>> made = binning.Bins(numpy.array([2.0]))
    >>> made.add(numpy.array([1.0, 2.0, 6.0]))
    >>> of_bins(made, 0).mean
    3.0
    """
    return reference.NumericReference(
        edges=tuple(made.edges.tolist()),
        counts=tuple(made.counts.tolist()),
        nulls=nulls,
        minimum=made.minimum,
        maximum=made.maximum,
        mean=made.mean,
        deviation=made.deviation,
        sums=tuple(made.sums.tolist()),
    )


def categorical(values: Objects, top: int = TOP) -> reference.CategoryReference:
    """Count the categories of a column (objects, shape [n], None = null): the `top` most frequent, the rest as other.

    Booleans count as `true` and `false`. Of equally frequent categories the alphabetically first are kept.

    >>> made = categorical(numpy.array(["a", "b", "a", None, "c"], dtype=object), top=2)
    >>> made.counts, made.other, made.nulls
    ({'a': 2, 'b': 1}, 1, 1)
    """
    counts, nulls = tally(values)
    kept = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return reference.CategoryReference(
        counts=dict(kept[:top]), other=sum(number for _, number in kept[top:]), nulls=nulls
    )


def present(values: rows.Numbers) -> rows.Numbers:
    """The values that are not NaN, shape [≤ n]; `Invalid` on infinity or another shape than [n].

    >>> present(numpy.array([1.0, numpy.nan])).tolist()
    [1.0]
    """
    if values.ndim != 1:
        raise Invalid(f"One value a row is needed, not {values.ndim} dimensions.", field="values")
    return rows.numbers(values[~numpy.isnan(values)], "values")


def count(known: rows.Numbers, inner: rows.Numbers) -> binning.Counts:
    """How many values (shape [n], none NaN) lie in each bin inner[i−1] < x ≤ inner[i], shape [inner + 1].

    >>> count(numpy.array([1.0, 2.0, 3.0]), numpy.array([2.0])).tolist()
    [2, 1]
    """
    made = binning.Bins(inner)
    made.add(known)
    return made.counts


def edges(known: rows.Numbers, bins: int) -> rows.Numbers:
    """The inner edges of bins that are about equally full, ascending, shape [≤ bins − 1]; `known` (shape [≥ 1]) finite.

    Each is a value that occurs, so that a bin of a column with few values holds one of them.

    >>> edges(numpy.array([1.0, 2.0, 3.0, 4.0]), 4).tolist()
    [1.0, 2.0, 3.0]
    """
    if known.min() == known.max():
        return numpy.array([numpy.nextafter(known[0], -numpy.inf), known[0]])
    inner = numpy.quantile(known, numpy.arange(1, bins) / bins, method="inverted_cdf")
    found = numpy.unique(inner)
    return numpy.asarray(found[found < known.max()], dtype=numpy.float64)


def fine_edges(known: rows.Numbers, bins: int = FINE) -> rows.Numbers:
    """Edges for measures that need every value's place; `known` (shape [≥ 1]) finite.

    A column of few different values gets a bin for each, for what lies between two, and for what lies beyond. Another
    gets its quantiles, in both tails ever finer ones, and its extremes: what heavy tails weigh lies in the last bins.

    >>> fine_edges(numpy.array([0.0, 1.0, 1.0])).tolist()
    [-5e-324, 0.0, 0.9999999999999999, 1.0]
    >>> fine_edges(numpy.arange(1000.0)).size
    255
    """
    return fine_edges_of(numpy.sort(known), bins)


def fine_edges_of(ordered: rows.Numbers, bins: int = FINE) -> rows.Numbers:
    """The same of values in ascending order.

    >>> fine_edges_of(numpy.array([1.0, 2.0])).size
    4
    """
    if numpy.count_nonzero(ordered[1:] != ordered[:-1]) < bins // 2:
        different = binning.different(ordered)
        return numpy.sort(numpy.concatenate([numpy.nextafter(different, -numpy.inf), different]))
    tails = 1 / bins / 2.0 ** numpy.arange(1, _TAILS + 1)
    levels = numpy.concatenate([tails, numpy.arange(1, bins) / bins, 1 - tails])
    inner = ordered[numpy.ceil(levels * ordered.size).astype(numpy.int64) - 1]
    ends = [numpy.nextafter(ordered[0], -numpy.inf), ordered[-1]]
    return binning.different(numpy.sort(numpy.concatenate([inner, ends])))


def tally(values: Objects) -> tuple[dict[str, int], int]:
    """How often each category occurs (booleans as `true` and `false`), and how many rows are null.

    >>> tally(numpy.array(["a", True, None], dtype=object))
    ({'a': 1, 'true': 1}, 1)
    """
    counts = collections.Counter(values.tolist())
    nulls = counts.pop(None, 0)
    return {_word(value): number for value, number in counts.items()}, nulls


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool | numpy.bool_) else str(value)
