"""Where the classes of a project file stand among those that a fitted estimator knows."""

from collections.abc import Sequence
from typing import Any

from podium.core.errors import Invalid


def places(estimator: Any, labels: Sequence[str]) -> list[int]:
    """For each label the column of the estimator's probabilities.

    An estimator was fitted on the numbers of the classes, as training gives them, or on their labels. Raises `Invalid`
    when it knows others, or not all.
    """
    known = list(getattr(estimator, "classes_", range(len(labels))))
    numbers = [_number(each) for each in known]
    if sorted(number for number in numbers if number is not None) == list(range(len(labels))) == sorted(_whole(known)):
        return [numbers.index(at) for at in range(len(labels))]
    words = [str(each) for each in known]
    if sorted(words) != sorted(labels):
        raise Invalid(
            "The model does not know exactly the classes of the project file.",
            field="model.classes",
            fix="Fit it on the target as given, with rows of every class.",
        )
    return [words.index(label) for label in labels]


def _number(value: Any) -> int | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() else None


def _whole(known: Sequence[Any]) -> list[int]:
    """The numbers among classes that are no text."""
    return [number for each in known if not isinstance(each, str) and (number := _number(each)) is not None]
