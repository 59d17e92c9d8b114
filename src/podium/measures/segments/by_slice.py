"""Any measure by any slice."""

import msgspec

from podium.core import run
from podium.measures import rows
from podium.measures.performance.measure import Measure
from podium.measures.segments import condition

SMALL = 100


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """A slice of the rows, and a measure on it; None where it is not defined there."""

    name: str
    rows: int
    value: run.Interval | None
    greyed: bool
    """Fewer than 100 rows: shown, but too few to judge by."""


def by_slice(
    measure: Measure,
    target: rows.Numbers,
    score: rows.Numbers,
    column: condition.Column,
    threshold: float | None = None,
    confidence: float = 0.95,
) -> tuple[Slice, ...]:
    """The measure in each part of a column: its frequent categories, or quarters of its numbers; and missing values.

    All of shape [n]; `Invalid` as the measure. In the order of the ranges, or the most frequent category first.

    >>> import numpy
    >>> from podium.measures.performance import by_name
    >>> of = numpy.array(["a", "a", "b"], dtype=object)
    >>> found = by_slice(by_name.find("mae"), numpy.array([1.0, 2.0, 5.0]), numpy.array([1.0, 3.0, 5.0]), of)
    >>> [(each.name, each.value and each.value.value) for each in found]
    [('a', 0.5), ('b', None)]
    """
    found, columns = [], condition.ready({"": column})
    for part in condition.atoms(columns):
        mask = condition.holds(part, columns[""])
        value = measure.interval(target[mask], score[mask], threshold, confidence)
        count = int(mask.sum())
        found.append(Slice(name=_name(part), rows=count, value=value, greyed=count < SMALL))
    return tuple(found)


def _name(part: condition.Condition) -> str:
    return part.category if part.category is not None else str(part).strip()
