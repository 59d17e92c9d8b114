"""Open Inference Protocol v2 (REST): one tensor for each feature in, score, decision, prediction id and version out.

https://github.com/open-inference/open-inference-protocol
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from podium.core.errors import Invalid
from podium.core.ids import NewId
from podium.core.signature import FieldType, Signature
from podium.scoring import request

_WHOLE = frozenset({"INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"})
_REAL = frozenset({"FP16", "FP32", "FP64"})
DATATYPES = _WHOLE | _REAL | {"BOOL", "BYTES"}
_ALLOWED = {
    FieldType.NUMBER: _WHOLE | _REAL,
    FieldType.INTEGER: _WHOLE | _REAL,
    FieldType.BOOLEAN: frozenset({"BOOL"}),
    FieldType.TEXT: frozenset({"BYTES"}),
}
_DATATYPE = {
    FieldType.NUMBER: "FP64",
    FieldType.INTEGER: "INT64",
    FieldType.BOOLEAN: "BOOL",
    FieldType.TEXT: "BYTES",
}


def read(body: Mapping[str, Any], new_id: NewId, signature: Signature) -> request.Rows:
    """The rows of an infer request, else `Invalid` naming the field. Tensors that are no feature are ignored."""
    named = body.get("id")
    request_id = new_id("req") if named is None or named == "" else request.check_id(named)
    if not isinstance(body.get("parameters", {}), dict):
        raise Invalid("The parameters are not an object.", field="parameters")
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise Invalid("There are no input tensors.", field="inputs", fix="Send one tensor for each feature.")
    columns: dict[str, list[Any]] = {}
    count = -1
    for position, tensor in enumerate(inputs):
        where = f"inputs[{position}]"
        name, data = _tensor(tensor, where, signature)
        if name in columns:
            raise Invalid("Two tensors have the same name.", field=f"{where}.name")
        count = len(data) if count < 0 else count
        if len(data) != count:
            raise Invalid("The tensor has not as many rows as the first one.", field=f"{where}.shape")
        columns[name] = data
    return request.Rows(request_id=request_id, count=count, columns=columns)


def _tensor(tensor: Any, where: str, signature: Signature) -> tuple[str, list[Any]]:
    if not isinstance(tensor, dict):
        raise Invalid("A tensor is an object.", field=where)
    name = tensor.get("name")
    if not isinstance(name, str) or not name:
        raise Invalid("A tensor needs a name.", field=f"{where}.name")
    datatype = tensor.get("datatype")
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        raise Invalid("This is not a datatype.", field=f"{where}.datatype", fix="Send FP64, INT64, BOOL or BYTES.")
    feature = signature.feature(name)
    if feature is not None and datatype not in _ALLOWED[feature.type]:
        raise Invalid(
            "The datatype does not fit the feature.",
            field=f"{where}.datatype",
            fix=f"Send {_DATATYPE[feature.type]}.",
        )
    rows, columns = _shape(tensor.get("shape"), where)
    return name, _data(tensor.get("data"), rows, columns, where)


def _shape(shape: Any, where: str) -> tuple[int, int]:
    good = isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)
    if not good or len(shape) not in (1, 2) or shape[1:] not in ([], [1]):
        raise Invalid("A tensor's shape is [rows] or [rows, 1].", field=f"{where}.shape")
    return shape[0], len(shape)


def _data(data: Any, rows: int, dimensions: int, where: str) -> list[Any]:
    if not isinstance(data, list):
        raise Invalid("A tensor's data is a list.", field=f"{where}.data")
    if dimensions > 1 and data and isinstance(data[0], list):
        if not all(isinstance(row, list) and len(row) == 1 for row in data):
            raise Invalid("Each row of this tensor holds one value.", field=f"{where}.data")
        data = [row[0] for row in data]
    values: list[Any] = data
    if len(values) != rows:
        raise Invalid("The data has not as many values as the shape says.", field=f"{where}.data")
    return values


def write(name: str, scored: request.Scored) -> bytes:
    """The answer to an infer request."""
    size = [len(scored.prediction_ids)]
    outputs: list[dict[str, Any]] = [{"name": "score", "datatype": "FP64", "shape": size, "data": scored.scores}]
    if any(decision is not None for decision in scored.decisions):
        outputs.append({"name": "decision", "datatype": "BOOL", "shape": size, "data": scored.decisions})
    outputs.append({"name": "prediction_id", "datatype": "BYTES", "shape": size, "data": scored.prediction_ids})
    outputs.append({"name": "version", "datatype": "INT64", "shape": size, "data": scored.versions})
    answer: dict[str, Any] = {"model_name": name, "id": scored.request_id, "outputs": outputs}
    if len(set(scored.versions)) == 1:
        answer["model_version"] = str(scored.versions[0])
    return msgspec.json.encode(answer)


def server(version: str) -> bytes:
    """Server metadata."""
    return msgspec.json.encode({"name": "podium", "version": version, "extensions": []})


def model(name: str, versions: Sequence[int], signature: Signature, *, decides: bool) -> bytes:
    """Model metadata: the endpoint's inputs and outputs."""
    inputs: list[dict[str, Any]] = [
        {"name": field.name, "datatype": _DATATYPE[field.type], "shape": [-1]} for field in signature.features
    ]
    outputs = [("score", "FP64"), *([("decision", "BOOL")] if decides else []), ("prediction_id", "BYTES")]
    return msgspec.json.encode(
        {
            "name": name,
            "versions": [str(version) for version in versions],
            "platform": "podium_onnx",
            "inputs": [*inputs, {"name": signature.key, "datatype": "BYTES", "shape": [-1]}],
            "outputs": [
                {"name": output, "datatype": datatype, "shape": [-1]}
                for output, datatype in [*outputs, ("version", "INT64")]
            ],
        }
    )
