"""Calibration by group: whether a score means the same in every group."""

import numpy.typing

from podium.measures import rows
from podium.measures.fairness import disparity


def calibration(
    target: numpy.typing.ArrayLike,
    score: numpy.typing.ArrayLike,
    group: numpy.typing.ArrayLike,
    confidence: float = 0.95,
    small: int = disparity.SMALL,
) -> disparity.Disparity:
    """By group how much more often the target is 1 than the scores say (mean of target − score), in [−1, 1].

    `target`: 0 or 1; `score`: probabilities; `group`: any values; shapes [n]. `Invalid` on unequal lengths or other
    values. Source: Kleinberg, Mullainathan & Raghavan 2017, condition A; Pleiss et al. 2017, definition 1 (in the
    large).

    >>> found = calibration([1, 0, 1, 1], [0.5, 0.5, 0.5, 0.5], ["a", "a", "b", "b"], small=1)
    >>> found.highest, found.difference.value
    ('b', 0.5)
    """
    positive, guess = rows.probabilities(target, score)
    masks = disparity.masks(group)
    disparity.same(positive, masks)
    gaps = {name: positive[mask] - guess[mask] for name, mask in masks.items()}
    return disparity.of_means("calibration", gaps, confidence, small)
