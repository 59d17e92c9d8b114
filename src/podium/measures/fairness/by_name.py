"""The measures of fairness that a project file may name, each as one gap with its interval."""

from typing import NamedTuple

import numpy.typing

from podium.core import run
from podium.core.errors import Invalid
from podium.measures import rows
from podium.measures.fairness import calibration, demographic_parity, disparity, equal_opportunity, equalised_odds

NAMES = ("calibration", "demographic_parity", "equal_opportunity", "equalised_odds")


class Scored(NamedTuple):
    """Rows of shape [n]: outcomes, scores, decisions (None: the model decides nothing)."""

    target: rows.Numbers
    score: rows.Numbers
    act: rows.Truths | None


class Gap(NamedTuple):
    """The widest gap between groups, and between which."""

    difference: run.Interval | None
    lowest: str | None
    highest: str | None


def gap(name: str, scored: Scored, group: numpy.typing.ArrayLike, confidence: float = 0.95) -> Gap:
    """The widest gap of a measure by name; `Invalid` for another name, or where it needs decisions and has none.

    >>> import numpy
    >>> act = numpy.array([True] * 100 + [False] * 100)
    >>> gap("demographic_parity", Scored(numpy.ones(200), numpy.ones(200), act), [1] * 100 + [2] * 100).lowest
    '2'
    """
    if name == "calibration":
        return _of(calibration.calibration(scored.target, scored.score, group, confidence))
    if name not in NAMES:
        raise Invalid("There is no such measure of fairness.", field="fairness", fix=f"One of {', '.join(NAMES)}.")
    if scored.act is None:
        raise Invalid(f"The measure {name!r} needs decisions.", field="fairness", fix="Write a [costs] part.")
    if name == "demographic_parity":
        return _of(demographic_parity.demographic_parity(scored.act, group, confidence))
    if name == "equal_opportunity":
        return _of(equal_opportunity.equal_opportunity(scored.target, scored.act, group, confidence))
    both = equalised_odds.equalised_odds(scored.target, scored.act, group, confidence)
    parts = [each for each in (both.right, both.wrong) if each.difference is not None]
    worse = max(parts, key=lambda each: each.difference.value if each.difference else 0.0, default=both.right)
    return Gap(both.difference, worse.lowest, worse.highest)


def _of(found: disparity.Disparity) -> Gap:
    return Gap(found.difference, found.lowest, found.highest)
