"""Predictions whose outcomes are known, before and now: the figures, whether they fell, and where the errors are."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy
import numpy.typing

from podium.core import run
from podium.core.errors import Invalid
from podium.measures import rows
from podium.measures.comparison import figures
from podium.measures.comparison.finding import Finding, Measure, Rule
from podium.measures.fairness import by_name as fairness
from podium.measures.performance import by_name, log_loss, mae, student
from podium.measures.performance.multiclass import accuracy, f1
from podium.measures.segments import by_slice, condition, errors, worst

Objects: TypeAlias = numpy.typing.NDArray[numpy.object_]
BINARY, REGRESSION, CLASSES = "binary", "regression", "classes"
CONFIDENCE = 0.95
_NAMES = {
    BINARY: ("auc", "average_precision", "log_loss", "brier", "ece", "accuracy", "f1"),
    REGRESSION: ("mae", "rmse", "mape", "r2"),
    CLASSES: ("accuracy", "macro_f1"),
}
_JUDGED = {BINARY: ("auc", "log_loss"), REGRESSION: ("mae",), CLASSES: ("accuracy",)}
_LOSS = {BINARY: "log loss", REGRESSION: "absolute error", CLASSES: "share wrong"}
_LOWER = frozenset({"log_loss", "brier", "ece", "mae", "rmse", "mape"})
_RESAMPLED = frozenset({"average_precision", "r2"})
_MOST_RESAMPLED = 20_000
"""Rows up to which an interval is found by resampling, which looks at all of them a thousand times."""
_MOST_CLASSES = 100
_SHORT = frozenset({"auc", "ece", "f1", "mae", "mape", "rmse"})
_SHOWN = 5


class Rows(NamedTuple):
    """Outcomes and predictions of the rows that have both, shape [n]: numbers, or classes as text."""

    task: str
    target: rows.Numbers | Objects
    score: rows.Numbers | Objects

    @property
    def numbers(self) -> tuple[rows.Numbers, rows.Numbers]:
        """Both as numbers, which they are unless they are classes."""
        return rows.numbers(self.target, "target"), rows.numbers(self.score, "score")

    @property
    def losses(self) -> rows.Numbers:
        """What each row's prediction costs, shape [n]; see `Performance.loss`."""
        if self.task == CLASSES:
            return numpy.asarray(self.target != self.score, dtype=numpy.float64)
        return (log_loss.losses if self.task == BINARY else mae.losses)(*self.numbers)


def known(target: rows.Numbers | Objects, score: rows.Numbers | Objects) -> tuple[Rows, rows.Truths]:
    """The rows of which both are known, and which these are; the task is told by the values.

    Text on both sides are classes; numbers of 0 and 1 with predictions between are probabilities; other numbers are
    quantities. `Invalid` for text against numbers.

    >>> found, there = known(numpy.array([0.0, 1.0, numpy.nan]), numpy.array([0.2, 0.9, 0.5]))
    >>> found.task, there.tolist()
    ('binary', [True, True, False])
    """
    words = [each.dtype == numpy.object_ for each in (target, score)]
    if words[0] != words[1]:
        raise Invalid(
            "Outcomes and predictions must both be numbers or both be text.",
            field="--prediction",
            fix="Give outcomes as 0 and 1 where the prediction is a probability.",
        )
    if words[0]:
        there = numpy.array([one is not None and two is not None for one, two in zip(target, score, strict=True)], bool)
        return Rows(CLASSES, target[there], score[there]), there
    there = numpy.isfinite(target) & numpy.isfinite(score)
    one, two = target[there], score[there]
    chances = bool(((one == 0) | (one == 1)).all() and ((two >= 0) & (two <= 1)).all())
    return Rows(BINARY if chances else REGRESSION, one, two), there


