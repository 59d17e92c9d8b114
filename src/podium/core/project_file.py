"""Reads `podium.toml`: the project file's text to a `project.Project`, with every problem found and where it stands."""

import math
import re
import tomllib
import types
import typing
from collections.abc import Sequence
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

from podium.core import digest, project, project_rules, project_template, toml_lines
from podium.core import name as names
from podium.core.errors import Invalid
from podium.core.project_rules import Problem

T = TypeVar("T")

LONGEST = 256 * 1024
"""Characters of a project file."""
_KEY = re.compile(r"^[A-Za-z0-9_-]{1,64}$")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_WORDS: dict[Any, str] = {str: "text in quotes", int: "a whole number", float: "a number", bool: "true or false"}


def parse(text: str, name: str = "podium.toml") -> project.Project:
    """The project that the text describes. Raises one `Invalid` that lists every problem with its line.

    `name` is the file's name in messages.
    """
    raw = _load(text, name)
    reader = _Reader()
    parts = reader.struct(raw, project.Project, ())
    problems = reader.problems + project_rules.check_all(parts or {})
    if problems:
        raise _invalid(problems, toml_lines.lines(text), name)
    return typing.cast(project.Project, _build(project.Project, parts))


def digest_of(described: project.Project) -> str:
    """The digest of what a project file says, whatever its comments, order and spaces."""
    return digest.of_value(described)


def template(name: str) -> str:
    """The commented `podium.toml` of a new project of that name, whose `train` is `template_module`."""
    names.check(name)
    return project_template.PROJECT.replace("{name}", name)


def template_module() -> str:
    """The text of the training module `train.py` that the template names."""
    return project_template.MODULE


def _load(text: str, name: str) -> dict[str, Any]:
    if len(text) > LONGEST:
        raise Invalid(f"The file is longer than {LONGEST} characters.", field=name, fix="Keep only settings in it.")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        line = re.search(r"at line (\d+)", str(problem))
        where = f"line {line[1]}" if line else "the end of the file"
        raise Invalid(
            f"This is not TOML, from {where}: {_syntax(str(problem))}.",
            field=name,
            fix='Write key = "text", key = 1.5, key = true, key = ["a", "b"], [table] or [[list of tables]].',
        ) from None
    except RecursionError:
        raise Invalid("Values are nested too deeply.", field=name, fix="No setting needs nesting.") from None


def _syntax(message: str) -> str:
    """The parser's own words without what it quotes from the text."""
    said = re.sub(r"\s*\(at .*", "", message, flags=re.DOTALL)
    return re.sub(r"\s*[('\"].*", "", said, flags=re.DOTALL).strip().lower() or "it cannot be read"


