"""A measure of performance: its direction, what it needs, and how it and its interval are computed."""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from podium.core import run
from podium.core.errors import Invalid
from podium.core.signature import Task
from podium.measures import rows
from podium.measures.performance import interval, student

Losses: TypeAlias = Callable[[rows.Numbers, rows.Numbers, float], rows.Numbers]
Value: TypeAlias = Callable[[rows.Numbers, rows.Numbers, float], float | None]
Influence: TypeAlias = Callable[[rows.Numbers, rows.Numbers], tuple[float, rows.Numbers] | None]
Between: TypeAlias = Callable[[rows.Numbers, rows.Numbers, float, float], run.Interval | None]


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """A measure of one model on some rows. Call `value` or `interval`, not the functions behind them.

    Targets have shape [n]. Scores too; of several classes they are probabilities of shape [n, classes], and targets are
    numbers of classes.
    """

    name: str
    higher_is_better: bool
    task: Task
    needs_threshold: bool
    compute: Value
    between: Between
    losses: Losses | None = None
    """Loss per row, whose mean is the measure (for `rmse`: the mean before the root; for `accuracy`: 1 less it)."""
    influence: Influence | None = None
    """Of a smooth measure that is no mean: its value, and how each row pulls on it (mean near 0)."""

    def value(self, target: rows.Numbers, score: rows.Numbers, threshold: float | None = None) -> float | None:
        """The measure on some rows; None where it is not defined; `Invalid` on NaN or a missing threshold."""
        return self.compute(target, score, self.decide(threshold))

    def interval(
        self, target: rows.Numbers, score: rows.Numbers, threshold: float | None = None, confidence: float = 0.95
    ) -> run.Interval | None:
        """The measure with its confidence interval; None where either is not defined."""
        student.check(confidence)
        return self.between(target, score, self.decide(threshold), confidence)

    def decide(self, threshold: float | None) -> float:
        """The threshold, or `Invalid` when the measure needs one and there is none."""
        if threshold is None and self.needs_threshold:
            raise Invalid(
                f"The metric {self.name!r} needs decisions, but there is no threshold.",
                field="metrics",
                fix="Write a [costs] part in the project file; the threshold is chosen from it.",
            )
        return 0.5 if threshold is None else threshold


def mean(name: str, task: Task, losses: Callable[[rows.Numbers, rows.Numbers], rows.Numbers]) -> Measure:
    """The measure that is the mean of a loss, which is given as a function of targets and scores."""

    def average(target: rows.Numbers, score: rows.Numbers, _: float) -> float | None:
        each = losses(target, score)
        return float(each.mean()) if each.size else None

    return Measure(
        name=name,
        higher_is_better=False,
        task=task,
        needs_threshold=False,
        compute=average,
        between=lambda target, score, _, confidence: interval.mean(losses(target, score), confidence),
        losses=lambda target, score, _: losses(target, score),
    )
