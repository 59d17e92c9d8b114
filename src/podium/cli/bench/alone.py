"""ONNX Runtime alone on one core: the same session on inputs that are ready, called in a loop. No server, no parsing.

Runs as a process of its own: a `Spec` on standard input, calls a second on standard output.
"""

import os
import sys
import time

import msgspec

from podium.bundle import columns, layout
from podium.bundle.engines.onnx import session
from podium.core.signature import Signature


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """The model file, the rows as JSON values by feature, and for how long on which core."""

    onnx: bytes
    signature: Signature
    values: dict[str, list[float | int | str | None]]
    seconds: float
    core: int


def rate(spec: Spec) -> float:
    """Calls a second, after a warm-up of a tenth of the time."""
    os.sched_setaffinity(0, {spec.core})
    made = session.session(spec.onnx)
    table = columns.from_lists(spec.signature, spec.values)
    described = made.get_modelmeta().custom_metadata_map[layout.KEY]
    inputs = layout.feed(msgspec.json.decode(described, type=layout.Layout), table)
    names = [layout.SCORE]
    for seconds in (spec.seconds / 10, spec.seconds):
        begin, calls = time.perf_counter(), 0
        while (now := time.perf_counter()) - begin < seconds:
            made.run(names, inputs)
            calls += 1
    return calls / (now - begin)


if __name__ == "__main__":
    given = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Spec)
    sys.stdout.write(repr(rate(given)))
