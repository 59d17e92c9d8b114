"""How a figure changed from one model to another, where the figure is a mean, or the largest of several: a gap."""

import numpy
import numpy.typing

from podium.core import run
from podium.core.errors import Invalid
from podium.measures.performance import compare, student

Matrix = numpy.typing.NDArray[numpy.float64]


def change(
    first: Matrix,
    second: Matrix,
    corners: Matrix,
    confidence: float = 0.95,
    *,
    paired: bool,
    anytime_rows: int | None = None,
) -> run.Interval | None:
    """By how much smaller the second model's figure is than the first's; above 0 is better.

    `first` and `second`: each row's pull on some means, shapes [rows, means]; with `paired` both are of the same rows.
    `corners`, shape [several, means]: the figure is the largest of these sums of the means; one row of one is the mean
    itself. Several must come in pairs of opposite sign. None with fewer than 2 rows on a side.

    A gap is a largest difference of either sign, and which it is need not be known: the limits hold for all pairs of
    corners at once (Bonferroni), so that no sign is picked by chance. With `anytime_rows` they may be looked at as
    often as one likes (see `compare.width`). As many pairs as a limit's standard errors squared count as not paired, as
    in Wilson's interval: models that differ in few rows would else be found equal where those happen to be absent. A
    change is surely at most what it is at the second's worst corner against any corner of the first, or against 0,
    below which no gap lies.

    >>> one = numpy.array([[1.0], [2.0], [3.0]])
    >>> found = change(one, one / 2, numpy.array([[1.0]]), paired=True)
    >>> found.value, found.low < 1.0 < found.high
    (1.0, True)
    """
    if min(len(first), len(second)) < 2:
        return None
    if paired and first.shape != second.shape:
        raise Invalid("Pairs need the same rows on both sides.", field="second")
    several = len(corners) > 1
    others = numpy.vstack([corners, numpy.zeros((1, corners.shape[1]))]) if several else corners
    worse = (corners @ second.mean(axis=0))[:, None] - (others @ first.mean(axis=0))[None, :]
    looked = len(corners) * len(others) // 2 if several else 1
    count = len(first) if paired else len(first) + len(second)
    sure = 1.0 - (1.0 - student.check(confidence)) / looked
    wide = student.normal(sure) if anytime_rows is None else compare.width(count, sure, anytime_rows)
    half = wide * _errors(first, second, corners, others, apart=min(1.0, wide**2 / count) if paired else 1.0)
    low = (worse - half)[:, : len(corners)].min(axis=1).max()
    high = (worse + half).min(axis=1).max()
    value = worse[:, : len(corners)].min(axis=1).max()
    rows = min(len(first), len(second))
    return run.Interval(value=-float(value), low=-float(high), high=-float(low), rows=rows)


def _errors(first: Matrix, second: Matrix, corners: Matrix, others: Matrix, *, apart: float) -> Matrix:
    """The standard error of every corner of the second less every one of the first, shape [corners, others].

    `apart`: the share of rows that count as not paired.
    """
    size = first.shape[1]
    before, after = (numpy.cov(each, rowvar=False, ddof=1).reshape(size, size) / len(each) for each in (first, second))
    both = numpy.zeros((size, size))
    if apart < 1.0:
        centred = [each - each.mean(axis=0) for each in (first, second)]
        both = (1.0 - apart) * (centred[1].T @ centred[0]) / (len(first) - 1) / len(first)
    spread = _squares(corners, after)[:, None] + _squares(others, before)[None, :] - 2.0 * corners @ both @ others.T
    errors: Matrix = numpy.sqrt(numpy.maximum(spread, 0.0))
    return errors


def _squares(corners: Matrix, covariance: Matrix) -> Matrix:
    found: Matrix = numpy.einsum("ij,jk,ik->i", corners, covariance, corners)
    return found
