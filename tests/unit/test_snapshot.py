"""The canonical snapshot: bytes that follow from the rows alone, and the profile of its columns."""

import datetime
import decimal
from collections.abc import Iterator
from typing import Any

import numpy
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.build.datasets import profile, snapshot, sources
from podium.core.errors import Invalid


def read_back(data: bytes) -> pyarrow.Table:
    return pyarrow.parquet.read_table(pyarrow.BufferReader(data))


def test_batches_and_types_do_not_change_the_bytes() -> None:
    numbers = numpy.arange(150_000)
    whole = pyarrow.table({"n": numbers, "text": numbers.astype(str), "x": numbers / 3})
    narrow = pyarrow.table(
        {
            "n": pyarrow.array(numbers, pyarrow.int32()),
            "text": pyarrow.array(numbers.astype(str)).dictionary_encode(),
            "x": pyarrow.array(numbers / 3),
        }
    ).replace_schema_metadata({"pandas": "{}", "written": "today"})
    batches = pyarrow.RecordBatchReader.from_batches(whole.schema, whole.to_batches(777))
    expected = snapshot.to_parquet(whole)
    assert snapshot.to_parquet(narrow) == expected
    assert snapshot.to_parquet(batches) == expected
    assert snapshot.to_parquet(snapshot.open_reader(expected)) == expected
    assert read_back(expected).schema.metadata is None
    file = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(expected))
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [65536, 65536, 18928]


def test_another_order_or_value_gives_other_bytes() -> None:
    one = pyarrow.table({"n": [1, 2]})
    assert snapshot.to_parquet(one) != snapshot.to_parquet(pyarrow.table({"n": [2, 1]}))
    assert snapshot.to_parquet(one) != snapshot.to_parquet(pyarrow.table({"n": [1, None]}))
    assert snapshot.to_parquet(one) != snapshot.to_parquet(pyarrow.table({"m": [1, 2]}))


def test_every_kept_type_in_its_canonical_form() -> None:
    instant = datetime.datetime(2013, 3, 1, 5, 0, 0, 1, tzinfo=datetime.UTC)
    table = pyarrow.table(
        {
            "small": pyarrow.array([1, None], pyarrow.uint8()),
            "half": pyarrow.array([1.5, float("nan")], pyarrow.float32()),
            "money": pyarrow.array([decimal.Decimal("1.25"), None]),
            "nothing": pyarrow.nulls(2),
            "large": pyarrow.array(["a", None], pyarrow.large_string()),
            "yes": pyarrow.array([True, None]),
            "naive": pyarrow.array([instant.replace(tzinfo=None), None], pyarrow.timestamp("ns")),
            "zoned": pyarrow.array([instant, None], pyarrow.timestamp("us", "America/New_York")),
            "day": pyarrow.array([instant.date(), None], pyarrow.date64()),
        }
    )
    found = read_back(snapshot.to_parquet(table))
    utc = pyarrow.timestamp("us", "UTC")
    assert found.schema.types == [
        pyarrow.int64(), pyarrow.float64(), pyarrow.float64(), pyarrow.float64(), pyarrow.string(), pyarrow.bool_(),
        utc, utc, pyarrow.date32(),
    ]  # fmt: skip
    assert [column.null_count for column in found.columns] == [1, 1, 1, 2, 1, 1, 1, 1, 1]
    first = found.slice(0, 1).to_pylist()[0]
    assert first["naive"] == first["zoned"] == instant


