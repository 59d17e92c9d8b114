"""The value of a challenger against the champion, on the same rows."""

import numpy.typing

from podium.core import project, run
from podium.measures.performance import compare
from podium.measures.value import kpi


def champion(  # noqa: PLR0913 - rows, two deciders, and how sure
    target: numpy.typing.ArrayLike,
    champion_act: numpy.typing.ArrayLike,
    challenger_act: numpy.typing.ArrayLike,
    costs: project.CostsPart,
    amount: numpy.typing.ArrayLike | None = None,
    confidence: float = 0.95,
    *,
    anytime_rows: int | None = None,
) -> run.Interval | None:
    """How much more a decision of the challenger is worth than one of the champion; above 0 the challenger is better.

    All shapes [n], the same rows. By Student's t on the paired differences; with `anytime_rows` the interval may be
    looked at as often as one likes (see `compare.width`). None with fewer than 2 rows; `Invalid` as in `kpi.values`.

    >>> costs = project.CostsPart(false_positive=1.0, false_negative=4.0)
    >>> champion([0, 1, 1, 0], [1, 1, 0, 0], [0, 1, 1, 0], costs).value
    1.25
    """
    before = kpi.values(target, champion_act, costs, amount)
    after = kpi.values(target, challenger_act, costs, amount)
    return compare.losses(-before, -after, confidence, anytime_rows=anytime_rows)
