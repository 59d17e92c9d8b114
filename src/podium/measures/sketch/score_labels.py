"""Scores against outcomes in a small mergeable form: exact means of losses, and AUC from 1,024 score bins."""

import msgspec
import numpy

from podium.core import project
from podium.core.errors import Invalid
from podium.core.signature import Task
from podium.measures import rows
from podium.measures.business import cost
from podium.measures.performance import brier, log_loss, mae, rmse
from podium.measures.performance.multiclass import brier as multiclass_brier
from podium.measures.performance.multiclass import log_loss as multiclass_log_loss
from podium.measures.performance.multiclass import named

BINS = 1024


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """The sum of a loss and of its squares over rows."""

    total: float = 0.0
    squares: float = 0.0


class ScoreLabels(msgspec.Struct, frozen=True, kw_only=True):
    """Rows whose outcome is known. `positive` and `negative`: (bin, count) of the bins that hold rows."""

    rows: int
    sums: dict[str, Sum]
    """By measure: log_loss, brier and cost_per_row, or mae and mean_squared_error; of several classes accuracy, too."""
    positive: tuple[tuple[int, int], ...] = ()
    negative: tuple[tuple[int, int], ...] = ()

    def mean(self, measure: str) -> float | None:
        """The exact mean of a loss per row, or None when there are no rows or it was not summed."""
        return self.sums[measure].total / self.rows if self.rows and measure in self.sums else None


def edges() -> rows.Numbers:
    """The 1,023 inner edges of the score bins: half evenly spaced, half even on the logit scale, for rare classes.

    >>> edges().size
    1023
    """
    even = numpy.arange(1, BINS // 2) / (BINS // 2)
    logit = (numpy.arange(BINS // 2) + 0.5) / (BINS // 2) * 32.0 - 16.0
    return numpy.sort(numpy.concatenate([even, 1.0 / (1.0 + numpy.exp(-logit))]))


def summarise(
    target: rows.Numbers,
    score: rows.Numbers,
    task: Task,
    act: rows.Truths | None = None,
    costs: project.CostsPart | None = None,
) -> ScoreLabels:
    """Summarise rows (each shape [n], finite); with `act` (decisions) and `costs` also what the decisions cost.

    `Invalid` on NaN, unequal lengths, and for a binary task on other targets than 0 and 1 or scores outside [0, 1].

    >>> made = summarise(numpy.array([1.0, 0.0]), numpy.array([0.5, 0.25]), Task.BINARY)
    >>> made.mean("brier"), auc(made)
    (0.15625, 1.0)
    """
    truth, guess = rows.pair(target, score)
    if task is Task.REGRESSION:
        losses = {"mae": mae.losses(truth, guess), "mean_squared_error": rmse.losses(truth, guess)}
        return ScoreLabels(rows=truth.size, sums=_sums(losses))
    losses = {"log_loss": log_loss.losses(truth, guess), "brier": brier.losses(truth, guess)}
    if act is not None and costs is not None:
        losses["cost_per_row"] = cost.losses(truth, act, costs)
    place = numpy.searchsorted(edges(), guess, side="left")
    return ScoreLabels(
        rows=truth.size,
        sums=_sums(losses),
        positive=_bins(place[truth == 1.0]),
        negative=_bins(place[truth == 0.0]),
    )


def summarise_classes(target: rows.Numbers, chances: rows.Numbers) -> ScoreLabels:
    """The same of several classes: `target` their numbers [n], `chances` a probability for each [n, classes].

    >>> made = summarise_classes(numpy.array([1.0]), numpy.array([[0.25, 0.5, 0.25]]))
    >>> made.mean("accuracy"), made.mean("brier")
    (1.0, 0.375)
    """
    losses = {
        "log_loss": multiclass_log_loss.losses(target, chances),
        "brier": multiclass_brier.losses(target, chances),
        "accuracy": 1.0 - named.wrong(target, chances),
    }
    return ScoreLabels(rows=target.size, sums=_sums(losses))


def merge(one: ScoreLabels, two: ScoreLabels) -> ScoreLabels:
    """The summary of both sets of rows; `Invalid` when they sum different losses and neither is empty.

    >>> half = summarise(numpy.array([1.0]), numpy.array([0.5]), Task.BINARY)
    >>> merge(half, half).rows
    2
    """
    if not one.rows or not two.rows:
        return two if two.rows else one
    if one.sums.keys() != two.sums.keys():
        raise Invalid("These summaries hold different losses.", field="sums")
    return ScoreLabels(
        rows=one.rows + two.rows,
        sums={
            name: Sum(total=a.total + two.sums[name].total, squares=a.squares + two.sums[name].squares)
            for name, a in one.sums.items()
        },
        positive=_join(one.positive, two.positive),
        negative=_join(one.negative, two.negative),
    )


def auc(summary: ScoreLabels) -> float | None:
    """The area under the ROC curve, ties within a bin counting half; None when a class is absent.

    Within half the share of pairs that fall in one bin of the exact value; in practice within 1e-3.
    """
    positive, negative = _dense(summary.positive), _dense(summary.negative)
    if not positive.sum() or not negative.sum():
        return None
    below = numpy.cumsum(negative) - negative
    return float((positive * (below + negative / 2)).sum() / (positive.sum() * negative.sum()))


def _sums(losses: dict[str, rows.Numbers]) -> dict[str, Sum]:
    return {name: Sum(total=float(each.sum()), squares=float((each * each).sum())) for name, each in losses.items()}


def _bins(place: numpy.typing.NDArray[numpy.int64]) -> tuple[tuple[int, int], ...]:
    found, counts = numpy.unique(place, return_counts=True)
    return tuple(zip(found.tolist(), counts.tolist(), strict=True))


def _join(one: tuple[tuple[int, int], ...], two: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    together = dict(one)
    for place, number in two:
        together[place] = together.get(place, 0) + number
    return tuple(sorted(together.items()))


def _dense(counts: tuple[tuple[int, int], ...]) -> rows.Numbers:
    dense = numpy.zeros(BINS)
    for place, number in counts:
        dense[place] = number
    return dense
