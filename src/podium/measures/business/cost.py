"""What decisions cost, from the costs that a person wrote in the project file."""

import numpy
import numpy.typing

from podium.core import project
from podium.core.errors import Invalid
from podium.measures import rows


def losses(target: numpy.typing.ArrayLike, act: numpy.typing.ArrayLike, costs: project.CostsPart) -> rows.Numbers:
    """The cost of each row's decision in `costs.unit`, shape [n]; below 0 is a gain.

    `target`: 0 or 1, shape [n]; `act`: whether the decision was to act (truths, or 0 and 1), shape [n]. `Invalid` on
    NaN, other values or unequal lengths. Source: Elkan 2001, "The foundations of cost-sensitive learning", section 1.

    >>> losses([0, 1, 1], [1, 1, 0], project.CostsPart(false_positive=2.0, false_negative=10.0)).tolist()
    [2.0, 0.0, 10.0]
    """
    positive, decision = rows.binary(target, act)
    acted = decision == 1.0
    if not (acted | (decision == 0.0)).all():
        raise Invalid("A decision is true or false.", field="act")
    when_positive = numpy.where(acted, costs.true_positive, costs.false_negative)
    when_negative = numpy.where(acted, costs.false_positive, costs.true_negative)
    return numpy.asarray(numpy.where(positive, when_positive, when_negative), dtype=numpy.float64)


def per_row(target: numpy.typing.ArrayLike, act: numpy.typing.ArrayLike, costs: project.CostsPart) -> float | None:
    """The mean of `losses`; None when there are no rows.

    >>> per_row([0, 1, 1], [1, 1, 0], project.CostsPart(false_positive=2.0, false_negative=10.0))
    4.0
    """
    each = losses(target, act, costs)
    return float(each.mean()) if each.size else None


def total(target: numpy.typing.ArrayLike, act: numpy.typing.ArrayLike, costs: project.CostsPart) -> float:
    """The sum of `losses`; 0 when there are no rows.

    >>> total([0, 1, 1], [1, 1, 0], project.CostsPart(false_positive=2.0, false_negative=10.0))
    12.0
    """
    return float(losses(target, act, costs).sum())


def baselines(target: numpy.typing.ArrayLike, costs: project.CostsPart) -> dict[str, float]:
    """The cost per row of acting `never` and `always`; empty when there are no rows.

    >>> baselines([0, 0, 0, 1], project.CostsPart(false_positive=2.0, false_negative=10.0))
    {'never': 2.5, 'always': 1.5}
    """
    count = rows.numbers(target, "target").size
    never = per_row(target, numpy.zeros(count), costs)
    always = per_row(target, numpy.ones(count), costs)
    return {} if never is None or always is None else {"never": never, "always": always}
