"""Explanation drift: whether features now matter more or less for the scores than they did."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import numpy
import numpy.typing

from podium.core import run
from podium.core.errors import Invalid
from podium.measures import rows
from podium.measures.drift import f_ratio
from podium.measures.performance import student


class Size(NamedTuple):
    """How large one feature's contributions are, without their sign: their mean and variance over some rows."""

    mean: float
    variance: float
    rows: float
    """As many independent rows the mean rests on."""
    doubtful: float = 0.0
    """The share of the mean's variance of which the degrees of freedom are few: that of windows that differ."""


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
    p_value: float
    """How likely so large a change of the mean is by chance."""
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
    old, new = ({name: size(rows.numbers(each, "before")) for name, each in side.items()} for side in (before, now))
    return between(old, new, confidence)


def size(values: rows.Numbers, weights: rows.Numbers | None = None) -> Size:
    """The size of one feature's contributions to some rows; `weights`: how many rows each stands for, shapes [n].

    Unlike weights make fewer rows of them: Kish 1965, "Survey Sampling", section 11.7.

    >>> size(numpy.array([1.0, -3.0]))
    Size(mean=2.0, variance=2.0, rows=2.0, doubtful=0.0)
    """
    each = numpy.abs(values)
    many = numpy.ones(each.size) if weights is None else weights
    whole = float(many.sum())
    if each.size < 2 or whole <= 0.0:
        raise Invalid("At least two rows are needed.", field="before")
    mean = float(many @ each) / whole
    count = whole**2 / float(many @ many)
    return Size(mean, float(many @ (each - mean) ** 2) / whole * each.size / (each.size - 1), count)


def between(
    before: Mapping[str, Size], now: Mapping[str, Size], confidence: float = 0.95, known: float = math.inf
) -> tuple[Shift, ...]:
    """As `contribution_drift`, of sizes that are known; `Invalid` when the features differ.

    `known`: the degrees of freedom of what is doubtful of the variances. A change is then looked at by Student's t with
    those of Satterthwaite 1946, "An approximate distribution of estimates of variance components".
    """
    if before.keys() != now.keys():
        raise Invalid("Both sets of rows must have contributions of the same features.", field="now")
    total = sum(each.mean for each in before.values()), sum(each.mean for each in now.values())
    surer = 1.0 - (1.0 - student.check(confidence)) / max(1, len(before))
    found = [_shift(name, (old, now[name]), total, (confidence, surer), known) for name, old in before.items()]
    return tuple(sorted(found, key=lambda each: (-abs(each.share_now - each.share_before), each.feature)))


def _shift(
    name: str, sizes: tuple[Size, Size], total: tuple[float, float], levels: tuple[float, float], known: float
) -> Shift:
    old, new = sizes
    variances = [each.variance / each.rows for each in sizes]
    error = math.sqrt(sum(variances))
    half, wide = (student.normal(level) * error for level in levels)
    change = new.mean - old.mean
    doubtful = sum(each.doubtful * variance for each, variance in zip(sizes, variances, strict=True))
    return Shift(
        feature=name,
        before=old.mean,
        now=new.mean,
        change=run.Interval(value=change, low=change - half, high=change + half, rows=round(new.rows)),
        share_before=old.mean / total[0] if total[0] else 0.0,
        share_now=new.mean / total[1] if total[1] else 0.0,
        p_value=_chance(change, error, doubtful / error**2, known) if error > 0.0 else float(change == 0.0),
        sure=abs(change) > wide,
    )


def _chance(change: float, error: float, doubtful: float, known: float) -> float:
    if doubtful <= 0.0 or math.isinf(known):
        return math.erfc(abs(change) / error / math.sqrt(2.0))
    return f_ratio.tail((change / error) ** 2, 1.0, max(1.0, known / doubtful**2))
