"""The process in which new versions prove themselves, one after the other; it is asked in lines over pipes.

One process for many versions, as starting it takes a hundred times as long as asking it. It ends when its input does,
when it has nothing to do for some seconds, and after so many versions, so that what an engine keeps does not add up.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, cast

import msgspec
import numpy as np

from podium.bundle import columns, golden, read
from podium.bundle.runtime import Runtime
from podium.core.errors import PodiumError, Refused, Unavailable

_TRIES = 3
_NICE = 5
_LOOK_SECONDS = 0.5
_IDLE_SECONDS = 10.0
_MOST = 64
"""Versions that one process is asked about."""
_TOLD_BYTES = 2000
_PIECE = 4096


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A version that shall prove itself, and how long it may take for one row."""

    folder: str
    digest: str
    row_seconds: float


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What the process found: nothing, or why the version is refused."""

    message: str | None = None
    field: str | None = None
    fix: str | None = None


class Ended(Exception):
    """The process ended before it answered. `code`: its status, or the signal below zero; `told`: its last words."""

    def __init__(self, code: int, told: str) -> None:
        super().__init__(code)
        self.code = code
        self.told = told


class Late(Exception):
    """The process did not answer in time, and was ended."""


class Prover:
    """A process, from the first version on that it is asked about."""

    def __init__(self) -> None:
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "podium.scoring.proving", str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._words,
                start_new_session=True,
            )
        except OSError:
            self._words.close()
            raise Unavailable("No process can be started in which a new version would prove itself.") from None
        self._input = cast("IO[bytes]", self._process.stdin)
        self._output = cast("IO[bytes]", self._process.stdout)
        self.asked = 0
        """Versions so far."""

    @property
    def good(self) -> bool:
        """Whether it can be asked about one more."""
        return self.asked < _MOST and self._process.poll() is None

    def ask(self, asked: Asked, seconds: float) -> Said:
        """What it says of a version; raises `Ended` or `Late`, and cannot be asked again then."""
        self.asked += 1
        try:
            self._input.write(msgspec.json.encode(asked) + b"\n")
            self._input.flush()
            line = _line(self._output.fileno(), time.monotonic() + seconds)
            return msgspec.json.decode(line, type=Said)
        except TimeoutError:
            self.close()
            raise Late from None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1.0)  # so that its own end is told, not ours
            told = self._told()
            self.close()
            raise Ended(self._process.returncode, told) from None

    def close(self) -> None:
        """End it, and all that it has started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._input, self._output, self._words):
            with contextlib.suppress(OSError):  # what was not sent is sent at the close
                pipe.close()

    def _told(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            self._words.seek(max(0, self._words.seek(0, os.SEEK_END) - _TOLD_BYTES))
            return self._words.read().decode(errors="replace")
        return ""


def _line(file: int, until: float) -> bytes:
    """The next line; `TimeoutError` when it is late, `OSError` when none comes."""
    data = b""
    waiting = select.poll()  # not `select`: with many connections open the pipe's number is beyond what that takes
    waiting.register(file, select.POLLIN)
    while not data.endswith(b"\n"):
        if not waiting.poll(max(0.0, until - time.monotonic()) * 1000):
            raise TimeoutError
        piece = os.read(file, _PIECE)
        if not piece:
            raise OSError
        data += piece
    return data


def prove(asked: Asked) -> Said:
    """Load a version, time one row of it, and score its golden rows."""
    folder = Path(asked.folder)
    try:
        runtime = Runtime(folder, read.verify(folder, asked.digest))
        try:
            _speed(runtime, folder, asked.row_seconds)
            runtime.check_golden()
        finally:
            runtime.close()
    except PodiumError as problem:
        return Said(message=problem.message, field=problem.field, fix=problem.fix)
    return Said()


def _speed(runtime: Runtime, folder: Path, seconds: float) -> None:
    table, _ = golden.read(folder, runtime.manifest.signature)
    one = columns.take(table, np.arange(min(1, columns.count(table))))
    best = float("inf")
    for _ in range(_TRIES):
        begun = time.perf_counter()
        runtime.predict(one)
        best = min(best, time.perf_counter() - begun)
        if best <= seconds:
            return
    raise Refused(
        f"The version is too slow: one row takes {best:.2g} s; this scorer allows {seconds:g} s.",
        field="engine",
        fix="Make the model simpler, or raise PODIUM_ROW_SECONDS.",
    )


def main() -> None:
    """The process: a line in, a line out. What engines print goes where errors go."""
    os.nice(_NICE)
    threading.Thread(target=_follow, args=(int(sys.argv[1]),), daemon=True).start()
    with os.fdopen(os.dup(1), "wb", buffering=0) as answers:
        os.dup2(2, 1)
        while select.select([0], [], [], _IDLE_SECONDS)[0]:
            line = b""
            while not line.endswith(b"\n"):
                piece = os.read(0, _PIECE)
                if not piece:
                    return
                line += piece
            answers.write(msgspec.json.encode(prove(msgspec.json.decode(line, type=Asked))) + b"\n")


def _follow(parent: int) -> None:
    """End with the scorer, however it ends, and with what was started here: a version may hang for long."""
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
