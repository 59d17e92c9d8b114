"""What the decoders of a signature's JSON share: the rows as they give them, and how they know that nothing is hidden.

What a compiled decoder cannot see, it counts: in a document without repeated keys there are exactly as many colons
outside of strings as there are keys. Values that a decoder lets through and the strict reader might not (integers that
float64 rounds, fractions in an integer) are found afterwards in the whole matrix: `Checks`.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import UNSET

from podium.bundle import grid
from podium.bundle.columns import NULL_TEXT
from podium.bundle.grid import Grid
from podium.core.signature import Field, FieldType, Signature
from podium.scoring import request
from podium.scoring.protocols import tensors

_MOST_FEATURES = 2048
_TYPES: dict[FieldType, Any] = {
    FieldType.NUMBER: float,
    FieldType.INTEGER: float,
    FieldType.BOOLEAN: bool,
    FieldType.TEXT: str,
}
WRONG = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)
"""What decoders raise."""
KEY: Any = str | int | float | None
"""What a key may be sent as."""

One: TypeAlias = tuple[tuple[Any, ...], tuple[Any, ...], str, str]
"""A row: its numbers and texts in the grid's order, its key, and its request's id (empty: none was sent)."""


class Many(msgspec.Struct, frozen=True, gc=False):
    """Rows: numbers and texts in the grid's order, as one list for each row or one for each column."""

    rows: int
    numbers: Sequence[Sequence[Any]]
    texts: Sequence[Sequence[Any]]
    by_row: bool
    keys: Sequence[Any] | None
    """As they were sent (None: they were not), or as text once `Plan.many` has passed them."""
    request_id: str
    nulls: bool = True
    """Whether a text may be null."""


class Singles(NamedTuple):
    """Rows of as many requests."""

    grid: Grid
    keys: list[str]
    ids: list[str]
    """Of the requests; empty where none was sent."""
    certain: bool = False
    """No number needs the `Checks`."""


class Block(NamedTuple):
    """The rows of one request."""

    grid: Grid
    keys: list[str]
    request_id: str
    """Empty where none was sent."""
    certain: bool = False
    """No number needs the `Checks`."""


Pick: TypeAlias = Callable[[Any], tuple[Any, ...]]


class Checks:
    """What decoders cannot see in numbers, over a whole matrix in the grid's order."""

    def __init__(self, signature: Signature) -> None:
        kinds = [field.type for field in signature.features if field.type is not FieldType.TEXT]
        self._limits = np.array([2.0**63 if kind is FieldType.NUMBER else 2.0**53 for kind in kinds])
        self._whole = np.flatnonzero([kind is FieldType.INTEGER for kind in kinds])

    def doubtful(self, numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_] | None:
        """The rows [n] that the strict reader must see, or None when there is none. Makes -0.0 in integers 0.0."""
        doubt = np.abs(numbers) >= self._limits
        if len(self._whole):
            whole = numbers[:, self._whole]
            whole += 0.0
            numbers[:, self._whole] = whole
            doubt[:, self._whole] |= (whole != np.rint(whole)) & ~np.isnan(whole)
        return np.asarray(doubt.any(axis=1)) if doubt.any() else None


