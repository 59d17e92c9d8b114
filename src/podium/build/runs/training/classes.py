"""What training does for several classes: targets as numbers of classes, probabilities, and what a reference keeps."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy
import numpy.typing
import pandas
import pyarrow
import pyarrow.compute

from podium.build.runs.training import windows as cuts
from podium.bundle.export import classes as known
from podium.core import project, run
from podium.core.errors import Invalid
from podium.core.reference import Calibration, CategoryReference, ClassReference
from podium.measures import rows
from podium.measures.drift import reference
from podium.measures.estimates import calibration
from podium.measures.performance.multiclass import classes, confusion

CALIBRATION_ROWS = 50_000
_ALLOWANCE = 1e-6


def target(column: pyarrow.ChunkedArray, spec: project.Project) -> rows.Numbers:
    """The number of each row's class, float64 [n]; `Invalid` on a value that is none of the project file's classes."""
    places = {label: float(number) for number, label in enumerate(spec.model.classes)}
    numbers = numpy.array([places.get(word, numpy.nan) for word in _words(column, spec.data.target)])
    wrong = numpy.flatnonzero(numpy.isnan(numbers))
    if wrong.size:
        raise Invalid(
            f"The target is none of the classes in {wrong.size} rows, the first of them row {wrong[0]}.",
            field=spec.data.target,
            fix="List every value of the target in classes under [model], or leave these rows out.",
        )
    return numbers


def _words(column: pyarrow.ChunkedArray, field: str) -> list[str]:
    """The values as labels are written: a whole number by its digits, a truth as true or false."""
    types = pyarrow.types
    kind = column.type
    if types.is_boolean(kind):
        return ["true" if value else "false" for value in column.to_pylist()]
    if types.is_floating(kind):
        values = numpy.asarray(column.to_numpy(), dtype=numpy.float64)
        if not (numpy.isfinite(values) & (values == numpy.round(values))).all():
            raise Invalid("The target holds numbers that are not whole.", field=field, fix='Write task = "regression".')
        return [str(int(value)) for value in values.tolist()]
    if types.is_integer(kind) or types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return [str(value) for value in column.to_pylist()]
    raise Invalid(f"The target is {kind} in the data.", field=field, fix="Make it text or whole numbers.")


def check_train(numbers: rows.Numbers, spec: project.Project) -> None:
    """Raise `Invalid` when a class has no row among those that train; `numbers`: their classes."""
    for number, label in enumerate(spec.model.classes):
        if not (numbers == number).any():
            raise Invalid(
                f"The training rows hold none of the class {label!r}.",
                field=spec.data.target,
                fix="Add rows of it, or take it out of classes under [model].",
            )


def answer(estimator: Any, block: pandas.DataFrame, labels: Sequence[str]) -> rows.Numbers:
    """The probability of each class in the project file's order, float64 [n, classes]."""
    places = known.places(estimator, labels)
    return numpy.asarray(estimator.predict_proba(block), dtype=numpy.float64)[:, places]


def check_chances(found: rows.Numbers, count: int, width: int) -> rows.Numbers:
    """Probabilities as they are kept; `Invalid` unless there is one a class for each row, and they sum to 1."""
    if found.shape != (count, width) or not numpy.isfinite(found).all():
        raise Invalid("The model does not give one finite number for each class and row.", field="train")
    apart = numpy.abs(found.sum(axis=1) - 1.0)
    if count and (found.min() < -1e-9 or apart.max() > _ALLOWANCE):
        raise Invalid(
            "The model's probabilities of a row's classes are not between 0 and 1, or do not sum to 1.",
            field="train",
            fix="Use an estimator whose classes exclude each other (softmax), or calibrate it.",
        )
    return numpy.clip(found, 0.0, 1.0)


def confused(chances: rows.Numbers, numbers: rows.Numbers, labels: Sequence[str]) -> run.Confusion:
    """How the most probable classes meet the rows' own; `chances` [n, classes] and `numbers` [n]."""
    counts = confusion.confusion(numbers, chances)
    return run.Confusion(labels=tuple(labels), counts=tuple(tuple(line) for line in counts.tolist()))


def top(chances: rows.Numbers) -> rows.Numbers:
    """The probability of each row's most probable class, which is its score, shape [n]."""
    return numpy.asarray(chances.max(axis=1), dtype=numpy.float64)


def reference_of(chances: rows.Numbers, numbers: rows.Numbers, labels: Sequence[str]) -> ClassReference:
    """What later windows are compared with; `chances` [n, classes] and `numbers` [n] of the test split."""
    some = slice(None, None, numbers.size // CALIBRATION_ROWS + 1)
    return ClassReference(
        labels=tuple(labels),
        predicted=_counted(classes.decided(chances), labels),
        outcomes=_counted(numbers.astype(numpy.int64), labels),
        probabilities={label: reference.detailed(chances[:, at]) for at, label in enumerate(labels)},
        calibrations=tuple(_line(numbers[some] == at, chances[some, at]) for at in range(len(labels))),
    )


def disperse(before: ClassReference, chances: rows.Numbers, numbers: rows.Numbers, windows: Any) -> ClassReference:
    """With how far the windows of all rows differ; unchanged without windows."""
    if windows is None:
        return before
    words = numpy.array(before.labels, dtype=object)
    return msgspec.structs.replace(
        before,
        predicted=cuts.categorical(before.predicted, words[classes.decided(chances)], windows),
        outcomes=cuts.categorical(before.outcomes, words[numbers.astype(numpy.int64)], windows),
        probabilities={
            label: cuts.numeric(before.probabilities[label], chances[:, at], windows)
            for at, label in enumerate(before.labels)
        },
    )


def _counted(numbers: classes.Numbers, labels: Sequence[str]) -> CategoryReference:
    counts = numpy.bincount(numbers, minlength=len(labels)).tolist()
    return CategoryReference(counts=dict(zip(labels, counts, strict=True)), other=0, nulls=0)


def _line(happened: rows.Truths, chances: rows.Numbers) -> Calibration:
    made = calibration.line(happened, chances)
    return Calibration() if made is None else Calibration(scores=made.scores, rates=made.rates, counts=made.counts)
