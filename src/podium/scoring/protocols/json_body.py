"""The one JSON parser of the scorer's front door: what it lets through has one meaning only.

Refused, always as the caller's mistake and without echoing it: duplicate keys, NaN and Infinity, numbers beyond
float64 or int64, lone surrogates, invalid UTF-8, more than `DEPTH` levels.
"""

import re
from typing import Any

import msgspec

from podium.core.errors import Invalid
from podium.core.signature import Signature
from podium.scoring.protocols import survey, where

DEPTH = 32
MOST_PARTS = 1_000_000
"""Lists and objects in a body: a hundred thousand rows need as many, so this is room enough."""
MOST_VALUES = 5_000_000
"""What commas part in a body: a request holds four million values at most, and keys."""
MOST_KEYS = 65_536
"""Of one object."""
_STRING_OR_NAN = re.compile(r"NaN|" + survey.STRING.pattern, re.DOTALL)
_LARGEST = 2**63 - 1
_LEAST = -(2**63)
_FIX = "Send one JSON document (RFC 8259), UTF-8."


class Malformed(Invalid):
    """The bytes are not the JSON that is asked for (the transport answers 400)."""


def parse(body: bytes, signature: Signature | None = None) -> dict[str, Any]:
    """The object in those bytes, else `Malformed`, which says where, by names of the signature's features too."""
    seen = bounded(body)
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        raise Malformed(
            "The body is not valid JSON (also refused: NaN, Infinity, numbers out of range, broken Unicode).",
            field=_where(body, signature),
            fix=_FIX,
        ) from None
    if not isinstance(value, dict):
        raise Malformed("The body is not a JSON object.", field="body", fix=_FIX)
    if _keys(value, seen.objects) != seen.colons:
        raise Malformed("A key comes twice in one object.", field=_where(body, signature), fix="Send each key once.")
    if seen.is_long and not _integers_fit(value):
        raise Malformed(
            "An integer lies beyond 64 bits.", field=_where(body, signature), fix="Send a number within range."
        )
    return value


def _where(body: bytes, signature: Signature | None) -> str:
    names = [] if signature is None else [signature.key, *(field.name for field in signature.features)]
    return where.find(body, names) or "body"


def bounded(body: bytes) -> survey.Survey:
    """What the body is made of; `Malformed` where that is more than any request needs. Costs little."""
    seen = survey.of(body)
    limits = (
        (seen.objects + seen.lists, MOST_PARTS, "lists and objects", "Send fewer rows."),
        (seen.commas, MOST_VALUES, "values", "Send fewer rows."),
        (seen.keys, MOST_KEYS, "keys in one object", "Send the features that the model's metadata lists."),
    )
    for found, most, what, fix in limits:
        if found > most:
            raise Malformed(f"The JSON has more than {most} {what}.", field="body", fix=fix)
    if seen.depth > DEPTH:
        raise _deep()
    return seen


def nan_as_null(body: bytes) -> bytes:
    """The document with null for each NaN outside of strings, a word that Python's `json` writes and no JSON has."""
    text = _STRING_OR_NAN.sub(lambda found: "null" if found[0] == "NaN" else found[0], body.decode(survey.BYTES))
    return text.encode(survey.BYTES)


def _deep() -> Malformed:
    return Malformed(
        f"The JSON is nested deeper than {DEPTH} levels.", field="body", fix="Send rows as the protocol describes them."
    )


def _keys(value: Any, objects: int) -> int:
    """How many keys the decoded objects have. A list is searched in full only when its first element is no scalar."""
    seen, keys = _count(value, thorough=False)
    if seen != objects:
        _, keys = _count(value, thorough=True)
    return keys


def _count(value: Any, *, thorough: bool) -> tuple[int, int]:
    objects = keys = 0
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if type(item) is dict:
            objects += 1
            keys += len(item)
            waiting.extend(part for part in item.values() if type(part) in _CONTAINERS)
        elif item and (thorough or type(item[0]) in _CONTAINERS):
            waiting.extend(part for part in item if type(part) in _CONTAINERS)
    return objects, keys


_CONTAINERS = frozenset({dict, list})


def _integers_fit(value: Any) -> bool:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if type(item) is dict:
            waiting.extend(item.values())
        elif type(item) is list:
            waiting.extend(item)
        elif type(item) is int and not _LEAST <= item <= _LARGEST:
            return False
    return True
