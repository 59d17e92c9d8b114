"""Faults as they happen, put into a copy of traffic: the feed breaks, the unit changes, the world changes."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy

from podium.bundle import columns
from podium.core.signature import Field, FieldType, Signature
from podium.monitor.drill.traffic import Traffic

Predict: TypeAlias = Callable[[columns.Columns], Any]
_MILE_KM = 1.609344
_SHARE = 0.2
_FLIPPED = 0.1
_MIXED = 0.3
_NEW = "never seen before"
_PROBED = 2000
_LITTLE = 0.25
LITTLE, SWAPPED, REPEATED, STOPPED = "small shifts", "columns swapped", "rows repeated", "feed stops"
FLIP, CONCEPT = "label flip", "concept drift"


class Fault(NamedTuple):
    """`put` changes traffic that it may keep nothing of; `refused`: the scorer would not take such rows at all."""

    name: str
    what: str
    put: Callable[[Traffic, numpy.random.Generator], Traffic]
    columns: frozenset[str] = frozenset()
    """The features that it touches."""
    refused: bool = False


def ranked(traffic: Traffic, signature: Signature, predict: Predict, random: numpy.random.Generator) -> list[Field]:
    """The features by how far scores move when a feature's values are dealt out anew (permutation importance)."""
    sample = traffic.take(random.permutation(traffic.count)[:_PROBED])
    plain = predict(sample.features)
    moved = {}
    for field in signature.features:
        dealt = sample.features[field.name][random.permutation(sample.count)]
        moved[field.name] = float(numpy.abs(predict({**sample.features, field.name: dealt}) - plain).mean())
    return sorted(signature.features, key=lambda field: (-moved[field.name], field.name))


def plan(features: Sequence[Field], traffic: Traffic) -> list[Fault]:
    """The faults for a model: of the most important number and text, where it has them, and of outcomes."""
    numbers = [each for each in features if each.type in (FieldType.NUMBER, FieldType.INTEGER)]
    texts = [each for each in features if each.type is FieldType.TEXT]
    found: list[Fault] = []
    if numbers:
        found += _of_number(numbers[0], traffic)
    if len(numbers) > 1:
        found += [_swapped(numbers[0], numbers[1]), _little(numbers, traffic)]
    if texts:
        found.append(_new_category(texts[0]))
    if numpy.isfinite(traffic.target).any():
        found += _of_outcomes(traffic)
    return found + _of_feed(traffic)


def everywhere(features: Sequence[Field], traffic: Traffic) -> tuple[Fault, Fault, Fault]:
    """Faults in all features at once: that moves their values, that makes some null, that lets them stand still."""

    def moved(rows: Traffic, random: numpy.random.Generator) -> Traffic:
        for field in features:
            rows = _with(rows, field, _moved(field, rows, traffic, random))
        return rows

    def nulls(rows: Traffic, random: numpy.random.Generator) -> Traffic:
        for field in features:
            null: Any = columns.NULL_TEXT if field.type is FieldType.TEXT else numpy.nan
            values = rows.features[field.name].copy()
            values[random.random(rows.count) < _SHARE] = null
            rows = msgspec.structs.replace(rows, features={**rows.features, field.name: values})
        return rows

    def stuck(rows: Traffic, _random: numpy.random.Generator) -> Traffic:
        still = {field.name: numpy.full(rows.count, _known(rows.features[field.name])) for field in features}
        return msgspec.structs.replace(rows, features=still)

    return (
        Fault("moved", "", moved),
        Fault("nulls", f"null in {_SHARE:.0%} of the rows", nulls),
        Fault("stale", "stays what it was", stuck),
    )


def _known(values: Any) -> Any:
    """The first value that is not null; null where there is none."""
    known = values[values != columns.NULL_TEXT] if values.dtype == object else values[numpy.isfinite(values)]
    return known[0] if known.size else values[0]


def words_for_moved(field: Field) -> str:
    """What `everywhere` does to a feature's values."""
    if field.type is FieldType.TEXT:
        return f"a word never seen in {_SHARE:.0%} of the rows"
    return "always true" if field.type is FieldType.BOOLEAN else "1 standard deviation higher"


def _moved(field: Field, rows: Traffic, traffic: Traffic, random: numpy.random.Generator) -> Any:
    values = rows.features[field.name]
    if field.type is FieldType.TEXT:
        values = values.copy()
        values[random.random(rows.count) < _SHARE] = _NEW
        return values
    if field.type is FieldType.BOOLEAN:
        return numpy.where(numpy.isfinite(values), 1.0, values)
    return values + (float(numpy.nanstd(traffic.features[field.name])) or 1.0)


