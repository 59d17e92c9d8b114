"""What became of each flight, and when that was known; instants in seconds since 1970, UTC."""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy
import pyarrow

from podium.cli.demo.flights import tables
from podium.cli.demo.flights.history import Floats, Ints

HOUR = 3_600
DAY = 24 * HOUR
LATE_MINUTES = 30
HOME = "America/New_York"
_UNLISTED = {
    "BQN": "America/Puerto_Rico",
    "PSE": "America/Puerto_Rico",
    "SJU": "America/Puerto_Rico",
    "STT": "America/St_Thomas",
}
"""Destinations that the table of airports lacks."""


def scheduled(flights: pyarrow.Table) -> Ints:
    """Scheduled departures. The package gives the hour in UTC, right across both changes of the clocks."""
    hours: Ints = flights["time_hour"].cast(pyarrow.timestamp("s", "UTC")).cast(pyarrow.int64()).to_numpy()
    minutes: Ints = flights["minute"].to_numpy()
    return hours + 60 * minutes


def delay(flights: pyarrow.Table) -> Floats:
    """Minutes by which each flight arrived late (early: negative); NaN when it never arrived where it was going."""
    minutes: Floats = flights["arr_delay"].cast(pyarrow.float64()).to_numpy(zero_copy_only=False)
    return minutes


def late(delays: Floats) -> Floats:
    """1 when more than 30 minutes late or never arrived (cancelled, diverted), else 0."""
    return numpy.where(numpy.isnan(delays), 1.0, (delays > LATE_MINUTES).astype(numpy.float64))


def block(flights: pyarrow.Table, at: Ints) -> Ints:
    """Seconds from scheduled departure to scheduled arrival, which the timetable gives in the destination's time."""
    timed: Ints = flights["sched_arr_time"].to_numpy()
    arrival = (timed // 100) * HOUR + (timed % 100) * 60
    zones = {**dict(_listed()), **_UNLISTED}
    local = at + offsets(at, [zones.get(place, HOME) for place in flights["dest"].to_pylist()])
    return (arrival - local) % DAY


def known(at: Ints, blocks: Ints, delays: Floats) -> Ints:
    """When each outcome was known: at the landing; when there was none, at noon of the next day in New York."""
    landed = at + blocks + 60 * numpy.nan_to_num(delays).astype(numpy.int64)
    day = (at + offsets(at, [HOME] * len(at))) // DAY + 1
    noon = day * DAY + 12 * HOUR
    return numpy.where(numpy.isnan(delays), noon - offsets(noon, [HOME] * len(at)), landed)


def offsets(at: Ints, zones: list[str]) -> Ints:
    """Each zone's distance from UTC at that instant, in seconds."""
    names, zone = numpy.unique(zones, return_inverse=True)
    pairs, back = numpy.unique((at // HOUR) * len(names) + zone, return_inverse=True)
    clocks = [ZoneInfo(str(name)) for name in names]
    found = [_offset(clocks[pair % len(names)], int(pair) // len(names) * HOUR) for pair in pairs]
    return numpy.array(found, dtype=numpy.int64)[back]


def _offset(zone: ZoneInfo, instant: int) -> int:
    away = datetime.fromtimestamp(instant, zone).utcoffset()
    return int(away.total_seconds()) if away is not None else 0


def _listed() -> list[tuple[str, str]]:
    airports = tables.airports()
    pairs = zip(airports["faa"].to_pylist(), airports["tzone"].to_pylist(), strict=True)
    return [(code, zone) for code, zone in pairs if zone and "/" in zone]
