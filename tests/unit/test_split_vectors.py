"""The split of rows: fixed vectors, so that no change can move a row from train to test unseen."""

import datetime
import decimal
import hashlib
from typing import Any

import numpy
import pytest

from podium.core import project, split
from podium.core.dataset import Part
from podium.core.errors import Invalid

SPLIT = project.SplitPart(validation=0.15, test=0.15, salt="podium")


def test_the_text_of_each_type() -> None:
    zone = datetime.timezone(datetime.timedelta(hours=-5))
    expected: list[tuple[Any, str]] = [
        (None, ""),
        (float("nan"), ""),
        (numpy.datetime64("NaT"), ""),
        ("", ""),
        ("é", "é"),
        (True, "true"),
        (numpy.bool_(False), "false"),
        (-7, "-7"),
        (numpy.int64(2**62), "4611686018427387904"),
        (7.0, "7.0"),
        (0.1, "0.1"),
        (1e16, "1e+16"),
        (-0.0, "-0.0"),
        (numpy.float32(0.1), "0.10000000149011612"),
        (float("inf"), "inf"),
        (datetime.date(2013, 3, 1), "2013-03-01"),
        (datetime.datetime(2013, 3, 1, 5, tzinfo=datetime.UTC), "2013-03-01T05:00:00.000000Z"),
        (datetime.datetime(2013, 3, 1, 0, tzinfo=zone), "2013-03-01T05:00:00.000000Z"),
        (numpy.datetime64("2013-03-01T05:00:00.000001"), "2013-03-01T05:00:00.000001Z"),
        (decimal.Decimal("1.50"), "1.50"),
        (b"\x00\xff", "00ff"),
    ]
    assert [split.text_of(key) for key, _ in expected] == [text for _, text in expected]
    with pytest.raises(Invalid, match="column of this type"):
        split.text_of([1])


def test_the_hash_is_as_specified() -> None:
    place = int.from_bytes(hashlib.sha256(b"podium\x1fN14228").digest()[:8], "big") / 2**64
    expected = Part.TEST if place < 0.15 else Part.VALIDATION if place < 0.3 else Part.TRAIN
    assert split.part_of("N14228", SPLIT) is expected


VECTORS: list[tuple[Any, str]] = [
    ("", "train"),
    ("a", "train"),
    ("N14228", "train"),
    ("2013-01-01", "train"),
    ("2013-07-04", "train"),
    ("é", "train"),
    (0, "test"),
    (1, "train"),
    (2, "validation"),
    (42, "train"),
    (-1, "test"),
    (9223372036854775807, "train"),
    (1.0, "validation"),
    (0.1, "train"),
    (True, "train"),
    (False, "train"),
    (None, "train"),
    ("row-5", "validation"),
    ("row-8", "validation"),
    ("row-17", "test"),
    ("row-27", "test"),
]


@pytest.mark.parametrize(("key", "part"), VECTORS)
def test_fixed_vectors(key: Any, part: str) -> None:
    assert split.part_of(key, SPLIT) == part
    assert split.PARTS[split.assign([key], SPLIT)[0]] == part


def test_the_salt_moves_rows() -> None:
    keys = [str(number) for number in range(200)]
    other = project.SplitPart(salt="other")
    assert split.assign(keys, SPLIT).tolist() != split.assign(keys, other).tolist()


def test_shares_are_near_the_fractions() -> None:
    codes = split.assign(range(20_000), SPLIT)
    counted = split.counts(codes)
    assert abs(counted[Part.TEST] / 20_000 - 0.15) < 0.01
    assert abs(counted[Part.VALIDATION] / 20_000 - 0.15) < 0.01


def test_by_time_the_last_rows_are_the_test_and_ties_stay_together() -> None:
    by_time = project.SplitPart(by="time", validation=0.2, test=0.2)
    assert split.assign([5, 1, 4, 2, 3], by_time).tolist() == [2, 0, 1, 0, 0]
    assert split.assign([1, 2, 3, 3, 3, 3, 3, 3, 3, 4], by_time).tolist() == [0, 0] + [2] * 8
    days = [datetime.datetime(2013, 1, 1 + day, tzinfo=datetime.UTC) for day in range(10)]
    assert split.assign(days, by_time).tolist() == [0] * 6 + [1] * 2 + [2] * 2
    assert (
        split.assign(numpy.arange("2013-01-01", "2013-01-11", dtype="datetime64[D]"), by_time).tolist()
        == [0] * 6 + [1] * 2 + [2] * 2
    )
    assert split.assign([], by_time).tolist() == []


def test_by_time_refuses_what_has_no_order() -> None:
    by_time = project.SplitPart(by="time")
    with pytest.raises(Invalid, match="no time"):
        split.assign([1.0, None], by_time)
    with pytest.raises(Invalid, match="in order"):
        split.assign([datetime.date(2013, 1, 1), 5], by_time)


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(Invalid, match="Unicode"):
        split.part_of("\ud800", SPLIT)
