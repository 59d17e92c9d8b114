"""Open Inference Protocol v2 (REST): one tensor for each feature in, score, decision, prediction id and version out.

https://github.com/open-inference/open-inference-protocol
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from podium.core import bundle
from podium.core.errors import Invalid
from podium.core.ids import NewId
from podium.core.signature import Signature
from podium.scoring import request
from podium.scoring.protocols import outputs, tensors

EXTENSIONS = ("binary_tensor_data",)


def read(body: Mapping[str, Any], new_id: NewId, signature: Signature) -> request.Rows:
    """The rows of an infer request, else `Invalid` naming the field. Tensors that are no feature are ignored."""
    named = body.get("id")
    request_id = new_id("req") if named is None or named == "" else request.check_id(named)
    asked = "outputs" in body or "parameters" in body
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise Invalid("There are no input tensors.", field="inputs", fix="Send one tensor for each feature.")
    columns: dict[str, list[Any]] = {}
    count = -1
    for position, each in enumerate(inputs):
        where = f"inputs[{position}]"
        name, data = tensor(each, where, signature)
        tensors.check_once(name, columns, where)
        if count < 0:
            count = len(data)
            tensors.check_rows(count, len(signature.features), f"{where}.shape")
        tensors.check_like_first(len(data), count, where)
        columns[name] = data
    wanted = outputs.wanted(body, signature.labels) if asked else None
    return request.Rows(request_id=request_id, count=count, columns=columns, wanted=wanted)


def tensor(given: Any, where: str, signature: Signature) -> tuple[str, list[Any]]:
    """Name and values of a tensor in JSON; `Invalid` naming its part that is wrong."""
    tensors.check_object(given, where, "A tensor")
    name = given.get("name")
    tensors.check_name(name, given.get("datatype"), signature, where)
    rows = tensors.rows_of(given.get("shape"), where)
    return str(name), _data(given.get("data"), rows, len(given["shape"]), where)


def _data(data: Any, rows: int, dimensions: int, where: str) -> list[Any]:
    if not isinstance(data, list):
        raise Invalid("A tensor's data is a list.", field=f"{where}.data", fix="Send a list of one value for each row.")
    if dimensions > 1 and data and isinstance(data[0], list):
        if not all(isinstance(row, list) and len(row) == 1 for row in data):
            raise Invalid(
                "Each row of this tensor holds one value.",
                field=f"{where}.data",
                fix="Send a list of one value for each row.",
            )
        data = [row[0] for row in data]
    values: list[Any] = data
    if len(values) != rows:
        raise Invalid(
            "The data has not as many values as the shape says.",
            field=f"{where}.data",
            fix="Send one value for each row.",
        )
    return values


def write(name: str, scored: request.Scored) -> bytes:
    """The answer to an infer request."""
    size = [len(scored.prediction_ids)]
    made = [
        {"name": output.name, "datatype": output.datatype, "shape": size, "data": output.values}
        for output in outputs.of(scored)
    ]
    answer: dict[str, Any] = {"model_name": name, "id": scored.request_id, "outputs": made}
    if version := outputs.version(scored):
        answer["model_version"] = version
    return msgspec.json.encode(answer)


def server(version: str) -> bytes:
    """Server metadata."""
    return msgspec.json.encode({"name": "podium", "version": version, "extensions": EXTENSIONS})


def model(
    name: str, versions: Sequence[int], of: bundle.Manifest, *, decides: bool, refers: bool = False
) -> dict[str, Any]:
    """Model metadata: the endpoint's inputs (features and key) and outputs; -1 stands for any number of rows."""
    signature = of.signature
    inputs = [(field.name, tensors.DATATYPE[field.type]) for field in signature.features]
    return {
        "name": name,
        "versions": [str(version) for version in versions],
        "platform": f"podium_{of.engine}",
        "inputs": [_metadata(*each) for each in (*inputs, (signature.key, tensors.BYTES))],
        "outputs": [
            _metadata(*each) for each in outputs.described(decides=decides, refers=refers, labels=signature.labels)
        ],
    }


def _metadata(name: str, datatype: str) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [-1]}
