"""How commands speak: tables and plain words on the terminal, one JSON document with `--json`, errors on stderr."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from podium.core import errors, time

_PIPED = 160
"""Characters in a line that goes to a file or another program."""

out = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPED)
err = Console(stderr=True, highlight=False)

_JSON = {"on": False}


def use_json(on: bool) -> None:
    """Print answers as JSON from now on."""
    _JSON["on"] = on


def is_json() -> bool:
    return _JSON["on"]


def print_json(value: Any) -> None:
    """One JSON document, indented, to stdout."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def say(text: str | Text) -> None:
    """A line for people, as it is: nothing with `--json`. What wants colour gives a `Text`."""
    if not is_json():
        out.print(text, markup=False)


def table(
    value: Any, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "", empty: str = ""
) -> None:
    """A table for people, or the value itself with `--json`."""
    if is_json():
        print_json(value)
        return
    made = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, no_wrap=column == "id", overflow="fold")
    count = 0
    for row in rows:
        count += 1
        made.add_row(*(_cell(cell) for cell in row))
    if count == 0:
        out.print(Text(empty or "Nothing here yet.", style="dim"))
        return
    out.print(made)


def details(value: Any, pairs: Sequence[tuple[str, Any]], *, title: str = "") -> None:
    """A titled list of names and values, or the value itself with `--json`."""
    if is_json():
        print_json(value)
        return
    grid = Table.grid(padding=(0, 2))
    grid.add_column()
    grid.add_column(overflow="fold")
    for name, item in pairs:
        grid.add_row(Text(name, style="dim"), _cell(item))
    out.print(Panel(grid, title=escape(title), title_align="left", border_style="dim") if title else grid)


def _cell(item: Any) -> Text:
    """What people wrote is shown as it is, never read as markup; a command that wants colour gives a `Text`."""
    return item if isinstance(item, Text) else Text("" if item is None else str(item))


def when(microseconds: int | None) -> str:
    """An instant for people: to the minute, UTC."""
    return "" if microseconds is None else time.from_us(microseconds).strftime("%Y-%m-%d %H:%M")


def short(digest: str) -> str:
    """The part of a digest that people compare."""
    return digest.removeprefix("sha256:")[:12]


def fail(problem: errors.PodiumError) -> None:
    """An error for people on stderr, or as JSON."""
    if is_json():
        body = {"error": problem.kind, "detail": problem.message, "field": problem.field, "fix": problem.fix}
        sys.stderr.write(msgspec.json.encode(body).decode() + "\n")
        return
    where = f"[bold]{escape(problem.field)}[/bold]: " if problem.field else ""
    err.print(f"[red]✗[/red] {where}{escape(problem.message)}", soft_wrap=True)
    if problem.fix:
        err.print(f"  [dim]{escape(problem.fix)}[/dim]", soft_wrap=True)


@contextmanager
def progress(text: str) -> Iterator["Bar"]:
    """A progress bar on stderr for whatever may take over a second; silent when not a terminal."""
    made = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=is_json() or not err.is_terminal,
    )
    with made:
        yield Bar(made, made.add_task(text, total=1.0))


class Bar:
    """A running progress bar."""

    def __init__(self, made: Progress, task: Any) -> None:
        self._made = made
        self._task = task

    def at(self, fraction: float, text: str | None = None) -> None:
        if text is None:
            self._made.update(self._task, completed=fraction)
        else:
            self._made.update(self._task, completed=fraction, description=text)
