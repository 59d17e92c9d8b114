"""The one place where values from outside become the typed columns that a model scores.

The canonical columns, one array for each feature of the signature:

- `number`, `integer`, `boolean`: float64 [n], null is NaN (one bit pattern); a boolean is 0.0 or 1.0; an integer lies
  within ±2^53, so float64 holds it exactly.
- `text`: object [n] of `str`, null is `NULL_TEXT`.

From JSON, Arrow and NumPy the same value gives the same bits, and a row written to the prediction log and read back
gives the bits that were scored. Messages name the feature and the row, never the value.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from podium.core import prediction
from podium.core.errors import Invalid
from podium.core.signature import Field, FieldType, Signature

Columns = dict[str, npt.NDArray[Any]]

NULL_TEXT = "\x1a"
"""Stands for null in a text column (the control character SUBSTITUTE). Sent as a value it is refused."""
LARGEST_INTEGER = 2**53
_FEW = 4

_WANTED = {
    FieldType.NUMBER: "a finite number",
    FieldType.INTEGER: "a whole number between -2^53 and 2^53",
    FieldType.TEXT: "text (valid Unicode without control characters 0 and 26)",
    FieldType.BOOLEAN: "true or false",
}
_ARROW = {
    FieldType.NUMBER: pa.float64(),
    FieldType.INTEGER: pa.int64(),
    FieldType.TEXT: pa.string(),
    FieldType.BOOLEAN: pa.bool_(),
}
_FAST = {
    FieldType.NUMBER: frozenset({float, int, type(None)}),
    FieldType.INTEGER: frozenset({int, float, type(None)}),
    FieldType.BOOLEAN: frozenset({bool, type(None)}),
    FieldType.TEXT: frozenset({str, type(None), float}),
}


def from_rows(signature: Signature, rows: Sequence[Mapping[str, Any]]) -> Columns:
    """Columns of rows as JSON gives them, each a mapping of feature to value; other keys are ignored.

    A feature absent from a row is refused, also where null is allowed: send null to say that it is not known.
    """
    columns: Columns = {}
    for field in signature.features:
        name = field.name
        try:
            values = [row[name] for row in rows]
        except KeyError:
            raise _missing(field, next(index for index, row in enumerate(rows) if name not in row)) from None
        columns[name] = _from_values(field, values)
    return columns


def from_lists(signature: Signature, lists: Mapping[str, Sequence[Any]]) -> Columns:
    """Columns of JSON values given as one list for each feature, all of one length."""
    columns: Columns = {}
    rows: int | None = None
    for field in signature.features:
        if field.name not in lists:
            raise _missing(field)
        values = lists[field.name]
        rows = len(values) if rows is None else rows
        if len(values) != rows:
            raise _uneven(field)
        columns[field.name] = _from_values(field, values)
    return columns


def from_numpy(signature: Signature, arrays: Mapping[str, npt.NDArray[Any]]) -> Columns:
    """Columns of one-dimensional NumPy arrays (bool, integer, float, string or object); a boolean may be 0 or 1."""
    columns: Columns = {}
    rows: int | None = None
    for field in signature.features:
        if field.name not in arrays:
            raise _missing(field)
        array = np.asarray(arrays[field.name])
        rows = len(array) if rows is None else rows
        if array.ndim != 1 or len(array) != rows:
            raise _uneven(field)
        columns[field.name] = _from_array(field, array)
    return columns


def from_arrow(signature: Signature, table: pa.Table | pa.RecordBatch, prefix: str = "") -> Columns:
    """Columns of an Arrow table or batch whose columns are named prefix + feature."""
    columns: Columns = {}
    for field in signature.features:
        index = table.schema.get_field_index(prefix + field.name)
        if index < 0:
            raise _missing(field)
        columns[field.name] = _from_arrow(field, table.column(index))
    return columns


def from_given(signature: Signature, given: Mapping[str, Any]) -> Columns:
    """Columns of lists of JSON values, NumPy arrays or Arrow arrays, by feature, all of one length."""
    columns: Columns = {}
    rows: int | None = None
    for field in signature.features:
        values = given.get(field.name)
        if values is None:
            raise _missing(field)
        rows = len(values) if rows is None else rows
        if len(values) != rows:
            raise _uneven(field)
        if isinstance(values, np.ndarray):
            if values.ndim != 1:
                raise _uneven(field)
            columns[field.name] = _from_array(field, values)
        elif isinstance(values, pa.Array | pa.ChunkedArray):
            columns[field.name] = _from_arrow(field, values)
        else:
            columns[field.name] = _from_values(field, values)
    return columns


def to_list(values: Any) -> list[Any]:
    """A list, a NumPy array or an Arrow array as a list of Python values."""
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return list(values.to_pylist())
    return list(values.tolist() if isinstance(values, np.ndarray) else values)


def from_log(signature: Signature, table: pa.Table | pa.RecordBatch) -> Columns:
    """The columns that were scored, from rows of the prediction log; bit for bit."""
    return from_arrow(signature, table, prediction.FEATURE_PREFIX)


def arrow_schema(signature: Signature, prefix: str = prediction.FEATURE_PREFIX) -> pa.Schema:
    """The features' Arrow fields, in the signature's order."""
    return pa.schema([pa.field(prefix + field.name, _ARROW[field.type]) for field in signature.features])


def to_arrow(signature: Signature, columns: Columns, prefix: str = prediction.FEATURE_PREFIX) -> pa.Table:
    """The prediction log's feature columns (by default under its prefix), nulls as nulls."""
    arrays = [_to_arrow(field, columns[field.name]) for field in signature.features]
    return pa.Table.from_arrays(arrays, schema=arrow_schema(signature, prefix))


