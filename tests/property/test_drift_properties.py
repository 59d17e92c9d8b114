"""Drift: the tail against SciPy, the bias of the index, alarms that are not there, and words that never came."""

import numpy
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as some

from podium.core.errors import Invalid
from podium.measures.drift import chi_square, discoveries, psi, reference
from podium.measures.quality import missing_rate, new_categories


@given(some.floats(0.0, 5000.0), some.integers(1, 300))
@settings(max_examples=300, deadline=None)
def test_the_tail_is_scipys(statistic: float, freedom: int) -> None:
    expected = float(scipy.stats.chi2.sf(statistic, freedom))
    assert chi_square.tail(statistic, freedom) == pytest.approx(expected, rel=1e-9, abs=1e-13)


@pytest.mark.parametrize(("before", "now", "cells"), [(5000, 300, 10), (20_000, 1000, 20), (2000, 2000, 5)])
def test_without_drift_the_corrected_index_is_zero_on_average(before: int, now: int, cells: int) -> None:
    random = numpy.random.default_rng(7)
    found = [
        psi.psi(random.multinomial(before, [1 / cells] * cells), random.multinomial(now, [1 / cells] * cells))
        for _ in range(1500)
    ]
    values = numpy.array([one.value for one in found if one is not None])
    bias = numpy.array([one.bias for one in found if one is not None])
    assert abs(values.mean()) < 0.1 * bias.mean()


def test_without_drift_the_p_values_are_even() -> None:
    random = numpy.random.default_rng(8)
    share = numpy.array([0.5, 0.3, 0.1, 0.05, 0.03, 0.01, 0.005, 0.003, 0.001, 0.001])
    found = [psi.psi(random.multinomial(20_000, share), random.multinomial(800, share)) for _ in range(2000)]
    low = numpy.mean([one.p_value < 0.01 for one in found if one is not None])
    assert low < 0.02


@given(some.lists(some.integers(0, 50), min_size=2, max_size=12), some.data())
def test_the_index_is_finite_whatever_is_empty(before: list[int], data: some.DataObject) -> None:
    now = data.draw(some.lists(some.integers(0, 50), min_size=len(before), max_size=len(before)))
    found = psi.psi(before, now)
    if sum(before) and sum(now):
        assert found is not None
        assert numpy.isfinite(found.value)
        assert 0.0 <= found.p_value <= 1.0
        assert found.raw >= -1e-12
    else:
        assert found is None


def test_a_category_that_vanished_and_one_that_came_are_drift() -> None:
    found = psi.psi([500, 500, 0], [0, 500, 500])
    assert found is not None
    assert found.value > 0.25
    assert found.p_value < 1e-12


def test_unequal_cells_are_refused() -> None:
    with pytest.raises(Invalid):
        psi.psi([1, 2], [1, 2, 3])
    with pytest.raises(Invalid):
        psi.psi([1, -2], [1, 2])


@given(some.lists(some.one_of(some.none(), some.floats(-1e6, 1e6)), max_size=200), some.integers(2, 20))
def test_a_numeric_reference_counts_every_row(values: list[float | None], bins: int) -> None:
    array = numpy.array([numpy.nan if value is None else value for value in values], dtype=numpy.float64)
    made = reference.numeric(array, bins)
    assert sum(made.counts) + made.nulls == len(values)
    assert len(made.counts) == len(made.edges) + 1
    assert list(made.edges) == sorted(set(made.edges))


def test_infinity_is_refused() -> None:
    with pytest.raises(Invalid):
        reference.numeric(numpy.array([1.0, numpy.inf]))


def test_a_constant_column_that_leaves_its_value_is_drift() -> None:
    made = reference.numeric(numpy.full(1000, 3.0))
    now = reference.count(numpy.full(500, 3.5), numpy.array(made.edges))
    found = psi.psi(made.counts, now.tolist())
    assert found is not None
    assert found.value > 1.0


@given(some.lists(some.floats(0.0, 1.0), max_size=50), some.floats(0.001, 0.5))
def test_discoveries_are_the_smallest(values: list[float], rate: float) -> None:
    chosen = discoveries.discoveries(values, rate)
    kept = [value for value, believed in zip(values, chosen, strict=True) if believed]
    left = [value for value, believed in zip(values, chosen, strict=True) if not believed]
    assert not kept or not left or max(kept) < min(left)


def test_rates() -> None:
    assert missing_rate.missing_rate(0, 0) is None
    assert missing_rate.rise(5, 10, 0, 0) is None
    with pytest.raises(Invalid):
        missing_rate.missing_rate(3, 2)
    before = reference.categorical(numpy.array(["a", "b"], dtype=object))
    assert new_categories.new_categories(0, 0, before) is None
    assert new_categories.new_categories(1, 3, before) == 0.25