def measured(found: Rows) -> dict[str, run.Interval]:
    """The task's figures, each with its interval; those that are not defined on these rows are left out.

    Decisions are taken at one half. Average precision and R² are left out above 20,000 rows.

    >>> made = measured(Rows("classes", numpy.array(["a", "b"], object), numpy.array(["a", "a"], object)))
    >>> made["accuracy"].value
    0.5
    """
    if found.task == CLASSES:
        return _of_classes(found)
    made = {}
    for name in _NAMES[found.task]:
        if name in _RESAMPLED and found.target.size > _MOST_RESAMPLED:
            continue
        value = by_name.find(name).interval(*found.numbers, 0.5, CONFIDENCE) if found.target.size else None
        if value is not None:
            made[name] = value
    return made


def _of_classes(found: Rows) -> dict[str, run.Interval]:
    names = {name: place for place, name in enumerate(sorted({*found.target.tolist(), *found.score.tolist()}))}
    if not 1 < len(names) <= _MOST_CLASSES:
        return {}
    truth = numpy.array([names[each] for each in found.target], dtype=numpy.int64)
    guess = numpy.eye(len(names))[[names[each] for each in found.score]]
    made = {"accuracy": accuracy.accuracy(truth, guess, CONFIDENCE), "macro_f1": f1.macro_f1(truth, guess, CONFIDENCE)}
    return {name: each for name, each in made.items() if each is not None}


def beside(
    before: Mapping[str, run.Interval], now: Mapping[str, run.Interval], task: str
) -> tuple[figures.Figure, ...]:
    """The figures of both sides, in their usual order.

    >>> made = run.Interval(value=0.7, low=0.6, high=0.8, rows=50)
    >>> [(each.name, each.before is None) for each in beside({}, {"mae": made}, "regression")]
    [('mae', True)]
    """
    return tuple(
        figures.Figure(name=name, higher_is_better=name not in _LOWER, before=before.get(name), now=now.get(name))
        for name in _NAMES[task]
        if name in now
    )


def findings(shown: Sequence[figures.Figure], task: str, rule: Rule) -> list[Finding]:
    """Whether performance fell: AUC or accuracy by so many points, a mean loss by so much of itself.

    The chance is that of so large a fall when both sides are alike, by the normal limit of both intervals.

    >>> good, bad = (run.Interval(value=at, low=at - 0.02, high=at + 0.02, rows=500) for at in (0.8, 0.7))
    >>> made = findings(beside({"auc": good}, {"auc": bad}, "binary"), "binary", Rule())[0]
    >>> round(made.effect, 3), made.p_value < 1e-6, made.said
    (0.1, True, 'AUC 0.800 → 0.700 (0.680 to 0.720)')
    """
    made = []
    for each in shown:
        if each.name not in _JUDGED[task] or each.before is None or each.now is None:
            continue
        worse = (each.before.value - each.now.value) * (1 if each.higher_is_better else -1)
        spread = math.hypot(*(_error(side) for side in (each.before, each.now)))
        scale = 1.0 if each.higher_is_better else max(abs(each.before.value), 1e-300)
        made.append(
            Finding(
                column=None,
                measure=Measure.PERFORMANCE,
                effect=max(0.0, worse / scale),
                floor=rule.performance if each.higher_is_better else rule.loss,
                p_value=0.5 * math.erfc(worse / spread / math.sqrt(2.0)) if spread > 0 else float(worse <= 0),
                said=said(each),
                enough=min(each.before.rows, each.now.rows) >= rule.min_rows,
            )
        )
    return made


def said(each: figures.Figure) -> str:
    """A figure in words.

    >>> said(beside({}, {"mae": run.Interval(value=2.0, low=1.0, high=3.0, rows=5)}, "regression")[0])
    'MAE 2.000 (1.000 to 3.000)'
    """
    was = "" if each.before is None else f"{_number(each.before.value)} → "
    return "" if each.now is None else shown(each.name, each.now, was)


