"""On which line of a TOML text each table and key stands, so that a message can say where.

The text has already been read by `tomllib`, so only its outline is followed here: headers, keys, strings, brackets.
"""

import re

Path = tuple[str | int, ...]
"""Keys, and positions in arrays of tables: `("gates", 0, "name")`."""

_SKIP = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}\n]|.', re.DOTALL
)
_HEADER = re.compile(r"\s*(\[\[?)\s*(?P<name>(?:\"(?:\\.|[^\"\\\n])*\"|'[^'\n]*'|[^\]\"'\n])+?)\s*\]")
_KEY = re.compile(r"\s*(?P<name>(?:\"(?:\\.|[^\"\\\n])*\"|'[^'\n]*'|[A-Za-z0-9_.\s-])+?)\s*=")
_PART = re.compile(r"\"((?:\\.|[^\"\\\n])*)\"|'([^'\n]*)'|([A-Za-z0-9_-]+)")


def lines(text: str) -> dict[Path, int]:
    """The line (from 1) of every table header and of every key outside inline tables."""
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for number, statement in _statements(text):
        header = _HEADER.match(statement)
        if header is not None and statement.lstrip().startswith("["):
            table = _resolve(_parts(header["name"]), counts, array=header[1] == "[[")
            if isinstance(table[-1], int):
                found.setdefault(table[:-1], number)
            found.setdefault(table, number)
        elif (key := _KEY.match(statement)) is not None:
            found.setdefault(table + _parts(key["name"]), number)
    return found


def line_of(found: dict[Path, int], path: Path) -> int:
    """The line of a path, or of the nearest part of it that has one; 1 when none has."""
    for length in range(len(path), 0, -1):
        if path[:length] in found:
            return found[path[:length]]
    return 1


def _resolve(parts: Path, counts: dict[Path, int], *, array: bool) -> Path:
    """The path of a header: each array of tables on the way stands for its last element."""
    path: Path = ()
    for index, part in enumerate(parts):
        path += (part,)
        last = index == len(parts) - 1
        if last and array:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path += (counts[path],)
    return path


def _parts(name: str) -> Path:
    return tuple(double or single or bare for double, single, bare in _PART.findall(name))


def _statements(text: str) -> list[tuple[int, str]]:
    """Each statement with the line on which it begins; one with open brackets or strings goes on over lines."""
    found: list[tuple[int, str]] = []
    depth, number, begun, start = 0, 1, 1, 0
    for match in _SKIP.finditer(text):
        mark = match[0]
        number += mark.count("\n")
        if mark in ("[", "{"):
            depth += 1
        elif mark in ("]", "}"):
            depth -= 1
        elif mark == "\n" and depth <= 0:
            found.append((begun, text[start : match.start()]))
            start, begun = match.end(), number
    found.append((begun, text[start:]))
    return [(line, statement) for line, statement in found if statement.strip()]
