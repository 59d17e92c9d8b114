"""A request and its answer, as any transport may carry them."""

from collections.abc import Mapping
from typing import NamedTuple

JSON = "application/json"
END = b"\r\n\r\n"
"""What ends a head in HTTP/1.1."""


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


def sized(body: bytes) -> bytes:
    """A body behind its length and the blank line that ends a head: what follows `content-length: `."""
    return b"%d\r\n\r\n%b" % (len(body), body)


def body_of(sized: bytes) -> bytes:
    """The body alone."""
    return sized[sized.index(END) + len(END) :]
