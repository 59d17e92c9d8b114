"""The words of a gate's expression: tokens, the evidence it names, and what it may not contain.

The grammar is a part of CEL: comparisons, `+`, `-`, `*`, `&&`, `||`, `!`, `? :`, `in`, lists, plain strings, `has()`
and a few functions. Macros over lists, map and message literals, escapes and regular expressions are not in it, nor is
division, since a double divided by zero is infinite and so would pass `> 1`.
"""

import itertools
import re
from collections.abc import Iterator, Sequence

import msgspec

from podium.core import name
from podium.core.errors import Invalid

LONGEST = 2_000
"""Characters."""
DEEPEST = 32
"""Open brackets."""
FUNCTIONS = frozenset({"has", "abs", "lowest", "highest"})
METHODS = frozenset({"contains", "startsWith", "endsWith"})
MACROS = frozenset(
    {"all", "exists", "exists_one", "existsOne", "map", "filter", "transformList", "transformMap", "bind"}
)
KEYWORDS = frozenset({"true", "false", "null", "in"})

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*)
  | (?P<number>(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<string>'[^'\\\n]*'|"[^"\\\n]*")
  | (?P<sign>&&|\|\||[<>=!]=|[-+*<>!?:.,()\[\]])
    """,
    re.VERBOSE,
)


class Token(msgspec.Struct, frozen=True):
    """One token: `number`, `word`, `string` or `sign`, and where it begins."""

    kind: str
    text: str
    start: int


class Path(msgspec.Struct, frozen=True):
    """A name of evidence in the expression, for example `metrics.test.auc.value`; `asked`: it stands in `has()`."""

    parts: tuple[str, ...]
    asked: bool = False

    def __str__(self) -> str:
        return ".".join(self.parts)


def tokens(text: str, field: str) -> list[Token]:
    """Cut an expression into tokens; `Invalid` when it is too long, too deep, or holds what a gate may not."""
    if len(text) > LONGEST:
        raise Invalid(f"The expression is longer than {LONGEST} characters.", field=field, fix="Make two gates of it.")
    found = list(_cut(text, field))
    _check_depth(found, field)
    _check_strings(found, field)
    for before, token, after in _neighbours(found):
        if token.kind == "word" and after == "(":
            _check_call(token.text, before, field)
    return found


def _cut(text: str, field: str) -> Iterator[Token]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None and text[at] in "/%":
            raise Invalid(
                "Division has no place in a gate: by zero it would be infinite.",
                field=field,
                fix="Multiply instead: a > 1.2 * b, not a / b > 1.2.",
            )
        if match is None:
            raise Invalid(
                f"The character at position {at + 1} has no place in a gate.",
                field=field,
                fix="A gate holds names, numbers, plain strings without escapes, comparisons, &&, || and !.",
            )
        if match.lastgroup is not None and match.lastgroup != "space":
            yield Token(match.lastgroup, match[0], at)
        at = match.end()


def _neighbours(found: Sequence[Token]) -> Iterator[tuple[str, Token, str]]:
    for index, token in enumerate(found):
        before = found[index - 1].text if index else ""
        after = found[index + 1].text if index + 1 < len(found) else ""
        yield before, token, after


def _check_depth(found: Sequence[Token], field: str) -> None:
    depth = 0
    for token in found:
        depth += (token.text in ("(", "[", "?")) - (token.text in (")", "]"))
        if depth > DEEPEST:
            raise Invalid(f"Brackets are nested deeper than {DEEPEST}.", field=field, fix="Make two gates of it.")


def _check_strings(found: Sequence[Token], field: str) -> None:
    for before, token in itertools.pairwise(found):
        if token.kind == "string" and before.kind in ("string", "word") and before.text != "in":
            raise Invalid(
                "Strings with a prefix or triple quotes have no place in a gate.",
                field=field,
                fix="Write plain strings: 'text'.",
            )


def _check_call(called: str, before: str, field: str) -> None:
    allowed = METHODS if before == "." else FUNCTIONS
    if called in allowed or (before != "." and called in KEYWORDS):
        return
    if called in MACROS:
        raise Invalid(
            f"The macro {called}() over lists has no place in a gate.",
            field=field,
            fix="Name the values one by one, or use lowest(…) and highest(…).",
        )
    raise Invalid("This function has no place in a gate.", field=field, fix=name.nearest(called, allowed))


def paths(found: Sequence[Token]) -> list[Path]:
    """The evidence that an expression names, in its order: `a.b['c']` is the path (a, b, c)."""
    result: list[Path] = []
    for index, token in enumerate(found):
        before = found[index - 1].text if index else ""
        after = found[index + 1].text if index + 1 < len(found) else ""
        if token.kind != "word" or before == "." or after == "(" or token.text in KEYWORDS:
            continue
        asked = before == "(" and index >= 2 and found[index - 2].text == "has"
        result.append(Path(_parts(found, index), asked))
    return result


def _parts(found: Sequence[Token], index: int) -> tuple[str, ...]:
    parts = [found[index].text]
    index += 1
    texts = [token.text for token in found]
    while index + 1 < len(found):
        if texts[index] == "." and found[index + 1].kind == "word":
            if texts[index + 2 : index + 3] == ["("]:
                break
            parts.append(texts[index + 1])
            index += 2
        elif texts[index] == "[" and found[index + 1].kind == "string" and texts[index + 2 : index + 3] == ["]"]:
            parts.append(texts[index + 1][1:-1])
            index += 3
        else:
            break
    return tuple(parts)


def with_doubles(text: str, found: Sequence[Token]) -> str:
    """The expression with each whole number written as a double, as all numbers in evidence are doubles."""
    pieces: list[str] = []
    at = 0
    for before, token, after in _neighbours(found):
        end = token.start + len(token.text)
        pieces.append(text[at:end])
        at = end
        if token.kind == "number" and token.text.isdigit() and not (before == "[" and after == "]"):
            pieces.append(".0")
    return "".join([*pieces, text[at:]])
