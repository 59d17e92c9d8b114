"""Rows for `score` and `outcomes`: read from files or from JSON on the command line, and written as csv or json."""

import csv
import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow

from podium.core import name, outcome, split, time
from podium.core.errors import Invalid, PodiumError

BATCH = 5000
_JSON_STARTS = ("[", "{")


def read(given: str, field: str = "--data") -> pyarrow.Table:
    """The rows of a file, or of JSON: one object, or a list of objects. Raises `Invalid` or `NotFound`."""
    text = given.strip()
    if text.startswith(_JSON_STARTS):
        return _from_json(text.encode())
    path = Path(given)
    if path.suffix == ".json" and path.is_file():
        return _from_json(path.read_bytes())
    from podium.build.datasets import sources

    try:
        return sources.read(given)
    except PodiumError as problem:
        raise type(problem)(problem.message, field=field, fix=problem.fix) from None


def _from_json(data: bytes) -> pyarrow.Table:
    try:
        value = msgspec.json.decode(data)
        rows = value if isinstance(value, list) else [value]
        if not rows or not all(isinstance(row, dict) for row in rows):
            raise Invalid("There are no rows.", field="--data", fix='Write [{"column": value, …}, …].')
        names = dict.fromkeys(column for row in rows for column in row)
        return pyarrow.table({column: [row.get(column) for row in rows] for column in names})
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Invalid("This is not JSON.", field="--data", fix='Write [{"column": value, …}, …].') from None
    except pyarrow.ArrowException:
        raise Invalid("A column holds values of different types.", field="--data", fix="Give each one type.") from None


def outcomes(
    table: pyarrow.Table, *, key: str, prediction_id: str, value: str, at: str, now_us: int
) -> list[outcome.Outcome]:
    """The outcomes in a table, by the names of its columns; rows without a truth are left out."""
    named = _column(table, key or prediction_id, "--key" if key else "--prediction-id")
    truths = _column(table, value, "--value")
    instants = _column(table, at, "--at") if at else [now_us] * table.num_rows
    made = []
    for who, truth, instant in zip(named, truths, instants, strict=True):
        if truth is None:
            continue
        identity = {"key": split.text_of(who)} if key else {"prediction_id": str(who)}
        made.append(outcome.Outcome(value=_truth(truth), at_us=_instant_us(instant), **identity))
    if not made:
        raise Invalid("No row has a truth.", field="--value")
    return made


def _column(table: pyarrow.Table, wanted: str, option: str) -> list[Any]:
    if wanted not in table.column_names:
        raise Invalid("There is no such column.", field=option, fix=name.nearest(wanted, table.column_names))
    values: list[Any] = table.column(wanted).to_pylist()
    return values


def _truth(truth: Any) -> float | str:
    """A number, or a text: which of them is right, the platform knows."""
    if isinstance(truth, str):
        return truth
    try:
        return float(truth)
    except (TypeError, ValueError):
        raise Invalid(
            "A truth is neither a number nor a text.", field="--value", fix="Write 0 and 1, or a number."
        ) from None


def _instant_us(value: Any) -> int:
    if isinstance(value, bool) or value is None:
        raise Invalid("A row has no instant.", field="--at", fix="Write ISO 8601, or microseconds since 1970.")
    if isinstance(value, int):
        return value
    if isinstance(value, datetime.datetime):
        return time.to_us(value.replace(tzinfo=datetime.UTC) if value.tzinfo is None else value)
    return time.to_us(time.parse_instant(str(value), "--at"))


def write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows as csv or json, by the file's extension."""
    if path.suffix == ".json":
        path.write_bytes(msgspec.json.format(msgspec.json.encode(rows), indent=2) + b"\n")
        return
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)
