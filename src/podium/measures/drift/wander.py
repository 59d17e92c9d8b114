"""How far quiet windows lie from each other, and how likely it is that one more lies as far as a new one does.

A dispersion (`dispersion.py`) is one number over all cells, as if windows wandered in every direction alike. Where they
wander along one (warmer and colder weeks), distances have a longer tail than that number says. Here the distances of
quiet windows from each other tell both: how large they are, and along how many directions they go.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy
import numpy.typing

from podium.measures.drift import f_ratio, gamma, moderation, psi

FEWEST = 3
_DIRECTIONS = 0.5
"""Fewer than one: distances that grow faster than the square of what wanders."""


class Wander(NamedTuple):
    """How far quiet windows of a column lie from each other, in units of what chance alone would do."""

    dispersion: float
    """The mean of it; 1: no more than chance."""
    directions: float
    """Along how many directions they wander; at most the cells less one."""
    known: float
    """Degrees of freedom with which the dispersion is known."""

    def tail(self, distance: float, dispersion: float | None = None) -> float:
        """How likely a quiet window lies so far from the others. `dispersion`: that of a window of its size."""
        return f_ratio.tail(distance / (dispersion or self.dispersion), self.directions, self.known)


def distance(before: numpy.typing.ArrayLike, now: numpy.typing.ArrayLike) -> float | None:
    """The stability index of counts per cell (shape [cells]) over its mean by chance; None where there is none.

    >>> round(distance([500, 500], [500, 500]), 2), round(distance([500, 500], [450, 550]), 1)
    (0.0, 5.0)
    """
    found = psi.psi(before, now)
    return None if found is None or found.bias <= 0.0 else found.raw / found.bias


def learn(columns: Mapping[str, Sequence[Sequence[int]]]) -> dict[str, Wander]:
    """From each column's windows (counts, [windows, cells]), how far they wander; columns of one kind come together.

    Each window's distance from the others is taken. With k windows and ν directions they are k squared lengths that sum
    to a chi-square of ν (k − 1) degrees: their spread gives ν, for all columns together (where those that wander most
    tell most) and for each by itself; the fewer count. Their mean is moderated by those of the other columns, as far as
    these agree more than chance alone would have them, and is then known with as many more degrees of freedom, at most
    with thrice those of one direction: where most columns stand still, one that wanders may look as still for three
    windows. No column is taken for stiller than it was. Columns with fewer than three windows, or whose cells are
    empty, are left out. Sources: the moments of a Dirichlet distribution (Wilks 1962, section 7.7); the moderation:
    Smyth 2004, "Linear models and empirical Bayes methods", section 6; its limits: Efron & Morris 1972, "Limiting the
    risk of Bayes and empirical Bayes estimators, part II".

    >>> still = [[50, 50], [52, 48], [49, 51], [51, 49]]
    >>> moved = [[50, 50], [90, 10], [20, 80], [60, 40]]
    >>> {name: round(each.dispersion) for name, each in learn({"still": still, "moved": moved}).items()}
    {'still': 1, 'moved': 40}
    """
    found = {name: each for name, counts in columns.items() if (each := _distances(counts)) is not None}
    by_windows: dict[int, list[str]] = {}
    for name, each in found.items():
        by_windows.setdefault(each.size, []).append(name)
    made: dict[str, Wander] = {}
    for names in by_windows.values():
        cells = [len(columns[name][0]) for name in names]
        made |= zip(names, _told(numpy.stack([found[name] for name in names]), cells), strict=True)
    return {name: made[name] for name in found}


def _distances(counts: Sequence[Sequence[int]]) -> numpy.typing.NDArray[numpy.float64] | None:
    """Each window's from all others; None without three windows, or where one has none."""
    table = numpy.array([each for each in counts if sum(each)], dtype=numpy.float64)
    if len(table) < FEWEST:
        return None
    whole = table.sum(axis=0)
    found = [distance(whole - each, each) for each in table]
    if any(each is None for each in found):
        return None
    return numpy.array(found, dtype=numpy.float64)


def _told(distances: numpy.typing.NDArray[numpy.float64], cells: Sequence[int]) -> list[Wander]:
    """Of columns with as many windows; distances of shape [columns, windows]."""
    windows = distances.shape[1]
    means = distances.mean(axis=1)
    some = means > 0.0
    most = numpy.maximum(1.0, numpy.array(cells) - 1.0)
    if not some.any():
        return [Wander(1.0, each, moderation.ALL_ALIKE) for each in most.tolist()]
    squares, wholes = (distances**2).sum(axis=1), (windows * means) ** 2
    share = numpy.where(some, squares / numpy.maximum(wholes, 1e-300), 1.0)
    highest = float(most.max())
    alike, farthest = float(share[some].mean()), float(squares.sum() / wholes.sum())
    together = min(_directions(alike, windows, highest), _directions(farthest, windows, highest))
    still = statistics.fmean(gamma.trigamma(each * (windows - 1) / 2) for each in most[some].tolist())
    prior, typical = moderation.prior(means[some], together * (windows - 1) / 2, still)
    prior = min(prior, moderation.BORROWED * (windows - 1) / 2)
    made = []
    for mean, each, high in zip(means.tolist(), share.tolist(), most.tolist(), strict=True):
        directions = min(together, _directions(each, windows, high))
        half = min(1.0, directions) * (windows - 1) / 2
        moderated = (prior * typical + half * mean) / (prior + half)
        made.append(Wander(max(1.0, mean, moderated), directions, 2 * (prior + half)))
    return made


def _directions(share: float, windows: int, most: float) -> float:
    """ν, from Σd⁴ / (Σd²)², whose mean is ((k − 1) / k) (ν + 2) / (ν (k − 1) + 2)."""
    kept = (windows - 1) / windows
    surplus = (windows - 1) * (share - 1.0 / windows)
    return most if surplus <= 2 * (kept - share) / most else max(_DIRECTIONS, 2 * (kept - share) / surplus)
