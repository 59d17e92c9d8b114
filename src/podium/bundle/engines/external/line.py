"""A connection to a service on which every question has a deadline, and every answer a largest size."""

import http.client
import io
import socket
import time
from typing import Any, cast

from podium.core.errors import Unavailable


class Later(Exception):
    """No answer this time; asking again may help. Its text says why where more is known than that."""


class Declined(Unavailable):
    """It has answered, and has no scores for these rows: others may have theirs."""


def left(deadline: float) -> float:
    """Seconds until then; `Later` when there are none."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise Later
    return seconds


class Line:
    """What `HTTPConnection` needs of a socket. Each read and write waits until the deadline and no longer."""

    def __init__(self, plain: socket.socket) -> None:
        self._plain = plain
        self._deadline = 0.0
        self._room = 0

    def allow(self, deadline: float, size: int) -> None:
        """From now on: until when, and how many bytes may come."""
        self._deadline, self._room = deadline, size

    def sendall(self, data: bytes) -> None:
        """Send all of it; `Later` when that takes too long."""
        view = memoryview(data)
        while view:
            self._plain.settimeout(left(self._deadline))
            try:
                view = view[self._plain.send(view) :]
            except TimeoutError:
                raise Later from None

    def receive(self, source: socket.SocketIO, buffer: Any) -> int | None:
        """Read once from the socket; `Later` when nothing comes in time, `Unavailable` when too much did."""
        self._plain.settimeout(left(self._deadline))
        try:
            size = source.readinto(buffer)
        except TimeoutError:
            raise Later from None
        self._room -= size or 0
        if self._room < 0:
            raise Unavailable("The external model's answer is too large.", field="engine.url")
        return size

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What comes from the socket; it keeps the socket open until it is closed, too."""
        return io.BufferedReader(_Bounded(self, self._plain.makefile("rb", buffering=0)))

    def close(self) -> None:
        """Close the socket, once nobody reads from it."""
        self._plain.close()


class _Bounded(io.RawIOBase):
    """Reads from a line."""

    def __init__(self, line: Line, source: socket.SocketIO) -> None:
        self._line = line
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        return self._line.receive(self._source, buffer)

    def close(self) -> None:
        self._source.close()
        super().close()


class Connection(http.client.HTTPConnection):
    """HTTP over a line."""

    def __init__(self, host: str, port: int, plain: socket.socket) -> None:
        super().__init__(host, port)
        self.line = Line(plain)
        self.sock = cast(Any, self.line)
        self.auto_open = 0  # the address that was checked is the one that is spoken to
