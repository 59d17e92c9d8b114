"""The worst segments: where a model does surely worse than elsewhere, found by itself."""

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec
import numpy
import numpy.typing

from podium.core import run
from podium.core.errors import Invalid
from podium.measures import rows
from podium.measures.drift import discoveries
from podium.measures.performance import student
from podium.measures.segments import condition

SUPPORT = 100
"""A segment has at least this many rows among those that propose, and half as many among the others."""
BEAM = 200
CANDIDATES = 20
PROPOSING = 100_000
"""So many rows propose at most: all others confirm."""
RATE = 0.05
_ALIKE = 0.8
_BETTER = 1.05
_BLOCK = 65_536
Masks: TypeAlias = numpy.typing.NDArray[numpy.bool_]
"""Shape [conditions, n]."""
Cells: TypeAlias = numpy.typing.NDArray[numpy.float64]


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A segment that was confirmed on rows which took no part in finding it."""

    conditions: tuple[condition.Condition, ...]
    rows: int
    """In all rows."""
    loss: float
    """The mean loss in it, on the rows that confirmed it."""
    elsewhere: float
    """The mean loss of the others, on the same."""
    excess: run.Interval
    """Loss less elsewhere."""
    p_value: float
    """How likely so large an excess is by chance, before the correction for many candidates."""

    def __str__(self) -> str:
        return " and ".join(str(each) for each in self.conditions)


def worst(
    columns: Mapping[str, condition.Column],
    losses: numpy.typing.ArrayLike,
    *,
    seed: int = 0,
    support: int = SUPPORT,
    rate: float = RATE,
    parts: Sequence[condition.Condition] | None = None,
) -> tuple[Segment, ...]:
    """Segments of one or two conditions with a surely higher mean loss than the other rows, the most certain first.

    `losses`: per row, shape [n] (for example `log_loss.losses`); `columns`: values by name, each shape [n]; `parts`:
    the conditions to begin with (default: those of `condition.atoms`). One half of the rows (100,000 at most, drawn by
    `seed`) proposes: all conditions on one column, and the 200 worst of them with each other condition, ranked by
    Welch's t; a pair must do clearly better than both of its parts, and near-copies are left out. The other rows
    confirm the 20 best proposals, at most `rate` of them expected to be false (Benjamini-Hochberg).
    `Invalid` on NaN losses or unequal lengths. Source: Chung et al. 2019, "Slice Finder", sections 3 and 4; the
    products of indicators: Sagadeeva & Boehm 2021, "SliceLine", section 4.

    >>> random = numpy.random.default_rng(0)
    >>> place = random.choice(["north", "south"], 4000).astype(object)
    >>> found = worst({"place": place}, random.random(4000) + (place == "south"))
    >>> [str(each) for each in found]
    ['place = south']
    """
    each = rows.numbers(losses, "losses")
    if any(column.shape != each.shape for column in columns.values()):
        raise Invalid("Every column must have one value a row.", field="columns")
    proposing = numpy.random.default_rng(seed).permutation(each.size) < min(each.size // 2, PROPOSING)
    columns = condition.ready(columns)
    half = {name: column[proposing] for name, column in columns.items()}
    first = condition.atoms(half) if parts is None else [part for part in parts if part.column in half]
    proposals = _propose(first, half, each[proposing], support)
    other = {name: column[~proposing] for name, column in columns.items()}
    found = [
        made for one in proposals if (made := _confirm(one, columns, other, each[~proposing], support)) is not None
    ]
    believed = discoveries.discoveries([one.p_value for one in found], rate) if found else ()
    sure = [one for one, real in zip(found, believed, strict=True) if real]
    return tuple(sorted(sure, key=lambda one: (one.p_value, -one.excess.value)))


def _propose(
    parts: Sequence[condition.Condition],
    columns: Mapping[str, condition.Column],
    losses: rows.Numbers,
    support: int,
) -> list[tuple[condition.Condition, ...]]:
    if not parts or losses.size < 2 * support:
        return []
    masks = numpy.stack([condition.holds(each, columns[each.column]) for each in parts])
    single = _welch(_sums(numpy.ones((1, losses.size), dtype=numpy.bool_), masks, losses)[:, 0], losses, support)
    first = numpy.argsort(-single, kind="stable")[:BEAM]
    double = _welch(_sums(masks[first], masks, losses), losses, support)
    names = numpy.array([each.column for each in parts])
    double[names[first][:, None] == names[None, :]] = -math.inf
    double[double < _BETTER * numpy.maximum(single[first][:, None], single[None, :])] = -math.inf
    ranked: list[tuple[float, tuple[int, ...]]] = [
        (float(value), (at,)) for at, value in enumerate(single) if value > 0.0
    ]
    ones, twos = numpy.nonzero(double > 0.0)
    ranked += [(float(double[one, two]), (int(first[one]), int(two))) for one, two in zip(ones, twos, strict=True)]
    kept: list[tuple[int, ...]] = []
    for _, places in sorted(ranked, key=lambda pair: (-pair[0], pair[1])):
        if all(_overlap(_all(masks, places), _all(masks, before)) < _ALIKE for before in kept):
            kept.append(places)
        if len(kept) == CANDIDATES:
            break
    return [tuple(parts[at] for at in places) for places in kept]


def _sums(ones: Masks, twos: Masks, losses: rows.Numbers) -> Cells:
    """Counts, sums and sums of squares of the losses where two conditions hold, shape [3, ones, twos]."""
    found = numpy.zeros((3, ones.shape[0], twos.shape[0]))
    for start in range(0, losses.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        one, two = ones[:, block].astype(numpy.float64), twos[:, block].astype(numpy.float64).T
        for power in range(3):
            found[power] += (one * losses[block] ** power) @ two
    return found


def _welch(sums: Cells, losses: rows.Numbers, support: int) -> Cells:
    """Welch's t of rows inside against rows outside, from sums; −∞ where either side has too few rows."""
    count, total, squares = sums
    outside = losses.size - count
    enough = (count >= support) & (outside >= support)
    inner, outer = numpy.where(enough, count, 2.0), numpy.where(enough, outside, 2.0)
    one, two = total / inner, (losses.sum() - total) / outer
    spread = numpy.maximum(squares / inner - one**2, 0.0) / inner
    spread = spread + numpy.maximum(((losses**2).sum() - squares) / outer - two**2, 0.0) / outer
    return numpy.where(enough & (spread > 0.0), (one - two) / numpy.sqrt(numpy.maximum(spread, 1e-300)), -math.inf)


