"""A scorer process for tests: its settings as JSON, its clock the system's or a file's.

With `--fork` it reads settings from standard input, a line each, and forks a scorer for each: they start at once, as
everything is imported already.
"""

import json
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from podium.bundle import arrow_alone
from podium.scoring import serve
from podium.scoring import workers as several
from podium.scoring.http import limits


def main(text: str) -> None:
    given = json.loads(text)
    clock_file = given.pop("clock_file", None)

    def clock() -> datetime:
        return datetime.fromtimestamp(int(Path(clock_file).read_text()) / 1e6, UTC) if clock_file else datetime.now(UTC)

    given["folder"] = Path(given["folder"])
    given["public_keys"] = tuple(map(Path, given.get("public_keys", ())))
    given["http"] = limits.Limits(**given.get("http", {}))
    workers = given.pop("workers", 1)
    message_bytes = given.pop("grpc_bytes", 1024 * 1024)
    fronts = [grpc(given.pop("grpc_port"), message_bytes)] if "grpc_port" in given else []
    settings = serve.Settings(clock=clock, **given)
    if workers > 1:
        several.run(settings, workers, fronts)
    else:
        serve.run(settings, fronts)


def grpc(port: int, message_bytes: int) -> serve.Front:
    """gRPC on a port of its own."""
    from podium.scoring.rpc import server  # noqa: PLC0415 - its library takes a while to load

    return lambda service: server.front(service, ("127.0.0.1", port), server.Limits(message_bytes))


def fork() -> None:
    arrow_alone.without_pandas()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            sys.stdout.write(f"{os.getpid()}\n")
            main(line)
            os._exit(0)


if __name__ == "__main__":
    fork() if sys.argv[1] == "--fork" else main(sys.argv[1])
