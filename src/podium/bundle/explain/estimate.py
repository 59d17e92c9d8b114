"""Shapley values of any model by sampling: an estimate, with its standard error.

Castro, Gomez and Tejada 2009, "Polynomial calculation of the Shapley value based on sampling", with the background
rows of Strumbelj and Kononenko 2014 and each permutation taken forwards and backwards (Mitchell et al. 2022). Where a
feature is not known, it has the value of a background row: the interventional expectation, not the path-dependent one.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from podium.bundle import columns
from podium.bundle.explain.table import Doubles

PAIRS = 64
"""Permutations, each taken both ways, and so many background rows."""
SEED = 0

Predict = Callable[[columns.Columns], Doubles]


class Estimate(NamedTuple):
    """For one row: the contributions [k] in the order of the columns, their standard errors [k], the start."""

    values: Doubles
    errors: Doubles
    base: float


def estimate(
    predict: Predict, row: columns.Columns, background: columns.Columns, pairs: int = PAIRS, seed: int = SEED
) -> Estimate:
    """Contributions of one row's features to its score; they and `base` add up to it, whatever the sampling.

    `row`: canonical columns of one row; `background`: of rows from which unknown values are drawn. The same seed gives
    the same estimate. `pairs` + 1 times as many rows as features are scored, twice.
    """
    names = list(row)
    random = np.random.default_rng(seed)
    drawn = _drawn(random, columns.count(background), pairs)
    given = _masks(random, len(names), pairs)  # [pairs, 2, k + 1, k]
    steps = given.shape[1] * given.shape[2]
    chosen = np.repeat(drawn, steps)
    flat = given.reshape(-1, len(names))
    mixed = {
        name: np.where(flat[:, at], np.repeat(row[name], len(flat)), background[name][chosen])
        for at, name in enumerate(names)
    }
    scores = predict(mixed).reshape(given.shape[:3])
    gains = np.diff(scores, axis=2)  # of the step at which each place of the permutation becomes known
    came = np.diff(given.astype(np.int8), axis=2).argmax(axis=3)
    each = np.zeros((pairs, len(names)))
    for way in range(2):
        at = np.arange(pairs)[:, None]
        each[at, came[:, way]] += gains[:, way] / 2
    errors = each.std(axis=0, ddof=1) / np.sqrt(pairs) if pairs > 1 else np.full(len(names), np.inf)
    return Estimate(each.mean(axis=0), errors, float(scores[:, 0, 0].mean()))


def _drawn(random: np.random.Generator, count: int, pairs: int) -> npt.NDArray[np.int64]:
    """Background rows, spread as evenly as possible."""
    order = random.permutation(count)
    return np.resize(order, pairs).astype(np.int64)


def _masks(random: np.random.Generator, width: int, pairs: int) -> npt.NDArray[np.bool_]:
    """What is known after each step of each permutation, forwards and backwards, [pairs, 2, width + 1, width]."""
    masks = np.zeros((pairs, 2, width + 1, width), dtype=np.bool_)
    for pair in range(pairs):
        order = random.permutation(width)
        for way, walk in enumerate((order, order[::-1])):
            for step, place in enumerate(walk):
                masks[pair, way, step + 1 :, place] = True
    return masks
