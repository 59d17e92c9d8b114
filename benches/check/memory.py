"""A table in memory, where `podium check` reads files: so that thousands of windows go through the same code."""

from collections.abc import Iterator

import pyarrow

from podium.cli.check import scan, work
from podium.measures.comparison import together
from podium.measures.comparison.finding import Rule


class Table:
    """What a scan asks of its source and of its reader."""

    def __init__(self, columns: dict[str, pyarrow.Array]) -> None:
        self._columns = columns
        self.rows = len(next(iter(columns.values())))
        self.types = {
            name: each.type.value_type if pyarrow.types.is_dictionary(each.type) else each.type
            for name, each in columns.items()
        }

    def reader(self) -> "Table":
        return self

    def pieces(self, name: str, most_groups: int | None = None) -> Iterator[pyarrow.Array]:
        yield self._columns[name]

    def close(self) -> None:
        """Nothing is open."""


def compare(before: Table, now: Table, rule: Rule) -> together.Comparison:
    """The comparison that `podium check` makes, with all that it looks at."""
    names = list(before.types)
    numeric = [name for name, type_ in before.types.items() if pyarrow.types.is_floating(type_)]
    known, old = scan.reference(before, names, numeric, _quiet, 1)  # type: ignore[arg-type]
    summary, new = scan.summary(now, known, names, _quiet, 1)  # type: ignore[arg-type]
    whole = work.patterns(work.Before(known, old), new, rule)
    return together.compare(known, summary, rule, whole=whole)


def _quiet(_: float) -> None:
    """Nobody listens."""
