"""The process that scores for shadows, as its scorer holds it: two pipes that nobody ever waits for."""

import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import IO

from podium.scoring import pipe

_PIPE = 1024 * 1024
"""Bytes that may lie in a pipe, if the system lets us: some thousand rows."""
_AT_ONCE = 64 * 1024
"""Bytes of one call: in a longer one nobody else would get the processor."""
_END_SECONDS = 10.0


class Process:
    """Start it; of one thread."""

    def __init__(self) -> None:
        command = [sys.executable, "-P", "-m", "podium.scoring.shadow.child"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self._asks, self._tells = _unwaited(self._process.stdin), _unwaited(self._process.stdout)
        _widen(self._asks)
        _widen(self._tells)
        self._unsent: list[bytes | memoryview] = []
        self._size = 0
        self._unread = b""
        self.ended = False

    @property
    def room(self) -> bool:
        """Whether more may be said now: less waits to go than fits into the pipe."""
        return self._size < _PIPE and not self.ended

    def say(self, data: bytes) -> None:
        """Say that with the next `flush`."""
        self._unsent.append(data)
        self._size += len(data)

    def flush(self) -> None:
        """Let go what there is room for in the pipe."""
        if not self._unsent or self.ended:
            return
        data = memoryview(b"".join(self._unsent))
        try:
            while data:
                data = data[os.write(self._asks.fileno(), data[:_AT_ONCE]) :]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self.ended = True
        self._unsent, self._size = [data] if data else [], len(data)

    def heard(self) -> Sequence[memoryview]:
        """The messages that have come."""
        data = [self._unread]
        try:
            while part := os.read(self._tells.fileno(), _AT_ONCE):
                data.append(part)
            self.ended = True
        except BlockingIOError:
            pass
        found, self._unread = pipe.split(b"".join(data))
        return found

    def close(self, *, patient: bool = True) -> int:
        """Let it finish what it was told if we are patient, and end; its exit code."""
        with contextlib.suppress(OSError):
            self._asks.close()
        try:
            self._process.wait(_END_SECONDS if patient else 0.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._tells.close()
        return self._process.wait()


def _unwaited(end: IO[bytes] | None) -> IO[bytes]:
    if end is None:
        raise EOFError
    os.set_blocking(end.fileno(), False)
    return end


def _widen(end: IO[bytes]) -> None:
    """As far as the system lets us: a user's pipes may hold only so much together. A narrow one takes less at once."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):
            fcntl.fcntl(end.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)
