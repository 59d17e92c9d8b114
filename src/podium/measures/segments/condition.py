"""Conditions: which rows belong to a segment, in words and as truths."""

import collections
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec
import numpy
import numpy.typing

from podium.core import reference
from podium.core.errors import Invalid
from podium.measures import rows

Column: TypeAlias = rows.Numbers | numpy.typing.NDArray[numpy.object_]
"""One value a row: float64 with NaN as missing, or objects (text, booleans) with None as missing."""
PARTS = 4
"""A numeric column is cut at this many quantiles."""
TOP = 20
"""The most frequent categories of a column that become conditions."""


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One column's part of a segment: a range low < x ≤ high, a category, or (neither) a missing value."""

    column: str
    low: float = -math.inf
    high: float = math.inf
    category: str | None = None
    missing: bool = False

    def __str__(self) -> str:
        if self.missing:
            return f"{self.column} is missing"
        if self.category is not None:
            return f"{self.column} = {self.category}"
        if self.low == -math.inf:
            return f"{self.column} ≤ {self.high:g}"
        return (
            f"{self.column} > {self.low:g}"
            if self.high == math.inf
            else f"{self.low:g} < {self.column} ≤ {self.high:g}"
        )


def holds(condition: Condition, column: Column) -> rows.Truths:
    """Which rows (shape [n]) it holds for; the column is `ready`.

    >>> holds(Condition(column="x", low=1.0), numpy.array([1.0, 2.0, numpy.nan])).tolist()
    [False, True, False]
    """
    if column.dtype == numpy.object_:
        wanted = numpy.array(None if condition.missing else condition.category, dtype=object)
        return numpy.asarray(numpy.equal(column, wanted), dtype=numpy.bool_)
    known = numpy.asarray(column, dtype=numpy.float64)
    return numpy.isnan(known) if condition.missing else (known > condition.low) & (known <= condition.high)


def ready(columns: Mapping[str, Column]) -> dict[str, Column]:
    """The columns with categories as text, booleans as `true` and `false`, anything missing as None.

    >>> ready({"x": numpy.array([True, "a", None], dtype=object)})["x"].tolist()
    ['true', 'a', None]
    """
    return {
        name: numpy.array([*map(_word, column), None], dtype=object)[:-1]
        if column.dtype == numpy.object_
        else numpy.asarray(column, dtype=numpy.float64)
        for name, column in columns.items()
    }


def atoms(columns: Mapping[str, Column], parts: int = PARTS, top: int = TOP) -> tuple[Condition, ...]:
    """The conditions that a search begins with, by column: quantile ranges, frequent categories, missing values.

    The columns are `ready`; `Invalid` when the columns differ in length.

    >>> [str(each) for each in atoms({"x": numpy.array([1.0, 2.0, 3.0, 4.0])}, parts=2)]
    ['x ≤ 2', 'x > 2']
    """
    if len({column.shape for column in columns.values()}) > 1:
        raise Invalid("Every column must have one value a row.", field="columns")
    found: list[Condition] = []
    for name, column in columns.items():
        found += _words(name, column, top) if column.dtype == numpy.object_ else _ranges(name, column, parts)
    return tuple(found)


def of_reference(before: reference.Reference, parts: int = PARTS, top: int = TOP) -> tuple[Condition, ...]:
    """The same from what training saw, so that conditions are the same for all rows that come later.

    >>> from podium.measures.drift import reference as references
    >>> known = references.numeric(numpy.arange(100.0))
    >>> before = reference.Reference(
    ...     rows=100, numeric={"x": known}, categorical={}, score=known, metrics={}, cost_per_row=None
    ... )
    >>> [str(each) for each in of_reference(before, parts=2)]
    ['x ≤ 49', 'x > 49', 'x is missing']
    """
    found: list[Condition] = []
    for name, known in before.numeric.items():
        places = sorted({round(len(known.edges) * part / parts - 0.5) for part in range(1, parts)})
        limits = [-math.inf, *(known.edges[at] for at in places if 0 <= at < len(known.edges)), math.inf]
        found += [Condition(column=name, low=low, high=high) for low, high in itertools.pairwise(limits)]
        found.append(Condition(column=name, missing=True))
    for name, words in before.categorical.items():
        found += [Condition(column=name, category=word) for word in list(words.counts)[:top]]
        found.append(Condition(column=name, missing=True))
    return tuple(found)


def together(conditions: Sequence[Condition], columns: Mapping[str, Column]) -> rows.Truths:
    """The rows for which all of some conditions hold, shape [n].

    >>> x = {"x": numpy.array([1.0, 2.0, 3.0])}
    >>> together([Condition(column="x", low=1.0), Condition(column="x", high=2.0)], x).tolist()
    [False, True, False]
    """
    if not conditions:
        raise Invalid("A segment has at least one condition.", field="conditions")
    return numpy.asarray(numpy.logical_and.reduce([holds(each, columns[each.column]) for each in conditions]))


def _word(value: object) -> str | None:
    if value is None or value != value:
        return None
    return str(value).lower() if isinstance(value, bool | numpy.bool_) else str(value)


def _words(name: str, column: Column, top: int) -> list[Condition]:
    counts = collections.Counter(column.tolist())
    gaps = counts.pop(None, 0)
    kept = sorted(counts, key=lambda each: (-counts[each], each))[:top]
    found = [Condition(column=name, category=each) for each in kept]
    return [*found, Condition(column=name, missing=True)] if gaps else found


def _ranges(name: str, column: Column, parts: int) -> list[Condition]:
    known = numpy.asarray(column, dtype=numpy.float64)
    gaps = numpy.isnan(known)
    known = known[~gaps]
    found = []
    if known.size:
        inner = numpy.unique(numpy.quantile(known, numpy.arange(1, parts) / parts, method="inverted_cdf"))
        inner = inner[inner < known.max()]
        limits = [-math.inf, *inner.tolist(), math.inf]
        found = [Condition(column=name, low=low, high=high) for low, high in itertools.pairwise(limits)]
    if len(found) == 1:
        found = []
    return [*found, Condition(column=name, missing=True)] if gaps.any() and known.size else found
