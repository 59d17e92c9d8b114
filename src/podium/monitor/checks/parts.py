"""Summaries as they are stored and merged: flat arrays of the cells that hold rows, so that a window is one sum."""

from collections.abc import Sequence

import msgspec
import numpy

from podium.core import reference
from podium.core.errors import Invalid
from podium.measures.sketch import histogram, score_labels
from podium.monitor.checks import flat, outputs, samples
from podium.monitor.checks.summary import Summary

Whole = numpy.typing.NDArray[numpy.int64]
Real = numpy.typing.NDArray[numpy.float64]
SCORE = ""
"""The score's name among the numeric columns: no feature has it."""
_WHOLE, _REAL = numpy.dtype("<i8"), numpy.dtype("<f8")


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What a version saw in an hour, a day or a window. Arrays are little-endian bytes.

    Cells lie one after the other: the bins of each numeric column, the known words of each category column, then score
    bins of positive and of negative outcomes. Per column: numeric ones, the score last; then categories.
    """

    rows: int
    as_of_us: int
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    cells: tuple[int, ...]
    """How many cells each column has."""
    places: bytes
    """Of the cells that hold rows: ascending."""
    counts: bytes
    sums: bytes
    """Of the values in each of those cells; 0 for categories and outcomes."""
    nulls: bytes
    others: bytes
    """Per numeric column infinite values, those below and those above training's range; per category column 0, 0 and
    the rows with another category that is not named."""
    moments: bytes
    """Per numeric column the total, the total of squares, the smallest and the largest value (NaN without any)."""
    unseen: dict[str, dict[str, int]]
    matured: int
    losses: dict[str, tuple[float, float]]
    sample: samples.Sample | None = None
    """A few rows; none in parts of older versions."""


def encode(part: Part) -> bytes:
    """The bytes to keep."""
    return msgspec.msgpack.encode(part)


def decode(data: bytes) -> Part:
    """A part from what was kept; also from the JSON text of days that was kept until there were parts."""
    if data.startswith(b"{"):
        return pack(msgspec.json.decode(data, type=Summary))
    return msgspec.msgpack.decode(data, type=Part)


def pack(summary: Summary, before: reference.Reference | None = None) -> Part:
    """A summary as a part. Without the reference, categories keep their number of rows but not their cells."""
    numeric, categorical = outputs.beside(summary)
    numbers = [*numeric.values(), summary.score]
    words = [
        (
            [each.counts.get(word, 0) for word in outputs.words(before, name).counts]
            if before
            else [sum(each.counts.values())],
            each,
        )
        for name, each in categorical.items()
    ]
    cells = [*(each.counts for each in numbers), *(found for found, _ in words)]
    counts = numpy.concatenate([*(numpy.array(each, dtype=_WHOLE) for each in cells), _outcomes(summary.labels)])
    sums = numpy.zeros(counts.size, dtype=_REAL)
    totals = [total for each in numbers for total in (each.sums or (0.0,) * len(each.counts))]
    sums[: len(totals)] = totals
    places = numpy.flatnonzero(counts)
    return Part(
        rows=summary.rows,
        as_of_us=summary.as_of_us,
        numeric=tuple(numeric),
        categorical=tuple(categorical),
        cells=tuple(len(each) for each in cells),
        places=flat.narrow(places),
        counts=flat.narrow(counts[places]),
        sums=sums[places].tobytes(),
        nulls=_bytes(_WHOLE, [*(each.nulls for each in numbers), *(each.nulls for _, each in words)]),
        others=_bytes(
            _WHOLE,
            [
                *((each.infinite, each.below, each.above) for each in numbers),
                *((0, 0, each.unnamed) for _, each in words),
            ],
        ),
        moments=_bytes(_REAL, [(each.total, each.squares, _nan(each.minimum), _nan(each.maximum)) for each in numbers]),
        unseen={name: each.unseen for name, each in categorical.items() if each.unseen},
        matured=summary.labels.rows,
        losses=_sums(summary.labels),
    )


def with_labels(part: Part, found: score_labels.ScoreLabels, as_of_us: int) -> Part:
    """The part with other outcomes of its rows."""
    counts, sums = dense(part)
    counts[-2 * score_labels.BINS :] = _outcomes(found)
    places = numpy.flatnonzero(counts)
    return msgspec.structs.replace(
        part,
        as_of_us=as_of_us,
        places=flat.narrow(places),
        counts=flat.narrow(counts[places]),
        sums=sums[places].tobytes(),
        matured=found.rows,
        losses=_sums(found),
    )


def merge(parts: Sequence[Part]) -> Part:
    """All rows of some parts as one; `Invalid` without any, or when they lie on different bins."""
    if not parts or any(_layout(each) != _layout(parts[0]) for each in parts):
        raise Invalid("These summaries lie on different bins.", field="summary")
    if len(parts) == 1:
        return parts[0]
    size = sum(parts[0].cells) + 2 * score_labels.BINS
    at, held, totals = (numpy.concatenate(each) for each in zip(*(_cells(each) for each in parts), strict=True))
    # Whole numbers added up in floats: exact, as 2^53 rows are never reached.
    counts, sums = numpy.bincount(at, held, size).astype(_WHOLE), numpy.bincount(at, totals, size)
    moments = numpy.stack([numpy.frombuffer(each.moments, _REAL).reshape(-1, 4) for each in parts])
    ends = numpy.column_stack([numpy.fmin.reduce(moments[:, :, 2]), numpy.fmax.reduce(moments[:, :, 3])])
    places = numpy.flatnonzero(counts)
    matured = [each for each in parts if each.matured]
    unseen, unnamed = _unseen(parts)
    others = numpy.sum([numpy.frombuffer(each.others, _WHOLE) for each in parts], axis=0).reshape(-1, 3)
    others[len(parts[0].numeric) + 1 :, 2] += numpy.array(unnamed, dtype=numpy.int64)
    return msgspec.structs.replace(
        parts[0],
        rows=sum(each.rows for each in parts),
        as_of_us=max(each.as_of_us for each in parts),
        places=flat.narrow(places),
        counts=flat.narrow(counts[places]),
        sums=sums[places].tobytes(),
        nulls=numpy.sum([numpy.frombuffer(each.nulls, _WHOLE) for each in parts], axis=0).tobytes(),
        others=others.tobytes(),
        moments=numpy.column_stack([moments[:, :, :2].sum(axis=0), ends]).tobytes(),
        unseen=unseen,
        matured=sum(each.matured for each in parts),
        losses=_losses(matured),
        sample=samples.merge([each.sample for each in parts]),
    )


def unpack(part: Part, before: reference.Reference) -> Summary:
    """A part as a summary, with the words of the reference on which it lies."""
    counts, sums = dense(part)
    starts = numpy.concatenate([[0], numpy.cumsum(part.cells)]).tolist()
    nulls = numpy.frombuffer(part.nulls, _WHOLE).tolist()
    others = numpy.frombuffer(part.others, _WHOLE).reshape(-1, 3).tolist()
    moments = numpy.frombuffer(part.moments, _REAL).reshape(-1, 4).tolist()
    found = samples.quantiles(part.sample) if part.sample else [None] * len(part.numeric)
    levels = [*found[: len(before.numeric)], *[None] * (len(part.numeric) + 1 - len(before.numeric))]
    numeric = {}
    for at, name in enumerate((*part.numeric, SCORE)):
        cells = slice(starts[at], starts[at + 1])
        numeric[name] = histogram.NumericSketch(
            counts=tuple(counts[cells].tolist()),
            nulls=nulls[at],
            total=moments[at][0],
            squares=moments[at][1],
            minimum=_none(moments[at][2]),
            maximum=_none(moments[at][3]),
            below=others[at][1],
            above=others[at][2],
            sums=tuple(sums[cells].tolist()),
            infinite=others[at][0],
            quantiles=levels[at],
        )
    categorical = {}
    for at, name in enumerate(part.categorical, len(part.numeric) + 1):
        words = zip(outputs.words(before, name).counts, counts[starts[at] : starts[at + 1]].tolist(), strict=True)
        categorical[name] = histogram.CategorySketch(
            counts={word: count for word, count in words if count},
            unseen=part.unseen.get(name, {}),
            unnamed=others[at][2],
            nulls=nulls[at],
        )
    score = numeric.pop(SCORE)
    return Summary(
        rows=part.rows,
        outputs=outputs.apart(numeric, categorical, before),
        numeric=numeric,
        categorical=categorical,
        score=score,
        labels=labels(part),
        as_of_us=part.as_of_us,
        sample=part.sample,
    )


def labels(part: Part) -> score_labels.ScoreLabels:
    """The scores and outcomes of the part's rows whose outcome is known."""
    outcomes = dense(part)[0][-2 * score_labels.BINS :].reshape(2, -1)
    positive, negative = (
        tuple(zip(numpy.flatnonzero(each).tolist(), each[each > 0].tolist(), strict=True)) for each in outcomes
    )
    return score_labels.ScoreLabels(
        rows=part.matured,
        sums={name: score_labels.Sum(total=each[0], squares=each[1]) for name, each in part.losses.items()},
        positive=positive,
        negative=negative,
    )


