"""Explanation drift: whether features now matter more or less for the scores than they did."""

import math
from collections.abc import Mapping

import msgspec
import numpy
import numpy.typing

from podium.core import run
from podium.core.errors import Invalid
from podium.measures import rows
from podium.measures.performance import student


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """One feature's mean absolute contribution, in the unit of the contributions."""

    feature: str
    before: float
    now: float
    change: run.Interval
    """Now less before."""
    share_before: float
    """Of all features' contributions together."""
    share_now: float
    sure: bool
    """The change is real at the confidence given, among all features at once (Bonferroni)."""


def contribution_drift(
    before: Mapping[str, numpy.typing.ArrayLike],
    now: Mapping[str, numpy.typing.ArrayLike],
    confidence: float = 0.95,
) -> tuple[Shift, ...]:
    """The change of each feature's mean |contribution| between two sets of rows, the largest change of share first.

    Contributions (SHAP values, or any that sum to the score) by feature, shapes [n] and [m]. Intervals by Welch's
    standard error. `Invalid` when the features differ, on NaN, or with fewer than 2 rows. Source: Lundberg & Lee 2017,
    and Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for trees", section
    2.7 (monitoring by contributions).

    >>> found = contribution_drift({"a": [1.0, -1.0], "b": [0.5, 0.7]}, {"a": [1.0, 1.2], "b": [0.1, -0.1]})
    >>> [(each.feature, round(each.change.value, 2)) for each in found]
    [('a', 0.1), ('b', -0.5)]
    """
    if before.keys() != now.keys():
        raise Invalid("Both sets of rows must have contributions of the same features.", field="now")
    old = {name: numpy.abs(rows.numbers(each, "before")) for name, each in before.items()}
    new = {name: numpy.abs(rows.numbers(each, "now")) for name, each in now.items()}
    if any(each.size < 2 for each in (*old.values(), *new.values())):
        raise Invalid("At least two rows are needed.", field="before")
    total = sum(float(each.mean()) for each in old.values()), sum(float(each.mean()) for each in new.values())
    surer = 1.0 - (1.0 - student.check(confidence)) / max(1, len(old))
    found = [_shift(name, old[name], new[name], total, (confidence, surer)) for name in old]
    return tuple(sorted(found, key=lambda each: (-abs(each.share_now - each.share_before), each.feature)))


def _shift(
    name: str, old: rows.Numbers, new: rows.Numbers, total: tuple[float, float], levels: tuple[float, float]
) -> Shift:
    first, second = float(old.mean()), float(new.mean())
    error = math.sqrt(float(old.var(ddof=1)) / old.size + float(new.var(ddof=1)) / new.size)
    half, wide = (student.normal(level) * error for level in levels)
    change = second - first
    return Shift(
        feature=name,
        before=first,
        now=second,
        change=run.Interval(value=change, low=change - half, high=change + half, rows=new.size),
        share_before=first / total[0] if total[0] else 0.0,
        share_now=second / total[1] if total[1] else 0.0,
        sure=abs(change) > wide,
    )