BROKEN: list[tuple[str, Any, str]] = [
    ("repeated", pyarrow.table([[1], [2]], names=["a", "a"]), "Two columns are named 'a'"),
    ("empty name", pyarrow.table([[1]], names=[""]), "name of column 1"),
    ("control", pyarrow.table([[1]], names=["a\nb"]), "name of column 1"),
    ("list", pyarrow.table({"a": [[1]]}), "'a' is of a type that is not kept"),
    ("struct", pyarrow.table({"a": [{"b": 1}]}), "'a' is of a type that is not kept"),
    ("binary", pyarrow.table({"a": [b"1"]}), "'a' is of a type that is not kept"),
    ("huge", pyarrow.table({"a": pyarrow.array([2**64 - 1], pyarrow.uint64())}), "do not fit in int64"),
    ("no rows", pyarrow.table({"a": pyarrow.array([], pyarrow.int64())}), "no rows"),
    ("no columns", pyarrow.table({}), "no columns"),
    (
        "not UTF-8",
        pyarrow.table({"a": pyarrow.array([b"\xff"]).view(pyarrow.string())}),
        "do not fit in string",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("table", "words"), [broken[1:] for broken in BROKEN], ids=[broken[0] for broken in BROKEN])
def test_what_cannot_be_kept_is_refused(table: pyarrow.Table, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        snapshot.to_parquet(table)


def test_damaged_bytes_are_refused_and_never_crash() -> None:
    whole = snapshot.to_parquet(pyarrow.table({"a": list(range(1000)), "b": ["x"] * 1000}))
    generator = numpy.random.default_rng(0)
    for _ in range(300):
        data = bytearray(whole)
        for place in generator.integers(0, len(data), 3):
            data[place] ^= int(generator.integers(1, 256))
        try:
            snapshot.to_parquet(snapshot.open_reader(bytes(data)))
        except Invalid:
            continue


TEXT = st.none() | st.text(st.characters(exclude_categories=["Cs"]))
ROWS = st.lists(st.tuples(st.none() | st.integers(-(2**63), 2**63 - 1), TEXT), min_size=1, max_size=50)


@given(ROWS, st.integers(1, 7))
def test_rows_come_back_as_they_went(rows: list[tuple[int | None, str | None]], size: int) -> None:
    schema = pyarrow.schema([("n", pyarrow.int64()), ("t", pyarrow.string())])

    def batches() -> Iterator[pyarrow.RecordBatch]:
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            yield pyarrow.record_batch([[n for n, _ in part], [t for _, t in part]], schema=schema)

    data = snapshot.to_parquet(pyarrow.RecordBatchReader.from_batches(schema, batches()))
    assert [(row["n"], row["t"]) for row in read_back(data).to_pylist()] == rows


def test_the_profile_of_numbers_text_booleans_and_instants() -> None:
    start = datetime.datetime(2013, 1, 1, tzinfo=datetime.UTC)
    table = read_back(
        snapshot.to_parquet(
            pyarrow.table(
                {
                    "x": [float(value) for value in range(1, 101)],
                    "odd": [float("inf"), None] + [3.0] * 98,
                    "t": ["b"] * 50 + ["a"] * 50,
                    "yes": [True] * 99 + [None],
                    "at": [start] * 99 + [start + datetime.timedelta(days=1)],
                    "nothing": pyarrow.nulls(100),
                }
            )
        )
    )
    x, odd, text, yes, at, nothing = profile.of_table(table)
    assert (x.minimum, x.maximum, x.mean, x.distinct) == (1.0, 100.0, 50.5, 100)
    assert x.deviation == pytest.approx(28.866, abs=1e-3)
    assert x.quantiles == (1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0)
    assert (odd.nulls, odd.maximum, odd.distinct) == (1, 3.0, 2)
    assert text.top == (("a", 50), ("b", 50))
    assert yes.top == (("true", 99),)
    assert at.maximum == start.timestamp() * 1e6 + 86_400e6
    assert nothing == type(nothing)(name="nothing", type="double", nulls=100, distinct=0)


def test_frequent_values_are_twenty_at_most() -> None:
    [column] = profile.of_table(pyarrow.table({"t": [str(i % 40) for i in range(80)] + ["7"]}))
    assert len(column.top) == 20
    assert column.top[0] == ("7", 3)
    assert column.distinct == 40


def test_the_description_of_a_source_has_no_secrets() -> None:
    assert sources.describe("postgresql://ann:secret@db:5432/sales?sslkey=x") == "postgresql://db:5432/sales"
    assert sources.describe("https://host/data.csv?token=secret") == "https://host/data.csv"
    assert sources.describe("data/*.csv") == "data/*.csv"
    assert "secret" not in sources.describe("postgresql://ann:secret@[db/sales")