def _layout(part: Part) -> tuple[object, ...]:
    return part.numeric, part.categorical, part.cells


def dense(part: Part) -> tuple[Whole, Real]:
    """Every cell: how many rows it holds, and the sum of their values."""
    places, held, totals = _cells(part)
    counts = numpy.zeros(sum(part.cells) + 2 * score_labels.BINS, dtype=numpy.int64)
    sums = numpy.zeros(counts.size)
    counts[places], sums[places] = held, totals
    return counts, sums


def _cells(part: Part) -> tuple[Whole, Whole, Real]:
    """The places of the cells that hold rows, and what they hold."""
    sums = numpy.frombuffer(part.sums, _REAL)
    return flat.wide(part.places, sums.size), flat.wide(part.counts, sums.size), sums


def _unseen(parts: Sequence[Part]) -> tuple[dict[str, dict[str, int]], list[int]]:
    """New categories by name, the most frequent of each column; and the rows of each column whose name is not kept."""
    found: dict[str, dict[str, int]] = {}
    for part in parts:
        for name, words in part.unseen.items():
            mine = found.setdefault(name, {})
            for word, count in words.items():
                mine[word] = mine.get(word, 0) + count
    kept = {name: histogram.named(words) for name, words in found.items()}
    return {name: words for name, (words, _) in kept.items()}, [
        kept[name][1] if name in kept else 0 for name in parts[0].categorical
    ]


def _losses(parts: Sequence[Part]) -> dict[str, tuple[float, float]]:
    """The sums of the losses that all parts have: what one of them could not sum, all of them together cannot."""
    return {
        name: (sum(each.losses[name][0] for each in parts), sum(each.losses[name][1] for each in parts))
        for name in (parts[0].losses if parts else ())
        if all(name in each.losses for each in parts)
    }


def _outcomes(found: score_labels.ScoreLabels) -> Whole:
    made = numpy.zeros(2 * score_labels.BINS, dtype=numpy.int64)
    for start, bins in ((0, found.positive), (score_labels.BINS, found.negative)):
        for place, count in bins:
            made[start + place] = count
    return made


def _sums(found: score_labels.ScoreLabels) -> dict[str, tuple[float, float]]:
    return {name: (each.total, each.squares) for name, each in found.sums.items()}


def _bytes(kind: "numpy.dtype[numpy.int64] | numpy.dtype[numpy.float64]", values: Sequence[object]) -> bytes:
    return numpy.array(values, dtype=kind).tobytes()


def _nan(value: float | None) -> float:
    return numpy.nan if value is None else value


def _none(value: float) -> float | None:
    return None if numpy.isnan(value) else value
