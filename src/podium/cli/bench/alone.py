"""ONNX Runtime alone on one core: the same session on inputs that are ready, called in a loop. No server, no parsing.

It gets the rows of all requests in turn, as the servers do.

Runs as a process of its own: a `Spec` on standard input, a `Found` on standard output, both msgpack.
"""

import os
import sys
import time

import msgspec

from podium.bundle import columns, layout
from podium.bundle.engines.onnx import session
from podium.core.signature import Signature


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """The model file, each request's rows as JSON values by feature, and for how long on which core."""

    onnx: bytes
    signature: Signature
    requests: list[dict[str, list[float | int | str | None]]]
    seconds: float
    core: int


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Calls a second, and the processor time of one."""

    calls_per_s: float
    cpu_us: float


def measure(spec: Spec) -> Found:
    """Call it in a loop, after a warm-up of a tenth of the time."""
    os.sched_setaffinity(0, {spec.core})
    made = session.session(spec.onnx)
    described = msgspec.json.decode(made.get_modelmeta().custom_metadata_map[layout.KEY], type=layout.Layout)
    inputs = [layout.feed(described, columns.from_lists(spec.signature, values)) for values in spec.requests]
    names = [layout.SCORE]
    for seconds in (spec.seconds / 10, spec.seconds):
        begin, used, calls = time.perf_counter(), time.process_time(), 0
        while (now := time.perf_counter()) - begin < seconds:
            made.run(names, inputs[calls % len(inputs)])
            calls += 1
    return Found(calls_per_s=calls / (now - begin), cpu_us=(time.process_time() - used) / calls * 1e6)


if __name__ == "__main__":
    given = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Spec)
    sys.stdout.buffer.write(msgspec.msgpack.encode(measure(given)))
