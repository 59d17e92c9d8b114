"""The pages about what a person writes and reads: settings, the project file, errors."""

import enum
import types
import typing
from typing import Any, Literal

import msgspec
from tools import markdown

from podium.core import config, project
from podium.core import errors as kinds
from podium.server import errors as edge
from podium.server import settings as server

_WORDS: dict[Any, str] = {str: "text", int: "whole number", float: "number", bool: "true or false"}

_SETTINGS = """\
# Settings

A setting is read once, when a process starts: from the environment, else from `{file}` in the folder
where it starts, else the default. An unknown name in the file, or a value of the wrong type, ends the process with a
message that names it.

{table}
With blobs under `s3://`, credentials and address come from the `AWS_…` variables as other tools name them:
`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`, `AWS_ENDPOINT_URL`.
"""
_PROJECT_FILE = """\
# The project file

`podium.toml` holds everything about a model that a person decides. `podium init NAME` writes one with comments. It is
checked whole before anything is sent: every problem is listed with its line and what to write instead. A key that is
not listed here is refused. Durations are a number and `s`, `m`, `h`, `d` or `w`.

## At the top
"""
_ERRORS = """\
# Errors

Podium says no in five ways. Each message says what is wrong, where (`field`) and what to do (`fix`); it never repeats
input that was not checked.

{kinds}
## Over HTTP

The answer is an RFC 9457 problem (`application/problem+json`) with {shape}.
A scorer answers in the same form, with `error` repeating `detail` for clients of the Open Inference Protocol, and
calls a body that it cannot read 400.

Other status codes come from HTTP itself:

{others}
## On the command line

The message goes to stderr and the exit code is 1; with `--json` it is one JSON document with `error` (the kind),
`detail`, `field` and `fix`. Wrong usage of a command ends with exit code 2.

## In Python

The client raises the same classes, from `podium.core.errors`.
"""


def settings() -> str:
    """Every setting, with its variable, type, default and meaning."""
    documented = markdown.of_fields(config.Config)
    rows = [
        (
            markdown.code(field.name),
            markdown.code(f"{server.PREFIX}{field.name.upper()}"),
            kind_of(field.type),
            default_of(field),
            documented.get(field.name, ""),
        )
        for field in msgspec.structs.fields(config.Config)
    ]
    heads = ("name", "variable", "type", "default", "meaning")
    return _SETTINGS.format(file=server.FILE, table=markdown.table(heads, rows))


def project_file() -> str:
    """Every table and key of `podium.toml`."""
    parts = [_PROJECT_FILE, _keys(project.Project)]
    for heading, kind in tables(project.Project):
        about = markdown.said(kind).partition(": ")[2] or markdown.said(kind)
        parts += [f"## `{heading}`", "", about[:1].upper() + about[1:], "", _keys(kind)]
    return "\n".join(parts)


def tables(kind: type[msgspec.Struct], prefix: str = "") -> list[tuple[str, type[msgspec.Struct]]]:
    found: list[tuple[str, type[msgspec.Struct]]] = []
    for field in msgspec.structs.fields(kind):
        inner = _struct(field.type)
        if inner is None:
            continue
        name = f"{prefix}{field.name}"
        heading = f"[[{name}]]" if typing.get_origin(field.type) is tuple else f"[{name}]"
        found += [(heading, inner), *tables(inner, f"{name}.")]
    return found


def _struct(kind: Any) -> type[msgspec.Struct] | None:
    """The table that a key stands for, if it does."""
    choices = [kind, *typing.get_args(kind)]
    return next((one for one in choices if isinstance(one, type) and issubclass(one, msgspec.Struct)), None)


def _keys(kind: type[msgspec.Struct]) -> str:
    documented = markdown.of_fields(kind)
    rows = [
        (markdown.code(field.name), kind_of(field.type), default_of(field), documented.get(field.name, ""))
        for field in msgspec.structs.fields(kind)
        if _struct(field.type) is None
    ]
    return markdown.table(("key", "type", "default", "meaning"), rows)


def kind_of(kind: Any) -> str:
    """A type in words."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return " or ".join(f"`{one}`" for one in inner)
    if origin is tuple:
        return f"list of {kind_of(inner[0])}"
    if origin is dict:
        return "table of values"
    if origin in (typing.Union, types.UnionType):
        return " or ".join(kind_of(one) for one in inner if one is not type(None))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return " or ".join(f"`{one.value}`" for one in kind)
    return _WORDS.get(kind, str(kind))


def default_of(field: Any) -> str:
    """A default as it would be written in TOML; `required` when there is none."""
    if field.default_factory is not msgspec.NODEFAULT:
        return "empty"
    if field.default is msgspec.NODEFAULT:
        return "required"
    if field.default is None:
        return "none"
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    return markdown.code(msgspec.json.encode(value).decode())


def errors() -> str:
    """The five kinds, their status codes, and the shape of an answer that says no."""
    rows = [
        (
            markdown.code(kind.__name__),
            markdown.code(f"urn:podium:{kind.kind}"),
            str(edge.STATUS[kind]),
            markdown.first(kind),
        )
        for kind in kinds.ALL
    ]
    shape = ", ".join(f"`{field.name}`" for field in msgspec.structs.fields(edge.Problem))
    others = [(str(code), edge.TITLES[code]) for code in sorted(set(edge.TITLES) - set(edge.STATUS.values()))]
    return _ERRORS.format(
        kinds=markdown.table(("kind", "type", "status", "meaning"), rows),
        shape=shape,
        others=markdown.table(("status", "title"), others),
    )
