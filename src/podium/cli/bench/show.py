"""The report on the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from podium.cli import console
from podium.cli.bench import tables

_STYLES = {"pass": "green", "miss": "red"}


def report(found: Mapping[str, Any]) -> None:
    """Print everything."""
    for table in tables.of(found):
        console.out.print(_drawn(table))
        if table.said:
            console.out.print(Text(table.said, style="dim"))
    console.out.print(Text(tables.machine(found), style="dim"))


def _drawn(table: tables.Table) -> Table:
    made = Table(title=table.title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for at, column in enumerate(table.columns):
        made.add_column(column, justify="left" if at == 0 else "right", overflow="fold")
    for row in table.rows:
        made.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    return made