def to_values(field: Field, column: npt.NDArray[Any]) -> list[bool | int | float | str | None]:
    """A column as JSON values, null as None."""
    if field.type is FieldType.TEXT:
        return [None if value == NULL_TEXT else value for value in column.tolist()]
    make = {FieldType.NUMBER: float, FieldType.INTEGER: int, FieldType.BOOLEAN: bool}[field.type]
    return [None if math.isnan(value) else make(value) for value in column.tolist()]


def row(signature: Signature, columns: Columns, index: int) -> dict[str, bool | int | float | str | None]:
    """One row as JSON values."""
    return {field.name: to_values(field, columns[field.name][index : index + 1])[0] for field in signature.features}


def take(columns: Columns, index: npt.NDArray[Any] | slice) -> Columns:
    """The rows at those positions."""
    return {name: column[index] for name, column in columns.items()}


def count(columns: Columns) -> int:
    """How many rows."""
    return len(next(iter(columns.values()))) if columns else 0


def _from_values(field: Field, values: Sequence[Any]) -> npt.NDArray[Any]:
    allowed = _FAST[field.type]
    for index, value in enumerate(values):
        if type(value) not in allowed:
            raise _wrong(field, index)
    if field.type is FieldType.TEXT:
        return _text(field, values)
    if len(values) <= _FEW:
        return np.array([_number(field, index, value) for index, value in enumerate(values)], dtype=np.float64)
    try:
        column = np.array(values, dtype=np.float64)
    except OverflowError:
        raise _wrong(field, next(index for index, value in enumerate(values) if not _fits(value))) from None
    if field.type is FieldType.INTEGER and len(values) and max(map(_size, values)) > LARGEST_INTEGER:
        raise _wrong(field, next(index for index, value in enumerate(values) if _size(value) > LARGEST_INTEGER))
    return _checked(field, column)


def _number(field: Field, index: int, value: float | None) -> float:
    """One value, as `_checked` would have it; for a few values this is faster."""
    if value is None or value != value:
        if not field.nullable:
            raise _null(field, index)
        return math.nan
    if not _fits(value):
        raise _wrong(field, index)
    if field.type is FieldType.INTEGER and (abs(value) > LARGEST_INTEGER or value != int(value)):
        raise _wrong(field, index)
    return float(value) if field.type is FieldType.NUMBER else float(value) + 0.0


def _size(value: float | None) -> float:
    return 0 if value is None or value != value else abs(value)


def _fits(value: float | None) -> bool:
    try:
        return value is None or math.isfinite(value)
    except OverflowError:
        return False


