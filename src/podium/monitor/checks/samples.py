"""A few rows of each hour, spread evenly over it, as `podium check` keeps of a table: they tell a change of unit, and
what features add to the scores."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy
import numpy.typing

from podium.measures import rows
from podium.measures.drift import reference as references

HOUR = 32
"""Rows kept of an hour."""
MOST = 1_024
"""Rows kept of what hours are merged to."""
_LEVELS = (0.1, 0.5, 0.9)
_KIND, _CODE = numpy.dtype("<f4"), numpy.dtype("<i2")
_LONGEST = 256
"""Characters kept of a word."""
Singles = numpy.typing.NDArray[numpy.float32]
Codes = numpy.typing.NDArray[numpy.int16]


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """Some rows, and how many rows each stands for; arrays are little-endian bytes."""

    columns: int
    """Numbers of a row: the numeric features, then the score, which samples of older versions lack."""
    values: bytes
    """Shape [rows, columns], NaN = null."""
    weights: bytes
    words: tuple[tuple[str, ...], ...] | None = None
    """Of each category feature the words that come; None in samples of older versions."""
    codes: bytes = b""
    """Shape [rows, category features]: the place among the feature's words, -1 = null."""


class Rows(msgspec.Struct, frozen=True):
    """A sample as arrays: numbers [n, columns], weights [n], codes [n, category features] of the words."""

    numbers: Singles
    weights: Singles
    words: tuple[tuple[str, ...], ...] | None
    codes: Codes


def take(
    numbers: Mapping[str, rows.Numbers], count: int, words: Mapping[str, references.Objects] | None = None
) -> Sample:
    """At most 32 of some rows, spread evenly; each column of shape [count], no word as None."""
    places = numpy.unique(numpy.linspace(0, max(0, count - 1), min(HOUR, count)).astype(numpy.int64))
    values = numpy.empty((places.size, len(numbers)), dtype=_KIND)
    with numpy.errstate(over="ignore"):
        for at, each in enumerate(numbers.values()):
            values[:, at] = each[places]
    coded = None if words is None else [_code(each[places].tolist()) for each in words.values()]
    return _made(
        Rows(
            values,
            numpy.full(places.size, count / max(1, places.size), dtype=_KIND),
            None if coded is None else tuple(known for known, _ in coded),
            _beside([codes for _, codes in coded or ()], places.size),
        )
    )


def merge(samples: Sequence[Sample | None]) -> Sample | None:
    """All rows of some samples; of more than 1,024, as many at even steps of the rows that they stand for.

    What one of them lacks, the score or words, all of them together lack.
    """
    known = [read(each) for each in samples if each is not None]
    if not known:
        return None
    columns = min(each.numbers.shape[1] for each in known)
    values = numpy.concatenate([each.numbers[:, :columns] for each in known])
    weights = numpy.concatenate([each.weights for each in known])
    words, codes = _joined(known, weights.size)
    if weights.size > MOST:
        reached = numpy.cumsum(weights, dtype=numpy.float64)
        step = reached[-1] / MOST
        kept = numpy.searchsorted(reached, (numpy.arange(MOST) + 0.5) * step)
        values, codes, weights = values[kept], codes[kept], numpy.full(MOST, step, dtype=_KIND)
        words, codes = _pruned(words, codes)
    return _made(Rows(values, weights, words, codes))


def read(found: Sample) -> Rows:
    """The sample's arrays."""
    weights = numpy.frombuffer(found.weights, _KIND)
    columns = len(found.words or ())
    return Rows(
        numpy.frombuffer(found.values, _KIND).reshape(weights.size, found.columns),
        weights,
        found.words,
        numpy.frombuffer(found.codes, _CODE).reshape(weights.size, columns),
    )


def quantiles(found: Sample) -> list[tuple[float, float, float] | None]:
    """10 %, 50 % and 90 % of each column's values; None where no row has one."""
    values, weights = read(found).numbers, read(found).weights
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


def _made(found: Rows) -> Sample:
    return Sample(
        columns=found.numbers.shape[1],
        values=found.numbers.astype(_KIND).tobytes(),
        weights=found.weights.astype(_KIND).tobytes(),
        words=found.words,
        codes=found.codes.astype(_CODE).tobytes(),
    )


def _code(values: Sequence[object]) -> tuple[tuple[str, ...], Codes]:
    """The words of a column, booleans as `true` and `false`, and the place of each row's."""
    places: dict[str, int] = {}
    codes = [-1 if each is None else places.setdefault(_word(each), len(places)) for each in values]
    return tuple(places), numpy.array(codes, dtype=numpy.int16)


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)[:_LONGEST]


def _beside(columns: Sequence[Codes], rows_: int) -> Codes:
    return numpy.column_stack(columns) if columns else numpy.empty((rows_, 0), dtype=numpy.int16)


def _joined(known: Sequence[Rows], count: int) -> tuple[tuple[tuple[str, ...], ...] | None, Codes]:
    """All words, and the codes of all rows among them."""
    if any(each.words is None for each in known):
        return None, numpy.empty((count, 0), dtype=numpy.int16)
    joined, columns = [], []
    for at in range(len(known[0].words or ())):
        places: dict[str, int] = {}
        mine = []
        for each in known:
            new = [places.setdefault(word, len(places)) for word in (each.words or ())[at]]
            mine.append(numpy.array([*new, -1], dtype=numpy.int16)[each.codes[:, at]])
        joined.append(tuple(places))
        columns.append(numpy.concatenate(mine))
    return tuple(joined), _beside(columns, count)


def _pruned(
    words: tuple[tuple[str, ...], ...] | None, codes: Codes
) -> tuple[tuple[tuple[str, ...], ...] | None, Codes]:
    """Without the words that no row has."""
    if words is None:
        return None, codes
    left, columns = [], []
    for at, known in enumerate(words):
        used, places = numpy.unique(codes[:, at], return_inverse=True)
        none = int(used.size > 0 and used[0] < 0)
        left.append(tuple(known[place] for place in used[none:]))
        columns.append((places - none).astype(numpy.int16))
    return tuple(left), _beside(columns, len(codes))
