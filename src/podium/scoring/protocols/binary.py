"""The binary tensor data extension of the Open Inference Protocol: a JSON header, then the tensors' raw bytes.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from podium.core.errors import Invalid
from podium.core.signature import Signature
from podium.scoring import codec, request
from podium.scoring.protocols import json_body, oip, outputs, sent, tensors
from podium.scoring.protocols.json_body import Malformed

HEADER = "inference-header-content-length"
MEDIA = "application/octet-stream"
_DIGITS = 9
_FIX = "Send the length in bytes of the JSON at the beginning of the body."


class _Text(NamedTuple):
    """A text tensor that waits to be decoded with the others."""

    name: str
    data: memoryview
    where: str


class _Reading:
    """The tensors of one request, one after another."""

    def __init__(self, signature: Signature, rest: memoryview) -> None:
        self._signature = signature
        self._rest = rest
        self._at = 0
        self.rows = -1
        self.columns: dict[str, Any] = {}
        self._texts: list[_Text] = []

    def take(self, tensor: Any, where: str) -> None:
        """The next tensor, in binary or in JSON."""
        if not isinstance(tensor, dict):
            raise Invalid("A tensor is an object.", field=where)
        parameters = tensor.get("parameters", {})
        if not isinstance(parameters, dict):
            raise Invalid("The parameters are not an object.", field=f"{where}.parameters")
        if "binary_data_size" in parameters:
            name = self._binary(tensor, parameters["binary_data_size"], where)
        else:
            outputs.check_parameters(parameters, where)
            name, values = oip.tensor(tensor, where, self._signature)
            self._count(len(values), where)
            self._keep(name, values, where)

    def _binary(self, tensor: Mapping[str, Any], size: Any, where: str) -> str:
        name, datatype = tensor.get("name"), tensor.get("datatype")
        tensors.check_name(name, datatype, self._signature, where)
        rows = tensors.rows_of(tensor.get("shape"), where)
        self._count(rows, where)
        tensors.check_rows(rows, len(self._signature.features), f"{where}.shape")
        if "data" in tensor:
            raise Invalid("The tensor has its data twice, in JSON and in binary.", field=f"{where}.data")
        place = f"{where}.parameters.binary_data_size"
        if type(size) is not int or not 0 <= size <= len(self._rest) - self._at:
            raise Invalid("The body does not hold so many bytes.", field=place)
        tensors.check_size(str(datatype), rows, size, place)
        data = self._rest[self._at : self._at + size]
        self._at += size
        if datatype == tensors.BYTES:
            self._texts.append(_Text(str(name), data, where))
            self._keep(str(name), None, where)
        else:
            self._keep(str(name), tensors.numbers(str(datatype), data, where), where)
        return str(name)

    def _count(self, rows: int, where: str) -> None:
        self.rows = rows if self.rows < 0 else self.rows
        if rows != self.rows:
            raise Invalid("The tensor has not as many rows as the first one.", field=f"{where}.shape")

    def _keep(self, name: str, values: Any, where: str) -> None:
        if name in self.columns:
            raise Invalid("Two tensors have the same name.", field=f"{where}.name")
        self.columns[name] = values

    def finish(self) -> None:
        """Decode the texts, once all bytes are spoken for."""
        if self._at != len(self._rest):
            raise Malformed("The body is longer than the tensors that it names.", field="body")
        if self._texts:
            decoded = tensors.texts(
                [text.data for text in self._texts], self.rows, [text.where for text in self._texts]
            )
            self.columns.update(zip((text.name for text in self._texts), decoded, strict=True))


def read(body: bytes, asked: codec.Asked) -> request.Rows:
    """The rows of an infer request whose header `Inference-Header-Content-Length` says where the JSON ends."""
    size = _header(asked.headers.get(HEADER, ""), len(body))
    header = json_body.parse(body[:size])
    inputs = header.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise Invalid("There are no input tensors.", field="inputs", fix="Send one tensor for each feature.")
    given = header.get("id")
    request_id = asked.new_id("req") if given is None or given == "" else request.check_id(given)
    wanted = outputs.wanted(header)
    reading = _Reading(asked.signature, memoryview(body)[size:])
    for position, tensor in enumerate(inputs):
        reading.take(tensor, f"inputs[{position}]")
    reading.finish()
    return sent.Tensors(request_id=request_id, count=reading.rows, columns=reading.columns, wanted=wanted)


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
