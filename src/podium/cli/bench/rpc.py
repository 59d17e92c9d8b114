"""The same rows over gRPC: raw tensors in, raw tensors out, and the load as a process of its own.

The messages are made once and sent as bytes, so that the client costs what its library costs, and no more. It reads a
`load.Spec` whose requests are messages, and writes a `load.Result`.
"""

import array
import gc
import os
import queue
import sys
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from podium.cli.bench import folder, load, measure, work
from podium.core.errors import missing_extra

try:
    import grpc

    from podium.scoring.protocols.grpc import messages
except ImportError as missing:
    raise missing_extra("grpc", missing.name or "grpcio") from None

METHOD = f"/{messages.INFERENCE}/ModelInfer"
_PATIENCE_S = 30.0
_OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))


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
    with grpc.insecure_channel(address, options=_OPTIONS) as channel:
        call = channel.unary_unary(METHOD)
        for body, expected in zip(made.bodies, made.expected, strict=True):
            try:
                content = call(body.content, timeout=_PATIENCE_S)
            except grpc.RpcError as problem:
                raise measure.NotOffered(f"gRPC: {problem.code().name}") from problem
            found = made.read({}, content)
            measure.check(found, expected, measure.TOLERANCE)
            needles.append(found[:1].astype("<f8").tobytes())
    return needles


def drive(spec: load.Spec) -> load.Result:
    """Keep as many calls under way as there are connections; every answer must hold its needle."""
    total = 0
    with grpc.insecure_channel(f"{spec.host}:{spec.port}", options=_OPTIONS) as channel:
        call = channel.unary_unary(METHOD)
        for seconds in (spec.warm_seconds, spec.seconds):
            took: array.array[int] = array.array("q")
            wrong: Counter[str] = Counter()
            cpu, begin = time.process_time(), time.perf_counter_ns()
            _phase(call, spec, begin + int(seconds * 1e9), took, wrong)
            elapsed = (time.perf_counter_ns() - begin) / 1e9
            busy = (time.process_time() - cpu) / elapsed
            total += len(took)
    return load.result(took, elapsed, dict(wrong), total, busy)


def _phase(call: Any, spec: load.Spec, end: int, took: "array.array[int]", wrong: "Counter[str]") -> None:
    """Calls until the time is over; those under way then are waited for, and not counted."""
    done: queue.SimpleQueue[tuple[Any, int, int]] = queue.SimpleQueue()
    many, under_way = len(spec.requests), 0

    def send(at: int) -> None:
        sent = time.perf_counter_ns()
        future = call.future(spec.requests[at % many], timeout=_PATIENCE_S)
        future.add_done_callback(lambda ended: done.put((ended, at, sent)))

    for at in range(spec.connections):
        send(at)
        under_way += 1
    while under_way:
        ended, at, sent = done.get()
        now = time.perf_counter_ns()
        under_way -= 1
        if now >= end:
            continue
        if ended.code() is not grpc.StatusCode.OK:
            wrong[f"status {ended.code().name}"] += 1
        elif spec.needles[at % many] not in ended.result():
            wrong["value"] += 1
        else:
            took.append(now - sent)
        send(at + spec.connections)
        under_way += 1


if __name__ == "__main__":
    given = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=load.Spec)
    gc.disable()
    os.sched_setaffinity(0, {given.core})
    sys.stdout.buffer.write(msgspec.msgpack.encode(drive(given)))
