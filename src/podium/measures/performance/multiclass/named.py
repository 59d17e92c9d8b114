"""The measures that a project file may name of several classes, each with its direction and its interval."""

import numpy

from podium.core import name as names
from podium.core.errors import Invalid
from podium.core.signature import Task
from podium.measures import rows
from podium.measures.performance.measure import Influence, Measure, mean
from podium.measures.performance.multiclass import accuracy, auc, brier, classes, f1, log_loss


def find(name: str) -> Measure:
    """The measure of that name; `Invalid` with the nearest known name when there is none.

    >>> find("macro_f1").higher_is_better
    True
    """
    found = MEASURES.get(name)
    if found is None:
        raise Invalid("There is no such metric.", field="metrics", fix=names.nearest(name, [*MEASURES]))
    return found


def wrong(target: rows.Numbers, score: rows.Numbers) -> rows.Numbers:
    """1 where the most probable class is not the row's, else 0; shape [n].

    >>> wrong(numpy.array([0, 1]), numpy.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]])).tolist()
    [0.0, 1.0]
    """
    truth, guess = classes.classes(target, score)
    return numpy.asarray(classes.decided(guess) != truth, dtype=numpy.float64)


def _smooth(name: str, influence: Influence) -> Measure:
    def value(target: rows.Numbers, score: rows.Numbers, _: float) -> float | None:
        found = influence(target, score)
        return None if found is None else found[0]

    between = {"macro_auc": auc.macro_auc, "macro_f1": f1.macro_f1}[name]
    return Measure(
        name=name,
        higher_is_better=True,
        task=Task.MULTICLASS,
        needs_threshold=False,
        compute=value,
        between=lambda target, score, _, confidence: between(target, score, confidence),
        influence=influence,
    )


def _right(target: rows.Numbers, score: rows.Numbers, _: float) -> float | None:
    each = wrong(target, score)
    return 1.0 - float(each.mean()) if each.size else None


MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure(
            name="accuracy",
            higher_is_better=True,
            task=Task.MULTICLASS,
            needs_threshold=False,
            compute=_right,
            between=lambda target, score, _, confidence: accuracy.accuracy(target, score, confidence),
            losses=lambda target, score, _: wrong(target, score),
        ),
        mean("brier", Task.MULTICLASS, brier.losses),
        mean("log_loss", Task.MULTICLASS, log_loss.losses),
        _smooth("macro_auc", auc.influence),
        _smooth("macro_f1", f1.influence),
    )
}
