"""How heavy the tail of losses is: below an index of three no interval by means holds."""

import numpy
import numpy.typing

from podium.measures import rows

FEWEST = 3.0
"""An index below it: the third moment is infinite, so that means of windows are far from normal (Berry & Esseen)."""
_SHARE = 0.02
_LEAST = 10


def index(losses: numpy.typing.ArrayLike) -> float | None:
    """The tail index of losses, none below 0, shape [n]: they exceed x about as often as x to its negative power.

    Of the largest fiftieth; None with fewer than 500 rows. Source: Hill 1975, "A simple general approach to inference
    about the tail of a distribution", equation 3.

    >>> random = numpy.random.default_rng(1)
    >>> heavy, light = index(1.0 / random.random(10_000)), index(random.normal(size=10_000) ** 2)
    >>> 0.8 < heavy < 1.2, light > 3.0
    (True, True)
    """
    ordered = numpy.sort(rows.numbers(losses, "losses"))[::-1]
    many = int(ordered.size * _SHARE)
    if many < _LEAST:
        return None
    edge = float(ordered[many])
    mean = float(numpy.log(ordered[:many] / edge).mean()) if edge > 0.0 else 0.0
    return 1.0 / mean if mean > 0.0 else float("inf")
