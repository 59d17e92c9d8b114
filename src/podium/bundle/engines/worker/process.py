"""One process of a model: started with nothing of ours, asked over pipes with a time limit, ended by force."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from podium.bundle.engines.worker import output, wire
from podium.core import engine
from podium.core.errors import Refused, Unavailable

_LAUNCH = Path(__file__).parent / "launch.py"
_CHUNK = 1 << 20
_UNPROTECTED = 3


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """How to start a model's process. `{ask}` and `{answer}` in `argv` become its two descriptors."""

    argv: tuple[str, ...]
    folder: Path
    """Its working, home and temporary folder."""
    limits: engine.Limits
    environment: dict[str, str] = {}
    """Variables over the plain ones."""
    memory: bool = True
    """Whether `limits.memory_mb` is set by the operating system; false where the runtime limits itself."""


class Broken(Exception):
    """The process died, is late, or talks nonsense. It must be ended."""


class Process:
    """A started process. One call at a time; `end` may come from another thread."""

    def __init__(self, start: Start) -> None:
        self.enforced: dict[str, Any] = {}
        """What the launcher says is enforced: `memory`, `network` (ways), `privileges`, `signals`."""
        with contextlib.ExitStack() as undone:
            self._popen = self._begin(start, undone)
            self.pid = self._popen.pid
            self._ending = threading.Lock()
            self._ended = False
            undone.callback(self._kill)
            said = cast("IO[bytes]", self._popen.stdout)
            undone.callback(said.close)
            self._output = output.Output(said)
            undone.pop_all()

    def _begin(self, start: Start, undone: contextlib.ExitStack) -> subprocess.Popen[bytes]:
        """`undone` is told how what is kept here is closed, should the rest fail."""
        with contextlib.ExitStack() as theirs:
            ask_read, self._ask = os.pipe()
            theirs.callback(os.close, ask_read)
            undone.callback(self._keep(self._ask))
            self._answer, answer_write = os.pipe()
            theirs.callback(os.close, answer_write)
            undone.callback(self._keep(self._answer))
            return subprocess.Popen(
                _argv(start, ask_read, answer_write),
                cwd=start.folder,
                env=_environment(start),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(ask_read, answer_write),
                start_new_session=True,
            )

    def wait_ready(self, seconds: float) -> None:
        """Return once the model is loaded. `Refused` when it says that it cannot be; `Broken` otherwise."""
        deadline = time.monotonic() + seconds
        first = self._frame(deadline, wire.LARGEST_TEXT)
        if first[:1] != b"I":
            raise Broken("did not start as it should")
        self.enforced = json.loads(first[1:])
        try:
            second = self._frame(deadline, wire.LARGEST_TEXT)
        except Broken:
            if self._popen.poll() == _UNPROTECTED:
                raise Refused(
                    "This system does not let a process give up the network, so a model that declares none cannot run.",
                    field="engine",
                    fix="Run on Linux (x86-64 or ARM64), or declare limits.network = true and have that approved.",
                ) from None
            raise
        if second[:1] != b"R":
            said = wire.failure(second, 0) or "it does not say why"
            raise Refused(f"The model cannot be loaded: {said}", field="engine")

    def ask(self, question: bytes, rows: int, seconds: float) -> bytes:
        """The body of the answer's frame; `Broken` when there is none in time."""
        deadline = time.monotonic() + seconds
        self._send(question, deadline)
        return self._frame(deadline, wire.largest_answer(rows))

    def alive(self) -> bool:
        """Whether the process has not ended."""
        return self._popen.poll() is None

    def said(self) -> str:
        """The last lines that it printed: for the operator's log, not for callers."""
        return self._output.last()

    def end(self) -> None:
        """Kill the process and everything that it started; wait until it is gone."""
        self._kill()
        self._output.stop()

    def _keep(self, descriptor: int) -> Callable[[], object]:
        os.set_blocking(descriptor, False)
        return weakref.finalize(self, os.close, descriptor)  # not in `end`: a call may wait on it in another thread

    def _kill(self) -> None:
        with self._ending:
            if not self._ended:
                self._ended = True
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()

    def _send(self, data: bytes, deadline: float) -> None:
        view = memoryview(data)
        while view:
            self._wait(self._ask, select.POLLOUT, deadline)
            try:
                view = view[os.write(self._ask, view[:_CHUNK]) :]
            except BlockingIOError:
                continue
            except OSError:
                raise Broken("ended") from None

    def _frame(self, deadline: float, largest: int) -> bytes:
        (length,) = wire.LENGTH.unpack(self._read(wire.LENGTH.size, deadline))
        if not 1 <= length <= largest:
            raise Broken("gave an answer of a wrong length")
        return self._read(length, deadline)

    def _read(self, size: int, deadline: float) -> bytes:
        parts = []
        while size:
            self._wait(self._answer, select.POLLIN, deadline)
            try:
                part = os.read(self._answer, min(size, _CHUNK))
            except BlockingIOError:
                continue
            except OSError:
                raise Broken("ended") from None
            if not part:
                raise Broken("ended")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _wait(self, descriptor: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise Broken("did not answer in time")


def _argv(start: Start, ask: int, answer: int) -> list[str]:
    limits = start.limits
    memory = limits.memory_mb if start.memory else 0
    own = [part.format(ask=ask, answer=answer) if part in ("{ask}", "{answer}") else part for part in start.argv]
    return [sys.executable, "-I", "-S", str(_LAUNCH), str(answer), str(memory), str(int(limits.network)), *own]


def _environment(start: Start) -> dict[str, str]:
    """The whole environment: nothing of the scorer's own, so no token reaches the model; one thread for sums."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    plain = {
        "PATH": os.defpath,
        "HOME": str(start.folder),
        "TMPDIR": str(start.folder),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return plain | dict.fromkeys(threads, "1") | start.environment


def unavailable(why: str) -> Unavailable:
    """What a caller is told of a `Broken` process."""
    return Unavailable(f"The model's process {why}.", field="model", fix="Send the rows again; it is started again.")
