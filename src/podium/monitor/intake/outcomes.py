"""Outcomes: what an application sends, into a checked Arrow table in the log's own types."""

import io
from collections.abc import Sequence

import pyarrow
import pyarrow.compute
import pyarrow.parquet

from podium.core import outcome
from podium.core.errors import Invalid
from podium.monitor.intake import segments

MOST = 100_000
LARGEST = 64 * 1024 * 1024
SCHEMA = pyarrow.schema(
    [
        pyarrow.field("prediction_id", pyarrow.string()),
        pyarrow.field("key", pyarrow.string()),
        pyarrow.field("value", pyarrow.float64()),
        pyarrow.field("at", segments.AT),
    ]
)


def from_structs(rows: Sequence[outcome.Outcome], classes: Sequence[str] = ()) -> pyarrow.Table:
    """A table of outcomes as JSON gives them; `Invalid` on a row that names no prediction, or more than 100,000.

    Of a model of several `classes` the values are labels, and are kept as the labels' places.
    """
    _check_count(len(rows))
    segments.check_instants(min(row.at_us for row in rows), max(row.at_us for row in rows))
    table = pyarrow.table(
        {
            "prediction_id": pyarrow.array([row.prediction_id for row in rows], pyarrow.string()),
            "key": pyarrow.array([row.key for row in rows], pyarrow.string()),
            "value": pyarrow.array(_values([row.value for row in rows], classes), pyarrow.float64()),
            "at": pyarrow.array([row.at_us for row in rows], pyarrow.int64()).cast(segments.AT),
        }
    )
    return _checked(table)


def from_arrow(data: bytes, classes: Sequence[str] = ()) -> pyarrow.Table:
    """A table of outcomes from an Arrow IPC stream with value, at (or at_us), and key or prediction_id or both."""
    if len(data) > LARGEST:
        raise Invalid("At most 64 MiB of outcomes are taken at once.", fix="Send them in parts.")
    try:
        table = pyarrow.ipc.open_stream(data).read_all()
        table.validate(full=True)
    except (pyarrow.ArrowException, OSError, EOFError):
        raise Invalid("This is not a whole Arrow IPC stream.") from None
    _check_count(table.num_rows)
    if "at_us" in table.column_names:
        table = table.rename_columns(["at" if each == "at_us" else each for each in table.column_names])
    columns = []
    for field in SCHEMA:
        if field.name == "value" and classes and field.name in table.column_names:
            columns.append(pyarrow.array(_places(_plain(table.column("value")), classes), pyarrow.float64()))
        elif field.name in table.column_names:
            columns.append(_cast(table.column(field.name), field))
        elif field.name in ("key", "prediction_id"):
            columns.append(pyarrow.nulls(table.num_rows, field.type))
        else:
            raise Invalid("The outcomes lack a column.", field=field.name)
    return _checked(pyarrow.table(columns, schema=SCHEMA))


def label(place: float, classes: Sequence[str]) -> str:
    """The class of a kept outcome."""
    return classes[int(place)]


def _values(values: Sequence[float | str], classes: Sequence[str]) -> Sequence[float]:
    if classes:
        return _places(values, classes)
    try:
        return [float(value) for value in values]
    except ValueError:
        raise Invalid(
            "An outcome's value is a finite number.", field="value", fix="Send 0 or 1, or a number."
        ) from None


def _places(values: Sequence[float | str | None], classes: Sequence[str]) -> list[float]:
    """Each label's place among the classes; `Invalid` on any other."""
    known = {each: float(place) for place, each in enumerate(classes)}
    found = [known.get(_word(value)) for value in values]
    wrong = [row for row, place in enumerate(found) if place is None]
    if wrong:
        raise Invalid(
            f"An outcome is none of the model's classes: in {len(wrong)} rows, the first of them row {wrong[0]}.",
            field="value",
            fix=f"Send one of {', '.join(classes)}.",
        )
    return [place for place in found if place is not None]


def _word(value: object) -> str:
    """A label as it is written in the project file: of a whole number its digits."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def _plain(column: pyarrow.ChunkedArray) -> list[float | str | None]:
    values: list[float | str | None] = column.to_pylist()
    return values


def to_parquet(table: pyarrow.Table) -> bytes:
    """The bytes under which outcomes are kept; the same rows give the same ones."""
    sink = io.BytesIO()
    pyarrow.parquet.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _cast(column: pyarrow.ChunkedArray, field: pyarrow.Field) -> pyarrow.ChunkedArray:
    if pyarrow.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    try:
        return column.cast(field.type)
    except pyarrow.ArrowException:
        raise Invalid("The column is of a wrong type.", field=field.name) from None


def _check_count(rows: int) -> None:
    if not 1 <= rows <= MOST:
        raise Invalid(f"From 1 to {MOST:,} outcomes are taken at once.", fix="Send them in parts.")


def _checked(table: pyarrow.Table) -> pyarrow.Table:
    named = pyarrow.compute.or_(
        pyarrow.compute.is_valid(table.column("key")), pyarrow.compute.is_valid(table.column("prediction_id"))
    )
    if not pyarrow.compute.all(named, min_count=0).as_py():
        raise Invalid("An outcome names its row.", field="key", fix="Give key or prediction_id in every row.")
    for column in ("value", "at"):
        if table.column(column).null_count:
            raise Invalid("The column may not hold nulls.", field=column)
    ends = pyarrow.compute.min_max(table.column("at").cast(pyarrow.int64())).as_py()
    segments.check_instants(ends["min"], ends["max"])
    if not pyarrow.compute.all(pyarrow.compute.is_finite(table.column("value")), min_count=0).as_py():
        raise Invalid("An outcome's value is a finite number.", field="value")
    return table
