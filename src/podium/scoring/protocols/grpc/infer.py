"""Infer requests and their answers as messages: raw or typed tensors in, the same form out."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from podium.core.errors import Invalid
from podium.core.signature import Signature
from podium.scoring import codec, request
from podium.scoring.protocols import outputs, sent, tensors
from podium.scoring.protocols.grpc import messages, wire

CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    tensors.BYTES: "bytes_contents",
}
"""The field that holds the values of a datatype; FP16 has none and comes raw."""
_KEPT, _LONGEST_KEPT = 256, 64 * 1024


def parse(kind: Any, data: bytes) -> Any:
    """The message in those bytes; `Malformed` when they are none."""
    try:
        return kind.FromString(data)
    except messages.Undecodable:
        raise wire.malformed() from None


class _Head(NamedTuple):
    """What a message says beside its id and its values, once it was found good for a signature."""

    signature: Signature
    rows: int
    tensors: list[tuple[str, str]]
    """Name and datatype of each."""
    wanted: outputs.Wanted


class Heads:
    """Reads messages, and keeps what those with raw values say beside them by its bytes: clients send it again."""

    def __init__(self) -> None:
        self._known: dict[bytes, _Head] = {}
        """Emptied when full."""

    def read(self, message: Any, asked: codec.Asked) -> request.Rows:
        """The rows of a request, else `Invalid` naming the field. Takes the values out of the message."""
        if not message.inputs:
            raise Invalid("There are no input tensors.", field="inputs", fix="Send one tensor for each feature.")
        request_id = request.check_id(message.id) if message.id else asked.new_id("req")
        raw = list(message.raw_input_contents)
        if not raw:
            wanted = _wanted(message, asked, binary=False)
            rows = _rows(message.inputs, asked)
            columns = _typed(message.inputs, rows)
        else:
            _, rows, named, wanted = self._head(message, len(raw), asked)
            columns = _raw(named, raw, rows)
        return sent.Tensors(request_id=request_id, count=rows, columns=columns, wanted=wanted)

    def read_large(self, data: bytes, asked: codec.Asked) -> request.Rows:
        """The rows of a request whose message is not taken apart yet."""
        return self.read(parse(messages.ModelInferRequest, data), asked)

    def _head(self, message: Any, values: int, asked: codec.Asked) -> _Head:
        if values != len(message.inputs):
            raise Invalid(
                "There is not one entry for each input.",
                field="raw_input_contents",
                fix="Send the bytes of each input, in the order of the inputs.",
            )
        message.ClearField("raw_input_contents")
        message.ClearField("id")
        key = message.SerializeToString()
        head = self._known.get(key)
        if head is not None and head.signature is asked.signature:
            return head
        wanted = _wanted(message, asked, binary=True)
        rows = _rows(message.inputs, asked)
        for position, tensor in enumerate(message.inputs):
            if tensor.HasField("contents"):
                raise Invalid(
                    "The tensor has its data twice, typed and raw.",
                    field=f"inputs[{position}].contents",
                    fix="Send one of them.",
                )
        head = _Head(asked.signature, rows, [(tensor.name, tensor.datatype) for tensor in message.inputs], wanted)
        if len(key) <= _LONGEST_KEPT:
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[key] = head
        return head


def _wanted(message: Any, asked: codec.Asked, *, binary: bool) -> outputs.Wanted:
    for position, each in enumerate(message.outputs):
        outputs.check_parameters(each.parameters, f"outputs[{position}]")
    names = [each.name for each in message.outputs]
    known = asked.signature.labels
    return outputs.Wanted(outputs.check(names, [binary] * len(names), known) if names else None, binary)


def _rows(inputs: Sequence[Any], asked: codec.Asked) -> int:
    """How many rows all tensors have, once name, datatype and shape of each are checked."""
    rows = -1
    seen: set[str] = set()
    for position, tensor in enumerate(inputs):
        where = f"inputs[{position}]"
        tensors.check_name(tensor.name, tensor.datatype, asked.signature, where)
        outputs.check_parameters(tensor.parameters, where)
        found = tensors.rows_of(list(tensor.shape[:3]), where)
        rows = found if rows < 0 else rows
        tensors.check_like_first(found, rows, where)
        tensors.check_once(tensor.name, seen, where)
        seen.add(tensor.name)
    tensors.check_rows(rows, len(asked.signature.features), "inputs[0].shape")
    return rows


def _raw(named: Sequence[tuple[str, str]], raw: Sequence[bytes], rows: int) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    texts: list[tuple[str, bytes, str]] = []
    for position, ((name, datatype), data) in enumerate(zip(named, raw, strict=True)):
        where = f"raw_input_contents[{position}]"
        tensors.check_size(datatype, rows, len(data), where)
        columns[name] = None
        if datatype == tensors.BYTES:
            texts.append((name, data, where))
        else:
            columns[name] = tensors.numbers(datatype, data, where)
    if texts:
        names, parts, places = zip(*texts, strict=True)
        columns.update(zip(names, tensors.texts(parts, rows, places), strict=True))
    return columns


def _typed(inputs: Sequence[Any], rows: int) -> dict[str, Any]:
    return {tensor.name: _values(tensor, rows, f"inputs[{at}].contents") for at, tensor in enumerate(inputs)}


def _values(tensor: Any, rows: int, where: str) -> Any:
    """A typed tensor's values; it must have no others."""
    field = CONTENTS.get(tensor.datatype)
    if field is None:
        raise Invalid("This datatype has no typed form.", field=where, fix="Send it in raw_input_contents.")
    filled = [each.name for each, _ in tensor.contents.ListFields()]
    if filled not in ([field], []):
        raise Invalid("The values are not in the field of their datatype.", field=where, fix=f"Send {field} only.")
    sent_values = getattr(tensor.contents, field)
    if len(sent_values) != rows:
        raise Invalid(
            "There are not as many values as the shape says.",
            field=f"{where}.{field}",
            fix="Send one value for each row.",
        )
    values = list(sent_values)
    if tensor.datatype != tensors.BYTES:
        kind = np.dtype(np.bool_) if tensor.datatype == "BOOL" else tensors.DTYPES[tensor.datatype]
        try:
            return np.array(values, dtype=kind)
        except OverflowError:
            raise Invalid(
                "A value lies beyond its datatype.", field=f"{where}.{field}", fix="Send a larger datatype."
            ) from None
    try:
        return pa.array(values, pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        raise Invalid("The text is not UTF-8.", field=f"{where}.{field}", fix="Encode texts as UTF-8.") from None


def write(scored: request.Scored, endpoint: str) -> Any:
    """The answer, in the request's form. No decision is given where some row has none: a tensor knows no null."""
    wanted = scored.wanted
    chosen = [output for output, _ in outputs.chosen(scored, wanted) if not output.nulls]
    size = [len(scored.prediction_ids)]
    answer = messages.ModelInferResponse(
        model_name=endpoint, model_version=outputs.version(scored), id=scored.request_id
    )
    for output in chosen:
        tensor = answer.outputs.add(name=output.name, datatype=output.datatype, shape=size)
        if wanted.binary:
            answer.raw_output_contents.append(output.raw())
        else:
            text = output.datatype == tensors.BYTES
            values = [value.encode() for value in output.values] if text else output.values
            getattr(tensor.contents, CONTENTS[output.datatype]).extend(values)
    return answer
