"""The measures that a project file may name, each with its direction and its interval."""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from podium.core import name as names
from podium.core import project, run
from podium.core.errors import Invalid
from podium.core.signature import Task
from podium.measures import rows
from podium.measures.business import cost
from podium.measures.performance import accuracy as accuracy_
from podium.measures.performance import auc as auc_
from podium.measures.performance import average_precision as average_precision_
from podium.measures.performance import brier as brier_
from podium.measures.performance import ece as ece_
from podium.measures.performance import f1 as f1_
from podium.measures.performance import interval, student
from podium.measures.performance import log_loss as log_loss_
from podium.measures.performance import mae as mae_
from podium.measures.performance import mape as mape_
from podium.measures.performance import pinball as pinball_
from podium.measures.performance import precision as precision_
from podium.measures.performance import r2 as r2_
from podium.measures.performance import recall as recall_
from podium.measures.performance import rmse as rmse_

COST = "cost_per_row"

Losses: TypeAlias = Callable[[rows.Numbers, rows.Numbers, float], rows.Numbers]
Value: TypeAlias = Callable[[rows.Numbers, rows.Numbers, float], float | None]
Between: TypeAlias = Callable[[rows.Numbers, rows.Numbers, float, float], run.Interval | None]


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """A measure of one model on some rows. Call `value` or `interval`, not the functions behind them."""

    name: str
    higher_is_better: bool
    task: Task
    needs_threshold: bool
    compute: Value
    between: Between
    losses: Losses | None = None
    """Loss per row, whose mean is the measure (for `rmse`: the mean before the root)."""

    def value(self, target: rows.Numbers, score: rows.Numbers, threshold: float | None = None) -> float | None:
        """The measure on rows of shape [n]; None where it is not defined; `Invalid` on NaN or a missing threshold."""
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


def find(name: str, costs: project.CostsPart | None = None) -> Measure:
    """The measure of that name; `Invalid` with the nearest known name when there is none.

    `cost_per_row` exists when `costs` are given.

    >>> find("auc").higher_is_better, find("log_loss").higher_is_better
    (True, False)
    """
    if name == COST and costs is not None:
        return _cost(costs)
    if name == COST:
        raise Invalid("The metric 'cost_per_row' needs costs.", field="metrics", fix="Write a [costs] part.")
    found = MEASURES.get(name)
    if found is None:
        raise Invalid("There is no such metric.", field="metrics", fix=names.nearest(name, [*MEASURES, COST]))
    return found


def _mean(name: str, task: Task, losses: Callable[[rows.Numbers, rows.Numbers], rows.Numbers]) -> Measure:
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


def _pinball(percent: int) -> Measure:
    return _mean(
        f"pinball_{percent}",
        Task.REGRESSION,
        lambda target, score: pinball_.losses(target, score, percent / 100),
    )


def _share(name: str, value: Value, counts: Callable[[rows.Numbers, rows.Numbers, float], tuple[int, int]]) -> Measure:
    return Measure(
        name=name,
        higher_is_better=True,
        task=Task.BINARY,
        needs_threshold=True,
        compute=value,
        between=lambda target, score, threshold, confidence: interval.proportion(
            *counts(target, score, threshold), confidence
        ),
    )


def _resampled(name: str, task: Task, value: Callable[[rows.Numbers, rows.Numbers], float | None]) -> Measure:
    return Measure(
        name=name,
        higher_is_better=True,
        task=task,
        needs_threshold=False,
        compute=lambda target, score, _: value(target, score),
        between=lambda target, score, _, confidence: interval.bootstrap(value, [target, score], confidence),
    )


def _cost(costs: project.CostsPart) -> Measure:
    def losses(target: rows.Numbers, score: rows.Numbers, threshold: float) -> rows.Numbers:
        return cost.losses(target, rows.decisions(rows.numbers(score, "score"), threshold), costs)

    def average(target: rows.Numbers, score: rows.Numbers, threshold: float) -> float | None:
        each = losses(target, score, threshold)
        return float(each.mean()) if each.size else None

    return Measure(
        name=COST,
        higher_is_better=False,
        task=Task.BINARY,
        needs_threshold=True,
        compute=average,
        between=lambda target, score, threshold, confidence: interval.mean(
            losses(target, score, threshold), confidence
        ),
        losses=losses,
    )


def _f1_between(target: rows.Numbers, score: rows.Numbers, threshold: float, confidence: float) -> run.Interval | None:
    jaccard = interval.proportion(*f1_.counts(target, score, threshold), confidence)
    return None if jaccard is None else interval.rising(jaccard, f1_.from_jaccard)


MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure(
            name="auc",
            higher_is_better=True,
            task=Task.BINARY,
            needs_threshold=False,
            compute=lambda target, score, _: auc_.auc(target, score),
            between=lambda target, score, _, confidence: interval.auc(target, score, confidence),
        ),
        _resampled("average_precision", Task.BINARY, average_precision_.average_precision),
        _mean("log_loss", Task.BINARY, log_loss_.losses),
        _mean("brier", Task.BINARY, brier_.losses),
        Measure(
            name="ece",
            higher_is_better=False,
            task=Task.BINARY,
            needs_threshold=False,
            compute=lambda target, score, _: ece_.ece(target, score),
            between=lambda target, score, _, confidence: ece_.between(target, score, confidence),
        ),
        _share("accuracy", accuracy_.accuracy, accuracy_.counts),
        _share("precision", precision_.precision, precision_.counts),
        _share("recall", recall_.recall, recall_.counts),
        Measure(
            name="f1",
            higher_is_better=True,
            task=Task.BINARY,
            needs_threshold=True,
            compute=f1_.f1,
            between=_f1_between,
        ),
        _mean("mae", Task.REGRESSION, mae_.losses),
        _mean("mape", Task.REGRESSION, mape_.losses),
        *(_pinball(percent) for percent in (10, 50, 90)),
        Measure(
            name="rmse",
            higher_is_better=False,
            task=Task.REGRESSION,
            needs_threshold=False,
            compute=lambda target, score, _: rmse_.rmse(target, score),
            between=lambda target, score, _, confidence: interval.root(
                interval.skewed(rmse_.losses(target, score), confidence)
            ),
            losses=lambda target, score, _: rmse_.losses(target, score),
        ),
        _resampled("r2", Task.REGRESSION, r2_.r2),
    )
}
