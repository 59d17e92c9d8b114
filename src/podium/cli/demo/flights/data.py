"""Every flight of 2013 with its outcome and what was known of it at its scheduled departure, and nothing more.

`late` is 1 when the flight arrived more than 30 minutes late or not at all; it is known at `outcome_at`. Each feature
follows from the timetable, the register of aircraft, weather readings whose hour had ended, and outcomes known before
the scheduled departure. A share or mean over no flight, and a reading that is not there, are null.

The records of some cancelled flights name no aircraft, which would give their end away: they count with the aircraft
that last flew the same route for the same carrier.
"""

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import numpy
import pyarrow
import pyarrow.compute
import pyarrow.parquet

from podium.cli.demo.flights import history, outcomes, tables
from podium.cli.demo.flights.history import Floats, Ints
from podium.cli.demo.flights.outcomes import DAY, HOUR

Columns: TypeAlias = dict[str, Any]

YEAR = 400 * DAY
_WEATHER_AGE = 6 * HOUR
_READINGS = {
    "temperature": "temp",
    "dew_point": "dewp",
    "humidity": "humid",
    "wind_speed": "wind_speed",
    "wind_gust": "wind_gust",
    "precipitation": "precip",
    "pressure": "pressure",
    "visibility": "visib",
}
_MAKERS = ("AIRBUS", "BOEING", "BOMBARDIER", "CANADAIR", "EMBRAER", "MCDONNELL")


def load() -> pyarrow.Table:
    """All 336,776 flights, sorted by scheduled departure, read and computed in about three seconds."""
    flights = tables.flights()
    at = outcomes.scheduled(flights)
    delays = outcomes.delay(flights)
    late = outcomes.late(delays)
    blocks = outcomes.block(flights, at)
    known = outcomes.known(at, blocks, delays)
    tails = _tails(flights, at)
    table = pyarrow.table(
        {
            "flight_id": _ids(flights),
            "scheduled_at": _instants(at),
            "outcome_at": _instants(known),
            "day": _days(flights),
            "late": late.astype(numpy.int64),
            **_timetable(flights, at, blocks),
            **_aircraft(tails),
            **_weather(flights, at),
            **_past(flights, at, known, (late, delays)),
            **_inbound(tails, _named(flights), (at, known), (late, delays)),
        }
    )
    return table.take(pyarrow.compute.sort_indices(table, [("scheduled_at", "ascending"), ("flight_id", "ascending")]))


def write_project(folder: Path, rows: pyarrow.Table, until: datetime) -> None:
    """Write the project that ships with Podium into a folder, with the flights of which the end was known by then."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted((Path(__file__).parent / "project").glob("*.*")):
        shutil.copyfile(path, folder / path.name)
    known = pyarrow.compute.less(rows["outcome_at"], pyarrow.scalar(until, pyarrow.timestamp("us", "UTC")))
    pyarrow.parquet.write_table(rows.filter(known), folder / "flights.parquet")


def _ids(flights: pyarrow.Table) -> pyarrow.Array:
    """`2013-01-01-UA-1545-EWR`: unique in the data."""
    flight = flights["flight"].cast(pyarrow.string())
    return pyarrow.compute.binary_join_element_wise(_days(flights), flights["carrier"], flight, flights["origin"], "-")


def _days(flights: pyarrow.Table) -> pyarrow.Array:
    """The day in New York, as text."""
    parts = [flights[name].to_numpy() for name in ("year", "month", "day")]
    months = (parts[0] - 1970) * 12 + parts[1] - 1
    days = months.astype("datetime64[M]").astype("datetime64[D]") + (parts[2] - 1)
    return pyarrow.array(days).cast(pyarrow.string())


def _instants(seconds: Ints) -> pyarrow.Array:
    return pyarrow.array(seconds * 1_000_000).cast(pyarrow.timestamp("us", "UTC"))


def _timetable(flights: pyarrow.Table, at: Ints, blocks: Ints) -> Columns:
    weekday = (_day_numbers(flights) + 3) % 7
    hourly = _codes(flights["origin"]) * (1 << 40) + at // HOUR
    _, place, count = numpy.unique(hourly, return_inverse=True, return_counts=True)
    return {
        "carrier": flights["carrier"],
        "origin": flights["origin"],
        "dest": flights["dest"],
        "weekday": weekday,
        "minute_of_day": 60 * flights["hour"].to_numpy() + flights["minute"].to_numpy(),
        "distance": flights["distance"],
        "scheduled_minutes": blocks // 60,
        "departures_this_hour": count[place],
    }


def _day_numbers(flights: pyarrow.Table) -> Ints:
    days: Ints = _days(flights).cast(pyarrow.date32()).cast(pyarrow.int32()).to_numpy().astype(numpy.int64)
    return days


def _tails(flights: pyarrow.Table, at: Ints) -> pyarrow.Array:
    """The tail number of each flight, or of the carrier's last flight on the route when there is none."""
    there = _named(flights)
    routes = pyarrow.compute.binary_join_element_wise(flights["carrier"], flights["origin"], flights["dest"], "-")
    route = _codes(routes)
    found = history.latest(route[there], at[there], (route[~there], at[~there]), YEAR)
    names = flights["tailnum"].to_numpy(zero_copy_only=False)
    names[~there] = numpy.where(found >= 0, names[there][numpy.maximum(found, 0)], "")
    return pyarrow.array(names, pyarrow.string())


