"""JSON of the usual shapes, read by decoders that are compiled once for a signature.

They take a body only when it certainly means what the strict reader would say it means; every other body, good or bad,
gives None and goes to the strict reader.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType, defstruct, structs

from podium.core.signature import FieldType
from podium.scoring.protocols.plan import KEY, WRONG, Many, One, Pick, Plan, identified, pick

_ONE = 64
"""Bodies up to that many bytes a feature, and some, are tried as one row first."""
_WHOLE, _REAL = ("INT64", "INT32", "UINT8"), ("FP64", "FP32")
_DATATYPES: dict[FieldType, Any] = {
    FieldType.NUMBER: Literal[_REAL + _WHOLE],
    FieldType.INTEGER: Literal[_WHOLE + _REAL],
    FieldType.BOOLEAN: Literal["BOOL"],
    FieldType.TEXT: Literal["BYTES"],
}

Decode: TypeAlias = Callable[[bytes], One | Many | None]


def records(plan: Plan, form: str) -> Decode | None:
    """`{"<form>": [{"feature": value, …}, …]}`: each row with all features; all with the key, or none."""
    if not plan.good:
        return None
    names: list[tuple[str, Any] | tuple[str, Any, Any]] = [
        (f"v{at}", plan.type(name)) for at, name in enumerate(plan.names)
    ]
    names.append(("v_key", KEY | UnsetType, UNSET))
    renamed = {f"v{at}": name for at, name in enumerate(plan.names)} | {"v_key": plan.key}
    row: Any = defstruct("Row", names, rename=renamed, forbid_unknown_fields=True, gc=False)
    rows: Any = list[row]
    document = defstruct("Body", [("rows", rows)], rename={"rows": form}, forbid_unknown_fields=True, gc=False)
    parse: Any = msgspec.json.Decoder(document).decode
    numbers, width, astuple = len(plan.order.numbers), len(plan.names), structs.astuple

    def decode(body: bytes) -> One | Many | None:
        try:
            rows = parse(body).rows
        except WRONG:
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
    keys: Any = list[KEY]
    names.append(("v_key", keys | UnsetType, UNSET))
    renamed = {f"v{at}": name for at, name in enumerate(plan.names)} | {"v_key": plan.key}
    table: Any = defstruct("Columns", names, rename=renamed, forbid_unknown_fields=True, gc=False)
    document = defstruct("Body", [("inputs", table)], forbid_unknown_fields=True, gc=False)
    parse: Any = msgspec.json.Decoder(document).decode
    numbers, width, astuple = len(plan.order.numbers), len(plan.names), structs.astuple

    def decode(body: bytes) -> Many | None:
        try:
            values = astuple(parse(body).inputs)
        except WRONG:
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
        except WRONG:
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
        except WRONG:
            return many(body)
        values = [tensor.data[0] for tensor in found.inputs]
        key = None if at_key is None else values[at_key]
        if found.id is UNSET:
            return plan.one(body, colons, (numbers(values), texts(values)), key, "")
        if not identified(found.id):
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
        except WRONG:
            return None
        if not identified(found.id) or not _even(found.inputs):
            return None
        values, rows = [tensor.data for tensor in found.inputs], found.inputs[0].shape[0]
        keys = None if at_key is None else values[at_key]
        given, count = ("", colons) if found.id is UNSET else (found.id, colons + 1)
        return plan.many(body, count, Many(rows, numbers(values), texts(values), False, keys, given))  # noqa: FBT003

    return decode


def _places(plan: Plan, columns: Sequence[str]) -> tuple[Pick, Pick, int | None]:
    """What takes the numbers and the texts out of values in that order, and where the key stands."""
    named = list(columns)
    numbers = pick([named.index(name) for name in plan.order.numbers])
    texts = pick([named.index(name) for name in plan.order.texts])
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
