"""How much each feature matters for the scores: its share in what all features add to them."""

from collections.abc import Callable, Mapping

import numpy
import numpy.typing

from podium.bundle import columns
from podium.bundle.explain import explainer, table
from podium.core.errors import Refused

Doubles = numpy.typing.NDArray[numpy.float64]
Predict = Callable[[columns.Columns], Doubles]
_EXPLAINED = 512
_DEALT = 200
_DIGITS = 6


def shares(predict: Predict, files: Mapping[str, bytes], real: columns.Columns) -> dict[str, float]:
    """The share of each feature's mean absolute contribution to the scores of some of these rows; they add up to 1.

    With the files of a native explanation: its exact contributions (of trees, TreeSHAP's). Without: how far scores move
    when the feature's values are dealt out anew among the rows, with a seed. Empty when no feature moves a score.
    """
    count = columns.count(real)
    if table.FILE in files and table.ENCODER in files:
        found = _contributions(files, columns.take(real, numpy.arange(0, count, -(-count // _EXPLAINED) or 1)))
        if found is not None:
            return _shares(found)
    return _shares(_dealt(predict, columns.take(real, numpy.arange(0, count, -(-count // _DEALT) or 1))))


def _contributions(files: Mapping[str, bytes], rows: columns.Columns) -> dict[str, float] | None:
    native = explainer.Native(files[table.ENCODER], files[table.FILE], tuple(rows))
    try:
        values = native.explain(rows).values
    except Refused:  # these rows' contributions do not add up; their shares would say nothing
        return None
    return dict(zip(rows, numpy.abs(values).mean(axis=0).tolist(), strict=True))


def _dealt(predict: Predict, rows: columns.Columns) -> dict[str, float]:
    plain, random = predict(rows), numpy.random.default_rng(0)
    order = random.permutation(columns.count(rows))
    return {name: float(numpy.abs(predict({**rows, name: rows[name][order]}) - plain).mean()) for name in rows}


def _shares(moved: Mapping[str, float]) -> dict[str, float]:
    whole = sum(moved.values())
    if not numpy.isfinite(whole) or whole <= 0.0:
        return {}
    return {name: round(each / whole, _DIGITS) for name, each in moved.items()}
