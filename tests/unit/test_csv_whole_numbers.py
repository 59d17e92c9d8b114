"""A whole number in CSV is what it is in JSON, however a program writes it."""

from typing import Any

import pytest

from podium.core.errors import Invalid
from podium.scoring.protocols import mlflow
from tests import artifacts


def hour(cell: str) -> Any:
    body = f"distance,hour\n1.5,{cell}\n".encode()
    return mlflow.read_csv(body, "r", artifacts.SIGNATURE).table(artifacts.SIGNATURE)["hour"].tolist()


@pytest.mark.parametrize(("cell", "value"), [("3", 3), ("3.0", 3), ("1e1", 10), ("1E0", 1), ("-2.", -2), ("-0.0", 0)])
def test_it_may_be_written_as_a_fraction_or_with_an_exponent(cell: str, value: int) -> None:
    """As pandas does wherever a column has a gap."""
    assert hour(cell) == [value]


@pytest.mark.parametrize("cell", ["3.5", "nan", "inf", "-inf", "1e400", "1_0", "0x1", "true", "1e16", "1" * 30, "3,0"])
def test_what_is_no_whole_number_or_too_large_is_refused(cell: str) -> None:
    with pytest.raises(Invalid):
        hour(cell)
