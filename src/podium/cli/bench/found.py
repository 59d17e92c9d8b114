"""What a client found: how many answers came, how long they took, and what was wrong with others."""

import array

import msgspec
import numpy as np

_EDGES = np.geomspace(10.0, 1e7, 61)
"""Of the histogram, in microseconds: ten buckets to a power of ten."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered within the measured seconds; latencies in microseconds, of correct answers only."""

    answers: int
    seconds: float
    p50_us: float
    p99_us: float
    max_us: float
    total: int
    """Answers with those of the warm-up."""
    wrong: dict[str, int]
    """How many answers were wrong, by what was wrong with them."""
    busy: float
    """The share of its core that this client used: near 1, the client was the limit."""
    histogram: list[tuple[float, int]]
    """Upper edge in microseconds, and count; empty buckets are left out."""


def result(took: "array.array[int]", elapsed: float, wrong: dict[str, int], total: int, busy: float) -> Result:
    """Sum up: latencies in nanoseconds, measured seconds, what was wrong, all answers, and the client's load."""
    latency = np.frombuffer(took, dtype=np.int64) / 1e3 if len(took) else np.array([np.nan])
    counts, _ = np.histogram(np.clip(latency, _EDGES[0], _EDGES[-1]), _EDGES)
    p50, p99 = np.percentile(latency, [50, 99]).tolist()
    return Result(
        answers=len(took),
        seconds=elapsed,
        p50_us=p50,
        p99_us=p99,
        max_us=float(latency.max()),
        total=total,
        wrong=wrong,
        busy=busy,
        histogram=[(float(edge), int(n)) for edge, n in zip(_EDGES[1:], counts, strict=True) if n],
    )
