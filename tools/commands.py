"""The page about the command line, from the commands themselves."""

import enum
import inspect
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

import typer
from tools import markdown

from podium.cli import commands

EXAMPLE = "Example: "
_INTRODUCTION = """\
# Commands

`podium COMMAND --help` shows the same. `--json` prints one JSON document instead of a table. A command finds its
platform by `PODIUM_URL` and `PODIUM_TOKEN`, else by what `podium up` left in the folder, else it opens the folder
itself. Exit codes: 0 done, 1 refused or not proven, 2 wrong usage.
"""


def tree() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group, by the words that call it, groups before what they hold."""
    yield from _walk((), typer.main.get_command(commands.app))


def _walk(words: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    if words:
        yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _walk((*words, name), inner)


def is_group(command: Any) -> bool:
    return hasattr(command, "commands")


def page() -> str:
    """Every command with its help, arguments, options and example."""
    parts = [_INTRODUCTION, markdown.table(("command", "what it does"), _contents())]
    for words, command in tree():
        parts += _group(words, command) if is_group(command) else _command(words, command)
    return "\n".join(parts)


def _contents() -> list[tuple[str, str]]:
    return [
        (f"[`podium {' '.join(words)}`](#podium-{'-'.join(words)})", help_of(command)[0])
        for words, command in tree()
        if not is_group(command)
    ]


def _group(words: tuple[str, ...], command: Any) -> list[str]:
    return [f"## podium {' '.join(words)}", "", help_of(command)[0], ""]


def _command(words: tuple[str, ...], command: Any) -> list[str]:
    level = "##" if len(words) == 1 else "###"
    text, example = help_of(command)
    parts = [f"{level} podium {' '.join(words)}", "", text, "", f"    {example}", ""]
    arguments = [one for one in command.params if _is_argument(one)]
    options = [one for one in command.params if not _is_argument(one) and one.name != "help" and not one.hidden]
    if arguments:
        parts.append(markdown.table(("argument", "meaning"), [(_shown(one), one.help or "") for one in arguments]))
    if options:
        parts.append(markdown.table(("option", "default", "meaning"), [_option(one) for one in options]))
    return parts


def help_of(command: Any) -> tuple[str, str]:
    """What a command does, and its example."""
    text = inspect.cleandoc(command.help or "")
    about, _, example = text.partition(EXAMPLE)
    return " ".join(about.split()), example.strip()


def _is_argument(parameter: Any) -> bool:
    return not parameter.opts[0].startswith("-")


def _shown(argument: Any) -> str:
    return markdown.code(argument.metavar or argument.name.upper())


def _option(option: Any) -> tuple[str, str, str]:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    annotation = option.type_descriptor.annotation
    choices = list(annotation) if isinstance(annotation, type) and issubclass(annotation, enum.Enum) else []
    one_of = f" One of {', '.join(f'`{choice.value}`' for choice in choices)}." if choices else ""
    more = " May be given several times." if option.multiple else ""
    return names, _default(option), f"{option.help or ''}{one_of}{more}".strip()


def _default(option: Any) -> str:
    value = option.default.value if isinstance(option.default, enum.Enum) else option.default
    if option.required:
        return "required"
    if option.is_flag:
        return "on" if value else "off"
    if value in (None, "", -1) or callable(value):
        return ""
    return markdown.code(value.as_posix() if isinstance(value, PurePath) else str(value))


def silent_options(command: Any) -> list[str]:
    """Options that do not say what they do."""
    return [one.name for one in command.params if not _is_argument(one) and not one.help]


def options(command: Any) -> set[str]:
    """Every spelling of a command's options."""
    found = (one for one in command.params if not _is_argument(one))
    return {name for one in found for name in (*one.opts, *one.secondary_opts)}
