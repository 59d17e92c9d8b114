"""Demographic parity: whether every group is acted on as often."""

import numpy.typing

from podium.measures import rows
from podium.measures.fairness import disparity


def demographic_parity(
    act: numpy.typing.ArrayLike,
    group: numpy.typing.ArrayLike,
    confidence: float = 0.95,
    small: int = disparity.SMALL,
) -> disparity.Disparity:
    """The share of each group that is acted on. Needs no outcomes.

    `act`: truths (or 0 and 1), shape [n]; `group`: any values, None is a group of its own. `Invalid` on unequal
    lengths or other decisions. Source: Dwork et al. 2012, definition 3.1; as difference and ratio: Agarwal et al.
    2018, definition 1.

    >>> found = demographic_parity([1, 1, 0, 0], ["a", "a", "a", "b"], small=1)
    >>> round(found.difference.value, 4), found.lowest, found.ratio.value
    (0.6667, 'b', 0.0)
    """
    acted, _ = rows.binary(act, act)
    masks = disparity.masks(group)
    disparity.same(acted, masks)
    counts = {name: (int(acted[mask].sum()), int(mask.sum()), int(mask.sum())) for name, mask in masks.items()}
    return disparity.of_shares("demographic_parity", counts, confidence, small)
