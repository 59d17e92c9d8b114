"""Unit change: the values are those of before in another unit, as metres instead of kilometres."""

import itertools
from typing import NamedTuple

from podium.core.errors import Invalid

NEAR = 0.1
"""How far a quantile may be from where the unit puts it, as a share of the distance between the outer quantiles."""
_SMALL = 5.0
"""Factors below this (and above its inverse) must fit twice as well: a column that starts at zero may well double."""
_FAR = 0.4
"""In the same terms: how far one must have moved at least, and how large an offset must be to be told from a factor."""


class Unit(NamedTuple):
    """now = factor · before + offset."""

    factor: float
    offset: float
    said: str

    @property
    def small(self) -> bool:
        """A factor that a column may well have grown or shrunk by."""
        return not self.offset and 1 / _SMALL < self.factor < _SMALL


_FACTORS = {
    10.0: "ten",
    100.0: "a hundred (as per cent)",
    1000.0: "a thousand",
    1e6: "a million",
    1e9: "a billion",
    12.0: "12 (as months and years)",
    24.0: "24 (as hours and days)",
    60.0: "60 (as seconds and minutes)",
    3600.0: "3,600 (as seconds and hours)",
    1.609344: "1.609 (as kilometres and miles)",
    3.28084: "3.281 (as feet and metres)",
    2.54: "2.54 (as centimetres and inches)",
    2.204623: "2.205 (as pounds and kilograms)",
}
_KNOWN = (
    Unit(1.8, 32.0, "as from Celsius to Fahrenheit"),
    Unit(1 / 1.8, -32 / 1.8, "as from Fahrenheit to Celsius"),
    Unit(1.0, 273.15, "as from Celsius to Kelvin"),
    Unit(1.0, -273.15, "as from Kelvin to Celsius"),
    Unit(-1.0, 0.0, "with the sign reversed"),
    *(Unit(factor, 0.0, f"{word} times larger") for factor, word in _FACTORS.items()),
    *(Unit(1 / factor, 0.0, f"{word} times smaller") for factor, word in _FACTORS.items()),
)


def unit(before: tuple[float, float, float], now: tuple[float, float, float]) -> Unit | None:
    """The unit change that explains how three quantiles (ascending, as 10 %, 50 %, 90 %) moved; None when none does.

    None too when they did not move. Of several explanations the nearest counts. `Invalid` unless ascending.

    >>> unit((1.0, 2.0, 4.0), (1010.0, 1990.0, 4000.0)).said
    'a thousand times larger'
    >>> unit((1.0, 2.0, 4.0), (1.2, 2.1, 4.0)) is None
    True
    >>> unit((0.0, 10.0, 20.0), (32.0, 50.0, 68.0)).said, unit((500.0, 2500.0, 4500.0), (250.0, 1250.0, 2250.0))
    ('as from Celsius to Fahrenheit', None)
    """
    if any(not one <= two for each in (before, now) for one, two in itertools.pairwise(each)):
        raise Invalid("Quantiles ascend.", field="before")
    if before[0] == before[2] or now[0] == now[2] or _apart(Unit(1.0, 0.0, ""), before, now) < _FAR:
        return None
    spread = now[2] - now[0]
    able = [each for each in _KNOWN if not each.offset or abs(each.offset) >= _FAR * spread]
    found = min(able, key=lambda each: _apart(each, before, now))
    return found if _apart(found, before, now) < (NEAR / 2 if found.small else NEAR) else None


def _apart(change: Unit, before: tuple[float, float, float], now: tuple[float, float, float]) -> float:
    """The largest distance of a quantile from its place, in the units of now's outer distance."""
    placed = sorted(change.factor * each + change.offset for each in before)
    return max(abs(one - two) for one, two in zip(placed, now, strict=True)) / (placed[-1] - placed[0])
