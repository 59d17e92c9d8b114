"""Arrow IPC streams as bodies: a column for each feature (and the key) in; prediction id, score, decision, version out.

https://arrow.apache.org/docs/format/Columnar.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from podium.bundle import arrow_columns
from podium.core import errors
from podium.core.errors import Invalid
from podium.core.signature import Signature
from podium.scoring import codec, request
from podium.scoring.protocols import arrow_answer, frames, ipc_frames, sent, tensors
from podium.scoring.protocols.json_body import Malformed
from podium.scoring.protocols.plan import Block

MEDIA = "application/vnd.apache.arrow.stream"
REQUEST_ID = arrow_answer.REQUEST_ID
"""The schema metadata that may hold the request's id, and holds it in the answer. The header X-Request-Id wins."""
MOST_BYTES = 32 * 1024 * 1024
"""Of a request's texts, dictionaries spelled out; and of its compressed buffers, unpacked."""
_UNREADABLE = (pa.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError, MemoryError)
_FIX = "Send one Arrow IPC stream: a schema, dictionaries if any, record batches."


class _Plan:
    """What is to be read of streams with one schema for one signature."""

    def __init__(self, body: bytes, signature: Signature) -> None:
        self.signature = signature
        self.schema = schema = pa.ipc.open_stream(body).schema
        features = {field.name for field in signature.features} | {signature.key}
        wanted = [at for at, name in enumerate(schema.names) if name in features]
        fields = [schema.field(at) for at in wanted]
        self.places = {field.name: at for at, field in enumerate(fields)}
        """Where the features and the key stand among the columns that are read."""
        if not fields:
            raise Invalid("No column is a feature.", field="body", fix="Name the columns as the features.")
        if len(self.places) != len(fields):
            raise Invalid("A column comes twice.", field="body", fix="Send each column once.")
        for field in fields:
            _check_type(field)
        self.options = None if len(wanted) == len(schema) else pa.ipc.IpcReadOptions(included_fields=wanted)
        self.dictionaries = any(pa.types.is_dictionary(field.type) for field in fields)
        self.texts = [at for at, field in enumerate(fields) if _is_textual(field.type)]
        self.views = [at for at, field in enumerate(fields) if pa.types.is_string_view(field.type)]
        self.request_id = (schema.metadata or {}).get(REQUEST_ID.encode())
        self.like = frames.Frames(signature, fields if self.options is None else [])


class _Plans:
    """Plans by the schema message's bytes, for each signature object in use."""

    def __init__(self, most: int = 64, longest: int = 64 * 1024) -> None:
        self._most, self._longest = most, longest
        self._known: dict[tuple[bytes, int], _Plan] = {}

    def of(self, body: bytes, signature: Signature) -> tuple[_Plan, int]:
        """The plan, and where the schema message ends. What is known was checked when it came first."""
        like = ipc_frames.head_like(body)
        known = self._known.get((body[:like], id(signature)))
        if known is not None and known.signature is signature:
            return known, like
        head = ipc_frames.head(body)
        made = _Plan(body, signature)
        if head == like <= self._longest:
            if len(self._known) >= self._most:
                self._known.clear()
            self._known[body[:head], id(signature)] = made
        return made, head


_PLANS = _Plans()


def read(body: bytes, asked: codec.Asked) -> request.Rows:
    """The rows of a stream, else `Invalid` naming the column. Columns that are no feature are not looked at."""
    try:
        plan, head = _PLANS.of(body, asked.signature)
    except _UNREADABLE:
        raise _unreadable() from None
    block = plan.like.read(body, head) if len(plan.texts) * len(body) <= MOST_BYTES else None
    if block is not None:
        return _found(block, plan, head, body, asked)
    return _read(body, plan, head, asked)


def _read(body: bytes, plan: _Plan, head: int, asked: codec.Asked) -> request.Rows:
    """The long way."""
    try:
        claims = ipc_frames.claims(body, head)
        _check_claims(claims, asked.signature)
        batches = _batches(body, head, claims, plan)
        for batch in batches:
            batch.validate(full=True)
        batches = [_settled(batch, plan.views) for batch in batches] if plan.views else batches
    except _UNREADABLE:
        raise _unreadable() from None
    request_id = _request_id(plan.request_id, asked)
    if plan.views:
        batches = _without_views(batches, plan.views)
    if len(plan.texts) * len(body) * (claims.rows if plan.dictionaries else 1) > MOST_BYTES:
        _check_texts([batch.column(at) for batch in batches for at in plan.texts])
    if len(batches) == 1:
        only = arrow_columns.Batch(batches[0], plan.places)
        rows = sent.Batch(request_id=request_id, count=batches[0].num_rows, columns=only)
        if claims.frames == 1:
            plan.like.unlike(body, head, rows)
        return rows
    columns = {name: _joined([batch.column(at) for batch in batches]) for name, at in plan.places.items()}
    return sent.Tensors(request_id=request_id, count=sum(batch.num_rows for batch in batches), columns=columns)


def _found(block: Block, known: _Plan, head: int, body: bytes, asked: codec.Asked) -> request.Rows:
    """The rows that the finder read; whoever asks for their columns gets them from the library."""
    return sent.Found(
        request_id=_request_id(known.request_id, asked),
        count=len(block.grid),
        columns=sent.Later(lambda: arrow_columns.Batch(_only(body, head, known), known.places)),
        signature=asked.signature,
        block=block,
    )


