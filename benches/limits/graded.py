"""Faults beside those of a drill: smaller ones, in features that wander, and for rules that no drill tries."""

from collections.abc import Sequence

import msgspec
import numpy
import numpy.typing

from podium.core.signature import Field, FieldType, Signature
from podium.monitor.drill import faults
from podium.monitor.drill.faults import Fault
from podium.monitor.drill.traffic import Traffic

WANDERS = "temperature"
"""A feature of flights whose weeks differ by themselves."""


def of_drill(ranked: Sequence[Field], rows: Traffic) -> list[Fault]:
    """A drill's own, without those of the feed, for which no limit has a default."""
    return [each for each in faults.plan(ranked, rows) if each.name not in (faults.STOPPED, faults.REPEATED)]


def shift(field: str, sizes: Sequence[float], rows: Traffic, name: str = "") -> list[Fault]:
    """A number that moves by so many of its deviations."""
    deviation = float(numpy.nanstd(rows.features[field]))

    def by(size: float) -> Fault:
        return Fault(
            f"{name or field} + {size:g}σ",
            f"{field} is {size:g} standard deviations higher",
            lambda rows, _random: _with(rows, field, rows.features[field] + size * deviation),
            frozenset({field}),
        )

    return [by(size) for size in sizes]


def nulls(field: str, share: float) -> Fault:
    """A number that is null in a share of the rows."""

    def put(rows: Traffic, random: numpy.random.Generator) -> Traffic:
        chosen = random.random(rows.count) < share
        return _with(rows, field, numpy.where(chosen, numpy.nan, rows.features[field]))

    return Fault(f"nulls {share:.0%}", f"{field} is null in {share:.0%} of the rows", put, frozenset({field}))


def beyond(field: str, share: float, rows: Traffic) -> Fault:
    """A number that is beyond all that was seen, in a share of the rows."""
    far = 2 * float(numpy.nanmax(rows.features[field]))

    def put(rows: Traffic, random: numpy.random.Generator) -> Traffic:
        chosen = random.random(rows.count) < share
        return _with(rows, field, numpy.where(chosen, far, rows.features[field]))

    return Fault(
        f"beyond {share:.1%}", f"{field} is twice its maximum in {share:.1%} of the rows", put, frozenset({field})
    )


def unseen(field: str, share: float) -> Fault:
    """A word never seen in a share of the rows."""

    def put(rows: Traffic, random: numpy.random.Generator) -> Traffic:
        values = rows.features[field].copy()
        values[random.random(rows.count) < share] = "not seen before"
        return _with(rows, field, values)

    return Fault(
        f"new {share:.0%}", f"{field} is a word never seen in {share:.0%} of the rows", put, frozenset({field})
    )


def gone(field: str, rank: int, rows: Traffic) -> Fault:
    """The rows of one category do not come any more; `rank`: 0 is the most frequent one."""
    words, counts = numpy.unique(rows.features[field].astype(str), return_counts=True)
    place = int(numpy.argsort(-counts, kind="stable")[rank])
    word, share = str(words[place]), counts[place] / rows.count

    def put(rows: Traffic, _random: numpy.random.Generator) -> Traffic:
        return rows.take(numpy.flatnonzero(rows.features[field].astype(str) != word))

    return Fault(f"gone {share:.0%}", f"no row of {field} {word} any more ({share:.0%})", put, frozenset({field}))


def flipped(share: float) -> Fault:
    """Outcomes that come inverted."""

    def put(rows: Traffic, random: numpy.random.Generator) -> Traffic:
        chosen = random.random(rows.count) < share
        return msgspec.structs.replace(rows, target=numpy.where(chosen, 1.0 - rows.target, rows.target))

    return Fault(f"label flip {share:.0%}", f"{share:.0%} of the outcomes come inverted", put)


def of_flights(signature: Signature, ranked: Sequence[Field], rows: Traffic) -> list[Fault]:
    """All that limits are chosen by on flights: a drill's faults, and these."""
    number = next(each.name for each in ranked if each.type in (FieldType.NUMBER, FieldType.INTEGER))
    text = next(each.name for each in ranked if each.type is FieldType.TEXT)
    known = {field.name for field in signature.features}
    found = of_drill(ranked, rows)
    if WANDERS in known:
        found += shift(WANDERS, (0.5, 1.0, 2.0), rows)
    found += [nulls(number, share) for share in (0.05, 0.1)]
    found += [beyond(number, share, rows) for share in (0.005, 0.02)]
    found += [unseen(text, share) for share in (0.02, 0.06)]
    found += [gone(text, rank, rows) for rank in (0, 6)]
    return [*found, flipped(0.05), flipped(0.2)]


def _with(rows: Traffic, field: str, values: numpy.typing.NDArray[numpy.generic]) -> Traffic:
    return msgspec.structs.replace(rows, features={**rows.features, field: values})
