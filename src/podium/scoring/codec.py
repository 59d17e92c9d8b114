"""How a content type becomes rows, and scored rows become an answer.

A codec is two pure functions. Which one serves a request is chosen by the route's family (`oip` or `mlflow`) and the
content type; `podium.scoring.codecs` holds the table.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from podium.core.ids import NewId
from podium.core.signature import Signature
from podium.scoring import call, request


class Asked(NamedTuple):
    """What a codec knows of a request beside its body."""

    endpoint: str
    signature: Signature
    """The champion's."""
    headers: Mapping[str, str]
    new_id: NewId


class Written(NamedTuple):
    """An answer's body."""

    body: bytes
    media: str = call.JSON
    headers: tuple[tuple[str, str], ...] = ()


class Codec(NamedTuple):
    """`read` raises `Invalid` (or `Malformed`) naming the field; `write` cannot fail."""

    read: Callable[[bytes, Asked], request.Rows]
    write: Callable[[request.Scored, Asked], Written]
