"""Disparity: how far apart the groups lie on a measure, as difference and as ratio, and how sure that is."""

import itertools
import math
from collections.abc import Mapping

import msgspec
import numpy
import numpy.typing

from podium.core import run
from podium.core.errors import Invalid
from podium.measures import rows
from podium.measures.performance import interval

SMALL = 100
"""Groups of fewer rows are greyed: shown, but too small to judge by."""
MISSING = "(none)"
"""The name of the group of rows without a value."""


class GroupValue(msgspec.Struct, frozen=True, kw_only=True):
    """A measure in one group; None where it is not defined."""

    group: str
    rows: int
    value: run.Interval | None
    greyed: bool


class Disparity(msgspec.Struct, frozen=True, kw_only=True):
    """A measure in every group, and the widest gap among those that are not greyed."""

    measure: str
    groups: tuple[GroupValue, ...]
    """The largest first."""
    lowest: str | None
    highest: str | None
    difference: run.Interval | None
    """Highest less lowest, at least 0. None with fewer than two groups to compare."""
    ratio: run.Interval | None
    """Lowest over highest, at most 1; None also where the highest is 0, or the measure may be negative."""


def masks(group: numpy.typing.ArrayLike) -> dict[str, rows.Truths]:
    """The rows of each group (text, booleans, numbers or None; shape [n]), the largest group first.

    >>> {name: int(mask.sum()) for name, mask in masks(["a", "b", "a", None]).items()}
    {'a': 2, '(none)': 1, 'b': 1}
    """
    raw = numpy.asarray(group, dtype=object)
    if raw.ndim != 1:
        raise Invalid("One group a row is needed.", field="group")
    words = numpy.array([_word(each) for each in raw], dtype=str)
    known, place, counts = numpy.unique(words, return_inverse=True, return_counts=True)
    order = sorted(range(known.size), key=lambda at: (-counts[at], known[at]))
    return {str(known[at]): numpy.asarray(place == at) for at in order}


def same(values: rows.Truths, by: Mapping[str, rows.Truths]) -> None:
    """Raise `Invalid` when there are not as many groups as rows.

    >>> same(numpy.array([True]), masks(["a"]))
    """
    if max((mask.size for mask in by.values()), default=0) != values.size:
        raise Invalid(f"There must be one group for each of {values.size} rows.", field="group")


def of_shares(
    measure: str,
    counts: Mapping[str, tuple[int, int, int]],
    confidence: float = 0.95,
    small: int = SMALL,
) -> Disparity:
    """From how many rows of each group count, of how many, and how large the group is; shares by Wilson's interval.

    The gap's interval holds for all pairs of groups at once (Bonferroni): that the widest was picked is paid for. A
    pair's difference is by Newcombe's method 10, its ratio by Donner & Zou's; both combine the groups' own intervals.
    Source: Newcombe 1998; Donner & Zou 2012, "Closed-form confidence intervals for functions of the normal mean and
    standard deviation", equations 7 and 9.

    >>> found = of_shares("selection", {"a": (60, 100, 100), "b": (30, 100, 100)})
    >>> found.lowest, found.difference.value, found.ratio.value
    ('b', 0.3, 0.5)
    """
    values = {name: interval.proportion(right, among, confidence) for name, (right, among, _) in counts.items()}
    sizes = {name: size for name, (_, _, size) in counts.items()}
    sure = _surer(confidence, sum(_compared(values[name], sizes[name], small) for name in counts))
    wide = {name: interval.proportion(right, among, sure) for name, (right, among, _) in counts.items()}
    return _widest(measure, values, wide, sizes, small, shares=True)


def of_means(
    measure: str,
    each: Mapping[str, rows.Numbers],
    confidence: float = 0.95,
    small: int = SMALL,
) -> Disparity:
    """From per-row values of each group, which may be negative; as `of_shares`, by Student's t and without a ratio.

    >>> found = of_means("gap", {"a": numpy.zeros(200), "b": numpy.full(200, 0.1)})
    >>> round(found.difference.value, 2)
    0.1
    """
    values = {name: interval.mean(group, confidence) for name, group in each.items()}
    sizes = {name: group.size for name, group in each.items()}
    sure = _surer(confidence, sum(_compared(values[name], sizes[name], small) for name in each))
    wide = {name: interval.mean(group, sure) for name, group in each.items()}
    return _widest(measure, values, wide, sizes, small, shares=False)


def _word(value: object) -> str:
    if value is None or value != value:
        return MISSING
    return f"{value:g}" if isinstance(value, float) else str(value)


def _compared(value: run.Interval | None, size: int, small: int) -> bool:
    return value is not None and size >= small


def _surer(confidence: float, groups: int) -> float:
    return 1.0 - (1.0 - confidence) / max(1, groups * (groups - 1) // 2)


def _widest(
    measure: str,
    values: Mapping[str, run.Interval | None],
    wide: Mapping[str, run.Interval | None],
    sizes: Mapping[str, int],
    small: int,
    *,
    shares: bool,
) -> Disparity:
    groups = tuple(
        GroupValue(group=name, rows=sizes[name], value=value, greyed=sizes[name] < small)
        for name, value in values.items()
    )
    among = {name: each for name, each in wide.items() if each is not None and sizes[name] >= small}
    if len(among) < 2:
        return Disparity(measure=measure, groups=groups, lowest=None, highest=None, difference=None, ratio=None)
    lowest = min(among, key=lambda name: among[name].value)
    highest = max(reversed(list(among)), key=lambda name: among[name].value)
    pairs = [(one, two) for one, two in itertools.permutations(among.values(), 2) if one.value >= two.value]
    differences = [_difference(one, two) for one, two in pairs]
    ratios = [_ratio(two, one) for one, two in pairs] if shares and among[highest].value > 0.0 else []
    count = sum(each.rows for each in among.values())
    return Disparity(
        measure=measure,
        groups=groups,
        lowest=lowest,
        highest=highest,
        difference=run.Interval(
            value=among[highest].value - among[lowest].value,
            low=max(low for low, _ in differences),
            high=max(high for _, high in differences),
            rows=count,
        ),
        ratio=run.Interval(
            value=among[lowest].value / among[highest].value,
            low=min(low for low, _ in ratios),
            high=min(high for _, high in ratios),
            rows=count,
        )
        if ratios
        else None,
    )


def _difference(high: run.Interval, low: run.Interval) -> tuple[float, float]:
    """The limits of the size of high − low, where neither is known for sure to be the higher."""
    value = high.value - low.value
    least = value - math.hypot(high.value - high.low, low.high - low.value)
    return max(0.0, least), value + math.hypot(high.high - high.value, low.value - low.low)


def _ratio(low: run.Interval, high: run.Interval) -> tuple[float, float]:
    """The limits of low / high, at most 1."""
    if high.value <= 0.0:
        return 0.0, 1.0
    product = low.value * high.value
    below, above = high.high * (2.0 * high.value - high.high), high.low * (2.0 * high.value - high.low)
    least = product - math.sqrt(max(0.0, product**2 - low.low * (2.0 * low.value - low.low) * below))
    most = product + math.sqrt(max(0.0, product**2 - low.high * (2.0 * low.value - low.high) * above))
    value = low.value / high.value
    return (
        min(value, max(0.0, least / below)) if abs(below) > 1e-12 else 0.0,
        min(1.0, max(value, most / above)) if above > 1e-12 else 1.0,
    )
