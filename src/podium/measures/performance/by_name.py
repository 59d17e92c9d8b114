"""The measures that a project file may name, each with its direction and its interval."""

from collections.abc import Callable

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
from podium.measures.performance import interval
from podium.measures.performance import log_loss as log_loss_
from podium.measures.performance import mae as mae_
from podium.measures.performance import mape as mape_
from podium.measures.performance import pinball as pinball_
from podium.measures.performance import precision as precision_
from podium.measures.performance import r2 as r2_
from podium.measures.performance import recall as recall_
from podium.measures.performance import rmse as rmse_
from podium.measures.performance.measure import Measure, Value, mean
from podium.measures.performance.multiclass import named as classes

COST = "cost_per_row"


def find(name: str, costs: project.CostsPart | None = None, task: Task = Task.BINARY) -> Measure:
    """The measure of that name; `Invalid` with the nearest known name when there is none.

    `cost_per_row` exists when `costs` are given. Several classes have measures of their own, some of the same names.

    >>> find("auc").higher_is_better, find("log_loss").higher_is_better
    (True, False)
    """
    if task is Task.MULTICLASS:
        return classes.find(name)
    if name == COST and costs is not None:
        return _cost(costs)
    if name == COST:
        raise Invalid("The metric 'cost_per_row' needs costs.", field="metrics", fix="Write a [costs] part.")
    found = MEASURES.get(name)
    if found is None:
        raise Invalid("There is no such metric.", field="metrics", fix=names.nearest(name, [*MEASURES, COST]))
    return found


def _pinball(percent: int) -> Measure:
    return mean(
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
        mean("log_loss", Task.BINARY, log_loss_.losses),
        mean("brier", Task.BINARY, brier_.losses),
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
        mean("mae", Task.REGRESSION, mae_.losses),
        mean("mape", Task.REGRESSION, mape_.losses),
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
