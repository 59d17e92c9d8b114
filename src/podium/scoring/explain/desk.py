"""Where explanations are asked for: a few may wait, one is worked on, in a process that starts when first needed."""

import contextlib
import os
import selectors
import subprocess
import sys
import threading
import time
from typing import IO, NamedTuple

import msgspec

from podium.core import errors
from podium.scoring import pipe
from podium.scoring.explain import frames

MOST_WAITING = 4
"""Requests that wait or are worked on; beyond that they are turned away."""
SECONDS = 30.0
"""An explanation may take so long, with the first one's loading."""


class Busy(Exception):
    """As many explanations are waiting as may."""


class Desk:
    """Asks the explaining process. Thread-safe; every call blocks until its answer."""

    def __init__(self, most: int = MOST_WAITING, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        """How long a question may take."""
        self._places = threading.BoundedSemaphore(most)
        self._turn = threading.Lock()
        self._child: _Child | None = None
        self._closed = False
        self._count = threading.Lock()
        self.waiting = 0
        """Requests that wait or are worked on."""
        self.done = 0
        """Rows explained."""
        self.refused = 0
        """Requests turned away because too many waited."""

    def ask(self, question: frames.Ask) -> frames.Tell:
        """The answer to a request for explanations.

        `Busy` when too many wait; `Unavailable` when the process died or took too long.
        """
        if not self._places.acquire(blocking=False):
            with self._count:
                self.refused += 1
            raise Busy
        with self._count:
            self.waiting += 1
        try:
            with self._turn:
                told = self._ask(question)
        finally:
            self._places.release()
            with self._count:
                self.waiting -= 1
        with self._count:
            self.done += told.rows
        return told

    def close(self) -> None:
        """End the process, and start none again: whoever waits is told so at once."""
        self._closed = True
        child = self._child
        if child is not None:
            child.process.kill()
        with self._turn:
            self._end()

    def _end(self) -> None:
        """End the process; of whose turn it is."""
        child, self._child = self._child, None
        if child is not None:
            child.process.kill()
            child.process.communicate()

    def _ask(self, question: frames.Ask) -> frames.Tell:
        until = time.monotonic() + self.seconds
        try:
            child = self._running()
            _write(child.asks, pipe.pack(question), until)
            size = pipe.length(_read(child.tells, pipe.HEAD, until))
            return msgspec.msgpack.decode(_read(child.tells, size, until), type=frames.Tell)
        except (OSError, EOFError, TimeoutError, msgspec.DecodeError):
            self._end()
            raise errors.Unavailable(
                "The explanation was not made in time, or its process ended; scoring is not touched by it.",
                field="explain",
                fix="Ask for fewer rows, or again later.",
            ) from None

    def _running(self) -> "_Child":
        if self._closed:
            raise EOFError
        if self._child is None or self._child.process.poll() is not None:
            self._end()
            command = [sys.executable, "-P", "-m", "podium.scoring.explain.child"]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
            if process.stdin is None or process.stdout is None:
                raise EOFError
            os.set_blocking(process.stdin.fileno(), False)
            self._child = _Child(process, process.stdin, process.stdout)
            if self._closed:
                raise EOFError
        return self._child


class _Child(NamedTuple):
    """The process, and the two ends that we hold."""

    process: subprocess.Popen[bytes]
    asks: IO[bytes]
    tells: IO[bytes]


def _write(asks: IO[bytes], data: bytes, until: float) -> None:
    """All of it; `TimeoutError`, or `OSError` where nobody reads."""
    left = memoryview(data)
    with selectors.DefaultSelector() as ready:
        ready.register(asks, selectors.EVENT_WRITE)
        while left:
            seconds = until - time.monotonic()
            if seconds <= 0 or not ready.select(seconds):
                raise TimeoutError
            with contextlib.suppress(BlockingIOError):
                left = left[os.write(asks.fileno(), left) :]


def _read(tells: IO[bytes], size: int, until: float) -> bytes:
    """Exactly so many bytes; `TimeoutError` or `EOFError`."""
    if size > frames.LARGEST:
        raise EOFError
    data = bytearray()
    with selectors.DefaultSelector() as ready:
        ready.register(tells, selectors.EVENT_READ)
        while len(data) < size:
            left = until - time.monotonic()
            if left <= 0 or not ready.select(left):
                raise TimeoutError
            part = os.read(tells.fileno(), size - len(data))
            if not part:
                raise EOFError
            data += part
    return bytes(data)
