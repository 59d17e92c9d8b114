"""What a stored part tells of its columns: their means, and where they are missing. Pure."""

import numpy

from podium.monitor.checks import parts

_WHOLE, _REAL = numpy.dtype("<i8"), numpy.dtype("<f8")


def means(part: parts.Part) -> dict[str, float]:
    """The mean of every numeric column with a value, of several classes' probabilities, and under "" of the score."""
    counts = parts.dense(part)[0]
    starts = numpy.concatenate([[0], numpy.cumsum(part.cells)])
    totals = numpy.frombuffer(part.moments, _REAL).reshape(-1, 4)[:, 0].tolist()
    found = {}
    for at, name in enumerate((*part.numeric, parts.SCORE)):
        known = int(counts[starts[at] : starts[at + 1]].sum())
        if known:
            found[name] = totals[at] / known
    return found


def missing(part: parts.Part) -> dict[str, int]:
    """How many rows lack each feature, of those that some lack."""
    nulls = dict(
        zip((*part.numeric, parts.SCORE, *part.categorical), numpy.frombuffer(part.nulls, _WHOLE).tolist(), strict=True)
    )
    del nulls[parts.SCORE]
    return {name: count for name, count in nulls.items() if count}
