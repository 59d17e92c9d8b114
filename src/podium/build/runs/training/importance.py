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
from podium.measures.drift import dispersion, moderation

Doubles = numpy.typing.NDArray[numpy.float64]
Windows = numpy.typing.NDArray[numpy.int64]
Predict = Callable[[columns.Columns], Doubles]
_EXPLAINED = 512
_WINDOWS = 16
_LEAST, _WORK = 64, 3_000_000
"""Rows of a window, and steps on the trees' paths for them, above which fewer are explained."""
_FEWEST = 3
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
    sizes = None
    if table.FILE in files and table.ENCODER in files:
        sizes = _sizes(explainer.Native(files[table.ENCODER], files[table.FILE], tuple(some)), some)
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
    windows: Windows | None,
    tested: Windows | None = None,
) -> reference.Contributions:
    """With how far windows of all rows differ in each feature's contributions; unchanged with fewer than three.

    Of at most 16 windows, evenly, that have half of the usual number of rows or more: as many rows of each as the
    monitor explains of one. `tested`: the places of the rows among which are those of `known`.
    """
    if windows is None:
        return known
    numbers, counts = numpy.unique(windows, return_counts=True)
    numbers = numbers[counts >= numpy.median(counts) / 2]  # the last window is often cut off
    chosen = numbers[numpy.unique(numpy.linspace(0, numbers.size - 1, min(_WINDOWS, numbers.size)).astype(int))]
    if chosen.size < _FEWEST:
        return known
    native = explainer.Native(files[table.ENCODER], files[table.FILE], tuple(features))
    most = max(_LEAST, min(_EXPLAINED, _WORK // max(1, native.steps)))
    rows = [numpy.flatnonzero(windows == each) for each in chosen]
    places = numpy.concatenate([each[_spread(each.size, most)] for each in rows])
    sizes = _sizes(native, columns.take(features, places))
    if sizes is None:
        return known
    ratios = {name: dispersion.ratio(each, windows[places]) for name, each in sizes.items()}
    found, freedom = moderation.moderated(ratios, int(chosen.size))
    return msgspec.structs.replace(
        known,
        dispersions=found,
        window_rows=float(places.size / chosen.size),
        known=freedom,
        windows=0.0 if tested is None else float(numpy.unique(windows[tested]).size),
    )


def _spread(count: int, most: int) -> numpy.typing.NDArray[numpy.int64]:
    """The places of at most so many rows, evenly spread."""
    return numpy.arange(0, count, -(-count // most) or 1)


def _sizes(native: explainer.Native, rows: columns.Columns) -> dict[str, Doubles] | None:
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
