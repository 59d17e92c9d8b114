"""Tensors of the Open Inference Protocol as raw bytes, to NumPy and Arrow and back; little-endian, one value a row.

Numbers are views of the bytes they came in. Text (`BYTES`: for each value its length in 4 bytes, then its UTF-8)
becomes an Arrow string array, whatever the number of values, without a step per value where lengths allow it.
"""

import itertools
import struct
from collections.abc import Container, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from podium.bundle import arrow_columns
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
"""Rows in one request, of whatever width."""
MOST_VALUES = 4_000_000
"""Values in one request: 32 MB as float64."""
_TEXT_FIX = "Send for each text its length in four bytes, then its UTF-8."
_PREFIX = 4
_LONGEST_PLAIN = 127
"""A length of which the first byte is a character in UTF-8."""


def check_name(name: object, datatype: object, signature: Signature, where: str) -> None:
    """`Invalid` unless the tensor has a name and a datatype that fits the feature of that name, if there is one."""
    if not isinstance(name, str) or not name:
        raise Invalid("A tensor needs a name.", field=f"{where}.name", fix="Name each tensor after its feature.")
    if not isinstance(datatype, str) or (datatype not in DTYPES and datatype != BYTES):
        raise Invalid("This is not a datatype.", field=f"{where}.datatype", fix="Send FP64, INT64, BOOL or BYTES.")
    feature = arrow_columns.fields(signature).get(name)
    if feature is not None and datatype not in ALLOWED[feature.type]:
        wanted = DATATYPE[feature.type]
        raise Invalid("The datatype does not fit the feature.", field=f"{where}.datatype", fix=f"Send {wanted}.")


def check_object(given: object, where: str, what: str) -> None:
    """`Invalid` unless it is an object. `what` it is meant to be."""
    if not isinstance(given, dict):
        raise Invalid(f"{what} is an object.", field=where, fix='Send {"name": …} with what belongs to it.')


def check_once(name: str, before: Container[str], where: str) -> None:
    """`Invalid` when a tensor before has that name."""
    if name in before:
        raise Invalid("Two tensors have the same name.", field=f"{where}.name", fix="Send each feature once.")


def check_like_first(rows: int, first: int, where: str) -> None:
    """`Invalid` unless a tensor has as many rows as the first one."""
    if rows != first:
        raise Invalid(
            "The tensor has not as many rows as the first one.",
            field=f"{where}.shape",
            fix="Send a value of each row in each tensor.",
        )


def rows_of(shape: object, where: str) -> int:
    """How many rows a shape of [rows] or [rows, 1] has."""
    sizes = shape if isinstance(shape, list) and all(type(size) is int for size in shape) else []
    if len(sizes) not in (1, 2) or sizes[1:] not in ([], [1]) or sizes[0] < 0:
        raise Invalid(
            "A tensor's shape is [rows] or [rows, 1].", field=f"{where}.shape", fix="Send one tensor for each feature."
        )
    rows: int = sizes[0]
    return rows


