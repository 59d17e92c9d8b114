"""The binary tensor data extension of the Open Inference Protocol: a JSON header, then the tensors' raw bytes.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from podium.bundle import arrow_columns
from podium.core.errors import Invalid
from podium.core.signature import FieldType, Signature
from podium.scoring import codec, request
from podium.scoring.protocols import headers, json_body, oip, outputs, sent, tensors
from podium.scoring.protocols.json_body import Malformed

HEADER = "inference-header-content-length"
MEDIA = "application/octet-stream"
_DIGITS = 9
_FIX = "Send the length in bytes of the JSON at the beginning of the body."


class _Parameters(msgspec.Struct):
    binary_data_size: int


class _Tensor(msgspec.Struct):
    """A tensor in binary, and nothing else."""

    name: str
    datatype: str
    shape: list[int]
    parameters: _Parameters


class _Asked(msgspec.Struct):
    binary_data_output: bool | msgspec.UnsetType = msgspec.UNSET


class _Plain(msgspec.Struct):
    """The usual header: all tensors in binary, all outputs in one form."""

    inputs: list[_Tensor]
    id: str | msgspec.UnsetType = msgspec.UNSET
    parameters: _Asked | msgspec.UnsetType = msgspec.UNSET


_PLAIN = msgspec.json.Decoder(_Plain)
_NUMBERS = {kind: dtype for kind, dtype in tensors.DTYPES.items() if kind != "BOOL"}
_TEXT, _BOOLEAN = FieldType.TEXT, FieldType.BOOLEAN
_KEYS = len(msgspec.structs.fields(_Tensor)) + 1


class _Text(NamedTuple):
    """A text tensor that waits to be decoded with the others."""

    name: str
    data: memoryview
    where: str


class _Reading:
    """The tensors of one request, one after another."""

    def __init__(self, signature: Signature, rest: memoryview) -> None:
        self._signature = signature
        self.labels = signature.labels
        self._rest = rest
        self._at = 0
        self.rows = -1
        self.columns: dict[str, Any] = {}
        self._texts: list[_Text] = []

    def all(self, given: Sequence[_Tensor]) -> bool:
        """Take tensors that are as they should be; else none of them, and False: one by one the wrong one is found."""
        shape = given[0].shape
        rows = shape[0] if len(shape) == 1 else -1
        fields = arrow_columns.fields(self._signature)
        if not 0 <= rows <= tensors.most_rows(len(fields)):
            return False
        columns: dict[str, Any] = {}
        texts: list[_Text] = []
        rest, whole, at = self._rest, len(self._rest), 0
        for tensor in given:
            name, kind, size = tensor.name, tensor.datatype, tensor.parameters.binary_data_size
            field = fields.get(name)
            text = kind == tensors.BYTES
            known = field is None or ((field.type is _TEXT) is text and field.type is not _BOOLEAN)
            dtype = _NUMBERS.get(kind)
            if not (known and name and tensor.shape == shape):
                return False
            if dtype is not None and size == dtype.itemsize * rows and at + size <= whole:
                columns[name] = np.frombuffer(rest, dtype, rows, at)
            elif text and size >= 4 * rows:
                columns[name] = None
                texts.append(_Text(name, rest[at : at + size], f"inputs[{len(columns) - 1}]"))
            else:
                return False
            at += size
        if at != whole or len(columns) != len(given) or (texts and not rows):
            return False
        self.rows, self.columns, self._texts, self._at = rows, columns, texts, at
        return True

    def take(self, tensor: Any, where: str) -> None:
        """The next tensor, in binary or in JSON."""
        tensors.check_object(tensor, where, "A tensor")
        parameters = outputs.parameters_of(tensor, f"{where}.")
        if "binary_data_size" in parameters:
            if "data" in tensor:
                raise Invalid(
                    "The tensor has its data twice, in JSON and in binary.",
                    field=f"{where}.data",
                    fix="Send one of them.",
                )
            self.binary(
                (tensor.get("name"), tensor.get("datatype"), tensor.get("shape")),
                parameters["binary_data_size"],
                where,
            )
        else:
            outputs.check_parameters(parameters, where)
            name, values = oip.tensor(tensor, where, self._signature)
            self._count(len(values), where)
            self._keep(name, values, where)

    def binary(self, said: tuple[Any, Any, Any], size: Any, where: str) -> None:
        """The next tensor in binary. `said`: its name, datatype and shape."""
        name, datatype, shape = said
        tensors.check_name(name, datatype, self._signature, where)
        rows = tensors.rows_of(shape, where)
        self._count(rows, where)
        tensors.check_rows(rows, len(self._signature.features), f"{where}.shape")
        place = f"{where}.parameters.binary_data_size"
        if type(size) is not int or not 0 <= size <= len(self._rest) - self._at:
            raise Invalid(
                "The body does not hold so many bytes.",
                field=place,
                fix="Say how many bytes of the body are this tensor's.",
            )
        tensors.check_size(datatype, rows, size, place)
        data = self._rest[self._at : self._at + size]
        self._at += size
        if datatype == tensors.BYTES:
            self._texts.append(_Text(name, data, where))
            self._keep(name, None, where)
        else:
            self._keep(name, tensors.numbers(datatype, data, where), where)

    def _count(self, rows: int, where: str) -> None:
        self.rows = rows if self.rows < 0 else self.rows
        tensors.check_like_first(rows, self.rows, where)

    def _keep(self, name: str, values: Any, where: str) -> None:
        tensors.check_once(name, self.columns, where)
        self.columns[name] = values

    def finish(self) -> None:
        """Decode the texts, once all bytes are spoken for."""
        if self._at != len(self._rest):
            raise Malformed(
                "The body is longer than the tensors that it names.",
                field="body",
                fix="Send nothing behind the last tensor's bytes.",
            )
        if self._texts:
            decoded = tensors.texts(
                [text.data for text in self._texts], self.rows, [text.where for text in self._texts]
            )
            self.columns.update(zip((text.name for text in self._texts), decoded, strict=True))


_HEADERS = headers.Known()


def read(body: bytes, asked: codec.Asked) -> request.Rows:
    """The rows of an infer request whose header `Inference-Header-Content-Length` says where the JSON ends."""
    size = _header(asked.headers.get(HEADER, ""), len(body))
    like = _HEADERS.of(asked.signature)
    found = like.read(body, size)
    if found is None:
        return _read(body, size, asked, like)
    block, wanted = found
    return sent.Found(
        request_id=block.request_id or asked.new_id("req"),
        count=len(block.grid),
        columns=sent.Later(lambda: _read(body, size, asked, None).columns),
        wanted=wanted,
        signature=asked.signature,
        block=block,
    )


def _read(body: bytes, size: int, asked: codec.Asked, like: headers.Headers | None) -> request.Rows:
    """The long way. `like`: where the header may be learned."""
    header = body[:size]
    reading = _Reading(asked.signature, memoryview(body)[size:])
    plain = _plain(header)
    if plain is None:
        given, wanted = _read_any(json_body.parse(header, asked.signature), reading)
    else:
        given, wanted = _read_plain(plain, reading)
    reading.finish()
    request_id = request.check_id(given) if given else asked.new_id("req")
    if plain is not None and like is not None:
        like.unlike(header, [(tensor.name, tensor.datatype) for tensor in plain.inputs], wanted)
    return sent.Tensors(request_id=request_id, count=reading.rows, columns=reading.columns, wanted=wanted)


def _plain(header: bytes) -> _Plain | None:
    """The header, if it is of the usual form and certainly has no key twice: as many colons as keys that were read."""
    try:
        found = _PLAIN.decode(header)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return None
    keys = 1 + len(found.inputs) * _KEYS + (found.id is not msgspec.UNSET)
    if isinstance(found.parameters, _Asked):
        keys += 1 + (found.parameters.binary_data_output is not msgspec.UNSET)
    return found if found.inputs and header.count(b":") == keys else None


def _read_plain(header: _Plain, reading: _Reading) -> tuple[Any, outputs.Wanted]:
    if not reading.all(header.inputs):
        for position, tensor in enumerate(header.inputs):
            said = (tensor.name, tensor.datatype, tensor.shape)
            reading.binary(said, tensor.parameters.binary_data_size, f"inputs[{position}]")
    binary = isinstance(header.parameters, _Asked) and header.parameters.binary_data_output is True
    return header.id or None, outputs.Wanted(None, binary)


def _read_any(header: Mapping[str, Any], reading: _Reading) -> tuple[Any, outputs.Wanted]:
    inputs = header.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise Invalid("There are no input tensors.", field="inputs", fix="Send one tensor for each feature.")
    wanted = outputs.wanted(header, reading.labels)
    for position, tensor in enumerate(inputs):
        reading.take(tensor, f"inputs[{position}]")
    given = header.get("id")
    return given if given is None or given == "" else request.check_id(given), wanted


def _header(given: str, size: int) -> int:
    good = given.isascii() and given.isdigit() and len(given) <= _DIGITS
    if not good or not 0 < int(given) <= size:
        raise Malformed("This is not the length of the JSON.", field="Inference-Header-Content-Length", fix=_FIX)
    return int(given)


def write(scored: request.Scored, asked: codec.Asked) -> codec.Written:
    """The answer: JSON alone, or with the outputs in binary that are wanted so."""
    chosen = outputs.chosen(scored, scored.wanted)
    described: list[dict[str, Any]] = []
    parts: list[bytes] = []
    for output, binary in chosen:
        tensor: dict[str, Any] = {"name": output.name, "datatype": output.datatype, "shape": [len(output.values)]}
        if binary:
            parts.append(output.raw())
            tensor["parameters"] = {"binary_data_size": len(parts[-1])}
        else:
            tensor["data"] = output.values
        described.append(tensor)
    answer: dict[str, Any] = {"model_name": asked.endpoint, "id": scored.request_id, "outputs": described}
    if version := outputs.version(scored):
        answer["model_version"] = version
    header = msgspec.json.encode(answer)
    if not parts:
        return codec.Written(header)
    return codec.Written(b"".join([header, *parts]), MEDIA, ((HEADER, str(len(header))),))
