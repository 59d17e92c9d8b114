"""JSON of the usual shapes, read by decoders that are compiled once for a signature.

They take a body only when it certainly means what the strict reader would say it means; every other body, good or bad,
gives None and goes to the strict reader. What a compiled decoder cannot see, it counts: in a document without repeated
keys there are exactly as many colons outside of strings as there are keys.

Values that a decoder lets through and the strict reader might not (integers that float64 rounds, fractions in an
integer) are found afterwards in the whole matrix: `Checks`.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import UNSET, UnsetType, defstruct, structs

from podium.bundle import grid
from podium.bundle.columns import NULL_TEXT
from podium.core.signature import Field, FieldType, Signature
from podium.scoring import request

_MOST_FEATURES = 2048
_ONE = 64
"""Bodies up to that many bytes a feature, and some, are tried as one row first."""
_TYPES: dict[FieldType, Any] = {
    FieldType.NUMBER: float,
    FieldType.INTEGER: float,
    FieldType.BOOLEAN: bool,
    FieldType.TEXT: str,
}
_WHOLE, _REAL = ("INT64", "INT32", "UINT8"), ("FP64", "FP32")
_DATATYPES: dict[FieldType, Any] = {
    FieldType.NUMBER: Literal[_REAL + _WHOLE],
    FieldType.INTEGER: Literal[_WHOLE + _REAL],
    FieldType.BOOLEAN: Literal["BOOL"],
    FieldType.TEXT: Literal["BYTES"],
}
_WRONG = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)
_KEY: Any = str | int | float | None

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


_Pick: TypeAlias = Callable[[Any], tuple[Any, ...]]
Decode: TypeAlias = Callable[[bytes], One | Many | None]


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
        self.good = 0 < len(self.names) <= _MOST_FEATURES and not any(
            ":" in name or "\\" in name or not name for name in (*self.names, self.key or "-")
        )

    def type(self, name: str) -> Any:
        """What a value of that column may be."""
        field: Field | None = self.fields.get(name)
        if field is None:
            return _KEY
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
            key = _key(key)
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
        named = [""] * found.rows if found.keys is None else [_key(key) for key in found.keys]
        if not found.rows or None in named:
            return None
        if body.count(b":") != keys or b"\\" in body:
            texts = [text for part in found.texts for text in part]
            if not _clear(body, keys, [*texts, *named, found.request_id]):
                return None
        return msgspec.structs.replace(found, keys=named, nulls=self.nulls)


def _pick(places: list[int]) -> _Pick:
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


def _key(value: Any) -> str | None:
    """The key as `request.keys` gives it; None where it is not plain."""
    if type(value) is str:
        return value if len(value) <= request.LONGEST_KEY else None
    if value is None or value is UNSET:
        return ""
    return str(value) if type(value) is int and -(2**63) <= value < 2**63 else None


def _identified(given: Any) -> bool:
    return given is UNSET or (1 <= len(given) <= request.LONGEST_ID and given.isprintable())


def records(plan: Plan, form: str) -> Decode | None:
    """`{"<form>": [{"feature": value, …}, …]}`: each row with all features; all with the key, or none."""
    if not plan.good:
        return None
    names: list[tuple[str, Any] | tuple[str, Any, Any]] = [
        (f"v{at}", plan.type(name)) for at, name in enumerate(plan.names)
    ]
    names.append(("v_key", _KEY | UnsetType, UNSET))
    renamed = {f"v{at}": name for at, name in enumerate(plan.names)} | {"v_key": plan.key}
    row: Any = defstruct("Row", names, rename=renamed, forbid_unknown_fields=True, gc=False)
    rows: Any = list[row]
    document = defstruct("Body", [("rows", rows)], rename={"rows": form}, forbid_unknown_fields=True, gc=False)
    parse: Any = msgspec.json.Decoder(document).decode
    numbers, width, astuple = len(plan.order.numbers), len(plan.names), structs.astuple

    def decode(body: bytes) -> One | Many | None:
        try:
            rows = parse(body).rows
        except _WRONG:
            return None
        if len(rows) != 1:
            return many(body, [astuple(row) for row in rows])
        values = astuple(rows[0])
        key = values[width]
        if key is UNSET:
            return plan.one(body, width + 1, (values[:numbers], values[numbers:width]), None, "")
        return plan.one(body, width + 2, (values[:numbers], values[numbers:width]), key, "")

    def many(body: bytes, rows: list[tuple[Any, ...]]) -> Many | None:
        sent = [row[width] for row in rows]
        present = len(rows) - sent.count(UNSET)
        if present not in (0, len(rows)):
            return None
        keys = sent if present else None
        texts = [row[numbers:width] for row in rows]
        found = Many(len(rows), [row[:numbers] for row in rows], texts, by_row=True, keys=keys, request_id="")
        return plan.many(body, 1 + width * len(rows) + present, found)

    return decode


def columns(plan: Plan) -> Decode | None:
    """`{"inputs": {"feature": [value, …], …}}`: all features, and the key or not."""
    if not plan.good:
        return None
    lists: list[Any] = [list[kind] for kind in map(plan.type, plan.names)]  # type: ignore[valid-type]
    names: list[tuple[str, Any] | tuple[str, Any, Any]] = [(f"v{at}", kind) for at, kind in enumerate(lists)]
    keys: Any = list[_KEY]
    names.append(("v_key", keys | UnsetType, UNSET))
    renamed = {f"v{at}": name for at, name in enumerate(plan.names)} | {"v_key": plan.key}
    table: Any = defstruct("Columns", names, rename=renamed, forbid_unknown_fields=True, gc=False)
    document = defstruct("Body", [("inputs", table)], forbid_unknown_fields=True, gc=False)
    parse: Any = msgspec.json.Decoder(document).decode
    numbers, width, astuple = len(plan.order.numbers), len(plan.names), structs.astuple

    def decode(body: bytes) -> Many | None:
        try:
            values = astuple(parse(body).inputs)
        except _WRONG:
            return None
        sent = None if values[width] is UNSET else values[width]
        rows = len(values[0])
        if any(len(each) != rows for each in (values[:width] if sent is None else values)):
            return None
        found = Many(rows, values[:numbers], values[numbers:width], by_row=False, keys=sent, request_id="")
        return plan.many(body, 1 + width + (sent is not None), found)

    return decode


def split(plan: Plan, columns: Sequence[str]) -> Decode | None:
    """`{"dataframe_split": {"columns": […], "data": [[…], …]}}` with these columns in this order."""
    if not plan.fits(columns):
        return None
    row: Any = tuple[tuple(plan.type(name) for name in columns)]  # type: ignore[misc]
    rows: Any = list[row]
    frame: Any = defstruct("Frame", [("columns", list[str]), ("data", rows)], forbid_unknown_fields=True, gc=False)
    document = defstruct("Body", [("dataframe_split", frame)], forbid_unknown_fields=True, gc=False)
    parse: Any = msgspec.json.Decoder(document).decode
    wanted = list(columns)
    numbers, texts, at_key = _places(plan, columns)

    def decode(body: bytes) -> One | Many | None:
        try:
            found = parse(body).dataframe_split
        except _WRONG:
            return None
        if found.columns != wanted:
            return None
        rows = found.data
        if len(rows) == 1:
            row = rows[0]
            return plan.one(body, 3, (numbers(row), texts(row)), None if at_key is None else row[at_key], "")
        keys = None if at_key is None else [row[at_key] for row in rows]
        parts = [numbers(row) for row in rows], [texts(row) for row in rows]
        return plan.many(body, 3, Many(len(rows), *parts, by_row=True, keys=keys, request_id=""))

    return decode


def tensors(plan: Plan, columns: Sequence[str]) -> Decode | None:
    """An infer request of the Open Inference Protocol with these tensors in this order, each `[rows]`."""
    if not plan.fits(columns):
        return None
    parse = _tensors(plan, columns, single=True)
    many = _many_tensors(plan, columns)
    numbers, texts, at_key = _places(plan, columns)
    short = _ONE * len(columns) + 512
    colons = 1 + 4 * len(columns)

    def decode(body: bytes) -> One | Many | None:
        if len(body) > short:
            return many(body)
        try:
            found = parse(body)
        except _WRONG:
            return many(body)
        values = [tensor.data[0] for tensor in found.inputs]
        key = None if at_key is None else values[at_key]
        if found.id is UNSET:
            return plan.one(body, colons, (numbers(values), texts(values)), key, "")
        if not _identified(found.id):
            return None
        return plan.one(body, colons + 1, (numbers(values), texts(values)), key, found.id)

    return decode


def _many_tensors(plan: Plan, columns: Sequence[str]) -> Callable[[bytes], Many | None]:
    parse = _tensors(plan, columns, single=False)
    numbers, texts, at_key = _places(plan, columns)
    colons = 1 + 4 * len(columns)

    def decode(body: bytes) -> Many | None:
        try:
            found = parse(body)
        except _WRONG:
            return None
        if not _identified(found.id) or not _even(found.inputs):
            return None
        values, rows = [tensor.data for tensor in found.inputs], found.inputs[0].shape[0]
        keys = None if at_key is None else values[at_key]
        given, count = ("", colons) if found.id is UNSET else (found.id, colons + 1)
        return plan.many(body, count, Many(rows, numbers(values), texts(values), False, keys, given))  # noqa: FBT003

    return decode


def _places(plan: Plan, columns: Sequence[str]) -> tuple[_Pick, _Pick, int | None]:
    """What takes the numbers and the texts out of values in that order, and where the key stands."""
    named = list(columns)
    numbers = _pick([named.index(name) for name in plan.order.numbers])
    texts = _pick([named.index(name) for name in plan.order.texts])
    return numbers, texts, named.index(plan.key) if plan.key in named else None


def _even(tensors: Sequence[Any]) -> bool:
    rows = tensors[0].shape[0]
    return all(tensor.shape[0] == rows and len(tensor.data) == rows for tensor in tensors)


def _tensors(plan: Plan, columns: Sequence[str], *, single: bool) -> Any:
    kinds = []
    for name in columns:
        value: Any = plan.type(name)
        datatypes: Any = Literal["BYTES", "INT64"] if name not in plan.fields else _DATATYPES[plan.fields[name].type]
        parts = [
            ("name", Literal[name]),
            ("shape", tuple[Literal[1]] if single else tuple[int]),
            ("datatype", datatypes),
            ("data", tuple[value] if single else list[value]),
        ]
        kinds.append(defstruct("Tensor", parts, forbid_unknown_fields=True, gc=False))
    inputs: Any = tuple[tuple(kinds)]  # type: ignore[misc]
    body = defstruct("Body", [("inputs", inputs), ("id", str | UnsetType, UNSET)], forbid_unknown_fields=True, gc=False)
    return msgspec.json.Decoder(body).decode


def fill(found: Many) -> grid.Grid:
    """The grid of many rows. Nulls become NaN and `NULL_TEXT`."""
    numbers = _matrix(found, np.array(found.numbers, dtype=np.float64))
    texts = _matrix(found, np.array(found.texts, dtype=object))
    if found.nulls:
        texts[texts == None] = NULL_TEXT  # noqa: E711 - for each element
    return grid.Grid(numbers, texts)


def _matrix(found: Many, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if values.size == 0:
        return np.empty((found.rows, 0), dtype=values.dtype)
    return values if found.by_row else np.ascontiguousarray(values.T)
