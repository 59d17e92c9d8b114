"""The report as a part of a Markdown page: between two marks, so that a new run replaces the figures of the last."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from podium.cli.bench import tables
from podium.core.errors import Invalid


def write(report: Mapping[str, Any], path: Path) -> None:
    """Replace what stands between the scorer's marks on the page; `Invalid` when it has none."""
    path.write_text(replaced(path.read_text(encoding="utf-8"), "scorer", markdown(report)), encoding="utf-8")


def replaced(text: str, name: str, figures: str) -> str:
    """A page's text with other figures between the marks of that name; `Invalid` when it has none."""
    first, last = marks(name)
    before, begin, rest = text.partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise Invalid("The page has no marks between which the figures belong.", field="page", fix=f"Add {first}")
    return f"{before}{begin}\n\n{figures}\n{end}{after}"


def marks(name: str) -> tuple[str, str]:
    """What stands on a page before and behind the figures of that name."""
    return f"<!-- {name}: written by the benchmark -->", f"<!-- end of {name} -->"


def markdown(report: Mapping[str, Any]) -> str:
    """The machine, and all tables."""
    return "\n".join([f"{tables.machine(report)}\n", *map(written, tables.of(report))])


def written(table: tables.Table) -> str:
    """A table under its title."""
    lines = [f"### {table.title}", "", _row(table.columns), f"|---|{'---:|' * (len(table.columns) - 1)}"]
    lines += [_row(row) for row in table.rows]
    return "\n".join([*lines, "", *([table.said, ""] if table.said else [])])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
