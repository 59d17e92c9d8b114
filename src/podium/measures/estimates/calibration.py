"""Whether scores need to be set right before they are taken as probabilities, and setting them right."""

import math
from collections.abc import Iterator

import numpy
import numpy.typing

from podium.measures import rows
from podium.measures.estimates import isotonic
from podium.measures.performance import auc

SPLITS = 10
BINS = 10
_TEST = 0.1
_PERFECT = 0.999
_Places = numpy.typing.NDArray[numpy.int64]


def line(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike) -> isotonic.Line | None:
    """The line that sets the scores right; None where they are better taken as they are (see `worth`).

    >>> random = numpy.random.default_rng(0)
    >>> score = random.random(2000)
    >>> line(random.random(2000) < score**3, score) is None
    False
    """
    return isotonic.fit(target, score) if worth(target, score) else None


def chances(made: isotonic.Line | None, score: numpy.typing.ArrayLike) -> rows.Numbers:
    """The calibrated probabilities, shape [n].

    >>> chances(None, [0.2, 0.9]).tolist()
    [0.2, 0.9]
    """
    return rows.numbers(score, "score") if made is None else isotonic.apply(made, score)


def worth(target: numpy.typing.ArrayLike, score: numpy.typing.ArrayLike, seed: int = 42) -> bool:
    """Whether an isotonic line lessens the calibration error on rows that it was not fitted on.

    `target`: 0 or 1; `score`: finite; shapes [n]. Ten stratified draws of a tenth of the rows; expected calibration
    error over ten equally full bins of all draws together. Never with one class, an area above 0.999, or fewer than
    20 rows of a class. The draws are those of nannyml 0.13.1 (scikit-learn's `StratifiedShuffleSplit` by the same
    seed), so that the answer is too. Source: Białek et al. 2024, "Estimating model performance under covariate shift
    without labels", section 3.

    >>> worth([0, 1] * 50, [0.2, 0.9] * 50)
    False
    """
    positive, guess = rows.binary(target, score)
    area = auc.auc(positive, guess)
    if area is None or area > _PERFECT or min(positive.sum(), (~positive).sum()) < SPLITS * 2:
        return False
    truths, before, after = [], [], []
    for train, test in _splits(positive, seed):
        truths.append(positive[test])
        before.append(guess[test])
        after.append(isotonic.apply(isotonic.fit(positive[train], guess[train]), guess[test]))
    truth = numpy.concatenate(truths)
    return _error(truth, numpy.concatenate(before)) > _error(truth, numpy.concatenate(after))


def _error(truth: rows.Truths, chance: rows.Numbers) -> float:
    order = numpy.argsort(chance)
    gaps = (chance - truth)[order]
    width = max(1, truth.size // min(BINS, truth.size // 2))
    edges = numpy.arange(0, truth.size + 1, width)
    edges[-1] = truth.size
    return float(numpy.abs(numpy.add.reduceat(gaps, edges[:-1])).sum() / truth.size)


def _splits(positive: rows.Truths, seed: int) -> Iterator[tuple[_Places, _Places]]:
    """Rows to fit on and rows to look at, both classes in proportion."""
    random = numpy.random.RandomState(seed)
    classes = [numpy.flatnonzero(~positive), numpy.flatnonzero(positive)]
    counts = numpy.array([each.size for each in classes])
    held = math.ceil(_TEST * positive.size)
    for _ in range(SPLITS):
        train_counts = _share(counts, positive.size - held, random)
        test_counts = _share(counts - train_counts, held, random)
        train, test = [], []
        for places, some, others in zip(classes, train_counts, test_counts, strict=True):
            mixed = places[random.permutation(places.size)]
            train.append(mixed[:some])
            test.append(mixed[some : some + others])
        yield random.permutation(numpy.concatenate(train)), random.permutation(numpy.concatenate(test))


def _share(counts: _Places, drawn: int, random: numpy.random.RandomState) -> _Places:
    """`drawn` rows shared among classes in proportion; what is left over goes to the largest remainders."""
    exact = counts / counts.sum() * drawn
    whole = numpy.floor(exact)
    left = int(drawn - whole.sum())
    for remainder in numpy.sort(numpy.unique(exact - whole))[::-1]:
        if left == 0:
            break
        among = numpy.flatnonzero(exact - numpy.floor(exact) == remainder)
        taken = random.choice(among, size=min(among.size, left), replace=False)
        whole[taken] += 1
        left -= taken.size
    return numpy.asarray(whole, dtype=numpy.int64)
