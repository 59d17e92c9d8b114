"""What `podium` answers before any command."""

import typer

from podium import version
from podium.cli import console


def _version(asked: bool) -> None:
    if asked:
        console.out.print(f"podium {version.VERSION}")
        raise typer.Exit


def root(
    _shown: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """ModelOps: prove, rehearse, then approve."""
