"""Which of many findings to believe, looking at many columns at once."""

from collections.abc import Sequence

import numpy

from podium.core.errors import Invalid


def discoveries(p_values: Sequence[float], rate: float = 0.01) -> tuple[bool, ...]:
    """Whether to believe each finding (same order), at most `rate` of those believed being false on average.

    `p_values` in [0, 1] and `rate` in (0, 1), else `Invalid`. Source: Benjamini & Hochberg 1995, procedure (1);
    it holds for the positively dependent columns of a table (Benjamini & Yekutieli 2001).

    >>> discoveries([0.001, 0.6, 0.02, 0.011], rate=0.05)
    (True, False, True, True)
    """
    if not 0.0 < rate < 1.0:
        raise Invalid("A rate lies between 0 and 1.", field="rate")
    values = numpy.asarray(p_values, dtype=numpy.float64)
    if ((values < 0.0) | (values > 1.0) | numpy.isnan(values)).any():
        raise Invalid("A p-value lies between 0 and 1.", field="p_values")
    ordered = numpy.sort(values)
    holds = numpy.flatnonzero(ordered <= rate * numpy.arange(1, values.size + 1) / max(1, values.size))
    limit = ordered[holds[-1]] if holds.size else -1.0
    return tuple(bool(value <= limit) for value in values)


def simes(p_values: Sequence[float]) -> float:
    """How likely the smallest of these p-values (0 or more of them, in [0, 1]) is by chance, all taken together.

    min p(i) · n / i over the ordered values; 1 with none. Source: Simes 1986, "An improved Bonferroni procedure for
    multiple tests of significance"; it holds for the positively dependent columns of a table.

    >>> simes([0.01, 0.8, 0.9]), simes([])
    (0.03, 1.0)
    """
    values = numpy.sort(numpy.asarray(p_values, dtype=numpy.float64))
    return float((values * values.size / numpy.arange(1, values.size + 1)).min()) if values.size else 1.0
