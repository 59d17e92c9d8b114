"""What many columns tell together of how far each one's windows lie from each other."""

import math
from collections.abc import Mapping

import numpy
import numpy.typing

from podium.measures.drift import gamma

ALL_ALIKE = 1e8
BORROWED = 3.0
"""At most so many times as much is borrowed from other columns as a column's own windows tell along one direction."""
_FEWEST = 3
_TINY = 1e-12


def moderated(ratios: Mapping[str, float], windows: int) -> tuple[dict[str, float], float]:
    """Dispersions of columns' means over so many windows (3 or more), and with how many degrees of freedom known.

    Each is moderated by the others', as far as these agree, and not taken for less than it was, or than 1. Sources:
    Smyth 2004, "Linear models and empirical Bayes methods", section 6; Efron & Morris 1972, "Limiting the risk of Bayes
    and empirical Bayes estimators, part II".

    >>> found, known = moderated({"a": 1.2, "b": 0.8, "c": 1.0, "d": 9.0}, 5)
    >>> {name: round(each, 1) for name, each in found.items()}, 4.0 < known < 16.0
    ({'a': 1.5, 'b': 1.3, 'c': 1.4, 'd': 9.0}, True)
    """
    half = (windows - 1) / 2
    values = numpy.maximum(_TINY, numpy.array(list(ratios.values())))
    often, typical = prior(values, half, gamma.trigamma(half))
    often = min(often, BORROWED * half)
    made = numpy.maximum(numpy.maximum(1.0, values), (often * typical + half * values) / (often + half))
    return dict(zip(ratios, made.tolist(), strict=True)), 2.0 * (often + half)


def prior(means: numpy.typing.NDArray[numpy.float64], half: float, still: float) -> tuple[float, float]:
    """With how many half degrees of freedom other columns tell of a column's mean, and which one they tell.

    `means`: above 0, shape [columns]; `half`: the half degrees of freedom of each; `still`: the variance of their
    logarithms if no column wandered at all. Nothing with fewer than three columns.

    >>> prior(numpy.array([1.0, 1.0, 1.0]), 2.0, 0.1)[0] == ALL_ALIKE
    True
    """
    if means.size < _FEWEST:
        return 0.0, 1.0
    logs = numpy.log(means) - gamma.digamma(half) + math.log(half)
    differ = float(logs.var(ddof=1)) - still
    if differ <= 1.0 / ALL_ALIKE:
        return ALL_ALIKE, float(numpy.exp(logs.mean()))
    found = gamma.trigamma_inverse(differ)
    return found, math.exp(float(logs.mean()) + gamma.digamma(found) - math.log(found))
