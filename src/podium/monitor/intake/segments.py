"""Log segments: bytes from a scorer into a checked Arrow table in the log's own types."""

from typing import NamedTuple

import pyarrow
import pyarrow.compute

from podium.core import class_rules, name, prediction
from podium.core.errors import Invalid

LARGEST = 256 * 1024 * 1024
LAST_US = 253_402_300_799_999_999
ROLES = ("champion", "canary", "shadow")
_TEXT, _INTEGER, _NUMBER = pyarrow.string(), pyarrow.int64(), pyarrow.float64()
AT = pyarrow.timestamp("us", "UTC")
CORE = pyarrow.schema(
    [
        pyarrow.field("prediction_id", _TEXT),
        pyarrow.field("request_id", _TEXT),
        pyarrow.field("at", AT),
        pyarrow.field("endpoint", _TEXT),
        pyarrow.field("model", _TEXT),
        pyarrow.field("version", _INTEGER),
        pyarrow.field("digest", _TEXT),
        pyarrow.field("role", _TEXT),
        pyarrow.field("rollout", _INTEGER),
        pyarrow.field("key", _TEXT),
        pyarrow.field("score", _NUMBER),
        pyarrow.field("threshold", _NUMBER),
        pyarrow.field("decision", pyarrow.bool_()),
    ]
)
REFERRED = pyarrow.field("referred", pyarrow.bool_())
"""Of the log, not of segments: a person decides the row, as its score lies in the version's band."""
_PREFIXES = (prediction.FEATURE_PREFIX, class_rules.PROBABILITY)
_NULLABLE = frozenset({"threshold", "decision", "request_id"})
_KINDS = {_TEXT: "text", _INTEGER: "64-bit integers", _NUMBER: "64-bit floats", AT: "timestamps in microseconds, UTC"}
FEATURE_TYPES = {"text": _TEXT, "number": _NUMBER, "boolean": pyarrow.bool_()}
_FEATURE_KINDS = {kind: word for word, kind in FEATURE_TYPES.items()}


class Received(NamedTuple):
    """A segment's rows, what model they are of, and the instants of the first and last."""

    table: pyarrow.Table
    model: str
    from_us: int
    to_us: int
    digests: tuple[str, ...]
    endpoints: tuple[str, ...]
    referred: int
    """How many rows wait for a person's decision."""


def parse(data: bytes) -> Received:
    """Read an Arrow IPC stream of `core.prediction` columns; `Invalid` on anything else.

    All rows are of one model. Features become text, boolean or float64 (integers lie within ±2^53, so none is lost):
    a feature that was an integer in one version and a number in the next stays one column of the log.
    """
    if len(data) > LARGEST:
        raise Invalid("A segment has at most 256 MiB.", fix="Seal segments earlier.")
    table = _read(data)
    if not table.num_rows:
        raise Invalid("The segment holds no rows.")
    core = pyarrow.table([_core(table, field) for field in CORE], schema=CORE)
    features = [(field.name, _feature(table.column(field.name), field.name)) for field in _features(table)]
    checked = with_referred(core)
    for column, values in features:
        checked = checked.append_column(column, values)
    ends = pyarrow.compute.min_max(core.column("at").cast(pyarrow.int64())).as_py()
    check_instants(ends["min"], ends["max"])
    return Received(
        table=checked,
        model=_one_model(core),
        from_us=ends["min"],
        to_us=ends["max"],
        digests=tuple(sorted(core.column("digest").unique().to_pylist())),
        endpoints=tuple(name.check(each, "endpoint") for each in sorted(core.column("endpoint").unique().to_pylist())),
        referred=waiting(checked).num_rows,
    )


def check_instants(first_us: int, last_us: int) -> None:
    """Raise `Invalid` when an instant lies outside the years 1970 to 9999."""
    if first_us < 0 or last_us > LAST_US:
        raise Invalid("An instant lies outside the years 1970 to 9999.", field="at")


def kinds(table: pyarrow.Table) -> dict[str, str]:
    """The types of a parsed segment's features (and of its classes' probabilities), without those that hold nulls
    only."""
    found = {field.name: _FEATURE_KINDS.get(field.type) for field in table.schema}
    return {column: kind for column, kind in found.items() if kind is not None and column.startswith(_PREFIXES)}


