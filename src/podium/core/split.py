"""Which rows train, which choose the threshold, which measure: the same answer for the same row, always.

By hash: u = (first 8 bytes, big-endian, of SHA-256(salt + U+001F + key)) / 2^64, all as UTF-8. With fractions t (test)
and v (validation): u < t is test; t ≤ u < t + v is validation; the rest is train. Compared exactly, in integers.

A key becomes text so: null and NaN `""`; a boolean `true` or `false`; an integer in decimal; a float as the shortest
text that reads back to the same float64 (Python's `repr`: `1.0`, `1e+16`, `-0.0`); an instant in ISO 8601, UTC, with
six digits of microseconds (`2013-03-01T00:00:00.000000Z`; without a time zone it is taken as UTC); a date `2013-03-01`;
text as it is; a decimal in plain digits; bytes as text in hexadecimal.

By time: rows are cut where the sorted times pass the fraction, and rows of one time stay together.
"""

import datetime
import decimal
import hashlib
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, TypeAlias

import numpy
import numpy.typing

from podium.core import project
from podium.core.dataset import Part
from podium.core.errors import Invalid

Codes: TypeAlias = numpy.typing.NDArray[numpy.int8]
"""One part a row: 0 train, 1 validation, 2 test."""

PARTS = (Part.TRAIN, Part.VALIDATION, Part.TEST)
_TRAIN, _VALIDATION, _TEST = 0, 1, 2
_SEPARATOR = "\x1f"
_WHOLE = 2**64


def text_of(key: Any) -> str:
    """The text of a key of any type that a column may have.

    >>> text_of(7), text_of(7.0), text_of(True), text_of(None)
    ('7', '7.0', 'true', '')
    """
    if key is None:
        return ""
    if isinstance(key, str):
        return str(key)
    if isinstance(key, bool | numpy.bool_):
        return "true" if key else "false"
    if isinstance(key, int | numpy.integer):
        return str(int(key))
    if isinstance(key, float | numpy.floating):
        return "" if numpy.isnan(key) else repr(float(key))
    return _text_of_rare(key)


def _text_of_rare(key: Any) -> str:
    if isinstance(key, numpy.datetime64):
        return "" if numpy.isnat(key) else _instant(key.astype("datetime64[us]").astype(datetime.datetime))
    if isinstance(key, datetime.datetime):
        return _instant(key)
    if isinstance(key, datetime.date):
        return key.isoformat()
    if isinstance(key, decimal.Decimal):
        return "" if key.is_nan() else format(key, "f")
    if isinstance(key, bytes):
        return key.hex()
    raise Invalid(
        "Rows cannot be split by a column of this type.", field="split.key", fix="Use text, numbers, dates or instants."
    )


def _instant(instant: datetime.datetime) -> str:
    aware = instant.replace(tzinfo=datetime.UTC) if instant.tzinfo is None else instant.astimezone(datetime.UTC)
    return aware.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def part_of(key: Any, part: project.SplitPart) -> Part:
    """The part of one row, by the hash of its key.

    >>> part_of("2013-07-04", project.SplitPart())
    <Part.TRAIN: 'train'>
    """
    return PARTS[_code(_place(text_of(key), part.salt), *_limits(part))]


def assign(keys: Iterable[Any], part: project.SplitPart) -> Codes:
    """The part of every row (int8, one a row; see `PARTS`). With `by = "hash"` the keys are the key column's values;
    with `by = "time"`, the time column's. Each different key is hashed once. `Invalid` for keys of unknown types.
    """
    if part.by == "time":
        return by_time(keys, part)
    limits = _limits(part)
    known: dict[Any, int] = {}
    codes: list[int] = []
    for key in keys:
        text = text_of(key)
        code = known.get(text)
        if code is None:
            code = known[text] = _code(_place(text, part.salt), *limits)
        codes.append(code)
    return numpy.asarray(codes, dtype=numpy.int8)


def by_time(times: Iterable[Any], part: project.SplitPart) -> Codes:
    """The last rows by time are the test, those before them validation; rows of one time stay together.

    The boundary of the test is the time of the row at place ⌊n (1 − test)⌋ in sorted order, and that of validation at
    ⌊n (1 − test − validation)⌋: rows at a boundary or after it belong to the later part. Missing times are refused.
    """
    values = _comparable(times)
    count = len(values)
    if count == 0:
        return numpy.zeros(0, dtype=numpy.int8)
    ordered = numpy.sort(values)
    test, validation = Fraction(str(part.test)), Fraction(str(part.validation))
    first_test = ordered[min(count - 1, int(count * (1 - test)))]
    first_validation = ordered[min(count - 1, int(count * (1 - test - validation)))]
    codes = numpy.zeros(count, dtype=numpy.int8)
    codes[values >= first_validation] = _VALIDATION
    codes[values >= first_test] = _TEST
    return codes


def counts(codes: Codes) -> dict[Part, int]:
    """Rows in each part."""
    return {part: int((codes == code).sum()) for code, part in enumerate(PARTS)}


def _place(text: str, salt: str) -> int:
    try:
        data = f"{salt}{_SEPARATOR}{text}".encode()
    except UnicodeEncodeError:
        raise Invalid("A key is not valid Unicode.", field="split.key", fix="Clean the column first.") from None
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big")


def _limits(part: project.SplitPart) -> tuple[int, int]:
    """The exact places, of 2^64, where the test ends and where validation ends. Fractions count as they are written."""
    test, validation = Fraction(str(part.test)), Fraction(str(part.validation))
    return _ceiling(test * _WHOLE), _ceiling((test + validation) * _WHOLE)


def _ceiling(fraction: Fraction) -> int:
    return -(-fraction.numerator // fraction.denominator)


def _code(place: int, test: int, validation: int) -> int:
    if place < test:
        return _TEST
    return _VALIDATION if place < validation else _TRAIN


def _comparable(times: Iterable[Any]) -> numpy.typing.NDArray[Any]:
    """Times as one sortable array: microseconds for instants and dates, numbers and text as they are."""
    values: Any = times if isinstance(times, numpy.ndarray) else list(times)
    if any(text_of(value) == "" for value in values):
        raise Invalid("A row has no time.", field="data.time", fix="Leave such rows out, or split by hash.")
    if all(isinstance(value, datetime.datetime) for value in values):
        values = [_instant(value) for value in values]
    array = numpy.asarray(values)
    if array.dtype.kind not in "iufMUO" or (array.dtype.kind == "O" and len({type(value) for value in values}) > 1):
        raise Invalid("Rows cannot be put in order by this column.", field="data.time", fix="Use instants or dates.")
    return array
