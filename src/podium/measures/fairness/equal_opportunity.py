"""Equal opportunity: whether those who should be acted on are, in every group."""

import numpy.typing

from podium.measures import rows
from podium.measures.fairness import disparity


def equal_opportunity(
    target: numpy.typing.ArrayLike,
    act: numpy.typing.ArrayLike,
    group: numpy.typing.ArrayLike,
    confidence: float = 0.95,
    small: int = disparity.SMALL,
) -> disparity.Disparity:
    """The share acted on of each group's positive rows (the true positive rate).

    `target`: 0 or 1; `act`: truths; `group`: any values; shapes [n]. `Invalid` on unequal lengths or other values.
    Source: Hardt, Price & Srebro 2016, definition 2.2.

    >>> found = equal_opportunity([1, 1, 1, 1], [1, 1, 1, 0], ["a", "a", "b", "b"], small=1)
    >>> found.difference.value, found.highest
    (0.5, 'a')
    """
    return disparity.of_shares("equal_opportunity", counts(target, act, group, 1.0), confidence, small)


def counts(
    target: numpy.typing.ArrayLike, act: numpy.typing.ArrayLike, group: numpy.typing.ArrayLike, among: float
) -> dict[str, tuple[int, int, int]]:
    """By group: rows acted on, of how many whose target is `among`, and the group's rows.

    >>> counts([1, 0, 1], [1, 1, 0], ["a", "a", "b"], 1.0)
    {'a': (1, 1, 2), 'b': (0, 1, 1)}
    """
    positive, acted = rows.binary(target, act)
    decided, _ = rows.binary(acted, acted)
    masks = disparity.masks(group)
    disparity.same(decided, masks)
    chosen = positive if among == 1.0 else ~positive
    return {
        name: (int((decided & chosen & mask).sum()), int((chosen & mask).sum()), int(mask.sum()))
        for name, mask in masks.items()
    }
