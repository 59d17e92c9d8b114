"""Options that many commands share."""

from typing import Annotated

import typer

from podium.cli import console


def _json(on: bool) -> bool:
    if on:
        console.use_json(True)
    return on


Json = Annotated[
    bool, typer.Option("--json", callback=_json, is_eager=True, help="Print one JSON document instead of a table.")
]
Project = Annotated[
    str,
    typer.Option("--project", "-p", help="The project; by default the one named in podium.toml here, else default."),
]
