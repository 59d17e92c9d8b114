"""What the training data must be, and how it is told when it is not."""

import re
import sys
from pathlib import Path
from typing import Any

import numpy
import pandas
import pyarrow
import pytest

from podium.build.runs.training import table, user
from podium.build.runs.training.context import Context, Rows
from podium.core.dataset import Part
from podium.core.errors import Invalid
from tests import training_project as made


def read(tmp_path: Path, data: pyarrow.Table, **parts: Any) -> table.Table:
    return table.read(made.write(tmp_path / "data.parquet", data), made.spec(**parts))


def replace(data: pyarrow.Table, column: str, values: Any) -> pyarrow.Table:
    return data.set_column(data.schema.get_field_index(column), column, pyarrow.array(values))


def test_good_data_is_split_and_signed(tmp_path: Path) -> None:
    found = read(tmp_path, made.data())
    assert [field.name for field in found.signature.features] == ["distance", "hour", "kind", "holiday"]
    sizes = [found.places(part).size for part in Part]
    assert sum(sizes) == 3000
    assert 350 < sizes[1] < 550
    assert set(numpy.unique(found.target)) == {0.0, 1.0}
    assert list(found.slices) == ["kind"]


def test_a_split_by_time_tests_on_the_last_rows(tmp_path: Path) -> None:
    found = read(tmp_path, made.data(1000), split={"by": "time"})
    assert found.places(Part.TEST).tolist() == list(range(850, 1000))


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("late", lambda n: numpy.arange(n) % 3, "0 or 1"),
        ("late", lambda n: ["yes"] * n, "target is string"),
        ("late", lambda n: [None] + [1] * (n - 1), "null in 1 rows"),
        ("late", lambda n: numpy.ones(n), "one class"),
        ("distance", lambda n: pyarrow.nulls(n, pyarrow.float64()), "null in every row"),
        ("kind", lambda n: numpy.arange(n), "not text"),
        ("holiday", lambda n: ["no"] * n, "not boolean"),
        ("hour", lambda n: numpy.full(n, 1.5), "whole number"),
    ],
)
def test_wrong_columns_are_named(tmp_path: Path, column: str, values: Any, said: str) -> None:
    data = made.data(300)
    with pytest.raises(Invalid, match=said) as caught:
        read(tmp_path, replace(data, column, values(300)))
    assert caught.value.field == column


def test_a_missing_column_gets_a_hint(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="'distance'"):
        read(tmp_path, made.data(300), features={"numeric": ["distanse"]})


def test_too_few_rows(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="leaves no rows"):
        read(tmp_path, made.data(300).slice(0, 2))
    with pytest.raises(Invalid, match="no rows"):
        read(tmp_path, made.data(300).slice(0, 0))


def context() -> Context:
    return Context({}, 0, Rows(pandas.DataFrame(), numpy.empty(0)), lambda _fraction, _message: None)


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("broken_value", "def fit(x, y, c):\n    raise ValueError('bad luck')\n", "ValueError: bad luck\n.*line 2"),
        ("broken_import", "import nothing_of_that_name\n", "ModuleNotFoundError"),
        ("broken_syntax", "def fit(:\n", "SyntaxError"),
        ("broken_exit", "def fit(x, y, c):\n    raise SystemExit(3)\n", "SystemExit"),
        ("broken_name", "def fitt(x, y, c):\n    pass\n", "no function 'fit'.*'fitt'"),
        ("broken_answer", "def fit(x, y, c):\n    return 7\n", "returned int"),
    ],
)
def test_errors_of_the_users_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: str, said: str
) -> None:
    monkeypatch.setattr("sys.path", list(sys.path))
    (tmp_path / f"{name}.py").write_text(code)
    given = context()
    with pytest.raises(Invalid) as caught:
        user.fit(tmp_path, f"{name}:fit", given.validation, given)
    assert re.search(said, str(caught.value), re.DOTALL)