def _checked(field: Field, column: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Check range and nulls of float64 values, and give null its one bit pattern."""
    null = np.isnan(column)
    if null.any():
        if not field.nullable:
            raise _null(field, int(null.argmax()))
        column[null] = np.nan
    wrong = np.isinf(column)
    if field.type is FieldType.INTEGER:
        wrong |= (np.abs(column) > LARGEST_INTEGER) | ((column != np.rint(column)) & ~null)
    elif field.type is FieldType.BOOLEAN:
        wrong |= (column != 0) & (column != 1) & ~null
    if wrong.any():
        raise _wrong(field, int(wrong.argmax()))
    if field.type is not FieldType.NUMBER:
        column += 0.0  # -0.0 becomes 0.0, as an integer column of the log has no negative zero
    return column


def _text(field: Field, values: Sequence[Any]) -> npt.NDArray[np.object_]:
    column = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        if value is None or value != value:
            if not field.nullable:
                raise _null(field, index)
            column[index] = NULL_TEXT
        elif _is_text(value):
            column[index] = value
        else:
            raise _wrong(field, index)
    return column


def _is_text(value: Any) -> bool:
    if not isinstance(value, str) or value == NULL_TEXT or "\x00" in value:
        return False
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _from_array(field: Field, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    kind = array.dtype.kind
    if field.type is FieldType.TEXT:
        if kind not in "OUT":
            raise _wrong(field, 0)
        return _text(field, array.tolist())
    if kind == "O":
        return _from_values(field, [value.item() if isinstance(value, np.generic) else value for value in array])
    if kind not in ("biuf" if field.type is FieldType.BOOLEAN else "iuf"):
        raise _wrong(field, 0)
    if field.type is FieldType.INTEGER and kind in "iu" and len(array):
        _bounded(field, int(array.min()), int(array.max()), array)
    return _checked(field, array.astype(np.float64))


def _bounded(field: Field, low: int, high: int, array: npt.NDArray[Any]) -> None:
    if low < -LARGEST_INTEGER or high > LARGEST_INTEGER:
        raise _wrong(field, int(array.argmin() if low < -LARGEST_INTEGER else array.argmax()))


def _from_arrow(field: Field, array: pa.Array | pa.ChunkedArray) -> npt.NDArray[Any]:
    kind = array.type
    if pa.types.is_dictionary(kind):
        array = pc.cast(array, kind.value_type)
        kind = array.type
    if field.type is FieldType.TEXT:
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)):
            raise _wrong(field, 0)
        return _text_from_arrow(field, array)
    good = _is_numeric(kind) or pa.types.is_null(kind)
    if not (good or (field.type is FieldType.BOOLEAN and pa.types.is_boolean(kind))):
        raise _wrong(field, 0)
    if field.type is FieldType.INTEGER and pa.types.is_integer(kind) and len(array) > array.null_count:
        ends = pc.min_max(array).as_py()
        if ends["min"] < -LARGEST_INTEGER or ends["max"] > LARGEST_INTEGER:
            return _from_values(field, array.to_pylist())  # raises, and finds the row
    flat = pc.cast(pc.cast(array, pa.int8()) if pa.types.is_boolean(kind) else array, pa.float64(), safe=False)
    column = np.array(flat.to_numpy(zero_copy_only=False) if isinstance(flat, pa.Array) else flat.to_numpy())
    return _checked(field, column.astype(np.float64, copy=False))


def _text_from_arrow(field: Field, array: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.object_]:
    """Each different text is checked and made once; rows that say the same share one `str`."""
    if len(array) <= _FEW or pa.types.is_null(array.type):
        return _text(field, array.to_pylist())
    encoded = array.dictionary_encode()
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    try:
        words = _text(field, [*encoded.dictionary.to_pylist(), *([None] if encoded.null_count else [])])
    except Invalid:
        return _text(field, array.to_pylist())  # raises, and finds the row
    places = encoded.indices.fill_null(len(words) - 1) if encoded.null_count else encoded.indices
    found: npt.NDArray[np.object_] = words[places.to_numpy()]
    return found


def _is_numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _to_arrow(field: Field, column: npt.NDArray[Any]) -> pa.Array:
    if field.type is FieldType.TEXT:
        return pa.array(column, mask=column == NULL_TEXT, type=pa.string())
    null = np.isnan(column)
    if field.type is FieldType.NUMBER:
        return pa.array(column, mask=null)
    values = np.where(null, 0.0, column) if null.any() else column
    return pa.array(values.astype(np.bool_ if field.type is FieldType.BOOLEAN else np.int64), mask=null)


def _missing(field: Field, index: int | None = None) -> Invalid:
    where = "" if index is None else f" in row {index}"
    return Invalid(f"This feature is missing{where}.", field=field.name, fix=f"Send {_WANTED[field.type]}.")


def _uneven(field: Field) -> Invalid:
    return Invalid(
        "This feature is not a list as long as the others.", field=field.name, fix="Send a value of each row."
    )


def _wrong(field: Field, index: int) -> Invalid:
    return Invalid(
        f"The value in row {index} is not {_WANTED[field.type]}.",
        field=field.name,
        fix=f"Send {_WANTED[field.type]}" + (", or null." if field.nullable else "."),
    )


def _null(field: Field, index: int) -> Invalid:
    return Invalid(
        f"The value in row {index} is null, which this feature does not allow.",
        field=field.name,
        fix=f"Send {_WANTED[field.type]}.",
    )
