"""Support: whether rows lie where the model was seen to work; outside of it no estimate is worth showing."""

from collections.abc import Mapping

import msgspec

from podium.core import reference
from podium.measures.quality import new_categories
from podium.measures.sketch import histogram

LIMIT = 0.05
"""An estimate is hidden when more than this share of the rows lies outside, in any one column."""


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
