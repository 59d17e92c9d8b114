"""Bins: counts are those of the definition whatever the values; summaries merge in any order to that of the whole."""

import itertools

import numpy
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from podium.core import reference as core
from podium.measures import binning, cells
from podium.measures.drift import reference
from podium.measures.sketch import arrow, column, histogram

FINITE = some.floats(-1e30, 1e30, allow_nan=False)
ANY = some.one_of(FINITE, some.sampled_from([numpy.nan, numpy.inf, -numpy.inf, 0.0, -0.0, 1e300, 5e-324]))
WORDS = some.lists(some.one_of(some.none(), some.sampled_from("abcdefgh")), max_size=40)


def _array(values: list[float]) -> numpy.typing.NDArray[numpy.float64]:
    return numpy.array(values, dtype=numpy.float64)


@given(some.lists(ANY, max_size=60), some.lists(FINITE, min_size=1, max_size=20, unique=True), some.booleans())
def test_counts_are_those_of_the_definition(values: list[float], edges: list[float], suit: bool) -> None:
    inner = numpy.sort(_array(edges))
    inner = numpy.unique(binning.suited(inner)) if suit else inner
    made = binning.Bins(inner)
    made.add(_array(values))
    finite = [value for value in values if numpy.isfinite(value)]
    expected = [0] * (inner.size + 1)
    for value in finite:
        expected[sum(value > edge for edge in inner.tolist())] += 1
    assert made.counts.tolist() == expected
    assert made.nulls == sum(numpy.isnan(value) for value in values)
    assert made.infinite == sum(numpy.isinf(value) for value in values)
    assert made.minimum == (min(finite) if finite else None)
    assert made.maximum == (max(finite) if finite else None)


@given(some.lists(some.floats(-1e6, 1e6), min_size=2, max_size=40, unique=True), some.data())
def test_values_beside_a_moved_edge_are_counted_as_in_double_precision(
    edges: list[float], data: some.DataObject
) -> None:
    inner = binning.suited(numpy.sort(_array(edges)))
    near = [
        value for edge in inner.tolist() for value in (numpy.nextafter(edge, -1e9), edge, numpy.nextafter(edge, 1e9))
    ]
    values = data.draw(some.lists(some.sampled_from(near), max_size=60))
    made = binning.Bins(inner)
    made.add(_array(values))
    expected = numpy.bincount(numpy.searchsorted(inner, _array(values)), minlength=inner.size + 1)
    assert made.counts.tolist() == expected.tolist()


@given(some.lists(some.lists(some.integers(-50, 50).map(float), max_size=20), min_size=1, max_size=5), some.randoms())
@settings(deadline=None)
def test_numeric_summaries_merge_in_any_order_and_grouping(parts: list[list[float]], random: object) -> None:
    known = reference.numeric(_array([float(value) for value in range(-20, 20)]))
    made = [histogram.numeric(_array(part), known) for part in parts]
    whole = histogram.numeric(_array(list(itertools.chain.from_iterable(parts))), known)
    random.shuffle(made)  # type: ignore[attr-defined]
    left = made[0]
    for each in made[1:]:
        left = histogram.merge_numeric(left, each)
    right = made[-1]
    for each in reversed(made[:-1]):
        right = histogram.merge_numeric(each, right)
    assert left == right == whole


@given(some.lists(WORDS, min_size=1, max_size=5), some.randoms())
@settings(deadline=None)
def test_category_summaries_merge_in_any_order_and_grouping(parts: list[list[str | None]], random: object) -> None:
    known = core.CategoryReference(counts={"a": 5, "b": 3}, other=2, nulls=0)

    def summary(words: list[str | None]) -> histogram.CategorySketch:
        made = column.Words(tuple(known.counts))
        made.add(pyarrow.array(words, pyarrow.string()))
        return made.sketch(known)

    made = [summary(part) for part in parts]
    whole = summary(list(itertools.chain.from_iterable(parts)))
    random.shuffle(made)  # type: ignore[attr-defined]
    left = made[0]
    for each in made[1:]:
        left = histogram.merge_categorical(left, each)
    right = made[-1]
    for each in reversed(made[:-1]):
        right = histogram.merge_categorical(each, right)
    assert left == right == whole


@given(some.lists(some.one_of(some.none(), FINITE), max_size=300), some.integers(1, 50))
@settings(deadline=None)
def test_pieces_make_the_summary_of_the_whole(values: list[float | None], size: int) -> None:
    inner = binning.suited(_array([-1.0, 0.0, 2.0]))
    whole, pieces = binning.Bins(inner), binning.Bins(inner)
    array = pyarrow.array(values, pyarrow.float64())
    whole.add(*arrow.numbers_and_valid(array))
    for start in range(0, len(array), size):
        pieces.add(*arrow.numbers_and_valid(array.slice(start, size)))
    assert pieces.counts.tolist() == whole.counts.tolist()
    assert (pieces.nulls, pieces.minimum, pieces.maximum) == (whole.nulls, whole.minimum, whole.maximum)
    assert pieces.sums == pytest.approx(whole.sums, rel=1e-6, abs=1e24)


def test_one_outlier_hides_nothing() -> None:
    random = numpy.random.default_rng(3)
    usual = random.normal(size=5_000)
    edges = binning.suited(reference.edges(usual, 250))
    made = binning.Bins(edges)
    made.add(numpy.concatenate([usual, [1e300, -1e300, numpy.inf]]))
    alone = binning.Bins(edges)
    alone.add(usual)
    assert (made.counts[1:-1] == alone.counts[1:-1]).all()
    assert made.sums[1:-1] == pytest.approx(alone.sums[1:-1], rel=1e-6)
    assert made.infinite == 1


@given(some.lists(some.integers(0, 100), min_size=1, max_size=40), some.integers(2, 12))
def test_cells_ascend_and_hold_every_bin(counts: list[int], wanted: int) -> None:
    made = cells.coarse(counts, wanted)
    assert made.size == len(counts)
    assert (numpy.diff(made) >= 0).all()
    assert made.max() < wanted
    assert cells.pool(counts, made).sum() == sum(counts)


def test_deciles_of_fine_bins_are_the_deciles() -> None:
    values = numpy.random.default_rng(4).lognormal(size=20_000)
    fine, coarse = reference.numeric(values, 250), reference.numeric(values, 10)
    cell = cells.coarse(fine.counts, 10)
    cut = [fine.edges[place] for place in numpy.flatnonzero(numpy.diff(cell)).tolist()]
    assert tuple(cut) == coarse.edges
    assert cells.pool(fine.counts, cell).tolist() == list(coarse.counts)