def _named(flights: pyarrow.Table) -> Any:
    return flights["tailnum"].is_valid().to_numpy()


def _aircraft(tails: pyarrow.Array) -> Columns:
    planes = tables.planes()
    place = pyarrow.compute.index_in(tails, planes["tailnum"].combine_chunks())
    makers = [_maker(name) for name in planes["manufacturer"].to_pylist()]
    return {
        "aircraft_year": planes["year"].cast(pyarrow.float64()).take(place),
        "aircraft_seats": planes["seats"].cast(pyarrow.float64()).take(place),
        "aircraft_engines": planes["engines"].cast(pyarrow.float64()).take(place),
        "aircraft_maker": pyarrow.compute.fill_null(pyarrow.array(makers).take(place), "unknown"),
    }


def _maker(name: str | None) -> str:
    """One word for a manufacturer under its several names."""
    return next((maker.lower() for maker in _MAKERS if name and name.startswith(maker)), "other")


def _weather(flights: pyarrow.Table, at: Ints) -> Columns:
    """The origin's newest reading whose hour had ended, at most six hours old."""
    weather = tables.weather()
    hours = weather["time_hour"].cast(pyarrow.timestamp("s", "UTC")).cast(pyarrow.int64()).to_numpy()
    airports = pyarrow.compute.unique(flights["origin"])
    groups = [
        pyarrow.compute.index_in(part["origin"], airports).to_numpy().astype(numpy.int64) for part in (weather, flights)
    ]
    found = history.latest(groups[0], hours + HOUR - 1, (groups[1], at), _WEATHER_AGE)
    place = pyarrow.array(found, mask=found < 0)
    return {name: weather[column].cast(pyarrow.float64()).take(place) for name, column in _READINGS.items()}


def _past(flights: pyarrow.Table, at: Ints, known: Ints, ends: tuple[Floats, Floats]) -> Columns:
    """Shares of late flights and mean delays, by origin, carrier, destination and for all, over the last hours."""
    late, delays = ends
    origin, carrier, dest = (_codes(flights[name]) for name in ("origin", "carrier", "dest"))
    everywhere = numpy.zeros(len(at), dtype=numpy.int64)

    def mean(groups: Ints, values: Floats, hours: int) -> pyarrow.Array:
        total, count = history.recent(groups, known, values, (groups, at), hours * HOUR)
        return pyarrow.array(total / numpy.maximum(count, 1.0), mask=count == 0)

    return {
        "origin_late_3h": mean(origin, late, 3),
        "origin_late_24h": mean(origin, late, 24),
        "origin_delay_3h": mean(origin, delays, 3),
        "carrier_late_3h": mean(carrier, late, 3),
        "carrier_late_24h": mean(carrier, late, 24),
        "dest_late_6h": mean(dest, late, 6),
        "dest_late_24h": mean(dest, late, 24),
        "city_late_2h": mean(everywhere, late, 2),
    }


def _inbound(tails: pyarrow.Array, named: Any, times: tuple[Ints, Ints], ends: tuple[Floats, Floats]) -> Columns:
    """The same aircraft's last flight from New York of which the outcome was known, within a day.

    `named`: whether the record itself names the aircraft; other records say nothing about one.
    """
    at, known = times
    late, delays = ends
    tail = _codes(tails)
    found = history.latest(tail[named], known[named], (tail, at), DAY)
    before = numpy.flatnonzero(named)[numpy.maximum(found, 0)]
    none = found < 0
    return {
        "tail_late": pyarrow.array(late[before], mask=none),
        "tail_delay": pyarrow.array(delays[before], mask=none | numpy.isnan(delays[before])),
        "tail_hours": pyarrow.array((at - known[before]) / HOUR, mask=none),
    }


def _codes(values: Any) -> Ints:
    """A number for each different text."""
    array = values.combine_chunks() if isinstance(values, pyarrow.ChunkedArray) else values
    codes: Ints = array.dictionary_encode().indices.to_numpy().astype(numpy.int64)
    return codes
