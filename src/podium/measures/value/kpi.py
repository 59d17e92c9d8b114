"""What a decision is worth: the KPI, per decision and in all, with its interval."""

import msgspec
import numpy
import numpy.typing

from podium.core import project, run
from podium.core.errors import Invalid
from podium.measures import rows
from podium.measures.business import cost
from podium.measures.performance import interval


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """In the unit of the costs; above 0 is a gain."""

    per_decision: run.Interval
    total: run.Interval
    unit: str


def values(
    target: numpy.typing.ArrayLike,
    act: numpy.typing.ArrayLike,
    costs: project.CostsPart,
    amount: numpy.typing.ArrayLike | None = None,
) -> rows.Numbers:
    """What each row's decision is worth (less its cost), shape [n]; times the row's `amount` where one is given.

    `target`: 0 or 1; `act`: truths; `amount`: for example the sum that a loan is about; shapes [n]. `Invalid` on NaN,
    other values or unequal lengths.

    >>> values([0, 1], [1, 1], project.CostsPart(false_positive=0.5, true_positive=-0.1), [10.0, 100.0]).tolist()
    [-5.0, 10.0]
    """
    each = -cost.losses(target, act, costs)
    if amount is None:
        return each
    size = rows.numbers(amount, "amount")
    if size.shape != each.shape:
        raise Invalid(f"There are {size.size} amounts for {each.size} decisions.", field="amount")
    return each * size


def kpi(
    target: numpy.typing.ArrayLike,
    act: numpy.typing.ArrayLike,
    costs: project.CostsPart,
    amount: numpy.typing.ArrayLike | None = None,
    confidence: float = 0.95,
) -> Value | None:
    """The mean of `values` by Student's t, and the same times the number of decisions; None with fewer than 2 rows.

    Source: Elkan 2001, "The foundations of cost-sensitive learning", section 1 (amounts by row: section 2).

    >>> found = kpi([0, 1, 1], [1, 1, 0], project.CostsPart(false_positive=1.0, true_positive=-5.0, false_negative=1.0))
    >>> found.per_decision.value, found.total.value
    (1.0, 3.0)
    """
    found = interval.mean(values(target, act, costs, amount), confidence)
    if found is None:
        return None
    total = interval.rising(found, lambda value: value * found.rows)
    return Value(per_decision=found, total=total, unit=costs.unit)
