"""Windows whose rows belong together: how far they differ is measured, and quiet ones raise no alarm."""

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from podium.build.runs.training import windows
from podium.core import reference
from podium.core.errors import Invalid
from podium.measures.drift import dispersion, psi, told_apart
from podium.measures.drift import reference as references
from tests import production

CELLS = 10
DAY_ROWS = 300


def weeks(
    random: np.random.Generator, number: int, *, together: float
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Counts of weeks of seven days; each day's shares are its own (Dirichlet), the closer the smaller `together`."""
    made = []
    for _ in range(number):
        days = random.dirichlet(np.full(CELLS, 1.0 / together), size=7) if together else np.full((7, CELLS), 1 / CELLS)
        made.append(sum(random.multinomial(DAY_ROWS, day) for day in days))
    return np.array(made)


def test_independent_rows_have_a_dispersion_of_one() -> None:
    random = np.random.default_rng(1)
    found = [dispersion.dispersion(weeks(random, 20, together=0.0)) for _ in range(50)]
    assert 0.99 < float(np.mean(found)) < 1.1


def test_days_of_their_own_multiply_the_variance() -> None:
    """Of a day's share p under Dirichlet(α): var p(1 − p) / (αK + 1), so that a week varies 1 + (n − 1) / (αK + 1)."""
    random = np.random.default_rng(2)
    expected = 1 + (DAY_ROWS - 1) / (CELLS / 0.2 + 1)
    found = [dispersion.dispersion(weeks(random, 20, together=0.2)) for _ in range(50)]
    assert float(np.mean(found)) == pytest.approx(expected, rel=0.1)


def test_quiet_weeks_of_their_own_raise_no_alarm_and_a_true_drift_does() -> None:
    random = np.random.default_rng(3)
    blind = knowing = found = 0
    for _ in range(100):
        before = weeks(random, 20, together=0.2)
        spread = dispersion.scaled(dispersion.dispersion(before), 7 * DAY_ROWS, 7 * DAY_ROWS)
        quiet = weeks(random, 1, together=0.2)[0]
        plain, wise = psi.psi(before.sum(axis=0), quiet), psi.psi(before.sum(axis=0), quiet, spread)
        assert plain is not None
        assert wise is not None
        blind += plain.p_value < 0.01
        knowing += wise.p_value < 0.01
        moved = np.roll(np.sort(quiet), 1) + np.arange(CELLS) * 60
        drifted = psi.psi(before.sum(axis=0), moved, spread)
        assert drifted is not None
        found += drifted.p_value < 0.01
    assert blind > 90
    assert knowing <= 5
    assert found == 100


@pytest.mark.parametrize("counts", [[[1, -1], [1, 1], [1, 1]], [1, 2, 3]])
def test_what_is_no_table_of_counts_is_refused(counts: object) -> None:
    with pytest.raises(Invalid):
        dispersion.dispersion(counts)  # type: ignore[arg-type]


@pytest.mark.parametrize("counts", [[[5, 5], [9, 1]], [[5], [5], [5]], [[0, 0], [0, 0], [5, 5]]])
def test_where_nothing_can_be_known_it_is_one(counts: list[list[int]]) -> None:
    assert dispersion.dispersion(counts) == 1.0


def test_a_sample_cannot_say_more_than_its_rows() -> None:
    with pytest.raises(Invalid):
        psi.psi([5, 5], [5, 5], 0.5)


def test_training_measures_it_window_by_window() -> None:
    spec = production.spec(monitor={"window": "7d"})
    day = np.repeat(np.arange(56), 50)
    moments = pa.chunked_array([pa.array(day * 86_400_000_000, pa.timestamp("us"))])
    found = windows.number(moments, spec)
    assert found is not None
    assert found.tolist() == (day // 7).tolist()
    values = np.random.default_rng(0).normal(size=day.size) + day // 7
    values[day < 7] = np.nan
    known = references.numeric(values)
    before = references_of(known)
    made = windows.disperse(before, {"wind": values}, windows.Given(values[day >= 7], values), None)
    assert made == before
    made = windows.disperse(before, {"wind": values}, windows.Given(np.nan_to_num(values), values), found)
    assert made.window_rows == 350.0
    assert made.apart is None
    rows = np.nan_to_num(values)[:, None]
    asked = msgspec.structs.replace(before, apart=told_apart.keep(("wind",), rows))
    told = windows.disperse(asked, {"wind": values}, windows.Given(np.nan_to_num(values), values), found)
    assert told.apart is not None
    assert (told.apart.windows, told.apart.usual > 0.6) == (8, True)
    assert made.numeric["wind"].dispersion > 20
    assert made.numeric["wind"].null_dispersion > 20


def test_a_gap_in_the_data_is_no_window() -> None:
    """One row of another year must not make of windows of 350 rows a few rows each, and of any change a quiet one."""
    week = np.append(np.repeat(np.arange(8), 350), 700)
    values = np.random.default_rng(1).normal(size=week.size) + week % 8
    made = windows.disperse(
        references_of(references.numeric(values)), {"wind": values}, windows.Given(values, values), week
    )
    assert made.window_rows == pytest.approx(350 * 8 / 9, rel=0.01)
    two = pa.chunked_array([pa.array([0] * 50 + [10**15] * 50, pa.timestamp("us"))])
    assert windows.number(two, production.spec(monitor={"window": "7d"})) is None


def test_it_holds_for_whole_windows_also_where_most_rows_are_null() -> None:
    """Measured on half of the rows, it is told as of all, so that half of the rows in production get theirs again."""
    random = np.random.default_rng(4)
    week = np.repeat(np.arange(30), 400)
    values = random.normal(size=week.size) + random.normal(size=30)[week]
    half = np.where(np.arange(week.size) % 2 == 0, values, np.nan)
    known = references.numeric(values)
    full, some = (
        windows.disperse(references_of(known), {"wind": each}, windows.Given(values, values), week).numeric["wind"]
        for each in (values, half)
    )
    assert some.dispersion == pytest.approx(full.dispersion, rel=0.2)


def test_means_of_windows_that_share_something_vary_as_much_more() -> None:
    """F of one-way ANOVA is about 1 + n·var between / var within."""
    random = np.random.default_rng(5)
    week = np.repeat(np.arange(200), 50)
    values = random.normal(size=week.size) + random.normal(0.0, 0.5, 200)[week]
    assert dispersion.of_means(values, week) == pytest.approx(1 + 50 * 0.25, rel=0.25)
    assert dispersion.of_means(random.normal(size=week.size), week) < 1.4
    assert dispersion.of_means([1.0, 2.0], [0, 1]) == 1.0


def references_of(known: reference.NumericReference) -> reference.Reference:
    return reference.Reference(
        rows=1, numeric={"wind": known}, categorical={}, score=known, metrics={}, cost_per_row=None
    )


@pytest.mark.parametrize(
    "moments",
    [
        pa.chunked_array([pa.array(["no", "time"])]),
        pa.chunked_array([pa.array([None, 0], pa.timestamp("us"))]),
        pa.chunked_array([pa.array([0, 1], pa.timestamp("us"))]),
        pa.chunked_array([], pa.timestamp("us")),
    ],
)
def test_without_instants_or_with_too_few_windows_it_is_not_measured(moments: pa.ChunkedArray) -> None:
    assert windows.number(moments, production.spec(monitor={"window": "7d"})) is None
