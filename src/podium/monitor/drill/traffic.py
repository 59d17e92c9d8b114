"""Real rows cut into days, and windows put together from days drawn with their weekday: a day is never cut up, so that
rows that belong together (a storm, a batch) stay together."""

from collections.abc import Sequence

import msgspec
import numpy
import numpy.typing

from podium.bundle import columns
from podium.core.errors import Refused
from podium.measures import rows as arrays
from podium.monitor.intake import chances

Places = numpy.typing.NDArray[numpy.int64]
DAY_US = 86_400_000_000
_FEWEST_DAYS = 4


class Traffic(msgspec.Struct, frozen=True):
    """Rows of a version as it decided them, with the outcomes that are known (NaN where not).

    Of several classes scores are a probability for each [n, classes], and outcomes the classes' places.
    """

    features: columns.Columns
    target: arrays.Numbers
    score: arrays.Numbers
    threshold: float | None
    at_us: Places
    keys: Places | None = None
    """A number for each key, -1 where a row has none; None where keys are not known."""

    @property
    def count(self) -> int:
        return len(self.score)

    @property
    def top(self) -> arrays.Numbers:
        """One score a row: of several classes that of the most probable one."""
        return chances.top(self.score) if self.score.ndim > 1 else self.score

    def take(self, places: Places) -> "Traffic":
        """The rows at those places, in that order."""
        return Traffic(
            columns.take(self.features, places),
            self.target[places],
            self.score[places],
            self.threshold,
            self.at_us[places],
            None if self.keys is None else self.keys[places],
        )


def days(traffic: Traffic) -> list[Places]:
    """The places of each day's rows (UTC), by day. `Refused` when there are fewer than four days."""
    numbers = traffic.at_us // DAY_US
    found = [numpy.flatnonzero(numbers == number) for number in numpy.unique(numbers)]
    if len(found) < _FEWEST_DAYS:
        raise too_few(len(found))
    return found


def too_few(known: int) -> Refused:
    """That there is too little to rehearse on."""
    return Refused(
        f"A drill needs {_FEWEST_DAYS} days of traffic with known outcomes; there are {known}.",
        field="days",
        fix="Wait until the version has decided for longer.",
    )


def halves(
    traffic: Traffic, known: Sequence[Places], random: numpy.random.Generator
) -> tuple[list[Places], list[Places]]:
    """The days in two halves, each weekday's days shared between them."""
    one: list[Places] = []
    two: list[Places] = []
    for same in _by_weekday(traffic, known):
        order = random.permutation(len(same))
        smaller, larger = (one, two) if len(one) <= len(two) else (two, one)
        for place, index in enumerate(order):
            (smaller if place % 2 == 0 else larger).append(same[index])
    return one, two


def window(traffic: Traffic, known: Sequence[Places], length: int, random: numpy.random.Generator) -> Traffic:
    """As many days' rows, each drawn among the days of its weekday, with replacement, as if they came one by one.

    Where a day is drawn again its keys are other ones: it stands for another day.
    """
    weekdays = _by_weekday(traffic, known)
    first = int(random.integers(len(weekdays)))
    drawn = []
    for number in range(length):
        same = weekdays[(first + number) % len(weekdays)]
        drawn.append(same[int(random.integers(len(same)))])
    made = traffic.take(numpy.concatenate(drawn))
    places = numpy.repeat(numpy.arange(length), [each.size for each in drawn])
    start_us = made.at_us[0] // DAY_US * DAY_US
    made = msgspec.structs.replace(made, at_us=start_us + places * DAY_US + made.at_us % DAY_US)
    if made.keys is None:
        return made
    before = [sum(other is each for other in drawn[:at]) for at, each in enumerate(drawn)]
    again = numpy.array(before)[places] * (int(made.keys.max(initial=0)) + 1)
    return msgspec.structs.replace(made, keys=numpy.where(made.keys < 0, -1, made.keys + again))


def _by_weekday(traffic: Traffic, known: Sequence[Places]) -> list[list[Places]]:
    """The days grouped by weekday, in the week's order; weekdays without a day are left out."""
    groups: dict[int, list[Places]] = {}
    for places in known:
        groups.setdefault(weekday(traffic.at_us[places[0]]), []).append(places)
    return [groups[each] for each in sorted(groups)]


def weekday(at_us: int) -> int:
    """0 for Mondays (UTC).

    >>> weekday(0)
    3
    """
    return int(at_us // DAY_US + 3) % 7
