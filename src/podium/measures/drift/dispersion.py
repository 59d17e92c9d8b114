"""How much more the shares of whole windows differ than if their rows had come one by one, each by itself.

Rows of one day share its weather, its season, its batch. A test that takes them for independent calls every week a
drift; one that knows how far quiet weeks differ does not.
"""

import numpy
import numpy.typing

from podium.core.errors import Invalid

_FEWEST = 3


def dispersion(counts: numpy.typing.ArrayLike) -> float:
    """Pearson's statistic of homogeneity of the windows over its degrees of freedom; 1 when nothing more than chance.

    `counts`: shape [windows, cells]; windows without a row and cells that are empty throughout do not count. 1 also
    with fewer than 3 windows or 2 cells, when nothing can be known; never less than 1. A window of n rows varies as one
    of n / dispersion independent rows. `Invalid` on negative counts or another shape. Source: McCullagh & Nelder 1989,
    "Generalized Linear Models", section 4.5.2; Rao & Scott 1981, "The analysis of categorical data from complex sample
    surveys".

    >>> dispersion([[50, 50], [50, 50], [50, 50]])
    1.0
    >>> round(dispersion([[90, 10], [50, 50], [10, 90]]), 1)
    64.0
    """
    table = numpy.asarray(counts, dtype=numpy.float64)
    if table.ndim != 2 or (table < 0).any():
        raise Invalid("Counts are zero or more, one row a window, one column a cell.", field="counts")
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    windows, cells = table.shape
    if windows < _FEWEST or cells < 2:
        return 1.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return max(1.0, statistic / float((windows - 1) * (cells - 1)))


def of_means(values: numpy.typing.ArrayLike, windows: numpy.typing.ArrayLike) -> float:
    """The same of a number's mean: the variance between windows' means over that within them (F of one-way ANOVA).

    `values`, finite, and `windows`, whole numbers, both shape [n]. 1 with fewer than 3 windows or when nothing varies;
    never less. Source: Fisher 1925, "Statistical Methods for Research Workers", chapter VII; Kish 1965, "Survey
    Sampling", section 5.4.

    >>> of_means([1.0, 1.2, 0.8, 1.0, 1.2, 0.8, 1.0, 1.2, 0.8], [0, 0, 0, 1, 1, 1, 2, 2, 2])
    1.0
    >>> round(of_means([1.0, 1.2, 0.8, 3.0, 3.2, 2.8, 5.0, 5.2, 4.8], [0, 0, 0, 1, 1, 1, 2, 2, 2]))
    300
    """
    return max(1.0, ratio(values, windows))


def ratio(values: numpy.typing.ArrayLike, windows: numpy.typing.ArrayLike) -> float:
    """The same before it is held to 1 or more: one of many that are to be moderated by each other.

    >>> round(ratio([1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.1, 3.0], [0, 0, 0, 1, 1, 1, 2, 2, 2]), 3)
    0.001
    """
    each = numpy.asarray(values, dtype=numpy.float64)
    _, places, counts = numpy.unique(windows, return_inverse=True, return_counts=True)
    groups = counts.size
    if groups < _FEWEST or each.size <= groups:
        return 1.0
    means = numpy.bincount(places, weights=each) / counts
    between = float((counts * (means - each.mean()) ** 2).sum()) / (groups - 1)
    within = float(((each - means[places]) ** 2).sum()) / (each.size - groups)
    return between / within if within > 0 else 1.0


def scaled(dispersion: float, rows: float, measured_at: float) -> float:
    """The dispersion of windows of another size: what rows share grows with their number, chance does not.

    >>> scaled(11.0, 500, 1000)
    6.0
    """
    if measured_at <= 0:
        return 1.0
    return 1.0 + (max(1.0, dispersion) - 1.0) * rows / measured_at
