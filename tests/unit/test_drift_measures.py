"""Every measure of drift against SciPy's value, or a value known by hand."""

import math

import numpy
import pytest
import scipy.spatial.distance
import scipy.stats
from hypothesis import given
from hypothesis import strategies as some

from podium.core import reference as core
from podium.core.errors import Invalid
from podium.measures import binning, rows
from podium.measures.drift import (
    chi_square,
    domain_classifier,
    hellinger,
    homogeneity,
    jensen_shannon,
    kolmogorov_smirnov,
    normal_scores,
    rate,
    reconstruction,
    reference,
    total_variation,
    wasserstein,
)
from podium.measures.quality import constant, duplicates, freshness, out_of_range, unit, vanished

COUNTS = some.lists(some.integers(0, 500), min_size=2, max_size=30)
PAIR = some.integers(2, 30).flatmap(
    lambda size: some.tuples(*[some.lists(some.integers(0, 500), min_size=size, max_size=size)] * 2)
)


def _fine(values: rows.Numbers) -> core.NumericReference:
    bins = binning.Bins(binning.suited(reference.fine_edges(values)), centre=float(values[0]))
    bins.add(values)
    return reference.of_bins(bins, 0)


@given(PAIR)
def test_distances_over_cells_are_scipys(pair: tuple[list[int], list[int]]) -> None:
    old, new = pair
    if not sum(old) or not sum(new):
        assert jensen_shannon.jensen_shannon(old, new) is None
        assert hellinger.hellinger(old, new) is None
        assert total_variation.total_variation(old, new) is None
        return
    p, q = numpy.array(old) / sum(old), numpy.array(new) / sum(new)
    expected = float(scipy.spatial.distance.jensenshannon(p, q, base=2))
    assert jensen_shannon.jensen_shannon(old, new) == pytest.approx(0.0 if math.isnan(expected) else expected, abs=1e-7)
    assert hellinger.hellinger(old, new) == pytest.approx(
        float(numpy.linalg.norm(numpy.sqrt(p) - numpy.sqrt(q)) / math.sqrt(2)), abs=1e-9
    )
    assert total_variation.total_variation(old, new) == pytest.approx(float(abs(p - q).sum() / 2), abs=1e-12)


@given(PAIR)
def test_the_two_sample_chi_square_is_scipys(pair: tuple[list[int], list[int]]) -> None:
    table = numpy.array(pair)
    table = table[:, table.sum(axis=0) > 0]
    found = homogeneity.homogeneity(*pair)
    if table.shape[1] == 0 or not table.sum(axis=1).all():
        assert found is None
        return
    assert found is not None
    if table.shape[1] == 1:
        assert found.p_value == 1.0
        return
    expected = scipy.stats.chi2_contingency(table, correction=False)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)
    assert found.cramers_v == pytest.approx(math.sqrt(expected.statistic / table.sum()), abs=1e-9)


@pytest.mark.parametrize(("cells", "before", "now"), [(20, 100, 100), (200, 100, 100), (200, 10_000, 1000)])
def test_rare_cells_do_not_spoil_the_chance(cells: int, before: int, now: int) -> None:
    random = numpy.random.default_rng(5)
    share = random.dirichlet(numpy.ones(cells))
    found = [
        homogeneity.homogeneity(random.multinomial(before, share), random.multinomial(now, share)) for _ in range(2000)
    ]
    low = numpy.mean([each.exact_p_value < 0.01 for each in found if each is not None])
    assert low < 0.02


@pytest.mark.parametrize(
    ("before", "now", "freedom"), [([30, 70], [45, 55], 1), ([10, 20, 30, 40], [25, 25, 25, 25], 3)]
)
def test_the_exact_moments_agree_with_the_usual_test_on_full_cells(
    before: list[int], now: list[int], freedom: int
) -> None:
    found = homogeneity.homogeneity(before, now)
    assert found is not None
    assert found.freedom == freedom
    assert found.exact_p_value == pytest.approx(found.p_value, rel=0.2)


