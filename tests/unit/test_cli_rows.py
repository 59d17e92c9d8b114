"""Rows that commands read, and outcomes made of them."""

from datetime import UTC, datetime

import pyarrow
import pytest

from podium.cli import rows
from podium.core import outcome, time
from podium.core.errors import Invalid

NOW = time.to_us(datetime(2024, 3, 1, tzinfo=UTC))


def test_rows_are_read_from_json_with_columns_of_all_rows() -> None:
    table = rows.read('[{"a": 1, "b": "x"}, {"a": 2.5, "c": true}]')
    assert table.to_pylist() == [{"a": 1.0, "b": "x", "c": None}, {"a": 2.5, "b": None, "c": True}]
    assert rows.read(' {"a": null} ').to_pylist() == [{"a": None}]


@pytest.mark.parametrize("wrong", ["[", "[]", "[1]", '{"a": ', '[{"a": 1}, {"a": "x"}]', '{"a": "\\ud800"}'])
def test_what_is_no_row_is_refused(wrong: str) -> None:
    with pytest.raises(Invalid):
        rows.read(wrong)


def test_outcomes_are_made_of_columns_and_rows_without_truth_are_left_out() -> None:
    table = pyarrow.table({"id": [7, 8, 9], "late": [True, None, False], "on": ["2024-02-01", None, "2024-02-03"]})
    made = rows.outcomes(table, key="id", prediction_id="", value="late", at="on", now_us=NOW)
    first, last = (time.to_us(datetime(2024, 2, day, tzinfo=UTC)) for day in (1, 3))
    assert made == [outcome.Outcome(value=1.0, at_us=first, key="7"), outcome.Outcome(value=0.0, at_us=last, key="9")]


def test_a_truth_may_be_the_label_of_a_class() -> None:
    table = pyarrow.table({"id": ["a", "b"], "fate": ["late", "007"]})
    made = rows.outcomes(table, key="id", prediction_id="", value="fate", at="", now_us=NOW)
    assert [each.value for each in made] == ["late", "007"]


def test_outcomes_without_an_instant_are_known_now() -> None:
    table = pyarrow.table({"prediction": ["req-1/0"], "cost": [2.5]})
    made = rows.outcomes(table, key="", prediction_id="prediction", value="cost", at="", now_us=NOW)
    assert made == [outcome.Outcome(value=2.5, at_us=NOW, prediction_id="req-1/0")]


@pytest.mark.parametrize(
    ("key", "value", "at", "hint"),
    [
        ("idd", "late", "", "'id'"),
        ("id", "lat", "", "'late'"),
        ("id", "list", "", "0 and 1"),
        ("id", "late", "gap", "ISO"),
    ],
)
def test_wrong_columns_are_told(key: str, value: str, at: str, hint: str) -> None:
    table = pyarrow.table({"id": ["a"], "late": [1], "list": [[1]], "gap": pyarrow.nulls(1)})
    with pytest.raises(Invalid) as problem:
        rows.outcomes(table, key=key, prediction_id="", value=value, at=at, now_us=NOW)
    assert hint in str(problem.value)
