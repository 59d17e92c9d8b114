"""The value of a model against having none: against acting never, and against acting always."""

import msgspec
import numpy
import numpy.typing

from podium.core import project, run
from podium.measures import rows
from podium.measures.performance import interval
from podium.measures.value import kpi


class Gain(msgspec.Struct, frozen=True, kw_only=True):
    """Per decision, in the unit of the costs; above 0 the model is worth more."""

    over_never: run.Interval
    over_always: run.Interval
    over_best: run.Interval
    """Over the better of the two; its interval holds although the better one was picked by the same rows."""


def baseline(
    target: numpy.typing.ArrayLike,
    act: numpy.typing.ArrayLike,
    costs: project.CostsPart,
    amount: numpy.typing.ArrayLike | None = None,
    confidence: float = 0.95,
) -> Gain | None:
    """Each row's value less what it would be without a model, paired, by Student's t; None with fewer than 2 rows.

    `target`: 0 or 1; `act`: the model's decisions; `amount`: as in `kpi.values`; shapes [n]. Source: the paired test of
    Student 1908; both at once by Bonferroni.

    >>> found = baseline([0, 0, 1, 1], [0, 0, 1, 1], project.CostsPart(false_positive=1.0, false_negative=4.0))
    >>> found.over_never.value, found.over_always.value, found.over_best.value
    (2.0, 0.5, 0.5)
    """
    own = kpi.values(target, act, costs, amount)
    count = own.size
    gains: list[rows.Numbers] = [
        own - kpi.values(target, numpy.full(count, decision), costs, amount) for decision in (0.0, 1.0)
    ]
    alone = [interval.mean(gain, confidence) for gain in gains]
    both = [interval.mean(gain, 1.0 - (1.0 - confidence) / 2.0) for gain in gains]
    if alone[0] is None or alone[1] is None or both[0] is None or both[1] is None:
        return None
    best = run.Interval(
        value=min(both[0].value, both[1].value),
        low=min(both[0].low, both[1].low),
        high=min(both[0].high, both[1].high),
        rows=count,
    )
    return Gain(over_never=alone[0], over_always=alone[1], over_best=best)