class _Reader:
    """Walks the raw tables beside the types; keeps what is right and notes what is not."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def note(self, path: toml_lines.Path, message: str, fix: str = "") -> None:
        self.problems.append(Problem(path, message, fix))

    def struct(self, raw: Any, kind: type[msgspec.Struct], path: toml_lines.Path) -> dict[str, Any] | None:
        """The fields that are right, by name, nested tables likewise; None when this is no table at all."""
        if not isinstance(raw, dict):
            self.note(path, f"{_show(path)} is a table, not {_what(raw)}.", f"Write [{_show(path)}] on its own line.")
            return None
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        for key in (key for key in raw if key not in fields):
            shown = f"The key {key!r} is" if _KEY.match(key) else "This key is"
            self.note((*path, key), f"{shown} not known in {_table(path)}.", names.nearest(key, fields))
        found: dict[str, Any] = {}
        for key, field in fields.items():
            if key in raw:
                found[key] = self.value(raw[key], field.type, (*path, key))
            elif field.required:
                expected = _expected(field.type)
                self.note(path, f"{_table(path, upper=True)} lacks {key!r}.", f"Add {key} = … ({expected}).")
                found[key] = None
        return found

    def value(self, raw: Any, kind: Any, path: toml_lines.Path) -> Any:
        """The value if it is of the kind, else None with a problem noted."""
        kind = _without_none(kind)
        if _is_struct(kind):
            return self.struct(raw, kind, path)
        if get_origin(kind) is tuple:
            return self.several(raw, get_args(kind)[0], path)
        if get_origin(kind) is dict:
            return self.mapping(raw, get_args(kind)[1], path)
        return self.scalar(raw, kind, path)

    def several(self, raw: Any, kind: Any, path: toml_lines.Path) -> tuple[Any, ...] | None:
        if not isinstance(raw, list):
            expected = f"[[{_show(path)}]] tables" if _is_struct(kind) else "a list in brackets"
            self.note(path, f"{_show(path)} is {expected}, not {_what(raw)}.")
            return None
        return tuple(self.value(item, kind, (*path, index)) for index, item in enumerate(raw))

    def mapping(self, raw: Any, kind: Any, path: toml_lines.Path) -> dict[str, Any] | None:
        if not isinstance(raw, dict):
            self.note(path, f"{_show(path)} is a table, not {_what(raw)}.", f"Write [{_show(path)}] on its own line.")
            return None
        for key in raw:
            if not _KEY.match(key):
                self.note((*path, key), "A name here has 1 to 64 letters, digits, dashes or underscores.")
        return {key: self.value(item, kind, (*path, key)) for key, item in raw.items()}

    def scalar(self, raw: Any, kind: Any, path: toml_lines.Path) -> Any:
        try:
            found = msgspec.convert(raw, kind)
        except msgspec.ValidationError:
            self.note(path, f"{_show(path)} must be {_expected(kind)}, not {_what(raw)}.", _near(raw, kind))
            return None
        if isinstance(raw, float) and not math.isfinite(raw):
            self.note(path, f"{_show(path)} must be a finite number.")
        elif isinstance(raw, int) and not -(2**63) <= raw < 2**63:
            self.note(path, f"{_show(path)} does not fit in 64 bits.")
        elif isinstance(raw, str) and _CONTROL.search(raw):
            self.note(path, f"{_show(path)} holds a control character.", "Write plain text.")
        else:
            return found
        return None


def _build(kind: Any, value: Any) -> Any:
    """The frozen types from the checked fields."""
    kind = _without_none(kind)
    if _is_struct(kind):
        fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
        return kind(**{key: _build(fields[key], item) for key, item in value.items()})
    if get_origin(kind) is tuple:
        return tuple(_build(get_args(kind)[0], item) for item in value)
    return value


def _invalid(problems: Sequence[Problem], lines: dict[toml_lines.Path, int], name: str) -> Invalid:
    located = sorted(
        ((toml_lines.line_of(lines, problem.path), problem) for problem in problems), key=lambda one: one[0]
    )
    said = [f"line {line}: {problem.message}{' ' + problem.fix if problem.fix else ''}" for line, problem in located]
    if len(said) == 1:
        line, problem = located[0]
        return Invalid(f"line {line}: {problem.message}", field=name, fix=problem.fix or None)
    return Invalid(f"{len(said)} things to correct.\n" + "\n".join(said), field=name)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _without_none(kind: Any) -> Any:
    if get_origin(kind) in (typing.Union, types.UnionType):
        kinds = [each for each in get_args(kind) if each is not type(None)]
        return kinds[0] if len(kinds) == 1 else kind
    return kind


def _expected(kind: Any) -> str:
    kind = _without_none(kind)
    choices = _choices(kind)
    if choices:
        return " or ".join(f'"{choice}"' for choice in choices)
    if _is_struct(kind):
        return "a table"
    if get_origin(kind) in (typing.Union, types.UnionType):
        return "true or false, a number or text in quotes"
    return _WORDS.get(kind, "a list in brackets")


def _choices(kind: Any) -> tuple[str, ...]:
    if get_origin(kind) is Literal:
        return tuple(get_args(kind))
    return tuple(str(member.value) for member in kind) if hasattr(kind, "__members__") else ()


def _near(raw: Any, kind: Any) -> str:
    """For a misspelt choice, the nearest right one."""
    choices = _choices(kind)
    hint = names.nearest(raw, choices) if choices and isinstance(raw, str) else ""
    return hint if hint.startswith("Did") else ""


def _what(raw: Any) -> str:
    if isinstance(raw, bool):
        return "true or false"
    said = {str: "text", int: "a whole number", float: "a number with a point", list: "a list", dict: "a table"}
    return said.get(type(raw), "a date or time; put it in quotes")


def _show(path: toml_lines.Path) -> str:
    return ".".join(str(part) for part in path if isinstance(part, str)) or "the file"


def _table(path: toml_lines.Path, *, upper: bool = False) -> str:
    if not path:
        return "The file's top" if upper else "the file's top"
    return f"[[{_show(path)}]]" if isinstance(path[-1], int) else f"[{_show(path)}]"
