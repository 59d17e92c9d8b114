"""The same rows over gRPC: raw tensors in, raw tensors out."""

from collections.abc import Mapping

import msgspec
import numpy as np

from podium.cli.bench import folder, measure, rpc_load, work
from podium.core.errors import missing_extra

try:
    import grpc

    from podium.scoring.protocols.grpc import messages
except ImportError as missing:
    raise missing_extra("grpc", missing.name or "grpcio") from None

_PATIENCE_S = 30.0


def write(values: work.Values) -> work.Body:
    """A message with a raw tensor for each feature."""
    sent = work.oip_binary(values)
    size = int(sent.headers["Inference-Header-Content-Length"])
    message = messages.ModelInferRequest(model_name=folder.ENDPOINT)
    for tensor in msgspec.json.decode(sent.content[:size])["inputs"]:
        message.inputs.add(name=tensor["name"], datatype=tensor["datatype"], shape=tensor["shape"])
        taken = tensor["parameters"]["binary_data_size"]
        message.raw_input_contents.append(sent.content[size : size + taken])
        size += taken
    return work.Body(message.SerializeToString(), "application/grpc")


def read(_headers: Mapping[str, str], content: bytes) -> work.Scores:
    """The scores in an answer."""
    answer = messages.ModelInferResponse.FromString(content)
    at = [tensor.name for tensor in answer.outputs].index("score")
    return np.frombuffer(answer.raw_output_contents[at], dtype="<f8")


def prove(address: str, made: work.Work) -> list[bytes]:
    """As `measure.prove`, over gRPC."""
    needles = []
    with grpc.insecure_channel(address, options=rpc_load.OPTIONS) as channel:
        call = channel.unary_unary(rpc_load.METHOD)
        for body, expected in zip(made.bodies, made.expected, strict=True):
            try:
                content = call(body.content, timeout=_PATIENCE_S)
            except grpc.RpcError as problem:
                raise measure.NotOffered(f"gRPC: {problem.code().name}") from problem
            found = made.read({}, content)
            measure.check(found, expected, measure.TOLERANCE)
            needles.append(found[:1].astype("<f8").tobytes())
    return needles
