"""How far quiet windows differ: the training rows cut into windows as the monitor will cut the traffic."""

from typing import Any, NamedTuple

import msgspec
import numpy
import numpy.typing
import pyarrow
import pyarrow.compute

from podium.bundle import columns
from podium.core import project, time
from podium.core.reference import CategoryReference, NumericReference, Pattern, Reference
from podium.measures.drift import dispersion, reconstruction, standard, told_apart

Numbers = numpy.typing.NDArray[numpy.int64]
_FEWEST = 3
"""Windows, below which nothing is known of how they differ."""


def number(moments: pyarrow.ChunkedArray, spec: project.Project) -> Numbers | None:
    """Which window each row is in; None when the time column has no instants, or too few windows have rows."""
    length = time.parse_duration(spec.monitor.window, "monitor.window")
    try:
        instants = moments.cast(pyarrow.timestamp("us"), safe=False).cast(pyarrow.int64())
    except pyarrow.ArrowException:
        return None
    if instants.null_count or not len(instants):
        return None
    since = numpy.asarray(instants.to_numpy()) - pyarrow.compute.min(instants).as_py()
    found: Numbers = since // round(length.total_seconds() * 1e6)
    return found if numpy.unique(found).size >= _FEWEST else None


class Given(NamedTuple):
    """Of all rows: the model's scores and the outcomes, shape [n]."""

    scores: numpy.typing.NDArray[numpy.float64]
    target: numpy.typing.NDArray[numpy.float64]


def disperse(before: Reference, features: columns.Columns, given: Given, windows: Numbers | None) -> Reference:
    """The reference with the dispersion of every column's windows. All shape [n]; unchanged without windows."""
    if windows is None:
        return before
    return msgspec.structs.replace(
        before,
        window_rows=float(len(windows) / numpy.unique(windows).size),  # of windows with rows: a gap is none
        numeric={name: numeric(known, features[name], windows) for name, known in before.numeric.items()},
        categorical={name: categorical(known, features[name], windows) for name, known in before.categorical.items()},
        score=numeric(before.score, given.scores, windows),
        pattern=None if before.pattern is None else _apart(before.pattern, features, windows),
        apart=None
        if before.apart is None
        else told_apart.learn(before.apart, matrix(features, before.apart.columns), windows),
        target=None if before.target is None else numeric(before.target, given.target, windows),
    )


def matrix(features: columns.Columns, names: tuple[str, ...]) -> standard.Matrix:
    """Numeric features side by side, shape [n, names]."""
    return numpy.column_stack([features[name] for name in names])


def _apart(known: Pattern, features: columns.Columns, windows: Numbers) -> Pattern:
    distances = reconstruction.distances(known, matrix(features, known.columns))
    return msgspec.structs.replace(known, dispersion=dispersion.of_means(distances, windows))


def numeric(known: NumericReference, values: numpy.typing.NDArray[numpy.float64], windows: Numbers) -> NumericReference:
    """A numeric column's reference with how far the windows of its values [n] differ."""
    null = numpy.isnan(values)
    cells = numpy.searchsorted(numpy.asarray(known.edges), values[~null], side="left")
    return msgspec.structs.replace(
        known,
        dispersion=_whole(dispersion.dispersion(_table(windows[~null], cells, len(known.counts))), null),
        null_dispersion=dispersion.dispersion(_table(windows, null.astype(numpy.int64), 2)),
    )


def _whole(found: float, null: numpy.typing.NDArray[numpy.bool_]) -> float:
    """A dispersion that was measured on the rows without nulls, as it would be if none were null."""
    known = null.size - int(null.sum())
    return dispersion.scaled(found, null.size, known) if known else 1.0


def categorical(known: CategoryReference, values: numpy.typing.NDArray[Any], windows: Numbers) -> CategoryReference:
    """A category column's reference with how far the windows of its values [n] differ."""
    words = values if values.dtype == object else _booleans(values)
    null = words == columns.NULL_TEXT
    places = {word: place for place, word in enumerate(known.counts)}
    cells = numpy.array([places.get(word, len(places)) for word in words[~null].tolist()], dtype=numpy.int64)
    return msgspec.structs.replace(
        known,
        dispersion=_whole(dispersion.dispersion(_table(windows[~null], cells, len(places) + 1)), null),
        null_dispersion=dispersion.dispersion(_table(windows, null.astype(numpy.int64), 2)),
    )


def _booleans(values: numpy.typing.NDArray[numpy.float64]) -> numpy.typing.NDArray[numpy.object_]:
    """Booleans (0, 1 and NaN) by the words under which a reference counts them."""
    words = numpy.where(values == 1.0, "true", "false").astype(object)
    words[numpy.isnan(values)] = columns.NULL_TEXT
    return words


def _table(windows: Numbers, cells: Numbers, count: int) -> Numbers:
    flat = numpy.bincount(windows * count + cells, minlength=(int(windows.max()) + 1) * count if len(windows) else 0)
    found: Numbers = flat.reshape(-1, count)
    return found