def as_logged(table: pyarrow.Table, columns: dict[str, str]) -> pyarrow.Table:
    """A parsed segment with exactly the feature columns of the log, by name, nulls where unknown."""
    features = {
        column: table.column(column).cast(FEATURE_TYPES[kind])
        if column in table.column_names
        else pyarrow.nulls(table.num_rows, FEATURE_TYPES[kind])
        for column, kind in sorted(columns.items())
    }
    names = (*CORE.names, REFERRED.name)
    return pyarrow.table({**{column: table.column(column) for column in names}, **features})


def waiting(table: pyarrow.Table) -> pyarrow.Table:
    """The rows of a parsed segment that a person is to decide: what a shadow would refer is none of them."""
    return table.filter(
        pyarrow.compute.and_(table.column(REFERRED.name), pyarrow.compute.not_equal(table.column("role"), ROLES[-1]))
    )


def with_referred(table: pyarrow.Table) -> pyarrow.Table:
    """Rows of the log with what their thresholds and decisions say about `referred`."""
    values = _referred(table)
    if REFERRED.name in table.column_names:
        return table.set_column(table.column_names.index(REFERRED.name), REFERRED, values)
    return table.append_column(REFERRED, values)


def _referred(core: pyarrow.Table) -> pyarrow.ChunkedArray:
    """A version with a threshold decides every row, but those that it refers."""
    return pyarrow.compute.and_(
        pyarrow.compute.is_valid(core.column("threshold")), pyarrow.compute.is_null(core.column("decision"))
    )


def _read(data: bytes) -> pyarrow.Table:
    try:
        table = pyarrow.ipc.open_stream(data).read_all()
        table.validate(full=True)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowException, OSError, EOFError):
        raise Invalid("This is not a whole Arrow IPC stream.", fix="Send the bytes of a sealed segment.") from None
    names = table.column_names
    if len(set(names)) != len(names):
        raise Invalid("A column comes twice in the segment.")
    return table


def _core(table: pyarrow.Table, field: pyarrow.Field) -> pyarrow.ChunkedArray:
    if field.name not in table.column_names:
        raise Invalid("The segment lacks a column.", field=field.name, fix="Send all columns of a prediction.")
    column = _plain(table.column(field.name))
    try:
        column = column.cast(field.type)
    except pyarrow.ArrowException:
        raise Invalid(f"The column must hold {_KINDS.get(field.type, 'booleans')}.", field=field.name) from None
    if column.null_count and field.name not in _NULLABLE:
        raise Invalid("The column may not hold nulls.", field=field.name)
    if field.name == "role" and not set(column.unique().to_pylist()) <= set(ROLES):
        raise Invalid("A role is champion, canary or shadow.", field="role")
    return column


def _features(table: pyarrow.Table) -> list[pyarrow.Field]:
    others = [field for field in table.schema if field.name not in prediction.COLUMNS]
    if not all(field.name.startswith(_PREFIXES) and len(field.name) > 2 for field in others):
        raise Invalid("The segment has a column that is neither a prediction's, a feature's nor a class's.")
    return others


def _feature(column: pyarrow.ChunkedArray, named: str) -> pyarrow.ChunkedArray:
    column = _plain(column)
    kind = column.type
    if pyarrow.types.is_boolean(kind) or pyarrow.types.is_string(kind) or pyarrow.types.is_null(kind):
        return column
    if pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind):
        try:
            return column.cast(_NUMBER)
        except pyarrow.ArrowException:
            raise Invalid("A whole number lies beyond ±2^53.", field=named) from None
    raise Invalid("A feature holds numbers, text or booleans.", field=named)


def _plain(column: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    if pyarrow.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.cast(_TEXT) if pyarrow.types.is_large_string(column.type) else column


def _one_model(core: pyarrow.Table) -> str:
    models = core.column("model").unique().to_pylist()
    if len(models) != 1:
        raise Invalid("A segment holds the predictions of one model.", field="model")
    return name.check(models[0], "model")
