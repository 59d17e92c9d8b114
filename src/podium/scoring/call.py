"""A request and its answer, as any transport may carry them."""

from collections.abc import Mapping
from typing import NamedTuple

JSON = "application/json"


class Call(NamedTuple):
    """A request. `path` has no query and is not decoded; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """What goes back."""

    status: int
    body: bytes
    media: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