def _of_number(field: Field, traffic: Traffic) -> list[Fault]:
    name = field.name
    spread = float(numpy.nanstd(traffic.features[name])) or 1.0
    touched = frozenset({name})

    def shift(by: float) -> Fault:
        return Fault(
            f"shift {by:g}σ",
            f"{name} is {by:g} standard deviations higher",
            lambda rows, _random: _with(rows, field, rows.features[name] + by * spread),
            touched,
        )

    def stale(rows: Traffic, _random: numpy.random.Generator) -> Traffic:
        known = rows.features[name][numpy.isfinite(rows.features[name])]
        return _with(rows, field, numpy.full(rows.count, known[0] if known.size else 0.0))

    def nulls(rows: Traffic, random: numpy.random.Generator) -> Traffic:
        return _with(rows, field, numpy.where(random.random(rows.count) < _SHARE, numpy.nan, rows.features[name]))

    return [
        shift(0.25),
        shift(0.5),
        shift(1.0),
        Fault(
            "unit changed",
            f"{name} comes in kilometres for miles (× {_MILE_KM:.3g})",
            lambda rows, _random: _with(rows, field, rows.features[name] * _MILE_KM),
            touched,
        ),
        Fault("nulls", f"{name} is null in {_SHARE:.0%} of the rows", nulls, touched, refused=not field.nullable),
        Fault("stale feature", f"{name} stays what it was", stale, touched),
    ]


def _swapped(one: Field, two: Field) -> Fault:
    def put(rows: Traffic, _random: numpy.random.Generator) -> Traffic:
        first, second = rows.features[one.name], rows.features[two.name]
        return _with(_with(rows, one, second), two, first)

    return Fault(
        SWAPPED,
        f"{one.name} comes as {two.name}, and {two.name} as {one.name}",
        put,
        frozenset({one.name, two.name}),
    )


def _little(numbers: Sequence[Field], traffic: Traffic) -> Fault:
    spreads = {each.name: float(numpy.nanstd(traffic.features[each.name])) for each in numbers}

    def put(rows: Traffic, _random: numpy.random.Generator) -> Traffic:
        moved = {name: rows.features[name] + _LITTLE * spread for name, spread in spreads.items()}
        return msgspec.structs.replace(rows, features={**rows.features, **moved})

    what = f"every number is {_LITTLE:g} standard deviations higher"
    return Fault(LITTLE, what, put, frozenset(spreads))


def _new_category(field: Field) -> Fault:
    def put(rows: Traffic, random: numpy.random.Generator) -> Traffic:
        changed = rows.features[field.name].copy()
        changed[random.random(rows.count) < _SHARE] = _NEW
        return msgspec.structs.replace(rows, features={**rows.features, field.name: changed})

    return Fault(
        "new category", f"{field.name} is a word never seen in {_SHARE:.0%} of the rows", put, frozenset({field.name})
    )


def _of_outcomes(traffic: Traffic) -> list[Fault]:
    classes = traffic.score.shape[1] if traffic.score.ndim > 1 else 0
    binary = not classes and bool(numpy.isin(traffic.target[numpy.isfinite(traffic.target)], (0.0, 1.0)).all())

    def flip(rows: Traffic, random: numpy.random.Generator) -> Traffic:
        chosen = random.random(rows.count) < _FLIPPED
        return msgspec.structs.replace(rows, target=numpy.where(chosen, 1.0 - rows.target, rows.target))

    def turn(rows: Traffic, random: numpy.random.Generator) -> Traffic:
        chosen = random.random(rows.count) < _FLIPPED
        others = (rows.target + random.integers(1, classes, rows.count)) % classes
        return msgspec.structs.replace(rows, target=numpy.where(chosen, others, rows.target))

    def mix(rows: Traffic, random: numpy.random.Generator) -> Traffic:
        dealt = rows.target[random.permutation(rows.count)]
        return msgspec.structs.replace(rows, target=numpy.where(random.random(rows.count) < _MIXED, dealt, rows.target))

    found = [Fault(CONCEPT, f"{_MIXED:.0%} of the outcomes follow no feature any more", mix)]
    if binary:
        found.insert(0, Fault(FLIP, f"{_FLIPPED:.0%} of the outcomes come inverted", flip))
    if classes:
        found.insert(0, Fault(FLIP, f"{_FLIPPED:.0%} of the outcomes come as another class", turn))
    return found


def _of_feed(traffic: Traffic) -> list[Fault]:
    def again(rows: Traffic, random: numpy.random.Generator) -> Traffic:
        chosen = numpy.flatnonzero(random.random(rows.count) < _SHARE)
        return rows.take(numpy.sort(numpy.concatenate([numpy.arange(rows.count), chosen])))

    def stops(rows: Traffic, _random: numpy.random.Generator) -> Traffic:
        first_us, last_us = int(rows.at_us.min()), int(rows.at_us.max())
        return rows.take(numpy.flatnonzero(rows.at_us <= (first_us + last_us) // 2))

    found = [Fault(STOPPED, "no row comes any more from half-way between the first and the last of the window", stops)]
    if traffic.keys is not None and (traffic.keys >= 0).any():
        found.insert(0, Fault(REPEATED, f"{_SHARE:.0%} of the rows come twice", again))
    return found


def _with(rows: Traffic, field: Field, values: Any) -> Traffic:
    """The rows with other values of a feature; of a whole number, whole ones."""
    whole = numpy.rint(values) if field.type is FieldType.INTEGER else values
    return msgspec.structs.replace(rows, features={**rows.features, field.name: whole})
