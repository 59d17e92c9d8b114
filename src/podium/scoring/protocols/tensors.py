"""Tensors of the Open Inference Protocol as raw bytes, to NumPy and Arrow and back; little-endian, one value a row.

Numbers are views of the bytes they came in. Text (`BYTES`: for each value its length in 4 bytes, then its UTF-8)
becomes an Arrow string array, whatever the number of values, without a step per value where lengths allow it.
"""

import itertools
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from podium.core.errors import Invalid
from podium.core.signature import FieldType, Signature

BYTES = "BYTES"
DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype("u1"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
_NUMBERS = frozenset(DTYPES) - {"BOOL"}
ALLOWED: dict[FieldType, frozenset[str]] = {
    FieldType.NUMBER: _NUMBERS,
    FieldType.INTEGER: _NUMBERS,
    FieldType.BOOLEAN: frozenset({"BOOL"}),
    FieldType.TEXT: frozenset({BYTES}),
}
DATATYPE = {FieldType.NUMBER: "FP64", FieldType.INTEGER: "INT64", FieldType.BOOLEAN: "BOOL", FieldType.TEXT: BYTES}
MOST_ROWS = 100_000
"""Rows in one request of a binary form, of whatever width."""
MOST_VALUES = 4_000_000
"""Values in one request of a binary form: 32 MB as float64."""
_PREFIX = 4
_LONGEST_SHORT = 255


def check_name(name: object, datatype: object, signature: Signature, where: str) -> None:
    """`Invalid` unless the tensor has a name and a datatype that fits the feature of that name, if there is one."""
    if not isinstance(name, str) or not name:
        raise Invalid("A tensor needs a name.", field=f"{where}.name")
    if not isinstance(datatype, str) or (datatype not in DTYPES and datatype != BYTES):
        raise Invalid("This is not a datatype.", field=f"{where}.datatype", fix="Send FP64, INT64, BOOL or BYTES.")
    feature = signature.feature(name)
    if feature is not None and datatype not in ALLOWED[feature.type]:
        wanted = DATATYPE[feature.type]
        raise Invalid("The datatype does not fit the feature.", field=f"{where}.datatype", fix=f"Send {wanted}.")


def rows_of(shape: object, where: str) -> int:
    """How many rows a shape of [rows] or [rows, 1] has."""
    if not isinstance(shape, list) or len(shape) not in (1, 2) or shape[1:] not in ([], [1]):
        raise Invalid("A tensor's shape is [rows] or [rows, 1].", field=f"{where}.shape")
    rows = shape[0]
    if type(rows) is not int or type(shape[-1]) is not int or rows < 0:
        raise Invalid("A tensor's shape is [rows] or [rows, 1].", field=f"{where}.shape")
    return rows


def check_rows(rows: int, features: int, field: str) -> None:
    """`Invalid` when a request holds too many rows, or too many values of all its features together."""
    most = min(MOST_ROWS, MOST_VALUES // max(features, 1))
    if rows > most:
        raise Invalid(
            f"A request for this model holds at most {most} rows.",
            field=field,
            fix="Split the rows over several requests.",
        )


def check_size(datatype: str, rows: int, size: int, where: str) -> None:
    """`Invalid` unless so many bytes are just right for the rows; for text, unless they may be."""
    if datatype == BYTES:
        if size < rows * _PREFIX or (rows == 0 and size):
            raise Invalid("The bytes are not as many as the shape asks for.", field=where)
    elif size != rows * DTYPES[datatype].itemsize:
        raise Invalid("The bytes are not as many as the shape asks for.", field=where)


def numbers(datatype: str, data: Any, where: str) -> npt.NDArray[Any]:
    """A view of raw numbers or booleans, whose size was checked; a byte that is neither 0 nor 1 is no boolean."""
    array = np.frombuffer(data, dtype=DTYPES[datatype])
    if datatype != "BOOL":
        return array
    if len(array) and int(array.max()) > 1:
        raise Invalid("A boolean is a byte of 0 or 1.", field=where)
    return array.view(np.bool_)


def texts(parts: Sequence[Any], rows: int, where: Sequence[str]) -> list[pa.Array]:
    """Raw text tensors of `rows` values each as string arrays; `where` names each of them for errors.

    Laid end to end, they are one tensor; all are decoded together, and the ends compared.
    """
    whole = parts[0] if len(parts) == 1 else b"".join(parts)
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    total = rows * len(parts)
    starts = _short(whole, total)
    if starts is None or not np.array_equal(_last(starts, rows, len(whole)), ends):
        starts = np.concatenate(
            [_walk(part, rows, name) + (end - len(part)) for part, name, end in zip(parts, where, ends, strict=True)]
        )
    made = _strings(whole, starts)
    try:
        made.validate(full=True)
    except pa.ArrowInvalid:
        wrong = next(index for index in range(len(parts)) if not _is_utf8(made.slice(index * rows, rows)))
        raise Invalid("The text is not UTF-8.", field=where[wrong]) from None
    return [made.slice(index * rows, rows) for index in range(len(parts))]


def _last(starts: npt.NDArray[np.int64], rows: int, size: int) -> npt.NDArray[np.int64]:
    """Where each tensor of `rows` values ends, when they lie end to end."""
    if not rows:
        return np.zeros(0, dtype=np.int64)
    return np.append(starts[rows::rows], size)


def _short(data: Any, count: int) -> npt.NDArray[np.int64] | None:
    """Where the values' lengths stand, if all texts have 1 to 255 bytes and none is zero; else None.

    Then just three zeros follow the first byte of each length, and there are no others. That the positions found
    follow from one another by the lengths proves that this is the only reading.
    """
    octets = np.frombuffer(data, dtype=np.uint8)
    zeros = np.flatnonzero(octets == 0)
    if count == 0 or len(zeros) != 3 * count:
        return None
    starts = zeros[::3] - 1
    lengths = octets[starts].astype(np.int64)
    follows = np.append(starts[1:], len(octets)) == starts + _PREFIX + lengths
    runs = (zeros[1::3] == zeros[::3] + 1) & (zeros[2::3] == zeros[::3] + 2)
    return starts if starts[0] == 0 and follows.all() and runs.all() else None


def _walk(data: Any, rows: int, where: str) -> npt.NDArray[np.int64]:
    """Where the values' lengths stand, found one after another."""
    size = len(data)
    starts = []
    at = 0
    for _ in range(rows):
        if at + _PREFIX > size:
            raise Invalid("The bytes end before the last text.", field=where)
        starts.append(at)
        at += _PREFIX + int.from_bytes(data[at : at + _PREFIX], "little")
    if at != size:
        raise Invalid("The texts' lengths do not add up to the tensor's bytes.", field=where)
    return np.array(starts, dtype=np.int64)


def _strings(data: Any, starts: npt.NDArray[np.int64]) -> pa.Array:
    """The texts without their lengths, end to end."""
    octets = np.frombuffer(data, dtype=np.uint8)
    kept = np.ones(len(octets), dtype=np.bool_)
    for place in range(_PREFIX):
        kept[starts + place] = False
    offsets = np.append(starts, len(octets)) - _PREFIX * np.arange(len(starts) + 1)
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(octets[kept])]
    return pa.Array.from_buffers(pa.string(), len(starts), buffers)


def _is_utf8(array: pa.Array) -> bool:
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def raw_texts(values: Sequence[str]) -> bytes:
    """Texts as a raw tensor. Texts of one length that follow each other are joined at once."""
    parts = []
    for size, group in itertools.groupby(values, len):
        joined = list(group)
        if size <= 127 and "".join(joined).isascii():
            before = chr(size) + "\0\0\0"
            parts.append((before + before.join(joined)).encode())
        else:
            parts += [struct.pack("<I", len(value)) + value for value in map(str.encode, joined)]
    return b"".join(parts)
