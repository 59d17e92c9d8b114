"""The same rows on both sides, found by their key and compared value by value: as trained on, and as served."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy
import numpy.typing
import pyarrow
import pyarrow.compute

from podium.cli.check import source as sources
from podium.core.errors import Invalid
from podium.measures.comparison.finding import Finding, Measure, Rule
from podium.measures.quality import serving_skew
from podium.measures.sketch import arrow

_FIX = "Give one row for each key; the key is what tells rows apart."


class _Pairs(NamedTuple):
    """Places of the same rows on both sides, and how many rows there were to look for."""

    before: numpy.typing.NDArray[numpy.int64]
    now: numpy.typing.NDArray[numpy.int64]
    wanted: int


def findings(before: sources.Source, now: sources.Source, key: str, names: Sequence[str], rule: Rule) -> list[Finding]:
    """A finding for each column that differs, the worst first, else one that says that none does.

    Raises `Invalid` when keys repeat or no row is on both sides.
    """
    pairs = _pairs(before, now, key)
    count = len(pairs.now)
    made = []
    for name in names:
        if arrow.kind(before.types[name]) is arrow.kind(now.types[name]):
            skew, said = _compared(before, now, name, pairs)
            if skew.different:
                made.append(_finding(f"{name}: {said}", skew.share, rule))
    made.sort(key=lambda each: -(each.effect or 0.0))
    if made:
        return made
    rest = "" if count == pairs.wanted else f" (of {pairs.wanted:,} now)"
    return [_finding(f"the {count:,} rows that are on both sides{rest} have the same values", 0.0, rule)]


def _finding(said: str, share: float | None, rule: Rule) -> Finding:
    return Finding(column=None, measure=Measure.SKEW, effect=share, floor=rule.skew, p_value=None, said=said)


def _pairs(before: sources.Source, now: sources.Source, key: str) -> _Pairs:
    old, new = words(before, key), words(now, key)
    for keys in (old, new):
        known = len(keys) - keys.null_count
        if pyarrow.compute.count_distinct(keys, mode="only_valid").as_py() != known:
            raise Invalid("A key comes twice, so that the same rows cannot be told.", field="--skew", fix=_FIX)
    found = pyarrow.compute.index_in(new, value_set=old, skip_nulls=True)
    places = arrow.numbers(found)
    there = numpy.flatnonzero(~numpy.isnan(places))
    if not there.size:
        raise Invalid("No row is on both sides.", field="--skew", fix="Is the key the same in both?")
    return _Pairs(places[there].astype(numpy.int64), there.astype(numpy.int64), len(new))


def _compared(before: sources.Source, now: sources.Source, name: str, pairs: _Pairs) -> tuple[serving_skew.Skew, str]:
    """How a column of the same rows differs, and that in words."""
    kind = arrow.kind(before.types[name])
    sides: list[numpy.typing.NDArray[Any]] = []
    for source, places in ((before, pairs.before), (now, pairs.now)):
        if kind is arrow.Kind.NUMERIC:
            sides.append(arrow.numbers(whole(source, name))[places])
        else:
            sides.append(arrow.objects(words(source, name))[places])
    compare = serving_skew.of_numbers if kind is arrow.Kind.NUMERIC else serving_skew.of_words
    skew = compare(*sides)
    if not skew.different:
        return skew, ""
    was, is_ = (_shown(side[skew.first]) for side in sides)
    said = f"{skew.different:,} of {skew.rows:,} same rows differ ({skew.different / skew.rows:.2%}), as {was} → {is_}"
    return skew, said + (f"; {skew.lost:,} lost" if skew.lost else "")


def _shown(value: Any) -> str:
    if value is None or value != value:
        return "null"
    return value if isinstance(value, str) else f"{value:.6g}"


def words(source: sources.Source, name: str) -> pyarrow.Array:
    """A column as text."""
    return whole(source, name).cast(pyarrow.string())


def whole(source: sources.Source, name: str) -> pyarrow.Array:
    """A column, all of it."""
    reader = source.reader()
    try:
        pieces = [
            each.dictionary_decode() if pyarrow.types.is_dictionary(each.type) else each for each in reader.pieces(name)
        ]
        return pyarrow.concat_arrays(pieces) if pieces else pyarrow.nulls(0, source.types[name])
    finally:
        reader.close()
