"""A few rows of each hour, spread evenly over it, as `podium check` keeps of a table: they tell a change of unit."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy
import numpy.typing

from podium.measures import rows

HOUR = 32
"""Rows kept of an hour."""
MOST = 1_024
"""Rows kept of what hours are merged to."""
_LEVELS = (0.1, 0.5, 0.9)
_KIND = numpy.dtype("<f4")
Singles = numpy.typing.NDArray[numpy.float32]


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of all numeric features, and how many rows each stands for; arrays are little-endian bytes."""

    columns: int
    values: bytes
    """Shape [rows, columns], NaN = null."""
    weights: bytes


def take(columns: Mapping[str, rows.Numbers], count: int) -> Sample:
    """At most 32 of some rows, spread evenly; each column of shape [count]."""
    places = numpy.unique(numpy.linspace(0, max(0, count - 1), min(HOUR, count)).astype(numpy.int64))
    values = numpy.empty((places.size, len(columns)), dtype=_KIND)
    with numpy.errstate(over="ignore"):
        for at, each in enumerate(columns.values()):
            values[:, at] = each[places]
    return _made(values, numpy.full(places.size, count / max(1, places.size), dtype=_KIND))


def merge(samples: Sequence[Sample | None]) -> Sample | None:
    """All rows of some samples; of more than 1,024, as many at even steps of the rows that they stand for."""
    known = [each for each in samples if each is not None]
    if not known:
        return None
    values, weights = (numpy.concatenate(each) for each in zip(*(_arrays(each) for each in known), strict=True))
    if weights.size <= MOST:
        return _made(values, weights)
    reached = numpy.cumsum(weights, dtype=numpy.float64)
    step = reached[-1] / MOST
    kept = numpy.searchsorted(reached, (numpy.arange(MOST) + 0.5) * step)
    return _made(values[kept], numpy.full(MOST, step, dtype=_KIND))


def quantiles(found: Sample) -> list[tuple[float, float, float] | None]:
    """10 %, 50 % and 90 % of each column's values; None where no row has one."""
    values, weights = _arrays(found)
    order = numpy.argsort(values, axis=0)
    ordered = numpy.take_along_axis(values, order, axis=0)
    reached = numpy.cumsum(numpy.where(numpy.isfinite(ordered), weights[order], 0.0), axis=0)
    made: list[tuple[float, float, float] | None] = []
    for at in range(found.columns):
        whole = float(reached[-1, at]) if len(reached) else 0.0
        places = numpy.searchsorted(reached[:, at], numpy.array(_LEVELS) * whole)
        low, middle, high = ordered[places, at].tolist() if whole else (0.0, 0.0, 0.0)
        made.append((low, middle, high) if whole else None)
    return made


def _made(values: Singles, weights: Singles) -> Sample:
    return Sample(columns=values.shape[1], values=values.tobytes(), weights=weights.tobytes())


def _arrays(found: Sample) -> tuple[Singles, Singles]:
    weights = numpy.frombuffer(found.weights, _KIND)
    return numpy.frombuffer(found.values, _KIND).reshape(weights.size, found.columns), weights
