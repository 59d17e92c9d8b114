"""Drives a gRPC server from one core, and checks every answer.

The messages are made before and sent as bytes, so that the client costs what its library costs, and no more. It runs as
a process of its own: a `load.Spec` whose requests are messages on standard input, a `found.Result` on standard output.
"""

import array
import gc
import os
import queue
import sys
import time
from collections import Counter
from typing import Any

import grpc
import msgspec

from podium.cli.bench import found, load

METHOD = "/inference.GRPCInferenceService/ModelInfer"
OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
_PATIENCE_S = 30.0


def drive(spec: load.Spec) -> found.Result:
    """Keep as many calls under way as there are connections; every answer must hold its needle."""
    total = 0
    with grpc.insecure_channel(f"{spec.host}:{spec.port}", options=OPTIONS) as channel:
        call = channel.unary_unary(METHOD)
        for seconds in (spec.warm_seconds, spec.seconds):
            took: array.array[int] = array.array("q")
            wrong: Counter[str] = Counter()
            cpu, begin = time.process_time(), time.perf_counter_ns()
            _phase(call, spec, begin + int(seconds * 1e9), took, wrong)
            elapsed = (time.perf_counter_ns() - begin) / 1e9
            busy = (time.process_time() - cpu) / elapsed
            total += len(took)
    return found.result(took, elapsed, dict(wrong), total, busy)


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
