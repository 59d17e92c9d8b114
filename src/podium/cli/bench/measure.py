"""One measurement of one server: its answers are proven first, then counted and timed."""

import contextlib
import http.client
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence

import msgspec
import numpy as np

from podium.cli.bench import process
from podium.cli.bench.found import Result
from podium.cli.bench.load import Spec, whole
from podium.cli.bench.work import Body, Scores, Work, raw
from podium.core.errors import Refused, Unavailable

TOLERANCE = 1e-5
"""Between a peer's score and the original's; float32 inputs move a score by less, another model by far more."""
HTTP, GRPC = "podium.cli.bench.load", "podium.cli.bench.rpc_load"
"""The clients."""
_PATIENCE_S = 60.0
_SLACK_S = 120.0


class NotOffered(Exception):
    """The server does not speak this form: status 404, 405, 415 or 501."""


class Wrong(Exception):
    """The server's answers are not those of the model."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of the load found."""

    rps: float
    rows_per_s: float
    p50_us: float
    p99_us: float
    max_us: float
    cpu_us: float
    """Processor time of the server for each request."""
    busy: float
    """The share of its core that the client used."""
    answers: int
    histogram: list[tuple[float, int]]


def prove(server: process.Process, work: Work, tolerance: float = TOLERANCE) -> list[bytes]:
    """Send each request once and compare all scores; what the load must find in each answer from then on.

    Raises `NotOffered`, or `Wrong` with the worst difference.
    """
    connection = http.client.HTTPConnection(server.host, server.port, timeout=_PATIENCE_S)
    needles = []
    try:
        for body, expected in zip(work.bodies, work.expected, strict=True):
            headers = {"Content-Type": body.media, **body.headers}
            connection.request("POST", body.path, body=body.content, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status in (404, 405, 415, 501):
                raise NotOffered(f"status {answer.status}")
            if answer.status != 200:
                raise Wrong(f"status {answer.status}: {content[:200].decode(errors='replace')}")
            given = {name.lower(): value for name, value in answer.getheaders()}
            found = work.read(given, content)
            check(found, expected, tolerance)
            needles.append(_needle(content, float(found[0])))
    except (OSError, http.client.HTTPException) as problem:
        raise Wrong(f"no answer ({type(problem).__name__})") from problem
    except (msgspec.DecodeError, KeyError, IndexError, TypeError, ValueError) as problem:
        raise Wrong(f"the answer cannot be read ({type(problem).__name__})") from problem
    finally:
        connection.close()
    return needles


def fetch(server: process.Process, request: bytes) -> bytes:
    """A whole answer as it comes over the wire."""
    with socket.create_connection((server.host, server.port), timeout=_PATIENCE_S) as connection:
        connection.sendall(request)
        data = b""
        while (size := whole(data)) < 0 or len(data) < size:
            more = connection.recv(65536)
            if not more:
                raise Unavailable("The server closed the connection.", field="server")
            data += more
    return data


def status(server: process.Process, body: Body) -> int:
    """The status of an answer, also where the server answers before it has read everything."""
    with socket.create_connection((server.host, server.port), timeout=_PATIENCE_S) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(raw(body))
        try:
            return int(connection.recv(65536).split(b" ", 2)[1])
        except (ConnectionError, IndexError, ValueError):
            return 0


def check(found: Scores, expected: Scores, tolerance: float) -> None:
    """Raise `Wrong` unless all scores are there and within the tolerance."""
    if found.shape != expected.shape:
        raise Wrong(f"{found.size} scores for {expected.size} rows")
    worst = float(np.abs(found - expected).max())
    if not worst <= tolerance:
        raise Wrong(f"a score differs by {worst:.3g}")


def _needle(content: bytes, score: float) -> bytes:
    """The first score as it stands in the answer: as text, or in binary (float64, float32)."""
    forms = (repr(score).encode(), struct.pack("<d", score), struct.pack("<f", score))
    return next((form for form in forms if form in content), b"")


def load(
    server: process.Process,
    work: Work,
    needles: Sequence[bytes],
    connections: int,
    seconds: float,
    *,
    client: str = HTTP,
    port: int = 0,
) -> Figures:
    """Drive the server. `Refused` when an answer under load was wrong: then there is no figure.

    `client`: the module that drives it; `port`: where it listens for that, if not for HTTP.
    """
    spec = Spec(
        host=server.host,
        port=port or server.port,
        requests=work.requests() if client == HTTP else [body.content for body in work.bodies],
        needles=list(needles),
        connections=connections,
        seconds=seconds,
        warm_seconds=min(0.5, seconds / 4),
        core=process.cores()[1],
    )
    before = server.cpu_seconds()
    found = _in_process(spec, client)
    used = server.cpu_seconds() - before
    if found.wrong:
        what = ", ".join(f"{count} times {kind}" for kind, count in found.wrong.items())
        raise Refused(f"Wrong under load: {what}.", field="answers")
    if found.answers == 0:
        raise Refused("Nothing was answered in the time of the measurement.", field="answers")
    rps = found.answers / found.seconds
    return Figures(
        rps=rps,
        rows_per_s=rps * work.rows,
        p50_us=found.p50_us,
        p99_us=found.p99_us,
        max_us=found.max_us,
        cpu_us=used / max(found.total, 1) * 1e6,
        busy=found.busy,
        answers=found.answers,
        histogram=found.histogram,
    )


def _in_process(spec: Spec, client: str) -> Result:
    made = subprocess.run(
        [sys.executable, "-m", client],
        input=msgspec.msgpack.encode(spec),
        capture_output=True,
        timeout=spec.seconds + _SLACK_S,
        check=False,
    )
    if made.returncode != 0:
        raise Unavailable(f"The load generator failed: {made.stderr.decode(errors='replace')[-300:]}", field="load")
    return msgspec.msgpack.decode(made.stdout, type=Result)
