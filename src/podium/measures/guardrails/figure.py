"""The figures that a guardrail may watch, each as means to which every row adds its pull."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy
import numpy.typing

from podium.core import project
from podium.core.errors import Invalid
from podium.core.signature import Task
from podium.measures import rows
from podium.measures.fairness import disparity
from podium.measures.guardrails.change import Matrix
from podium.measures.performance import by_name

CALIBRATION = "calibration"
_BINS = 5
"""Of calibration: each doubles the signs to be sure of, and five show any bend that matters."""


class Scored(NamedTuple):
    """A model's rows, shape [n]: outcomes, scores, decisions (None: there are none), and each row's group, if asked."""

    target: rows.Numbers
    score: rows.Numbers
    act: rows.Truths | None = None
    threshold: float | None = None
    group: numpy.typing.ArrayLike | None = None


class Pulls(NamedTuple):
    """Both models' pulls, shapes [rows, means], and the corners of which the largest is the figure."""

    first: Matrix
    second: Matrix
    corners: Matrix

    @property
    def values(self) -> tuple[float, float]:
        """The figure of both."""
        one, two = (float((self.corners @ side.mean(axis=0)).max()) for side in (self.first, self.second))
        return one, two


def pulls(
    name: str,
    first: Scored,
    second: Scored,
    costs: project.CostsPart | None = None,
    task: Task = Task.BINARY,
) -> Pulls | None:
    """The pulls on a figure by name, of two models; None where there are too few rows to have it.

    A metric that is a mean over rows; `calibration`: the expected calibration error on five bins, cut at the quintiles
    of all scores; with groups one of fairness: the widest gap between groups of at least 100 rows on both sides.
    `Invalid` for another name, or where decisions are needed and there are none.

    >>> one = Scored(numpy.array([0.0, 1.0]), numpy.array([0.5, 0.5]))
    >>> pulls("brier", one, one).values
    (0.25, 0.25)
    """
    if min(first.target.size, second.target.size) < 2:
        return None
    if first.group is not None and second.group is not None:
        return _fairness(name, first, second)
    if name == CALIBRATION:
        return _calibration(first, second)
    measure = by_name.find(name, costs, task)
    if measure.losses is None or name == "rmse":
        raise Invalid(f"The metric {name!r} is no mean over rows.", field="metric")
    one, two = (
        measure.losses(each.target, each.score, measure.decide(each.threshold))[:, None] for each in (first, second)
    )
    return Pulls(one, two, numpy.ones((1, 1)))


def _calibration(first: Scored, second: Scored) -> Pulls:
    every = numpy.concatenate([first.score, second.score])
    edges = numpy.quantile(every, numpy.arange(1, _BINS) / _BINS)
    one, two = (_gaps(each, edges) for each in (first, second))
    return Pulls(one, two, numpy.array(list(itertools.product((1.0, -1.0), repeat=_BINS))))


def _gaps(side: Scored, edges: rows.Numbers) -> Matrix:
    """What each row adds to the gap between outcome and score of its bin."""
    positive, guess = rows.probabilities(side.target, side.score)
    made = numpy.zeros((guess.size, _BINS))
    made[numpy.arange(guess.size), numpy.searchsorted(edges, guess)] = positive - guess
    return made


def _fairness(name: str, first: Scored, second: Scored) -> Pulls | None:
    """Which rows count, of what the mean is taken in each group, and the groups that are large enough."""
    sides = [_parts(name, each) for each in (first, second)]
    masks = [disparity.masks([] if each.group is None else each.group) for each in (first, second)]
    made: list[list[Matrix]] = [[], []]
    sizes = []
    for part in range(len(sides[0])):
        known = [
            group
            for group in masks[0]
            if all(
                group in mask and int((mask[group] & side[part][1]).sum()) >= disparity.SMALL
                for mask, side in zip(masks, sides, strict=True)
            )
        ]
        if len(known) < 2:
            continue
        sizes.append(len(known))
        for at in range(2):
            values, among = sides[at][part]
            made[at].append(_means(values, [masks[at][group] & among for group in known]))
    return Pulls(numpy.hstack(made[0]), numpy.hstack(made[1]), _pairs(sizes)) if sizes else None


def _parts(name: str, side: Scored) -> list[tuple[rows.Numbers, rows.Truths]]:
    """The value of each row, and the rows that count, once for each of the gaps of which the widest is taken."""
    every = numpy.ones(side.target.size, dtype=numpy.bool_)
    if name == CALIBRATION:
        positive, guess = rows.probabilities(side.target, side.score)
        return [(positive - guess, every)]
    if side.act is None:
        raise Invalid(f"The measure {name!r} needs decisions.", field="metric", fix="Write a [costs] part.")
    act, late = side.act.astype(numpy.float64), side.target == 1.0
    among = {"demographic_parity": [every], "equal_opportunity": [late], "equalised_odds": [late, ~late]}.get(name)
    if among is None:
        raise Invalid("There is no such measure of fairness.", field="metric")
    return [(act, each) for each in among]


def _means(values: rows.Numbers, masks: Sequence[rows.Truths]) -> Matrix:
    """Each group's mean, with what each row adds to it: the mean of a column is the group's."""
    columns = []
    for mask in masks:
        mean = float(values[mask].mean())
        columns.append(mean + numpy.where(mask, (values - mean) / mask.mean(), 0.0))
    return numpy.column_stack(columns)


def _pairs(sizes: Sequence[int]) -> Matrix:
    """One group less another, for every pair of each gap's groups, in both orders."""
    made, begin = [], 0
    for size in sizes:
        for one, two in itertools.permutations(range(begin, begin + size), 2):
            line = numpy.zeros(sum(sizes))
            line[one], line[two] = 1.0, -1.0
            made.append(line)
        begin += size
    return numpy.array(made)
