"""What a JSON body is made of, before anything is decoded: a decoder runs alone, and a body of 16 MB may be millions of
values. Where a C compiler was at hand when Podium was installed, `_survey.c` has the look, while other threads run.
"""

import re
from typing import NamedTuple

import numpy as np

from podium.core import native

_native = native.part(native.SURVEY)
COMPILED = _native is not None
"""Whether it is there."""
_LEVELS = 64
"""Keys are counted so deep."""
STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
"""A string, or the beginning of one that has no end: so a search never looks at a byte twice."""
BYTES = "latin-1"
"""Bytes as characters: to join millions of pieces of text costs a tenth of the memory that as many of bytes do."""
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_NOT_STRUCTURE = bytes(set(range(256)) - set(b"[]{}:"))
_LONG_NUMBER = re.compile(rb"[0-9]{19}")


class Survey(NamedTuple):
    """What lies outside of strings; in what is no JSON, whatever its brackets make of it."""

    objects: int
    lists: int
    colons: int
    commas: int
    depth: int
    """Levels of objects and lists in each other."""
    keys: int
    """Of the object that has most, as many times as each is said."""
    is_long: bool
    """Whether 19 digits stand side by side: an integer may be beyond 64 bits."""


def of(body: bytes) -> Survey:
    """The survey of a body."""
    return Survey(*_native.survey(body)) if _native is not None else _of(body)


def _of(body: bytes) -> Survey:
    bare = STRING.sub('"', body.decode(BYTES)).encode(BYTES)
    brackets = np.frombuffer(bare.translate(None, _NOT_BRACKETS), np.uint8)
    levels = np.cumsum(np.where((brackets == ord("{")) | (brackets == ord("[")), 1, -1))
    return Survey(
        objects=bare.count(b"{"),
        lists=bare.count(b"["),
        colons=bare.count(b":"),
        commas=bare.count(b","),
        depth=max(0, int(levels.max(initial=0))),
        keys=_most_keys(bare.translate(None, _NOT_STRUCTURE).decode(BYTES)),
        is_long=_LONG_NUMBER.search(bare) is not None,
    )


def _most_keys(structure: str) -> int:
    most = level = 0
    keys = [0] * (_LEVELS + 1)
    for mark in structure:
        if mark == ":":
            if 0 < level <= _LEVELS:
                keys[level] += 1
                most = max(most, keys[level])
        elif mark in "}]":
            level -= 1
        else:
            level += 1
            if 0 < level <= _LEVELS:
                keys[level] = 0
    return most
