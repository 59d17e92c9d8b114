"""Arrow arrays as what summaries take: numbers with NaN for null, words with None, instants in microseconds.

Methods of arrays are called, not `pyarrow.compute`'s functions: they load it when it is needed, which is seldom.
"""

import enum
from typing import Any, TypeVar

import numpy
import numpy.typing
import pyarrow

from podium.measures import binning, rows
from podium.measures.drift import reference as references

Number = TypeVar("Number", numpy.int32, numpy.float64)


class Kind(enum.StrEnum):
    """What a column holds, as far as drift is concerned."""

    NUMERIC = "numeric"
    CATEGORY = "category"
    TIME = "time"
    EMPTY = "empty"
    """Nothing but nulls, by its type."""
    OTHER = "other"
    """Lists, structures, bytes: not compared."""


def kind(type_: pyarrow.DataType) -> Kind:
    """What a column of an Arrow type holds.

    >>> kind(pyarrow.int8()).value, kind(pyarrow.dictionary(pyarrow.int32(), pyarrow.string())).value
    ('numeric', 'category')
    """
    types = pyarrow.types
    if types.is_dictionary(type_):
        return kind(type_.value_type)
    tests = {
        Kind.CATEGORY: (types.is_string, types.is_large_string, types.is_string_view, types.is_boolean),
        Kind.NUMERIC: (types.is_integer, types.is_floating, types.is_decimal, types.is_duration, types.is_time),
        Kind.TIME: (types.is_timestamp, types.is_date),
        Kind.EMPTY: (types.is_null,),
    }
    return next((found for found, each in tests.items() if any(test(type_) for test in each)), Kind.OTHER)


def is_truth(type_: pyarrow.DataType) -> bool:
    """Whether a column holds true and false.

    >>> is_truth(pyarrow.bool_()), is_truth(pyarrow.string())
    (True, False)
    """
    return bool(pyarrow.types.is_boolean(type_))


def plain(array: pyarrow.Array) -> numpy.typing.NDArray[Any]:
    """An array of integers or floats without nulls as NumPy's, not copied.

    Arrow's own way, `to_numpy`, loads pandas where it is installed, which takes longer than a million rows.

    >>> plain(pyarrow.array([1, 2])).tolist()
    [1, 2]
    """
    return numpy.asarray(numpy.from_dlpack(array))


def of_plain(values: numpy.typing.NDArray[numpy.int64] | rows.Numbers) -> pyarrow.Array:
    """A NumPy array as Arrow's, not copied, and again without pandas.

    >>> of_plain(numpy.array([1.5])).to_pylist()
    [1.5]
    """
    type_ = pyarrow.float64() if values.dtype == numpy.float64 else pyarrow.int64()
    return pyarrow.Array.from_buffers(type_, values.size, [None, pyarrow.py_buffer(numpy.ascontiguousarray(values))])


def numbers(array: pyarrow.Array) -> rows.Numbers:
    """A numeric array as float64, null as NaN; without a copy where there is no null.

    >>> numbers(pyarrow.array([1, None, 3])).tolist()
    [1.0, nan, 3.0]
    """
    values, valid = numbers_and_valid(array)
    return values if valid is None else numpy.where(valid.of(values.size), values, numpy.nan)


def numbers_and_valid(array: pyarrow.Array) -> tuple[rows.Numbers, binning.Valid | None]:
    """A numeric array as float64, with anything where it is null, and which values are there; None = all. Not copied.

    >>> values, valid = numbers_and_valid(pyarrow.array([1, None, 3]))
    >>> values[[0, 2]].tolist(), valid.of(3).tolist()
    ([1.0, 3.0], [True, False, True])
    """
    array = _doubles(array)
    return _stored(array, numpy.dtype(numpy.float64)), _valid(array)


def codes_and_valid(array: pyarrow.Array) -> tuple[numpy.typing.NDArray[numpy.int32], binning.Valid | None]:
    """Codes as 32-bit integers, with anything where they are null, and which are there; None = all.

    >>> codes, valid = codes_and_valid(pyarrow.array([1, None], pyarrow.int8()))
    >>> codes[0].item(), valid.of(2).tolist()
    (1, [True, False])
    """
    if not pyarrow.types.is_int32(array.type):
        array = array.cast(pyarrow.int32())
    return _stored(array, numpy.dtype(numpy.int32)), _valid(array)


def _stored(array: pyarrow.Array, type_: numpy.dtype[Number]) -> numpy.typing.NDArray[Number]:
    """What an array of plain values holds, whether null or not."""
    if not len(array):
        return numpy.empty(0, dtype=type_)
    start = array.offset * type_.itemsize
    return numpy.frombuffer(array.buffers()[1], dtype=type_, count=len(array), offset=start)


def _valid(array: pyarrow.Array) -> binning.Valid | None:
    return binning.Valid(array.buffers()[0], array.offset) if array.null_count else None


def _doubles(array: pyarrow.Array) -> pyarrow.Array:
    if pyarrow.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pyarrow.types.is_duration(array.type) or pyarrow.types.is_time(array.type):
        array = array.cast(pyarrow.int64() if array.type.bit_width == 64 else pyarrow.int32())
    if not pyarrow.types.is_float64(array.type):
        array = array.cast(pyarrow.float64(), safe=False)
    return array


def words(array: pyarrow.Array) -> tuple[pyarrow.Array, pyarrow.Array]:
    """A column of categories as codes (int, null where null) and the words that they stand for (text).

    >>> codes, names = words(pyarrow.array(["b", None, "a", "b"]))
    >>> codes.to_pylist(), names.to_pylist()
    ([0, None, 1, 0], ['b', 'a'])
    """
    if pyarrow.types.is_null(array.type):
        return array.cast(pyarrow.int32()), pyarrow.array([], pyarrow.string())
    if not pyarrow.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    names = array.dictionary
    return array.indices, names if pyarrow.types.is_string(names.type) else names.cast(pyarrow.string())


def objects(array: pyarrow.Array) -> references.Objects:
    """A column of categories as text and None, shape [n].

    >>> objects(pyarrow.array([True, None])).tolist()
    ['true', None]
    """
    if pyarrow.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    found = array.cast(pyarrow.string()).to_pylist()
    made = numpy.empty(len(found), dtype=object)
    made[:] = found
    return made


def microseconds(array: pyarrow.Array) -> tuple[int, int] | None:
    """The first and the last instant of a column of times, since 1970; None when all are null.

    >>> import datetime
    >>> microseconds(pyarrow.array([datetime.date(1970, 1, 2), None]))
    (86400000000, 86400000000)
    """
    known = array.drop_null()
    if not len(known):
        return None
    instants = plain(known.cast(pyarrow.timestamp("us"), safe=False).cast(pyarrow.int64()))
    return int(instants.min()), int(instants.max())
