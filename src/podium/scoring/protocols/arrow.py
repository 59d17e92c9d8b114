"""Arrow IPC streams as bodies: a column for each feature (and the key) in; prediction id, score, decision, version out.

https://arrow.apache.org/docs/format/Columnar.html
"""

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from podium.core import errors
from podium.core.errors import Invalid
from podium.core.signature import Signature
from podium.scoring import codec, request
from podium.scoring.protocols import ipc_frames, sent, tensors
from podium.scoring.protocols.json_body import Malformed

MEDIA = "application/vnd.apache.arrow.stream"
REQUEST_ID = "podium.request_id"
"""The schema metadata that may hold the request's id, and holds it in the answer. The header X-Request-Id wins."""
MOST_BYTES = 32 * 1024 * 1024
"""Of a request's texts, dictionaries spelled out; and of its compressed buffers, unpacked."""
_FIX = "Send one Arrow IPC stream: a schema, dictionaries if any, record batches."
_ANSWER = pa.schema(
    [
        pa.field("prediction_id", pa.string(), nullable=False),
        pa.field("score", pa.float64(), nullable=False),
        pa.field("decision", pa.bool_()),
        pa.field("version", pa.int64(), nullable=False),
    ]
)


def read(body: bytes, asked: codec.Asked) -> request.Rows:
    """The rows of a stream, else `Invalid` naming the column. Columns that are no feature are not looked at."""
    _check_claims(ipc_frames.claims(body), asked.signature)
    try:
        schema, batches = _decode(body, asked.signature)
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError, MemoryError):
        raise Malformed("The body is not a valid Arrow IPC stream.", field="body", fix=_FIX) from None
    _check_texts(batches)
    columns = {name: _column([batch.column(at) for batch in batches], name) for at, name in enumerate(schema.names)}
    count = sum(batch.num_rows for batch in batches)
    return sent.Tensors(request_id=_request_id(schema.metadata or {}, asked), count=count, columns=columns)


def _check_claims(claims: ipc_frames.Claims, signature: Signature) -> None:
    tensors.check_rows(claims.rows, len(signature.features), "body")
    if claims.unpacked > MOST_BYTES:
        raise _too_many("The compressed buffers unpack to too many bytes.")
    if claims.deltas:
        raise Invalid("A dictionary is added to.", field="body", fix="Send each dictionary whole.")
    if not claims.batches:
        raise Malformed("The stream holds no record batch.", field="body", fix=_FIX)


def _decode(body: bytes, signature: Signature) -> tuple[pa.Schema, list[pa.RecordBatch]]:
    """The features' and the key's columns of all batches, every buffer validated."""
    stream = pa.ipc.open_stream(body)
    names = stream.schema.names
    wanted = [at for at, name in enumerate(names) if name == signature.key or signature.feature(name) is not None]
    if len({names[at] for at in wanted}) != len(wanted):
        raise Invalid("A column comes twice.", field="body", fix="Send each column once.")
    if len(wanted) < len(names):
        stream = pa.ipc.open_stream(body, options=pa.ipc.IpcReadOptions(included_fields=wanted))
    batches = list(stream)
    for batch in batches:
        batch.validate(full=True)
    return stream.schema, batches


def _check_texts(batches: Sequence[pa.RecordBatch]) -> None:
    """No column may spell out to more than the body could say: dictionaries and shared buffers make that possible."""
    columns = [column for batch in batches for column in batch.columns if _is_textual(column.type)]
    if sum(_at_most(column) for column in columns) > MOST_BYTES and sum(map(_exactly, columns)) > MOST_BYTES:
        raise _too_many("The texts are too long when spelled out.")


def _is_textual(kind: pa.DataType) -> bool:
    return bool(pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _at_most(column: pa.Array) -> int:
    return len(column) * int(column.dictionary.nbytes) if pa.types.is_dictionary(column.type) else int(column.nbytes)


def _exactly(column: pa.Array) -> int:
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    words = column.dictionary
    if not _is_textual(words.type) or pa.types.is_dictionary(words.type):
        return 0
    return pc.sum(pc.binary_length(words).take(column.indices)).as_py() or 0


def _column(chunks: Sequence[pa.Array], name: str) -> pa.Array:
    """One array of a column's chunks; dictionaries are kept only where there is one chunk."""
    kind = chunks[0].type
    words = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (_plain(words) or pa.types.is_null(words)):
        raise Invalid(
            "The column's type is none that a feature may have.", field=name, fix="Send numbers, utf8 or bool."
        )
    if len(chunks) == 1:
        return chunks[0]
    return pa.concat_arrays([chunk.dictionary_decode() if pa.types.is_dictionary(kind) else chunk for chunk in chunks])


def _plain(kind: pa.DataType) -> bool:
    tests = (
        pa.types.is_floating,
        pa.types.is_integer,
        pa.types.is_boolean,
        pa.types.is_string,
        pa.types.is_large_string,
    )
    return any(test(kind) for test in tests)


def _request_id(metadata: Mapping[bytes, bytes], asked: codec.Asked) -> str:
    given = asked.headers.get("x-request-id")
    if given is not None:
        return request.check_id(given, "X-Request-Id")
    stated = metadata.get(REQUEST_ID.encode())
    if stated is None:
        return asked.new_id("req")
    try:
        return request.check_id(stated.decode(), REQUEST_ID)
    except UnicodeDecodeError:
        raise Invalid("A request id is text.", field=REQUEST_ID) from None


def wanted(headers: Mapping[str, str], *, same: bool) -> bool:
    """Whether to answer with a stream: `Accept` names it, or it takes anything and the request was one (`same`)."""
    accept = headers.get("accept")
    if accept is None:
        return same
    kinds = [part.partition(";") for part in accept.lower().split(",")]
    taken = {kind.strip() for kind, _, quality in kinds if quality.replace(" ", "") not in ("q=0", "q=0.0")}
    return MEDIA in taken or (same and bool(taken & {"*/*", "application/*"}))


def write(scored: request.Scored, asked: codec.Asked) -> codec.Written:
    """The answer as a stream of one batch; its schema says the request's id, and the endpoint."""
    batch = pa.RecordBatch.from_arrays(
        [
            pa.array(values, type=field.type)
            for values, field in zip(
                (scored.prediction_ids, scored.scores, scored.decisions, scored.versions), _ANSWER, strict=True
            )
        ],
        schema=_ANSWER.with_metadata({REQUEST_ID: scored.request_id, "podium.endpoint": asked.endpoint}),
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return codec.Written(sink.getvalue().to_pybytes(), MEDIA)


def _too_many(message: str) -> errors.Invalid:
    return Invalid(message, field="body", fix="Split the rows over several requests.")
