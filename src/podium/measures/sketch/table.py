"""A table in small: the reference to keep, and the summary to compare with it, a column at a time."""

import msgspec

from podium.core import reference, run
from podium.measures.sketch import arrow, histogram

FORMAT = "podium-reference-1"


class ColumnReference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was seen of a column: one of numeric, category or the first and last instant."""

    name: str
    kind: arrow.Kind
    type: str
    """The type in words, as in Arrow."""
    numeric: reference.NumericReference | None = None
    category: reference.CategoryReference | None = None
    first_us: int | None = None
    last_us: int | None = None
    nulls: int | None = None
    """Of instants, and of what is not compared otherwise; None in references of older versions."""


class TableReference(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of a table."""

    format: str
    rows: int
    columns: tuple[ColumnReference, ...]
    pattern: reference.Pattern | None
    """How the numeric columns moved together."""
    different_keys: int | None = None
    figures: dict[str, run.Interval] = {}
    """Of performance, where outcomes and predictions were named."""

    def find(self, name: str) -> ColumnReference | None:
        return next((each for each in self.columns if each.name == name), None)


class ColumnSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What is seen of a column now, on the reference's bins and categories."""

    name: str
    kind: arrow.Kind
    type: str
    numeric: histogram.NumericSketch | None = None
    category: histogram.CategorySketch | None = None
    first_us: int | None = None
    last_us: int | None = None
    nulls: int | None = None
    quantiles: tuple[float, float, float] | None = None
    """Of a sample: 10 %, 50 %, 90 %; they tell a change of unit, which the reference's bins cannot."""


class TableSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What is seen of a table now."""

    rows: int
    columns: tuple[ColumnSummary, ...]
    different_keys: int | None = None

    def find(self, name: str) -> ColumnSummary | None:
        return next((each for each in self.columns if each.name == name), None)
