"""Whether a model file has the runtime read other files: tensors may be kept in them.

It would read whatever the scorer can read below its working directory, and put it into scores; and what it read is of
no digest. Tensors stand where the format has them: among a graph's constants, and in attributes of nodes and functions.
"""

from podium.bundle.engines.onnx import file
from podium.core import bundle
from podium.core.errors import Refused

_INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
"""By kind of message: the fields that lead to tensors."""
_ENTRIES, _PLACE = 13, 14
"""Of a tensor: where its values are, and whether they are elsewhere."""
_NEEDED = b"location"
"""The runtime reads no tensor from elsewhere without an entry of that name."""


def check(model: bytes) -> None:
    """`Refused` where one is not all in the file; `ValueError` or `IndexError` where the file cannot be read."""
    if _NEEDED in model:
        _check(model, "model")


def _check(message: bytes, kind: str) -> None:
    inside = _INSIDE.get(kind, {})
    for field, wire, said in file.pieces(message):
        if kind == "tensor" and (field == _ENTRIES or (field == _PLACE and said)):
            raise Refused(
                "The model file keeps tensors in other files.",
                field=bundle.MODEL,
                fix="Save it as one file: onnx.save_model(model, path, save_as_external_data=False).",
            )
        if wire == file.BYTES and field in inside and isinstance(said, bytes) and _NEEDED in said:
            _check(said, inside[field])
