"""The command line. Each command is arguments to client calls, or starts a process."""

import contextlib
import gc
import os
import sys
from typing import TYPE_CHECKING

import typer

from podium.cli import coercion, console
from podium.cli.root import root
from podium.core.errors import PodiumError

if TYPE_CHECKING:
    from typer.models import CommandInfo, TyperInfo

_CHECK = "check"


def _asked(words: list[str]) -> typer.Typer:
    """The command or group that was asked for alone: to load and build them all takes longer than reading a file.

    The check of files is a process for each look, so it does not even load the others.
    """
    if words[:1] == [_CHECK]:
        gc.disable()  # nothing that it makes needs it, and looking at all that was loaded takes a tenth of its time
        from podium.cli.check import command as check

        made = _only([], [])
        made.command()(check.check)
        return made
    from podium.cli import commands

    found = [one for one in commands.app.registered_commands if one.callback and _name(one) in words[:1]]
    groups = [one for one in commands.app.registered_groups if one.name in words[:1]]
    return _only(found, groups) if found or groups else commands.app


def _only(commands: "list[CommandInfo]", groups: "list[TyperInfo]") -> typer.Typer:
    made = typer.Typer(
        name="podium",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        add_completion=False,
        callback=root,
    )
    made.registered_commands, made.registered_groups = commands, groups
    return made


def _name(command: "CommandInfo") -> str:
    return command.name or getattr(command.callback, "__name__", "").replace("_", "-")


def _leave(code: int) -> None:
    """End at once: taking apart all that was loaded, which the system does anyway, takes a tenth of a check's time."""
    with contextlib.suppress(BrokenPipeError):  # nobody reads any more
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def run() -> None:
    """Entry point: errors that Podium raises on purpose end as one clear message and exit code 1."""
    words = sys.argv[1:]
    try:
        coercion.spare(typer.main.get_command(_asked(words)))()
    except SystemExit as ended:
        if words[:1] == [_CHECK] and isinstance(ended.code, int):
            _leave(ended.code)
        raise
    except PodiumError as problem:
        console.fail(problem)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)


if __name__ == "__main__":
    run()
