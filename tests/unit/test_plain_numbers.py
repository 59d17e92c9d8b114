"""Columns of every numeric type as plain numbers beside their bits of nulls, in slices too; instants' extremes."""

import datetime
import decimal
from typing import Any

import numpy
import pyarrow
import pytest

from podium.measures.sketch import arrow, column

MICROSECOND = datetime.timedelta(microseconds=1)
COLUMNS: list[tuple[pyarrow.DataType, list[Any], list[float | None]]] = [
    (pyarrow.int8(), [1, None, -3] * 5, [1.0, None, -3.0] * 5),
    (pyarrow.uint64(), [2**63, None, 0] * 5, [2.0**63, None, 0.0] * 5),
    (pyarrow.float32(), [0.5, None, -0.25] * 5, [0.5, None, -0.25] * 5),
    (pyarrow.float64(), [0.1, None, 1e300] * 5, [0.1, None, 1e300] * 5),
    (pyarrow.decimal128(5, 2), [decimal.Decimal("1.25"), None] * 8, [1.25, None] * 8),
    (pyarrow.duration("us"), [7 * MICROSECOND, None] * 8, [7.0, None] * 8),
    (pyarrow.time32("s"), [datetime.time(0, 1), None] * 8, [60.0, None] * 8),
    (pyarrow.dictionary(pyarrow.int8(), pyarrow.float64()), [0.5, None, 2.5] * 5, [0.5, None, 2.5] * 5),
    (pyarrow.null(), [None] * 15, [None] * 15),
]


@pytest.mark.parametrize(("type_", "given", "expected"), COLUMNS, ids=[str(each[0]) for each in COLUMNS])
@pytest.mark.parametrize("start", [0, 3, 9])
def test_numbers_and_which_are_null(
    type_: pyarrow.DataType, given: list[Any], expected: list[float | None], start: int
) -> None:
    array = pyarrow.array(given, type_).slice(start)
    values, valid = arrow.numbers_and_valid(array)
    there = numpy.ones(len(array), dtype=bool) if valid is None else valid.of(len(array))
    found = [value if known else None for value, known in zip(values.tolist(), there.tolist(), strict=True)]
    assert found == expected[start:]
    if valid is not None:
        places = numpy.arange(0, len(array), 2)
        assert valid.at(places).tolist() == there[places].tolist()
    numbers = [None if numpy.isnan(value) else value for value in arrow.numbers(array).tolist()]
    assert numbers == expected[start:]


@pytest.mark.parametrize("type_", [pyarrow.timestamp("ns"), pyarrow.timestamp("s", "UTC"), pyarrow.date32()], ids=str)
def test_the_first_and_the_last_instant(type_: pyarrow.DataType) -> None:
    days = [datetime.date(1970, 1, 3), None, datetime.date(1970, 1, 2)]
    array = pyarrow.array(days, pyarrow.date32()).cast(type_)
    assert arrow.microseconds(array) == (86_400_000_000, 2 * 86_400_000_000)
    assert arrow.microseconds(array.slice(1, 1)) is None


def test_of_very_many_words_the_known_are_counted_by_name() -> None:
    words = column.Words(("w1", "w7"))
    for start in (0, 9_000, 18_000):
        words.add(pyarrow.array([f"w{at}" for at in range(start, start + 9_000)]))
    words.add(pyarrow.array(["w7", "w8", None, "w7"]))
    assert (words.counts, words.unnamed, words.nulls) == ({"w1": 1, "w7": 3}, 27_000 - 2 + 1, 1)
