"""What is sent and what must come back: the same rows in each protocol, and the scores read from its answers."""

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from podium.cli.bench.model import Model
from podium.core.signature import FieldType

JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"
_HEAD_SIZE = "inference-header-content-length"
_DATATYPE = {FieldType.NUMBER: "FP64", FieldType.INTEGER: "INT64", FieldType.TEXT: "BYTES"}
_STRIDE = 37
_DIFFERENT = 1500

Values = Mapping[str, list[Any]]
Scores = npt.NDArray[np.float64]
Reader = Callable[[Mapping[str, str], bytes], Scores]


class Body(NamedTuple):
    """A request's content, and what its headers must say."""

    content: bytes
    media: str = JSON
    headers: Mapping[str, str] = {}
    path: str = ""


class Work(NamedTuple):
    """Requests of some rows each, with the scores that each must be answered with."""

    rows: int
    bodies: list[Body]
    expected: list[Scores]
    read: Reader

    def requests(self) -> list[bytes]:
        """Whole HTTP requests."""
        return [raw(body) for body in self.bodies]


def make(model: Model, path: str, rows: int, write: Callable[[Values], Body], read: Reader) -> Work:
    """Requests over different rows."""
    begun = starts(rows)
    return Work(
        rows=rows,
        bodies=[write(model.values(start, rows))._replace(path=path) for start in begun],
        expected=[model.answers(start, rows) for start in begun],
        read=read,
    )


def starts(rows: int) -> list[int]:
    """The first rows of all requests: 64 at most, and no more of them than there are different rows.

    They must be many: a processor that sees the same rows again and again learns which way each tree takes them, and
    scores them twice as fast as it ever would in earnest.
    """
    return [at * max(_STRIDE, rows) for at in range(max(2, min(64, _DIFFERENT // rows)))]


def together(works: Sequence[Work]) -> Work:
    """Requests of several in turn: the first of each, then the second of each."""
    first = works[0]
    return first._replace(
        bodies=[body for turn in zip(*(each.bodies for each in works), strict=True) for body in turn],
        expected=[scores for turn in zip(*(each.expected for each in works), strict=True) for scores in turn],
    )


def raw(body: Body) -> bytes:
    """A whole HTTP request."""
    headers = {"host": "127.0.0.1", "content-type": body.media, "content-length": str(len(body.content))}
    head = "".join(f"{name}: {value}\r\n" for name, value in {**headers, **body.headers}.items())
    return f"POST {body.path} HTTP/1.1\r\n{head}\r\n".encode() + body.content


def oip_json(values: Values) -> Body:
    """Open Inference Protocol: a tensor for each feature, in JSON."""
    inputs = [
        {"name": name, "datatype": _datatype(name), "shape": [len(data)], "data": data} for name, data in values.items()
    ]
    return Body(msgspec.json.encode({"inputs": inputs}))


def oip_binary(values: Values) -> Body:
    """Open Inference Protocol with its binary tensor extension, in both directions; NaN for null."""
    inputs, blobs = [], []
    for name, data in values.items():
        blobs.append(_bytes(name, data))
        inputs.append(
            {
                "name": name,
                "datatype": _datatype(name),
                "shape": [len(data)],
                "parameters": {"binary_data_size": len(blobs[-1])},
            }
        )
    head = msgspec.json.encode({"inputs": inputs, "parameters": {"binary_data_output": True}})
    return Body(head + b"".join(blobs), "application/octet-stream", {"Inference-Header-Content-Length": str(len(head))})


def arrow(values: Values) -> Body:
    """An Arrow IPC stream with a column for each feature; the answer is asked for as one too."""
    batch = pa.record_batch([_array(name, data) for name, data in values.items()], names=list(values))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return Body(sink.getvalue().to_pybytes(), ARROW, {"Accept": ARROW})


def _array(name: str, data: list[Any]) -> pa.Array:
    kind = {"FP64": pa.float64(), "INT64": pa.int64(), "BYTES": pa.string()}[_datatype(name)]
    return pa.array(data, type=kind)


def _datatype(name: str) -> str:
    return _DATATYPE[FieldType(name.partition("_")[0])]


def _bytes(name: str, data: list[Any]) -> bytes:
    datatype = _datatype(name)
    if datatype == "BYTES":
        return b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in data)
    if datatype == "INT64":
        return np.array(data, dtype="<i8").tobytes()
    return np.array([np.nan if value is None else value for value in data], dtype="<f8").tobytes()


def read_podium(headers: Mapping[str, str], content: bytes) -> Scores:
    """The scores in an answer of Podium's, in whichever form it came."""
    if headers.get("content-type", "").startswith(ARROW):
        table = pa.ipc.open_stream(content).read_all()
        return np.asarray(table.column("score").to_numpy(), dtype=np.float64)
    size = int(headers.get(_HEAD_SIZE, len(content)))
    answer = msgspec.json.decode(content[:size])
    at = size
    for tensor in answer["outputs"]:
        taken = int(tensor.get("parameters", {}).get("binary_data_size", 0))
        if tensor["name"] == "score":
            found = tensor["data"] if not taken else np.frombuffer(content[at : at + taken], dtype="<f8")
            return np.asarray(found, dtype=np.float64)
        at += taken
    raise KeyError("score")
