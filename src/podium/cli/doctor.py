"""`podium doctor`: is everything here that Podium needs, and if not, what to do. Works without a server."""

import typer
from rich.text import Text

from podium.cli import console
from podium.cli.options import Json

_MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}


def doctor(json: Json = False) -> None:
    """Check Python, packages, folders, database, ports, processes, clock and keys; exit code 1 when one fails.

    Example: podium doctor
    """
    from podium.cli import health
    from podium.server import settings

    found = health.examine(settings.load())
    if json:
        console.print_json(found)
    else:
        for item in found:
            mark, colour = _MARKS[item.state]
            console.out.print(
                Text.assemble((f"{mark} ", colour), (f"{item.name}: ", "bold"), item.said), soft_wrap=True
            )
            if item.fix:
                console.out.print(Text(f"    {item.fix}", style="dim"), soft_wrap=True)
    if any(item.state == "fail" for item in found):
        raise typer.Exit(1)
