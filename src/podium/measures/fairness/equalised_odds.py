"""Equalised odds: whether right and wrong acts are as frequent in every group."""

from collections.abc import Callable, Iterable

import msgspec
import numpy.typing

from podium.core import run
from podium.measures.fairness import disparity, equal_opportunity


class Odds(msgspec.Struct, frozen=True, kw_only=True):
    """The shares acted on among positive and among negative rows, and the wider of the two gaps."""

    right: disparity.Disparity
    """Of positive rows: the true positive rates."""
    wrong: disparity.Disparity
    """Of negative rows: the false positive rates."""
    difference: run.Interval | None
    """The larger difference; its interval holds for both at once."""
    ratio: run.Interval | None
    """The smaller ratio, likewise."""


def equalised_odds(
    target: numpy.typing.ArrayLike,
    act: numpy.typing.ArrayLike,
    group: numpy.typing.ArrayLike,
    confidence: float = 0.95,
    small: int = disparity.SMALL,
) -> Odds:
    """True and false positive rates by group; the worse counts.

    `target`: 0 or 1; `act`: truths; `group`: any values; shapes [n]. `Invalid` on unequal lengths or other values.
    Source: Hardt, Price & Srebro 2016, definition 2.1; the worse of two: Agarwal et al. 2018, definition 2.

    >>> found = equalised_odds([1, 1, 0, 0], [1, 0, 1, 1], ["a", "b", "a", "b"], small=1)
    >>> found.difference.value, found.wrong.difference.value
    (1.0, 0.0)
    """
    half = 1.0 - (1.0 - confidence) / 2.0
    right, wrong = (
        disparity.of_shares(name, equal_opportunity.counts(target, act, group, among), half, small)
        for name, among in (("true_positive_rate", 1.0), ("false_positive_rate", 0.0))
    )
    differences = [each.difference for each in (right, wrong) if each.difference is not None]
    ratios = [each.ratio for each in (right, wrong) if each.ratio is not None]
    return Odds(
        right=right,
        wrong=wrong,
        difference=_both(differences, max) if differences else None,
        ratio=_both(ratios, min) if ratios else None,
    )


def _both(found: list[run.Interval], pick: Callable[[Iterable[float]], float]) -> run.Interval:
    return run.Interval(
        value=pick(each.value for each in found),
        low=pick(each.low for each in found),
        high=pick(each.high for each in found),
        rows=sum(each.rows for each in found),
    )
