"""Drives a server from one core over keep-alive connections, as fast as it answers, and checks every answer.

A blocking loop over epoll, as an event loop for the client would cost more than the server that is measured; in C where
a compiler was at hand when Podium was installed, as in Python it would cost as much. It runs as a process of its own: a
`Spec` on standard input, a `Result` on standard output, both msgpack.
"""

import array
import contextlib
import gc
import os
import re
import select
import socket
import struct
import sys
import time
from collections import Counter

import msgspec

from podium.cli.bench import found
from podium.core import native

_drive = native.part(native.DRIVE)
COMPILED = _drive is not None
"""Whether that is there."""
_STATE = struct.Struct("=iiqq")
_ANSWERS_A_SECOND = 400_000
"""For so many there is room in the loop in C; those beyond go the slower way."""
_OK = b"HTTP/1.1 200"
_READ = 256 * 1024
_PATIENCE_S = 30
_REST_S = 15.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """What to send where. `requests` are whole HTTP requests; the answer to each holds its `needles` entry."""

    host: str
    port: int
    requests: list[bytes]
    needles: list[bytes]
    connections: int
    seconds: float
    warm_seconds: float
    core: int


class _Connection:
    __slots__ = ("at", "rest", "sent", "socket")

    def __init__(self, spec: Spec, at: int) -> None:
        self.socket = socket.create_connection((spec.host, spec.port), timeout=_PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.at = at % len(spec.requests)
        self.rest = b""
        self.sent = 0


class Load:
    """The connections, what they were told, and what went wrong."""

    def __init__(self, spec: Spec, *, compiled: bool = COMPILED) -> None:
        self._spec = spec
        self._compiled = compiled
        self._lengths = array.array("q", [0] * len(spec.requests))
        self._wrong: Counter[str] = Counter()
        self._took = array.array("q")
        self._poll = select.epoll()
        self._connections: dict[int, _Connection] = {}

    def run(self) -> found.Result:
        """Warm up, measure, and sum up. What is under way at the end is waited for, so that nothing of it is left."""
        phase = self._one_phase if self._spec.connections == 1 else self._many_phase
        phase = self._driven if self._compiled else phase
        total = 0
        for at in range(self._spec.connections):
            self._open(_Connection(self._spec, at * 7))
        for seconds in (self._spec.warm_seconds, self._spec.seconds):
            self._took = array.array("q")
            self._wrong.clear()
            cpu, begin = time.process_time(), time.perf_counter_ns()
            phase(begin + int(seconds * 1e9))
            elapsed = (time.perf_counter_ns() - begin) / 1e9
            busy = (time.process_time() - cpu) / elapsed
            total += len(self._took)
        for one in self._connections.values():
            _finished(one)
        return found.result(self._took, elapsed, dict(self._wrong), total, busy)

    def _open(self, made: _Connection) -> None:
        alone = self._spec.connections == 1
        made.socket.setblocking(alone)
        if alone:
            made.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", _PATIENCE_S, 0))
        self._connections[made.socket.fileno()] = made
        self._poll.register(made.socket.fileno(), select.EPOLLIN)
        self._send(made, time.perf_counter_ns())

    def _one_phase(self, end: int) -> None:
        """One connection: a blocking read costs less than asking first whether there is something."""
        (one,) = self._connections.values()
        now = 0
        while now < end:
            try:
                data = one.socket.recv(_READ)
            except OSError:
                self._wrong["silence"] += 1
                return
            now = time.perf_counter_ns()
            if not self._take(one, data, now):
                self._again(one)
                (one,) = self._connections.values()

    def _many_phase(self, end: int) -> None:
        """All connections in one loop, until the time is over or the server has been silent for long."""
        last = time.perf_counter_ns()
        while (now := time.perf_counter_ns()) < end:
            events = self._poll.poll(min(1.0, (end - now) / 1e9))
            if events:
                last = now
                self._turn(events)
            elif now - last > _PATIENCE_S * 1e9:
                self._wrong["silence"] += 1
                break

    def _driven(self, end: int) -> None:
        """Either, by the loop in C, which comes back with what is not plain."""
        room = array.array("q", bytes(8 * int(_ANSWERS_A_SECOND * max(self._spec.seconds, 1.0))))
        poll = -1 if self._spec.connections == 1 else self._poll.fileno()
        taken, last = 0, time.perf_counter_ns()
        while (now := time.perf_counter_ns()) < end:
            ones = list(self._connections.values())
            state = bytearray().join(
                [_STATE.pack(one.socket.fileno(), one.at, one.sent, bool(one.rest)) for one in ones]
            )
            before = taken
            taken, left = _drive.drive(
                poll, state, self._spec.requests, self._spec.needles, self._lengths, room, taken, end
            )
            for each, (_, at, sent, _) in zip(ones, _STATE.iter_unpack(state), strict=True):
                each.at, each.sent = at, sent
            if taken > before or (left is not None and left[1] is not None):
                last = now
            elif now - last > _PATIENCE_S * 1e9 or poll < 0:
                self._wrong["silence"] += 1
                break
            if left is not None and left[1] is not None:
                self._see_to(*left)
        self._took.extend(room[:taken])

    def _see_to(self, number: int, data: bytes, gone: int) -> None:
        """What the loop in C left: a piece that came, or a request of which only so many bytes could be sent."""
        one = self._connections[number]
        if gone >= 0:
            self._finish(one, gone)
        elif not self._take(one, data, time.perf_counter_ns()):
            self._again(one)

    def _turn(self, events: list[tuple[int, int]]) -> None:
        """Take what has come. The first condition is the whole check of an answer in one piece, as nearly all are."""
        clock, lengths, took, requests = time.perf_counter_ns, self._lengths, self._took, self._spec.requests
        needles, many = self._spec.needles, len(self._spec.requests)
        for number, _ in events:
            one = self._connections[number]
            try:
                data = one.socket.recv(_READ)
            except OSError:
                data = b""
            now = clock()
            at = one.at
            if len(data) == lengths[at] and not one.rest and data.startswith(_OK) and needles[at] in data:
                took.append(now - one.sent)
                one.at = at = at + 1 if at + 1 < many else 0
                one.sent = now
                try:
                    gone = one.socket.send(requests[at])
                except OSError:
                    gone = len(requests[at])  # the next read finds the connection closed, and counts that
                if gone != len(requests[at]):
                    self._finish(one, gone)
            elif not self._take(one, data, now):
                self._again(one)

    def _take(self, one: _Connection, data: bytes, now: int) -> bool:
        """Take a piece of an answer; once it is whole, check it and send the next. False: the connection is gone."""
        if not data:
            return False
        one.rest += data
        size = whole(one.rest)
        if size < 0 or len(one.rest) < size:
            return True
        problem = self._problem(one, size)
        if problem:
            self._wrong[problem] += 1
        else:
            self._took.append(now - one.sent)
            self._lengths[one.at] = size
        one.rest = b""
        one.at = (one.at + 1) % len(self._spec.requests)
        self._send(one, now)
        return True

    def _problem(self, one: _Connection, size: int) -> str:
        if not one.rest.startswith(_OK):
            return f"status {one.rest[9:12].decode('latin-1')}"
        if len(one.rest) != size:
            return "length"
        return "" if self._spec.needles[one.at] in one.rest else "value"

    def _again(self, one: _Connection) -> None:
        """A new connection in place of one that the server closed, which is a wrong answer."""
        self._wrong["closed"] += 1
        number = one.socket.fileno()
        self._poll.unregister(number)
        del self._connections[number]
        one.socket.close()
        time.sleep(0.01)
        self._open(_Connection(self._spec, one.at))

    def _send(self, one: _Connection, now: int) -> None:
        """Send the connection's next request."""
        one.sent = now
        with contextlib.suppress(OSError):  # the next read finds the connection closed, and counts that
            self._finish(one, one.socket.send(self._spec.requests[one.at]))

    def _finish(self, one: _Connection, gone: int) -> None:
        """Send what the socket's buffer had no room for, waiting until there is."""
        request = memoryview(self._spec.requests[one.at])
        if gone < len(request):
            blocking = one.socket.getblocking()
            one.socket.settimeout(_PATIENCE_S)
            one.socket.sendall(request[gone:])
            one.socket.setblocking(blocking)


def _finished(one: _Connection) -> None:
    """Read what is still to come on a connection, then close it."""
    one.socket.settimeout(_REST_S)
    with contextlib.suppress(OSError):
        while (size := whole(one.rest)) < 0 or len(one.rest) < size:
            data = one.socket.recv(_READ)
            if not data:
                break
            one.rest += data
    one.socket.close()


def whole(data: bytes) -> int:
    """The size of the answer that begins with these bytes; -1: cannot be told yet."""
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return -1
    stated = _LENGTH.search(data, 0, head)
    if stated is not None:
        return head + 4 + int(stated[1])
    if _CHUNKED.search(data, 0, head) is None:
        return head + 4
    return len(data) if data.endswith(b"\r\n0\r\n\r\n") else -1


def main() -> None:
    spec = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Spec)
    gc.disable()
    os.sched_setaffinity(0, {spec.core})
    sys.stdout.buffer.write(msgspec.msgpack.encode(Load(spec).run()))


if __name__ == "__main__":
    main()
