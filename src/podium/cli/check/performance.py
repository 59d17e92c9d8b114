"""Outcomes and predictions of both tables, read where both are named: how good the predictions are."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy
import numpy.typing

from podium.cli.check import pairs
from podium.cli.check import source as sources
from podium.core import name as names_of
from podium.core import run
from podium.core.errors import Invalid
from podium.measures import binning
from podium.measures.comparison import figures, outcomes
from podium.measures.segments import condition
from podium.measures.sketch import arrow

LOOKED = 100_000
"""Rows, spread evenly, among which the worst segments and the features that tell of errors are looked for."""


class Named(NamedTuple):
    """The columns that were named."""

    target: str
    prediction: str
    groups: Sequence[str]
    slices: Sequence[str]


def before(source: sources.Source, named: Named) -> dict[str, run.Interval]:
    """The reference's figures."""
    return outcomes.measured(_known(source, named)[0])


def look(
    source: sources.Source, named: Named, features: Sequence[str], old: Mapping[str, run.Interval]
) -> figures.Performance:
    """All there is to say of what is now; `features`: the columns whose parts are looked at."""
    found, there = _known(source, named)
    places = _spread(numpy.flatnonzero(there))
    columns = {name: column for name in features if (column := _column(source, name, places)) is not None}
    losses = found.losses[_spread(numpy.arange(found.target.size))]
    return figures.Performance(
        task=found.task,
        loss=outcomes.loss_name(found.task),
        rows=int(found.target.size),
        unknown=int(there.size - found.target.size),
        figures=outcomes.beside(old, outcomes.measured(found), found.task),
        segments=outcomes.slices(columns, losses),
        features=outcomes.tellers(columns, losses),
        parts=outcomes.parts(found, _slices(source, named.slices, there)),
        gaps=outcomes.gaps(found, {name: arrow.objects(pairs.words(source, name))[there] for name in named.groups}),
    )


def _slices(
    source: sources.Source, names: Sequence[str], there: numpy.typing.NDArray[numpy.bool_]
) -> dict[str, condition.Column]:
    made = {name: _column(source, name, numpy.flatnonzero(there)) for name in names}
    if any(column is None for column in made.values()):
        raise Invalid("Slices are made of numbers or text.", field="--slices")
    return {name: column for name, column in made.items() if column is not None}


def _known(source: sources.Source, named: Named) -> tuple[outcomes.Rows, numpy.typing.NDArray[numpy.bool_]]:
    for option, name in (("--target", named.target), ("--prediction", named.prediction)):
        if name not in source.types:
            raise Invalid("There is no such column.", field=option, fix=names_of.nearest(name, source.types))
    return outcomes.known(_values(source, named.target), _values(source, named.prediction))


def _values(source: sources.Source, name: str) -> condition.Column:
    type_ = source.types[name]
    whole = pairs.whole(source, name)
    if arrow.kind(type_) is arrow.Kind.NUMERIC:
        return arrow.numbers(whole)
    if arrow.kind(type_) not in (arrow.Kind.CATEGORY, arrow.Kind.EMPTY):
        raise Invalid("Outcomes and predictions are numbers or text.", field="--target")
    if arrow.is_truth(type_):
        return arrow.numbers(whole.cast("int8"))
    return arrow.objects(whole)


def _spread(
    places: numpy.typing.NDArray[numpy.int64],
) -> numpy.typing.NDArray[numpy.int64]:
    if places.size <= LOOKED:
        return places
    return places[binning.different(numpy.linspace(0, places.size - 1, LOOKED).astype(numpy.int64))]


def _column(source: sources.Source, name: str, places: numpy.typing.NDArray[numpy.int64]) -> condition.Column | None:
    kind = arrow.kind(source.types[name])
    if kind not in (arrow.Kind.NUMERIC, arrow.Kind.CATEGORY):
        return None
    taken = pairs.whole(source, name).take(arrow.of_plain(places))
    return arrow.numbers(taken) if kind is arrow.Kind.NUMERIC else arrow.objects(taken)