def _all(masks: Masks, places: tuple[int, ...]) -> rows.Truths:
    return numpy.asarray(masks[list(places)].all(axis=0))


def _overlap(one: rows.Truths, two: rows.Truths) -> float:
    both = float((one & two).sum())
    return both / max(1.0, float(one.sum() + two.sum()) - both)


def _confirm(
    conditions: tuple[condition.Condition, ...],
    columns: Mapping[str, condition.Column],
    other: Mapping[str, condition.Column],
    losses: rows.Numbers,
    support: int,
) -> Segment | None:
    mask = condition.together(conditions, other)
    inside, outside = losses[mask], losses[~mask]
    if min(inside.size, outside.size) < max(2, support // 2):
        return None
    error = math.sqrt(float(inside.var(ddof=1)) / inside.size + float(outside.var(ddof=1)) / outside.size)
    value = float(inside.mean() - outside.mean())
    half = student.normal(0.95) * error
    return Segment(
        conditions=conditions,
        rows=int(condition.together(conditions, columns).sum()),
        loss=float(inside.mean()),
        elsewhere=float(outside.mean()),
        excess=run.Interval(value=value, low=value - half, high=value + half, rows=losses.size),
        p_value=0.5 * math.erfc(value / error / math.sqrt(2.0)) if error > 0.0 else float(value <= 0.0),
    )