def shown(name: str, value: run.Interval, was: str = "") -> str:
    """A measure's name, value and interval in words, what it `was` before them.

    >>> shown("log_loss", run.Interval(value=2.0, low=1.0, high=3.0, rows=5))
    'log loss 2.000 (1.000 to 3.000)'
    """
    words = name.upper() if name in _SHORT else name.replace("_", " ")
    return f"{words} {was}{_number(value.value)} ({_number(value.low)} to {_number(value.high)})"


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 100 else f"{value:,.0f}"


def _error(value: run.Interval) -> float:
    return (value.high - value.low) / 2 / student.normal(CONFIDENCE)


def slices(columns: Mapping[str, condition.Column], losses: rows.Numbers) -> tuple[figures.Slice, ...]:
    """The worst segments, confirmed on rows that did not find them, the most certain first; see `segments.worst`.

    >>> slices({"x": numpy.arange(50.0)}, numpy.zeros(50))
    ()
    """
    return tuple(
        figures.Slice(said=str(each), rows=each.rows, loss=each.loss, elsewhere=each.elsewhere, excess=each.excess)
        for each in worst.worst(columns, losses)[:_SHOWN]
    )


def tellers(columns: Mapping[str, condition.Column], losses: rows.Numbers) -> tuple[figures.Teller, ...]:
    """The features that tell most about the errors, beyond chance over all of them; see `segments.errors`.

    >>> losses = numpy.where(numpy.arange(400) < 200, 0.0, 1.0)
    >>> [each.column for each in tellers({"x": numpy.arange(400.0)}, losses)]
    ['x']
    """
    if losses.size < 2 * worst.SUPPORT:
        return ()
    found = errors.features(columns, losses)
    return tuple(
        figures.Teller(column=each.column, share=each.share, worst=str(each.worst), p_value=each.p_value)
        for each in found[:_SHOWN]
        if each.p_value * len(found) < 1 - CONFIDENCE
    )


def parts(found: Rows, columns: Mapping[str, condition.Column]) -> tuple[figures.Part, ...]:
    """Every figure in every part of each column (shape [n]): quarters of numbers, frequent categories, missing ones.

    >>> some = Rows("regression", numpy.arange(40.0), numpy.repeat([1.0, 2.0], 20))
    >>> made = parts(some, {"side": numpy.repeat(numpy.array(["left", "right"], object), 20)})
    >>> [(each.said, each.rows, each.greyed) for each in made]
    [('side = left', 20, True), ('side = right', 20, True)]
    """
    ready = condition.ready(columns)
    made = []
    for each in condition.atoms(ready):
        mask = condition.holds(each, ready[each.column])
        among = Rows(found.task, found.target[mask], found.score[mask])
        size = int(mask.sum())
        made.append(figures.Part(said=str(each), rows=size, greyed=size < by_slice.SMALL, figures=measured(among)))
    return tuple(made)


def gaps(found: Rows, groups: Mapping[str, Objects]) -> tuple[figures.Gap, ...]:
    """Each measure of fairness over the groups of each column (shape [n]), decisions at one half; binary ones only.

    >>> some = Rows("binary", numpy.ones(200), numpy.repeat([0.9, 0.1], 100))
    >>> made = gaps(some, {"sex": numpy.repeat(numpy.array(["m", "f"], object), 100)})
    >>> [(each.measure, each.lowest) for each in made if each.measure == "demographic_parity"]
    [('demographic_parity', 'f')]
    """
    if found.task != BINARY or not found.target.size:
        return ()
    target, score = found.numbers
    scored = fairness.Scored(target, score, score >= 0.5)
    made = []
    for column, group in groups.items():
        for name in fairness.NAMES:
            gap = fairness.gap(name, scored, group, CONFIDENCE)
            made.append(
                figures.Gap(
                    measure=name, column=column, difference=gap.difference, lowest=gap.lowest, highest=gap.highest
                )
            )
    return tuple(made)


def loss_name(task: str) -> str:
    """What is called loss for a task.

    >>> loss_name("regression")
    'absolute error'
    """
    return _LOSS[task]
