"""What every protocol says in the end: rows to score, and the scored rows."""

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from podium.core.errors import Invalid

LONGEST_ID = 128
LONGEST_KEY = 512


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """Rows to score, column by column, as JSON gave them; not yet checked against a signature."""

    request_id: str
    count: int
    columns: dict[str, list[Any]]


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """The answer: one entry for each row. `decisions` is None for a row whose version has no threshold."""

    request_id: str
    prediction_ids: list[str]
    scores: npt.NDArray[np.float64]
    decisions: list[bool | None]
    versions: list[int]


def check_id(value: Any, field: str = "id") -> str:
    """A request id as a caller may choose it: 1 to 128 printable characters."""
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_ID or not value.isprintable():
        raise Invalid(
            "A request id is text of 1 to 128 printable characters.", field=field, fix="Leave it out to get one."
        )
    return value


def prediction_ids(request_id: str, count: int) -> list[str]:
    """`<request id>/<row>`: the same for the same request, however often it is sent."""
    return [f"{request_id}/{row}" for row in range(count)]


def keys(rows: Rows, name: str) -> list[str]:
    """The rows' keys as text (a whole number as its digits); empty where a row has none."""
    values = rows.columns.get(name)
    if values is None:
        return [""] * rows.count
    return [_key(value, name, row) for row, value in enumerate(values)]


def _key(value: Any, name: str, row: int) -> str:
    if type(value) is str and len(value) <= LONGEST_KEY and "\x00" not in value:
        return value
    if type(value) is int:
        return str(value)
    if value is None:
        return ""
    raise Invalid(
        f"The key of row {row} is neither text (at most {LONGEST_KEY} characters) nor a whole number.", field=name
    )