class Plan:
    """What the decoders of a signature share."""

    def __init__(self, signature: Signature) -> None:
        self.order = grid.order(signature)
        self.fields = {field.name: field for field in signature.features}
        self.key = "" if signature.key in self.fields else signature.key
        self.names = (*self.order.numbers, *self.order.texts)
        self.nulls = any(self.fields[name].nullable for name in self.order.texts)
        self.most = tensors.most_rows(len(self.names))
        self.good = 0 < len(self.names) <= _MOST_FEATURES and not any(
            ":" in name or "\\" in name or not name for name in (*self.names, self.key or "-")
        )

    def type(self, name: str) -> Any:
        """What a value of that column may be."""
        field: Field | None = self.fields.get(name)
        if field is None:
            return KEY
        kind = _TYPES[field.type]
        return kind | None if field.nullable else kind

    def fits(self, columns: Sequence[str]) -> bool:
        """Whether these columns are all features, and at most the key beside them, each once."""
        given = set(columns)
        return self.good and len(given) == len(columns) and self.fields.keys() <= given <= {*self.fields, self.key}

    def one(self, body: bytes, keys: int, parts: tuple[Any, Any], key: Any, request_id: str) -> One | None:
        """A row, unless it is doubtful. `parts`: numbers and texts; `keys`: how many keys the document has."""
        numbers, texts = parts
        if key is not None:
            key = plain_key(key)
            if key is None:
                return None
        else:
            key = ""
        if (body.count(b":") != keys or b"\\" in body) and not _clear(body, keys, (*texts, key, request_id)):
            return None
        if self.nulls and None in texts:
            texts = tuple([NULL_TEXT if text is None else text for text in texts])
        return numbers, texts, key, request_id

    def many(self, body: bytes, keys: int, found: Many) -> Many | None:
        """Rows, unless they are doubtful."""
        if not 0 < found.rows <= self.most:
            return None
        named = [""] * found.rows if found.keys is None else [plain_key(key) for key in found.keys]
        if None in named:
            return None
        if body.count(b":") != keys or b"\\" in body:
            texts = [text for part in found.texts for text in part]
            if not _clear(body, keys, [*texts, *named, found.request_id]):
                return None
        return msgspec.structs.replace(found, keys=named, nulls=self.nulls)


def pick(places: list[int]) -> Pick:
    """The values at those places, as a tuple."""
    if len(places) > 1:
        return itemgetter(*places)
    if places:
        at = places[0]
        return lambda values: (values[at],)
    return lambda _: ()


def _clear(body: bytes, keys: int, texts: Sequence[Any]) -> bool:
    """Whether the body has just so many keys, and no text that a text must not be."""
    if b"\\" in body:
        if b"\\u003a" in body or b"\\u003A" in body:
            return False  # a colon that cannot be counted
        if any(text and ("\x00" in text or NULL_TEXT in text) for text in texts):
            return False
    colons = body.count(b":") - keys
    return colons == 0 or colons == sum([text.count(":") for text in texts if text])


def plain_key(value: Any) -> str | None:
    """The key as `request.keys` gives it; None where it is not plain."""
    if type(value) is str:
        return value if len(value) <= request.LONGEST_KEY else None
    if value is None or value is UNSET:
        return ""
    return str(value) if type(value) is int and -(2**63) <= value < 2**63 else None


def identified(given: Any) -> bool:
    """Whether a request's id is none, or one that the strict reader takes."""
    return given is UNSET or (1 <= len(given) <= request.LONGEST_ID and given.isprintable())


def singles(rows: Sequence[One]) -> Singles:
    """Single rows side by side."""
    numbers, texts, keys, ids = zip(*rows, strict=True)
    return Singles(Grid(np.array(numbers, dtype=np.float64), np.array(texts, dtype=object)), list(keys), list(ids))


def joined(parts: Sequence[Singles]) -> Singles:
    """The rows of all, in order."""
    if len(parts) == 1:
        return parts[0]
    keys = [key for part in parts for key in part.keys]
    ids = [each for part in parts for each in part.ids]
    return Singles(grid.join([part.grid for part in parts]), keys, ids, all(part.certain for part in parts))


def without(rows: Singles, gone: npt.NDArray[np.bool_]) -> Singles:
    """The rows but those that are flagged. [n]"""
    stay = np.flatnonzero(~gone)
    places = stay.tolist()
    return Singles(grid.take(rows.grid, stay), [rows.keys[at] for at in places], [rows.ids[at] for at in places])


def block(found: Many) -> Block:
    """The rows that a decoder gave, whose keys `Plan.many` has passed. Nulls become NaN and `NULL_TEXT`."""
    numbers = _matrix(found, np.array(found.numbers, dtype=np.float64))
    texts = _matrix(found, np.array(found.texts, dtype=object))
    if found.nulls:
        texts[texts == None] = NULL_TEXT  # noqa: E711 - for each element
    return Block(Grid(numbers, texts), list(found.keys or ()), found.request_id)


def _matrix(found: Many, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if values.size == 0:
        return np.empty((found.rows, 0), dtype=values.dtype)
    return values if found.by_row else np.ascontiguousarray(values.T)