@given(some.floats(0.01, 3.0))
def test_kolmogorovs_tail_is_scipys(distance: float) -> None:
    assert kolmogorov_smirnov.tail(distance) == pytest.approx(float(scipy.stats.kstwobign.sf(distance)), abs=1e-10)


@pytest.mark.parametrize("shift", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("draw", ["normal", "lognormal", "poisson", "uniform"])
def test_gap_and_distance_from_bins_are_near_scipys_on_all_values(draw: str, shift: float) -> None:
    random = numpy.random.default_rng(11)
    many = {
        "normal": random.normal(size=90_000),
        "lognormal": random.lognormal(size=90_000),
        "poisson": numpy.asarray(random.poisson(30, 90_000), dtype=numpy.float64),
        "uniform": random.random(90_000),
    }[draw]
    old, new = many[:50_000], many[50_000:] + shift
    known = _fine(old)
    bins = binning.Bins(numpy.array(known.edges))
    bins.add(new)
    gap = kolmogorov_smirnov.kolmogorov_smirnov(known.counts, bins.counts)
    assert gap is not None
    exact = scipy.stats.ks_2samp(old, new, method="asymp")
    assert gap.value <= exact.statistic + 1e-12
    assert gap.value == pytest.approx(exact.statistic, abs=2e-3)
    moved = wasserstein.wasserstein(
        known.edges, wasserstein.Side(known.counts, known.sums), wasserstein.Side(bins.counts, bins.sums)
    )
    expected = scipy.stats.wasserstein_distance(old, new) / old.std()
    assert moved is not None
    assert moved / old.std() == pytest.approx(expected, abs=1e-3)


def test_a_column_far_from_zero_loses_no_digits() -> None:
    random = numpy.random.default_rng(12)
    old = 1.7e9 + random.normal(size=20_000)
    known = _fine(old)
    bins = binning.Bins(numpy.array(known.edges))
    bins.add(old + 0.5)
    moved = wasserstein.wasserstein(
        known.edges, wasserstein.Side(known.counts, known.sums), wasserstein.Side(bins.counts, bins.sums)
    )
    assert moved == pytest.approx(0.5, abs=1e-3)
    assert known.deviation == pytest.approx(float(old.std(ddof=1)), rel=1e-6)


def test_normal_scores_are_as_strong_as_the_t_test_and_unmoved_by_an_outlier() -> None:
    random = numpy.random.default_rng(13)
    old, new = random.normal(size=2_000), random.normal(size=2_000) + 0.2
    known = reference.numeric(old, 250)

    def shift(values: numpy.typing.NDArray[numpy.float64]) -> float:
        found = normal_scores.normal_scores(known.counts, reference.count(values, numpy.array(known.edges)))
        assert found is not None
        return found.z

    t = scipy.stats.ttest_ind(new, old)
    assert shift(new) == pytest.approx(t.statistic, rel=0.05)
    assert shift(numpy.append(new, [1e12])) == pytest.approx(shift(new), rel=0.02)


@given(some.integers(0, 40), some.integers(0, 40), some.integers(0, 200), some.integers(0, 200))
def test_two_rates_are_judged_by_the_exact_distribution(before: int, now: int, more: int, others: int) -> None:
    n, m = before + more, now + others
    found = rate.rate(before, n, now, m)
    if not n or not m or before + now in (0, n + m):
        assert found == 1.0
        return
    spread = scipy.stats.hypergeom(n + m, before + now, m)
    expected = min(1.0, 2 * min(spread.cdf(now), spread.sf(now - 1)))
    assert found == pytest.approx(float(expected), rel=1e-6, abs=1e-12)


def test_many_cases_are_judged_by_yates() -> None:
    found = rate.rate(50_000, 1_000_000, 51_000, 1_000_000)
    expected = scipy.stats.chi2_contingency([[50_000, 950_000], [51_000, 949_000]], correction=True)
    assert found == pytest.approx(expected.pvalue, rel=1e-6)


def test_a_table_whose_columns_only_move_apart_is_found_by_reconstruction_not_by_the_classifier() -> None:
    random = numpy.random.default_rng(14)
    base = random.normal(size=(3_000, 1))
    before = numpy.hstack([base + 0.3 * random.normal(size=(3_000, 1)) for _ in range(4)])
    apart = numpy.column_stack([random.permutation(column) for column in before.T])
    known = reconstruction.pattern(("a", "b", "c", "d"), before)
    assert known is not None
    broken = reconstruction.change(known, apart)
    same = reconstruction.change(known, before[::-1][:1500])
    assert broken is not None
    assert same is not None
    assert broken.value > 1.0
    assert broken.p_value < 1e-12
    assert abs(same.value) < 0.05
    told = domain_classifier.domain_classifier(before, apart, numpy.random.default_rng(1))
    assert told is not None
    assert told.p_value > 0.001


def test_without_drift_the_classifier_and_the_reconstruction_seldom_alarm() -> None:
    random = numpy.random.default_rng(15)
    chances = []
    for _ in range(200):
        before, now = random.normal(size=(300, 8)), random.normal(size=(300, 8))
        told = domain_classifier.domain_classifier(before, now, random)
        known = reconstruction.pattern(tuple("abcdefgh"), before)
        assert told is not None
        assert known is not None
        changed = reconstruction.change(known, now)
        assert changed is not None
        chances.append((told.p_value, changed.p_value))
    low = (numpy.array(chances) < 0.01).mean(axis=0)
    assert low.max() <= 0.03


def test_empty_and_constant_columns_of_a_matrix_do_no_harm() -> None:
    data = numpy.column_stack([numpy.full(200, numpy.nan), numpy.full(200, 3.0), numpy.arange(200.0)])
    told = domain_classifier.domain_classifier(data, data, numpy.random.default_rng(1))
    known = reconstruction.pattern(("a", "b", "c"), data)
    assert told is not None
    assert 0.3 < told.auc < 0.7
    assert known is not None
    assert reconstruction.change(known, data) is not None
    assert reconstruction.pattern(("a",), data[:, :1]) is None
    assert domain_classifier.domain_classifier(data[:5], data, numpy.random.default_rng(1)) is None


@pytest.mark.parametrize(
    ("factor", "offset", "said"),
    [(1000.0, 0.0, "thousand"), (1 / 60, 0.0, "60"), (1.8, 32.0, "Fahrenheit"), (-1.0, 0.0, "sign")],
)
def test_a_change_of_unit_is_named(factor: float, offset: float, said: str) -> None:
    values = numpy.random.default_rng(16).gamma(4.0, 5.0, 5_000)
    before = tuple(numpy.quantile(values, [0.1, 0.5, 0.9]).tolist())
    now = tuple(sorted((factor * value + offset) for value in before))
    found = unit.unit(before, now)
    assert found is not None
    assert said in found.said


def test_a_shift_is_no_change_of_unit() -> None:
    assert unit.unit((10.0, 20.0, 30.0), (14.0, 24.0, 34.0)) is None
    assert unit.unit((1.0, 1.0, 1.0), (2.0, 2.0, 2.0)) is None
    with pytest.raises(Invalid):
        unit.unit((3.0, 2.0, 1.0), (1.0, 2.0, 3.0))


def test_what_is_impossible_is_refused() -> None:
    with pytest.raises(Invalid):
        total_variation.total_variation([1, -1], [1, 1])
    with pytest.raises(Invalid):
        hellinger.hellinger([1, 1], [1, 1, 1])
    with pytest.raises(Invalid):
        rate.rate(3, 2, 0, 1)
    with pytest.raises(Invalid):
        chi_square.tail(1.0, 0)
    with pytest.raises(Invalid):
        duplicates.duplicates(1, 2)
    with pytest.raises(Invalid):
        wasserstein.Side([1, 2], [1.0])


def test_small_measures_of_quality() -> None:
    assert constant.constant(None, None) is False
    assert duplicates.duplicates(0, 0) is None
    assert freshness.freshness(None, 1) is None
    assert vanished.vanished({"a": 10}, {}).names == ()
    assert vanished.vanished({"a": 990, "b": 10}, {"a": 20}).p_value == 1.0
    assert out_of_range.chance(5, 1000, 1000) == pytest.approx(2**-5, rel=0.01)
