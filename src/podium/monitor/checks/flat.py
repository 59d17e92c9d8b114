"""Whole numbers as bytes, each in as few as the largest needs; how many bytes that is follows from their number."""

from typing import Any

import numpy
import numpy.typing

Whole = numpy.typing.NDArray[numpy.int64]
_WIDTHS = {1: "<u1", 2: "<u2", 4: "<u4", 8: "<i8"}


def narrow(values: numpy.typing.NDArray[Any]) -> bytes:
    """Whole numbers of 0 or more, shape [n], little-endian.

    >>> len(narrow(numpy.array([1, 255]))), len(narrow(numpy.array([1, 256]))), narrow(numpy.array([], dtype=int))
    (2, 4, b'')
    """
    most = int(values.max()) if values.size else 0
    width = next(each for each in _WIDTHS if most < 256**each)
    return values.astype(_WIDTHS[width]).tobytes()


def wide(data: bytes, count: int) -> Whole:
    """So many whole numbers from their bytes, shape [count].

    >>> wide(narrow(numpy.array([1, 70_000])), 2).tolist()
    [1, 70000]
    """
    if not count:
        return numpy.empty(0, dtype=numpy.int64)
    return numpy.frombuffer(data, _WIDTHS[len(data) // count]).astype(numpy.int64)
