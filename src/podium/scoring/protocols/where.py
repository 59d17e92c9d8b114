"""Where in a JSON document the first thing stands that must not be there: said as a path, `inputs[0].data[3]`.

Looked for only once a document was refused, and not far. Nothing of it is repeated but words of the protocols and names
of features.
"""

import json
import math
import re
from collections.abc import Container

from podium.scoring.protocols import survey

_MOST = 1000
"""So many values, keys and marks are looked at."""
_LARGEST_BODY = 256 * 1024
"""Bytes; of larger ones nothing is looked at."""
_WORDS = {
    *("columns", "data", "dataframe_records", "dataframe_split", "datatype", "id", "index"),
    *("inputs", "instances", "name", "outputs", "parameters", "params", "shape"),
}
_TOKEN = re.compile(
    r"""[ \t\r\n]*+(?:
    (?P<text>"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+")
    |(?P<number>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)(?![0-9A-Za-z.+-])
    |(?:true|false|null)(?![0-9A-Za-z])
    |(?P<mark>[][{}:,])
    )""",
    re.VERBOSE,
)
_LARGEST = 2**63 - 1
_LEAST = -(2**63)


def find(body: bytes, names: Container[str] = ()) -> str:
    """The path of the first value that is none, or out of range, or of a key that comes twice; empty where it is not
    found. It ends before the first key that is neither a word of the protocols nor one of these names."""
    if len(body) > _LARGEST_BODY:
        return ""
    text = body.decode(survey.BYTES)
    path, at = _Path(names), 0
    for _ in range(_MOST):
        found = _TOKEN.match(text, at)
        if found is None or not path.take(found):
            return str(path) if text[at:].strip(" \t\r\n") else ""
        at = found.end()
    return ""


class _Path:
    """The lists and objects that are open, the outermost first, each with where one is in it."""

    def __init__(self, names: Container[str]) -> None:
        self._names = names
        self._open: list[_List | _Object] = []

    def take(self, found: "re.Match[str]") -> bool:
        """Go on by one value, key or mark; whether it may be there."""
        mark = found["mark"]
        if mark is None:
            return self._value(found)
        if mark in "[{":
            self._open.append(_List() if mark == "[" else _Object())
        elif mark in "]}":
            if self._open:
                self._open.pop()
        elif mark == "," and self._open:
            self._open[-1].next()
        return True

    def _value(self, found: "re.Match[str]") -> bool:
        if found["number"] is not None:
            return _in_range(found["number"])
        if found["text"] is None:
            return True
        said = _text(found["text"])
        inside = self._open[-1] if self._open else None
        if said is not None and isinstance(inside, _Object) and inside.key is None:
            return inside.named(said)
        return said is not None

    def __str__(self) -> str:
        path = ""
        for inside in self._open:
            if isinstance(inside, _List):
                path += f"[{inside.at}]"
            elif inside.key is not None and (inside.key in _WORDS or inside.key in self._names):
                path += f".{inside.key}" if path else inside.key
            else:
                break
        return path


class _List:
    def __init__(self) -> None:
        self.at = 0

    def next(self) -> None:
        self.at += 1


class _Object:
    def __init__(self) -> None:
        self.key: str | None = None
        self._keys: set[str] = set()

    def next(self) -> None:
        self.key = None

    def named(self, key: str) -> bool:
        """Whether that key is new."""
        self.key = key
        known = key in self._keys
        self._keys.add(key)
        return not known


def _text(token: str) -> str | None:
    """What it says; None where that is no text."""
    try:
        said: str = json.loads(token.encode(survey.BYTES))
        said.encode()
    except ValueError:
        return None
    return said


def _in_range(token: str) -> bool:
    if token.lstrip("-").isdigit():
        return len(token) < 25 and _LEAST <= int(token) <= _LARGEST
    return math.isfinite(float(token))
