"""How much each feature matters for the scores: its share in what all features add to them."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec
import numpy
import numpy.typing

from podium.bundle import columns
from podium.bundle.explain import explainer, table
from podium.core import reference
from podium.core.errors import Refused
from podium.measures.drift import dispersion

Doubles = numpy.typing.NDArray[numpy.float64]
Predict = Callable[[columns.Columns], Doubles]
_EXPLAINED = 512
_IN_WINDOWS = 1_024
_DEALT = 200
_DIGITS = 6


class Importance(NamedTuple):
    """The share of each feature (they add up to 1), and the contributions it comes from, where those are exact."""

    shares: dict[str, float]
    contributions: reference.Contributions | None = None


def of(predict: Predict, files: Mapping[str, bytes], real: columns.Columns) -> Importance:
    """How much each feature adds to the scores of some of these rows, without its sign.

    With the files of a native explanation: its exact contributions (of trees, TreeSHAP's). Without: the shares are of
    how far scores move when the feature's values are dealt out anew among the rows, with a seed. No share when no
    feature moves a score.
    """
    some = columns.take(real, _spread(columns.count(real), _EXPLAINED))
    sizes = _sizes(files, some) if table.FILE in files and table.ENCODER in files else None
    if sizes is None:
        return Importance(_shares(_dealt(predict, columns.take(real, _spread(columns.count(real), _DEALT)))))
    means = {name: float(each.mean()) for name, each in sizes.items()}
    deviations = {name: float(each.std(ddof=1)) if each.size > 1 else 0.0 for name, each in sizes.items()}
    known = reference.Contributions(rows=columns.count(some), means=means, deviations=deviations)
    return Importance(_shares(means), known)


def disperse(
    known: reference.Contributions,
    files: Mapping[str, bytes],
    features: columns.Columns,
    windows: numpy.typing.NDArray[numpy.int64] | None,
) -> reference.Contributions:
    """With how far the windows of all rows differ in each feature's contributions; unchanged without windows."""
    if windows is None:
        return known
    places = _spread(len(windows), _IN_WINDOWS)
    sizes = _sizes(files, columns.take(features, places))
    if sizes is None:
        return known
    mine = windows[places]
    return msgspec.structs.replace(
        known,
        dispersions={name: dispersion.of_means(each, mine) for name, each in sizes.items()},
        window_rows=float(places.size / numpy.unique(mine).size),
    )


def _spread(count: int, most: int) -> numpy.typing.NDArray[numpy.int64]:
    """The places of at most so many rows, evenly spread."""
    return numpy.arange(0, count, -(-count // most) or 1)


def _sizes(files: Mapping[str, bytes], rows: columns.Columns) -> dict[str, Doubles] | None:
    native = explainer.Native(files[table.ENCODER], files[table.FILE], tuple(rows))
    try:
        values = numpy.abs(native.explain(rows).values)
    except Refused:  # these rows' contributions do not add up; their shares would say nothing
        return None
    return dict(zip(rows, values.T, strict=True))


def _dealt(predict: Predict, rows: columns.Columns) -> dict[str, float]:
    plain, random = predict(rows), numpy.random.default_rng(0)
    order = random.permutation(columns.count(rows))
    return {name: float(numpy.abs(predict({**rows, name: rows[name][order]}) - plain).mean()) for name in rows}


def _shares(moved: Mapping[str, float]) -> dict[str, float]:
    whole = sum(moved.values())
    if not numpy.isfinite(whole) or whole <= 0.0:
        return {}
    return {name: round(each / whole, _DIGITS) for name, each in moved.items()}
