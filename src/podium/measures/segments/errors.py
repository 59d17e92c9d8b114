"""Error analysis: which rows are worst, and which features tell where a model errs."""

from collections.abc import Mapping

import msgspec
import numpy
import numpy.typing

from podium.core.errors import Invalid
from podium.measures import rows
from podium.measures.drift import chi_square
from podium.measures.segments import condition


class Influence(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the differences in loss a column tells."""

    column: str
    share: float
    """Of the losses' variance that differs between the column's parts, corrected for chance: 0 nothing, 1 all."""
    worst: condition.Condition
    """The part with the highest mean loss."""
    p_value: float
    """How likely so large a share is when the column tells nothing."""


def features(columns: Mapping[str, condition.Column], losses: numpy.typing.ArrayLike) -> tuple[Influence, ...]:
    """The columns by how much they tell about the losses (shape [n]), the most telling first; constant ones left out.

    ω² of a one-way analysis over quarters of numbers, the 20 most frequent categories and missing values; the p-value
    by the chi-square limit of its F test. `Invalid` on NaN losses or unequal lengths. Source: Hays 1963,
    "Statistics for psychologists", section 12.18.

    >>> found = features({"x": numpy.arange(8.0)}, [0.0, 0.1, 0.0, 0.1, 0.0, 0.1, 5.0, 5.1])
    >>> str(found[0].worst), found[0].share > 0.9
    ('x > 5', True)
    """
    each = rows.numbers(losses, "losses")
    if any(column.shape != each.shape for column in columns.values()):
        raise Invalid("Every column must have one value a row.", field="columns")
    found = [
        made
        for name, column in condition.ready(columns).items()
        if (made := _influence(name, column, each)) is not None
    ]
    return tuple(sorted(found, key=lambda one: (-one.share, one.column)))


def worst_rows(losses: numpy.typing.ArrayLike, count: int = 20) -> tuple[int, ...]:
    """The places of the rows with the highest losses (shape [n]), the worst first; of equals the first.

    >>> worst_rows([0.1, 3.0, 0.2], 2)
    (1, 2)
    """
    each = rows.numbers(losses, "losses")
    return tuple(numpy.argsort(-each, kind="stable")[:count].tolist())


def _influence(name: str, column: condition.Column, losses: rows.Numbers) -> Influence | None:
    parts = condition.atoms({name: column})
    masks = [condition.holds(each, column) for each in parts]
    rest = ~numpy.logical_or.reduce(masks) if masks else numpy.zeros(losses.size, dtype=numpy.bool_)
    groups = [losses[mask] for mask in (*masks, rest) if mask.any()]
    freedom, left = len(groups) - 1, losses.size - len(groups)
    if freedom < 1 or left < 1:
        return None
    mean = float(losses.mean())
    between = sum(group.size * (float(group.mean()) - mean) ** 2 for group in groups)
    total = float(((losses - mean) ** 2).sum())
    within = (total - between) / left
    if total <= 0.0:
        return None
    worst = max(range(len(parts)), key=lambda at: float(losses[masks[at]].mean()))
    return Influence(
        column=name,
        share=max(0.0, (between - freedom * within) / (total + within)),
        worst=parts[worst],
        p_value=chi_square.tail(between / within, freedom) if within > 0.0 else 0.0,
    )
