"""The report as a part of a Markdown page: between two marks, so that a new run replaces the figures of the last."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from podium.cli.bench import tables
from podium.core.errors import Invalid

BEGIN, END = "<!-- scorer: written by the benchmark -->", "<!-- end of scorer -->"


def write(report: Mapping[str, Any], path: Path) -> None:
    """Replace what stands between the marks on the page; `Invalid` when it has none."""
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise Invalid("The page has no marks between which the figures belong.", field="page", fix=f"Add {BEGIN}")
    path.write_text(f"{before}{BEGIN}\n\n{markdown(report)}\n{END}{after}", encoding="utf-8")


def markdown(report: Mapping[str, Any]) -> str:
    """The machine, and all tables."""
    return "\n".join([f"{tables.machine(report)}\n", *(_written(table) for table in tables.of(report))])


def _written(table: tables.Table) -> str:
    lines = [f"### {table.title}", "", _row(table.columns), f"|---|{'---:|' * (len(table.columns) - 1)}"]
    lines += [_row(row) for row in table.rows]
    return "\n".join([*lines, "", *([table.said, ""] if table.said else [])])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