def _batches(body: bytes, head: int, claims: ipc_frames.Claims, plan: _Plan) -> list[pa.RecordBatch]:
    if plan.options is None and claims.frames == 1:
        return [_only(body, head, plan)]
    return list(pa.ipc.open_stream(body, options=plan.options))


def _only(body: bytes, head: int, plan: _Plan) -> pa.RecordBatch:
    """The one batch behind the schema."""
    return pa.ipc.read_record_batch(pa.py_buffer(body).slice(head), plan.schema)


def _check_claims(claims: ipc_frames.Claims, signature: Signature) -> None:
    tensors.check_rows(claims.rows, len(signature.features), "body")
    if claims.unpacked > MOST_BYTES:
        raise _too_many("The compressed buffers unpack to too many bytes.")
    if claims.deltas:
        raise Invalid("A dictionary is added to.", field="body", fix="Send each dictionary whole.")
    if not claims.batches:
        raise Malformed("The stream holds no record batch.", field="body", fix=_FIX)


def _check_texts(columns: Sequence[pa.Array]) -> None:
    """No request may spell out to more than its body could say: dictionaries and shared buffers make that possible."""
    if sum(map(_spelled_out, columns)) > MOST_BYTES:
        raise _too_many("The texts are too long when spelled out.")


def _without_views(batches: Sequence[pa.RecordBatch], views: Sequence[int]) -> list[pa.RecordBatch]:
    """With plain texts in place of views (as Polars sends them), many of which may be of the same bytes."""
    if sum(_seen(batch.column(at)) for batch in batches for at in views) > MOST_BYTES:
        raise _too_many("The texts are too long when spelled out.")
    return [_plain(batch, views) for batch in batches]


def _plain(batch: pa.RecordBatch, views: Sequence[int]) -> pa.RecordBatch:
    for at in views:
        batch = batch.set_column(at, batch.schema.names[at], batch.column(at).cast(pa.string()))
    return batch


def _settled(batch: pa.RecordBatch, views: Sequence[int]) -> pa.RecordBatch:
    """With the views of null rows empty: nobody has validated them, and a cast would follow them."""
    for at in views:
        column = batch.column(at)
        if column.null_count:
            valid, _, *texts = column.buffers()
            found = _views(column)
            found[np.unpackbits(np.frombuffer(valid, np.uint8), count=len(found), bitorder="little") == 0] = 0
            buffers = [valid, pa.py_buffer(found), *texts]
            column = pa.Array.from_buffers(column.type, len(column), buffers, column.null_count, column.offset)
            batch = batch.set_column(at, batch.schema.names[at], column)
    return batch


def _views(column: pa.Array) -> np.ndarray[Any, np.dtype[np.int32]]:
    """A copy of a column's views, and of those before it: 16 bytes each, of which the first 4 say the length."""
    count = column.offset + len(column)
    return np.frombuffer(column.buffers()[1] or b"", np.int32, 4 * count).reshape(count, 4).copy()


def _seen(column: pa.Array) -> int:
    """The lengths of a settled column's views."""
    return int(_views(column)[column.offset :, 0].sum(dtype=np.int64))


def _is_textual(kind: pa.DataType) -> bool:
    return bool(pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _spelled_out(column: pa.Array) -> int:
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    if not _is_textual(column.dictionary.type):
        return 0
    return pc.sum(pc.binary_length(column.dictionary).take(column.indices)).as_py() or 0


def _joined(chunks: Sequence[pa.Array]) -> pa.Array:
    """One array of a column's chunks; dictionaries are kept only where there is one chunk."""
    return pa.concat_arrays(
        [each.dictionary_decode() if pa.types.is_dictionary(each.type) else each for each in chunks]
    )


def _check_type(field: pa.Field) -> None:
    if pa.types.is_string_view(field.type):
        return
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    plain = (
        pa.types.is_floating,
        pa.types.is_integer,
        pa.types.is_boolean,
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_null,
    )
    if not any(test(kind) for test in plain):
        raise Invalid(
            "The column's type is none that a feature may have.", field=field.name, fix="Send numbers, utf8 or bool."
        )


def _request_id(stated: bytes | None, asked: codec.Asked) -> str:
    given = asked.headers.get("x-request-id")
    if given is not None:
        return request.check_id(given, "X-Request-Id")
    if stated is None:
        return asked.new_id("req")
    try:
        return request.check_id(stated.decode(), REQUEST_ID)
    except UnicodeDecodeError:
        raise Invalid("A request id is text.", field=REQUEST_ID, fix="Send a text of printable characters.") from None


def wanted(headers: Mapping[str, str], *, same: bool) -> bool:
    """Whether to answer with a stream: `Accept` names it, or it takes anything and the request was one (`same`)."""
    accept = headers.get("accept")
    if accept is None or accept == MEDIA:
        return same or accept is not None
    kinds = [part.partition(";") for part in accept.lower().split(",")]
    taken = {kind.strip() for kind, _, quality in kinds if quality.replace(" ", "") not in ("q=0", "q=0.0")}
    return MEDIA in taken or (same and bool(taken & {"*/*", "application/*"}))


def write(scored: request.Scored, asked: codec.Asked) -> codec.Written:
    """The answer as a stream of one batch; its schema says the request's id, and the endpoint."""
    return codec.Written(arrow_answer.write(scored, asked.endpoint), MEDIA)


def _unreadable() -> Malformed:
    return Malformed("The body is not a valid Arrow IPC stream.", field="body", fix=_FIX)


def _too_many(message: str) -> errors.Invalid:
    return Invalid(message, field="body", fix="Split the rows over several requests.")
