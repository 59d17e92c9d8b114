"""Selective labels: whether outcomes come for some rows rather than for others."""

import msgspec
import numpy
import numpy.typing

from podium.core.errors import Invalid
from podium.measures import rows
from podium.measures.fairness import disparity

LIMIT = 0.2
THIRDS = ("low scores", "middle scores", "high scores")


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """The share of rows with an outcome, in parts of the rows, and the widest gap."""

    shares: disparity.Disparity
    selective: bool
    """The gap is surely there and larger than the limit: what is measured need not hold for all rows."""


def by_score(
    labelled: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike, confidence: float = 0.95, limit: float = LIMIT
) -> Selection:
    """Among low, middle and high scores (thirds of the rows).

    `labelled`: whether the outcome is known, truths; `score`: finite; shapes [n]. Take mature rows only, or the young
    ones count as selected. A model that decides which outcomes are seen (a refused loan is never repaid) is judged on
    its own choice. Source: Lakkaraju, Kleinberg, Leskovec, Ludwig & Mullainathan 2017, "The selective labels problem",
    section 2.

    >>> found = by_score([False] * 200 + [True] * 400, list(range(600)))
    >>> found.selective, found.shares.lowest
    (True, 'low scores')
    """
    guess = rows.numbers(score, "score")
    place = (numpy.argsort(numpy.argsort(guess, kind="stable"), kind="stable") * 3) // max(1, guess.size)
    return by_group(labelled, numpy.array(THIRDS)[place], confidence, limit)


def by_group(
    labelled: numpy.typing.ArrayLike, group: numpy.typing.ArrayLike, confidence: float = 0.95, limit: float = LIMIT
) -> Selection:
    """Among any groups, for example rows acted on and others.

    >>> by_group([True] * 200, ["yes"] * 100 + ["no"] * 100).selective
    False
    """
    known, _ = rows.binary(labelled, labelled)
    if not 0.0 <= limit <= 1.0:
        raise Invalid("A limit lies between 0 and 1.", field="limit")
    masks = disparity.masks(group)
    disparity.same(known, masks)
    counts = {name: (int(known[mask].sum()), int(mask.sum()), int(mask.sum())) for name, mask in masks.items()}
    shares = disparity.of_shares("labelled", counts, confidence)
    gap = shares.difference
    return Selection(shares=shares, selective=gap is not None and gap.value > limit and gap.low > 0.0)
