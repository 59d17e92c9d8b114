"""The rows that hours keep, as a model takes them: numbers to single precision, words as they came."""

from typing import Any

import numpy
import numpy.typing

from podium.bundle import columns
from podium.core import reference
from podium.core.signature import Field, FieldType, Signature
from podium.measures import rows as arrays
from podium.monitor.checks import samples

Places = numpy.typing.NDArray[numpy.int64]


def thinned(found: samples.Rows, most: int) -> samples.Rows:
    """At most so many of some rows, at even steps of the rows that they stand for."""
    if found.weights.size <= most:
        return found
    places, times = numpy.unique(_steps(found, most), return_counts=True)
    return samples.Rows(found.numbers[places], times.astype(numpy.float32), found.words, found.codes[places])


def alike(found: samples.Rows) -> samples.Rows:
    """As many rows, each standing for as many as the others: some come more than once where hours are unlike."""
    if not found.weights.size or numpy.ptp(found.weights) == 0:
        return found
    places = _steps(found, found.weights.size)
    return samples.Rows(found.numbers[places], found.weights, found.words, found.codes[places])


def once(found: samples.Rows) -> samples.Rows:
    """Fewer rows, each standing for as many as the others and coming once: at steps of the largest weight."""
    if not found.weights.size or numpy.ptp(found.weights) == 0:
        return found
    count = int(found.weights.sum(dtype=numpy.float64) / float(found.weights.max()))
    return thinned(found, max(1, count))


def columns_of(signature: Signature, before: reference.Reference, found: samples.Rows) -> columns.Columns:
    """The rows' features in the order of a signature; `before`: the reference on whose columns they lie."""
    numbers, words = ({name: at for at, name in enumerate(each)} for each in (before.numeric, before.categorical))
    made: columns.Columns = {}
    for field in signature.features:
        if field.name in numbers:
            made[field.name] = found.numbers[:, numbers[field.name]].astype(numpy.float64)
        else:
            at = words[field.name]
            made[field.name] = _spelled(field, (found.words or ())[at], found.codes[:, at])
    return made


def scores(before: reference.Reference, found: samples.Rows) -> arrays.Numbers | None:
    """The rows' scores [n]; None of rows that older versions kept."""
    at = len(before.numeric)
    return found.numbers[:, at].astype(numpy.float64) if found.numbers.shape[1] > at else None


def _steps(found: samples.Rows, count: int) -> Places:
    reached = numpy.cumsum(found.weights, dtype=numpy.float64)
    return numpy.asarray(numpy.searchsorted(reached, (numpy.arange(count) + 0.5) * reached[-1] / count))


def _spelled(field: Field, words: tuple[str, ...], codes: samples.Codes) -> Any:
    if field.type is FieldType.BOOLEAN:
        return numpy.array([*(float(word == "true") for word in words), numpy.nan])[codes]
    return numpy.array([*words, columns.NULL_TEXT], dtype=object)[codes]
