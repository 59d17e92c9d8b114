"""What every protocol says in the end: rows to score, and the scored rows."""

from collections.abc import Mapping
from typing import Any

import msgspec

from podium.bundle import columns, grid
from podium.bundle.columns import Columns
from podium.bundle.grid import Grid
from podium.core.errors import Invalid
from podium.core.signature import Signature
from podium.scoring import several

LONGEST_ID = 128
LONGEST_KEY = 512


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """Rows to score, column by column, as they were sent; not yet checked against a signature.

    A column is a list of JSON values, a NumPy array or an Arrow array.
    """

    request_id: str
    count: int
    columns: Mapping[str, Any]
    wanted: Any = None
    """What the answer must look like, where the body says so: for the codec's `write` only."""

    def table(self, signature: Signature) -> Columns:
        """The canonical columns; `Invalid` naming the feature that does not fit."""
        return columns.from_given(signature, self.columns)

    def grid(self, signature: Signature) -> Grid:
        """The same as a grid."""
        return grid.of(grid.order(signature), self.table(signature))

    def keys(self, name: str) -> list[str]:
        """The rows' keys as text; empty where a row has none."""
        return keys(self, name)


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """The answer: one entry for each row. `decisions` is None for a row whose version has no threshold."""

    request_id: str
    prediction_ids: list[str]
    scores: list[float]
    decisions: list[bool | None]
    versions: list[int]
    wanted: Any = None
    """As the rows said."""
    referred: list[bool] | None = None
    """Which rows a person decides (their decision is None); None where no version refers any."""
    classed: several.Classed | None = None
    """Of a model of several classes: the probability of each; the scores are those of the most probable ones."""


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
    if not isinstance(values, list):
        values = columns.to_list(values)
    return [_key(value, name, row) for row, value in enumerate(values)]


def _key(value: Any, name: str, row: int) -> str:
    if type(value) is str and len(value) <= LONGEST_KEY and "\x00" not in value:
        return value
    if type(value) is int:
        return str(value)
    if value is None:
        return ""
    raise Invalid(
        f"The key of row {row} is neither text (at most {LONGEST_KEY} characters) nor a whole number.",
        field=name,
        fix="Send a shorter text, or a whole number.",
    )
