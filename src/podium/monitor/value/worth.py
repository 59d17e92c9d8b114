"""What decisions were worth, and how much more than others' on the same rows. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy
import numpy.typing

from podium.core import project, run
from podium.core.value import Gain, Over
from podium.measures import rows as arrays
from podium.measures.business import cost
from podium.measures.value import together

Groups = numpy.typing.NDArray[numpy.int64]
_DAY, _HOUR = 86_400_000_000, 3_600_000_000
_NAMES = {Over.NEVER: "never acting", Over.ALWAYS: "always acting"}


class Decided(NamedTuple):
    """Decisions whose outcome is known, of shape [n] each."""

    target: arrays.Numbers
    act: arrays.Truths
    at_us: Groups
    """When each was made."""


class Other(NamedTuple):
    """Somebody else's decisions: on the rows at `places` of the champion's, or (None) on rows of their own."""

    over: Over
    who: str
    version: int | None
    decided: Decided
    places: Groups | None


class Together(NamedTuple):
    """Which rows belong together: `us` is the length of a group."""

    name: str
    us: int | None

    def of(self, rows: Decided) -> Groups | None:
        return None if self.us is None else rows.at_us // self.us


def grouping(rows: Decided) -> Together:
    """Days where the rows lie on five or more, else hours, else each row by itself."""
    for name, length in (("day", _DAY), ("hour", _HOUR)):
        if numpy.unique(rows.at_us // length).size >= together.FEWEST:
            return Together(name, length)
    return Together("row", None)


def worth(rows: Decided, costs: project.CostsPart, by: Together, confidence: float) -> run.Interval | None:
    """What a decision is worth; None with fewer than two."""
    return together.mean(-cost.losses(rows.target, rows.act, costs), by.of(rows), confidence)


def gains(
    rows: Decided, others: Sequence[Other], costs: project.CostsPart, by: Together, confidence: float
) -> list[Gain]:
    """The gain over never and always acting, over what would be done without a model, and over each of the others.

    Without a rule among the others, what would be done is the better of never and always; as these rows choose which,
    its interval is the lower of both at half the chance to err each (Bonferroni).
    """
    own = -cost.losses(rows.target, rows.act, costs)
    found = []
    for over, decision in ((Over.NEVER, 0.0), (Over.ALWAYS, 1.0)):
        more = own + cost.losses(rows.target, numpy.full(own.size, decision), costs)
        alone, careful = (
            together.mean(more, by.of(rows), level) for level in (confidence, 1.0 - (1.0 - confidence) / 2)
        )
        if alone is not None and careful is not None:
            found.append((_gain(over, _NAMES[over], None, alone, own.size), careful))
    made = [each for each, _ in found]
    if found and all(each.over is not Over.BASELINE for each in others):
        best = min((each for each in found), key=lambda pair: pair[0].per_decision.value)[0]
        both = run.Interval(
            value=best.per_decision.value,
            low=min(careful.low for _, careful in found),
            high=min(careful.high for _, careful in found),
            rows=own.size,
        )
        made.append(_gain(Over.BASELINE, best.who, None, both, own.size))
    for each in others:
        more_of = _over(rows, own, each, costs, by, confidence)
        if more_of is not None:
            made.append(_gain(each.over, each.who, each.version, more_of, own.size))
    return made


def _over(
    rows: Decided, own: arrays.Numbers, other: Other, costs: project.CostsPart, by: Together, confidence: float
) -> run.Interval | None:
    theirs = -cost.losses(other.decided.target, other.decided.act, costs)
    if other.places is not None:
        groups = by.of(other.decided)
        return together.mean(own[other.places] - theirs, groups, confidence)
    return together.apart((own, by.of(rows)), (theirs, by.of(other.decided)), confidence)


def _gain(over: Over, who: str, version: int | None, found: run.Interval, decisions: int) -> Gain:
    return Gain(over=over, who=who, version=version, per_decision=found, total=found.value * decisions)
