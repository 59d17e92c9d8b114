"""A training process: started with a clean environment, listened to, and ended with everything that it started."""

import contextlib
import importlib.util
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import msgspec

from podium.build.runs.training import request
from podium.bundle.engines.worker import launch, wire
from podium.core import errors
from podium.core.job import Progress

THREADS = 2
"""Threads of numeric libraries: the same on every machine, as sums depend on how they are cut up."""
LOG_BYTES = 1024 * 1024
_NEEDED = ("pandas", "sklearn", "skl2onnx", "onnxruntime")
_LISTEN_SECONDS = 0.25
_GRACE_SECONDS = 3.0


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a process ended."""

    code: int
    """Its exit code; below 0: the signal that ended it."""
    network: str
    """What it had of the network, as `core.run.Environment` says it."""


def run(
    folder: Path,
    tell: Callable[[Progress], None],
    asked: Callable[[int], request.Request],
    trace: Mapping[str, str] | None = None,
) -> Ended:
    """Train in the work folder, without network unless the project file declares it.

    `tell` gets the newest progress several times a second; when it raises, the process and all its children end, and
    the error passes on. `asked` makes the request from the descriptor for progress. `trace`: the headers of the trace
    in which this happens, for the process where OpenTelemetry's programs look for it. Raises `Unavailable` when the
    packages for training are not installed.
    """
    for package in _NEEDED:
        if importlib.util.find_spec(package) is None:
            raise errors.missing_extra("train", package)
    with _pipe() as (receive, send), _pipe() as (said, say):
        wanted = asked(send.fileno())
        (folder / request.REQUEST).write_bytes(msgspec.json.encode(wanted))
        own = [sys.executable, "-P", "-m", "podium.build.runs.training.main", str(folder)]
        with (folder / request.LOG).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", launch.__file__, str(say.fileno()), "0", _network(wanted), *own],
                cwd=folder / request.SOURCE,
                env=environment(folder) | {name.upper(): value for name, value in (trace or {}).items()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(send.fileno(), say.fileno()),
                start_new_session=True,
            )
        send.close()
        say.close()
        try:
            taken = _taken(said)
            _listen(process, receive.fileno(), tell)
        finally:
            _end(process)
        return Ended(code=process.returncode, network=_had(wanted, taken))


@contextlib.contextmanager
def _pipe() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """A pipe's end to read from and its end to write to, closed at the end."""
    receive, send = os.pipe()
    with os.fdopen(receive, "rb") as reading, os.fdopen(send, "wb") as writing:
        yield reading, writing


def _taken(said: BinaryIO) -> list[str]:
    """The ways in which the launcher took the network away; none when it died before it could say."""
    length = said.read(wire.LENGTH.size)
    if len(length) < wire.LENGTH.size:
        return []
    ways: list[str] = msgspec.json.decode(said.read(wire.LENGTH.unpack(length)[0])[1:])["network"]
    return ways


def _network(wanted: request.Request) -> str:
    """As `launch` takes it: a model that is taken over runs in a process of its own, which gets what it declares."""
    return "1" if wanted.imported is not None or wanted.spec.training.network else "2"


def _had(wanted: request.Request, taken: list[str]) -> str:
    if wanted.imported is not None:
        return ""
    return "declared" if wanted.spec.training.network else "off" if taken else "open"


def environment(folder: Path) -> dict[str, str]:
    """The whole environment of a training process: nothing of the worker's own, so no token reaches the user's code."""
    threads = (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "LOKY_MAX_CPU_COUNT",
    )
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.defpath]),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        **dict.fromkeys(threads, str(THREADS)),
    }


def log_tail(folder: Path) -> bytes:
    """The last MiB of what the process printed."""
    path = folder / request.LOG
    if not path.exists():
        return b""
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - LOG_BYTES))
        return log.read()


def _listen(process: subprocess.Popen[bytes], receive: int, tell: Callable[[Progress], None]) -> None:
    newest, rest = Progress(fraction=0.0, message="Starting"), b""
    with selectors.DefaultSelector() as selector:
        selector.register(receive, selectors.EVENT_READ)
        while process.poll() is None:
            tell(newest)
            if not selector.get_map():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_LISTEN_SECONDS)
            elif selector.select(_LISTEN_SECONDS):
                chunk = os.read(receive, 65536)
                if not chunk:
                    selector.unregister(receive)
                *lines, rest = (rest + chunk).split(b"\n")
                newest = _newest(lines, newest)


def _newest(lines: list[bytes], known: Progress) -> Progress:
    for line in lines:
        with contextlib.suppress(msgspec.DecodeError):
            known = msgspec.json.decode(line, type=Progress)
    return known


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and whatever it started: first by asking, then by force."""
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
