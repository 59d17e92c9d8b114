"""What the project file's rule without a model would have decided of rows of the log. Pure."""

import numpy
import numpy.typing
import pyarrow
import pyarrow.compute

from podium.core import prediction, project
from podium.measures import rows as arrays


def act(rule: project.BaselinePart, seen: pyarrow.Table) -> arrays.Truths | None:
    """Whether to act, by row, shape [n]; not where the feature is null. None where the feature was not logged.

    >>> seen = pyarrow.table({"f.amount": [10.0, 60.0, None]})
    >>> act(project.BaselinePart(feature="amount", at_least=50.0), seen).tolist()
    [False, True, False]
    """
    name = prediction.FEATURE_PREFIX + rule.feature
    if name not in seen.column_names:
        return None
    column = seen.column(name)
    if rule.one_of:
        words = [str(each).lower() if isinstance(each, bool) else each for each in column.to_pylist()]
        return numpy.array([each in rule.one_of for each in words], dtype=numpy.bool_)
    numbers = numpy.asarray(column.cast(pyarrow.float64()).to_numpy(), dtype=numpy.float64)
    if rule.below is not None:
        return numpy.asarray(numbers < rule.below)
    return numpy.asarray(numbers >= (rule.at_least or 0.0))


def words(rule: project.BaselinePart) -> str:
    """
    >>> words(project.BaselinePart(feature="amount", at_least=50.0))
    'the rule amount ≥ 50'
    """
    if rule.one_of:
        return f"the rule {rule.feature} in {', '.join(rule.one_of)}"
    sign, limit = ("≥", rule.at_least) if rule.at_least is not None else ("<", rule.below)
    return f"the rule {rule.feature} {sign} {limit:g}"
