"""Canonical columns straight from NumPy and Arrow arrays, all numbers checked at once.

What is not quite plain (a null, a number too large, a type to convert) goes the long way of `podium.bundle.columns`, so
that the values, and the errors, are the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from podium.bundle import columns
from podium.core.signature import Field, FieldType, Signature

_SPECIAL = (b"\x00", columns.NULL_TEXT.encode())


def of(signature: Signature, given: Mapping[str, Any]) -> columns.Columns:
    """Columns of NumPy arrays, Arrow arrays or lists by feature, as `columns.from_given` makes them."""
    if not _even(signature, given):
        return columns.from_given(signature, given)
    texts = {field.name: _text(given[field.name]) for field in signature.features if field.type is FieldType.TEXT}
    numbers = [field for field in signature.features if field.type is not FieldType.TEXT]
    quick = texts | dict(zip((field.name for field in numbers), _numbers(numbers, given), strict=True))
    made: columns.Columns = {}
    for field in signature.features:
        column = quick[field.name]
        made[field.name] = _long_way(signature, field, given) if column is None else column
    return made


def _even(signature: Signature, given: Mapping[str, Any]) -> bool:
    """Whether all features are there, as columns of one length."""
    found = [given.get(field.name) for field in signature.features]
    if any(column is None for column in found):
        return False
    return len({len(column) for column in found if column is not None}) == 1


def _long_way(signature: Signature, field: Field, given: Mapping[str, Any]) -> npt.NDArray[Any]:
    return columns.from_given(msgspec.structs.replace(signature, features=(field,)), given)[field.name]


def _numbers(fields: Sequence[Field], given: Mapping[str, Any]) -> list[npt.NDArray[np.float64] | None]:
    """Float64 columns, each None where it is not plain."""
    if not fields:
        return []
    matrix = np.empty((len(fields), len(given[fields[0].name])), dtype=np.float64)
    plain = []
    for line, field in zip(matrix, fields, strict=True):
        array = _plain(given[field.name], field.type)
        plain.append(array is not None)
        line[...] = 0.0 if array is None else array
    good = _good(matrix, np.array([field.type is FieldType.INTEGER for field in fields], dtype=np.bool_))
    return [line if here and fits else None for line, here, fits in zip(matrix, plain, good, strict=True)]


def _plain(values: Any, wanted: FieldType) -> npt.NDArray[Any] | None:
    """The values as an array that needs no more than a cast to float64, if they are such."""
    if isinstance(values, pa.Array):
        kind = values.type
        boolean = wanted is FieldType.BOOLEAN and pa.types.is_boolean(kind)
        if values.null_count or not (boolean or pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            return None
        values = values.to_numpy(zero_copy_only=not boolean)
    if not isinstance(values, np.ndarray) or values.ndim != 1:
        return None
    if wanted is FieldType.BOOLEAN:
        return values if values.dtype.kind == "b" else None
    return values if values.dtype.kind in "iuf" else None


def _good(matrix: npt.NDArray[np.float64], integers: npt.NDArray[np.bool_]) -> list[bool]:
    """For each line, whether all is finite, and whole and within ±2^53 where it must be.

    2^53 itself goes the long way: it may have been a larger integer before it was rounded.
    """
    finite = np.isfinite(matrix)
    good = [True] * len(matrix) if finite.all() else [bool(line.all()) for line in finite]
    if integers.any():
        for at in np.flatnonzero(integers).tolist():
            line = matrix[at]
            good[at] = good[at] and bool(
                (np.rint(line) == line).all() and (np.abs(line) < columns.LARGEST_INTEGER).all()
            )
            line += 0.0  # -0.0 becomes 0.0
    return good


def _text(values: Any) -> npt.NDArray[np.object_] | None:
    """A text column, if the array is text without nulls and without the two characters that are refused."""
    if not isinstance(values, pa.Array) or values.null_count:
        return None
    if pa.types.is_dictionary(values.type):
        if not plain_text(values.dictionary) or values.dictionary.null_count:
            return None
        words = values.dictionary.to_numpy(zero_copy_only=False)
        found: npt.NDArray[np.object_] = words[values.indices.to_numpy()]
        return found
    if not plain_text(values):
        return None
    column: npt.NDArray[np.object_] = values.to_numpy(zero_copy_only=False)
    return column


def plain_text(values: pa.Array, longest: int | None = None) -> bool:
    """Whether a checked array is text without nulls or refused characters, each at most `longest` bytes long."""
    if values.null_count or not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return False
    if not len(values):
        return True
    _, offsets, data = values.buffers()
    kind = "<i4" if pa.types.is_string(values.type) else "<i8"
    whole: npt.NDArray[np.int64] = np.frombuffer(offsets, dtype=kind)
    ends = whole[values.offset : values.offset + len(values) + 1]
    if longest is not None and int((ends[1:] - ends[:-1]).max()) > longest:
        return False
    octets = b"" if data is None else data[int(ends[0]) : int(ends[-1])].to_pybytes()
    return not any(special in octets for special in _SPECIAL)