def most_rows(features: int) -> int:
    """How many rows of so many features a request may hold."""
    return min(MOST_ROWS, MOST_VALUES // max(features, 1))


def check_rows(rows: int, features: int, field: str) -> None:
    """`Invalid` when a request holds too many rows, or too many values of all its features together."""
    most = most_rows(features)
    if rows > most:
        raise Invalid(
            f"A request for this model holds at most {most} rows.",
            field=field,
            fix="Split the rows over several requests.",
        )


def check_size(datatype: str, rows: int, size: int, where: str) -> None:
    """`Invalid` unless so many bytes are just right for the rows; for text, unless they may be."""
    least = rows * (_PREFIX if datatype == BYTES else DTYPES[datatype].itemsize)
    exact = datatype != BYTES or rows == 0
    if size < least or (exact and size > least):
        raise Invalid(
            "The bytes are not as many as the shape asks for.",
            field=where,
            fix="Send the bytes of one value for each row.",
        )


def numbers(datatype: str, data: Any, where: str) -> npt.NDArray[Any]:
    """A view of raw numbers or booleans, whose size was checked; a byte that is neither 0 nor 1 is no boolean."""
    array = np.frombuffer(data, dtype=DTYPES[datatype])
    if datatype != "BOOL":
        return array
    if len(array) and int(array.max()) > 1:
        raise Invalid("A boolean is a byte of 0 or 1.", field=where, fix="Send 0 for false and 1 for true.")
    return array.view(np.bool_)


def texts(parts: Sequence[Any], rows: int, where: Sequence[str]) -> list[pa.Array]:
    """Raw text tensors of `rows` values each as string arrays; `where` names each of them for errors.

    Laid end to end, they are one tensor; all are decoded together, and the ends compared.
    """
    whole = parts[0] if len(parts) == 1 else b"".join(parts)
    octets = np.frombuffer(whole, dtype=np.uint8)
    ends = list(itertools.accumulate(map(len, parts)))
    found = _short(octets, rows * len(parts))
    if found is None or [*found[0][rows::rows].tolist(), len(whole)] != ends:
        walked = [_walk(part, rows, name) for part, name in zip(parts, where, strict=True)]
        starts = np.concatenate([each + end - len(part) for each, part, end in zip(walked, parts, ends, strict=True)])
        found = starts, _without_lengths(len(octets), starts)
    made = _strings(octets, *found)
    try:
        made.validate(full=True)
    except pa.ArrowInvalid:
        wrong = next(index for index in range(len(parts)) if not _is_utf8(made.slice(index * rows, rows)))
        raise Invalid("The text is not UTF-8.", field=where[wrong], fix="Encode texts as UTF-8.") from None
    return [made.slice(index * rows, rows) for index in range(len(parts))]


def _short(octets: npt.NDArray[np.uint8], count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]] | None:
    """Where the values' lengths stand, if all texts have 1 to 255 bytes and none is zero; which bytes are text.

    Then just three zeros follow the first byte of each length, and there are no others. That the positions found
    follow from one another by the lengths proves that this is the only reading.
    """
    kept = octets != 0
    zeros = np.flatnonzero(~kept)
    if count == 0 or len(zeros) != 3 * count:
        return None
    first = zeros[::3]
    starts = first - 1
    after = starts + octets[starts] + _PREFIX
    if starts[0] != 0 or after[-1] != len(octets) or (after[:-1] != starts[1:]).any():
        return None
    if (zeros[1::3] != first + 1).any() or (zeros[2::3] != first + 2).any():
        return None
    kept[starts] = False
    return starts, kept


def _without_lengths(size: int, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    kept = np.ones(size, dtype=np.bool_)
    for place in range(_PREFIX):
        kept[starts + place] = False
    return kept


def _walk(data: Any, rows: int, where: str) -> npt.NDArray[np.int64]:
    """Where the values' lengths stand, found one after another."""
    size = len(data)
    starts = []
    at = 0
    for _ in range(rows):
        if at + _PREFIX > size:
            raise Invalid("The bytes end before the last text.", field=where, fix=_TEXT_FIX)
        starts.append(at)
        at += _PREFIX + int.from_bytes(data[at : at + _PREFIX], "little")
    if at != size:
        raise Invalid("The texts' lengths do not add up to the tensor's bytes.", field=where, fix=_TEXT_FIX)
    return np.array(starts, dtype=np.int64)


def _strings(octets: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], kept: npt.NDArray[np.bool_]) -> pa.Array:
    """The texts without their lengths, end to end."""
    count = len(starts)
    offsets = np.empty(count + 1, dtype=np.int32)
    offsets[:count] = starts
    offsets[count] = len(octets)
    offsets -= np.arange(0, _PREFIX * (count + 1), _PREFIX, dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), count, [None, pa.py_buffer(offsets), pa.py_buffer(octets[kept])])


def _is_utf8(array: pa.Array) -> bool:
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def raw_texts(values: Sequence[str]) -> bytes:
    """Texts as a raw tensor. Texts of one length that follow each other are joined at once."""
    plain = "".join(values).isascii()
    parts = []
    for size, group in itertools.groupby(values, len):
        if plain and size <= _LONGEST_PLAIN:
            before = chr(size) + "\0\0\0"
            parts.append((before + before.join(group)).encode())
        else:
            parts += [struct.pack("<I", len(value)) + value for value in map(str.encode, group)]
    return b"".join(parts)
