"""The command line. Each command is arguments to client calls, or starts a process."""

import sys

import typer

from podium import version
from podium.cli import console, processes
from podium.core.errors import PodiumError

app = typer.Typer(
    name="podium",
    help="ModelOps: prove, rehearse, then approve.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    add_completion=True,
)

_PROCESSES = "Processes"
app.command(rich_help_panel=_PROCESSES)(processes.up)
app.command(rich_help_panel=_PROCESSES)(processes.server)
app.command(rich_help_panel=_PROCESSES)(processes.worker)
app.command(rich_help_panel=_PROCESSES)(processes.scorer)


def _version(asked: bool) -> None:
    if asked:
        console.out.print(f"podium {version.VERSION}")
        raise typer.Exit


@app.callback()
def root(
    _shown: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """ModelOps: prove, rehearse, then approve."""


def run() -> None:
    """Entry point: errors that Podium raises on purpose end as one clear message and exit code 1."""
    try:
        app()
    except PodiumError as problem:
        console.fail(problem)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(0)


if __name__ == "__main__":
    run()
