"""More requests than a scorer can take, sent when they are due and not when it is ready for them; and how each went."""

import asyncio
import json
import random
import re
import time
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tests import scoring_kit as kit

ROWS = 250
"""Of a request: so many that one client can still send five times as many requests as a scorer answers."""
MOST = 2000
"""Connections."""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Went(msgspec.Struct, frozen=True, kw_only=True):
    """How a load went: answers a second, times in seconds."""

    seconds: float
    statuses: dict[int, int]
    accepted: Sequence[float]
    refused: Sequence[float]
    broken: int
    unsent: int
    """Due while all connections waited for an answer."""
    strange: dict[int, str]
    """One answer of each status that is neither 200 nor 429."""

    @property
    def rate(self) -> float:
        return len(self.accepted) / self.seconds


def percentile(times: Sequence[float], part: float) -> float:
    """The time that this part of the requests needed at most; 0 of none."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


def body() -> bytes:
    """A request for many rows; the scorer gives it an id."""
    random_ = random.Random(3)
    rows: dict[str, list[Any]] = {
        "distance": [round(random_.uniform(50, 3000), 1) for _ in range(ROWS)],
        "hour": [random_.randrange(24) for _ in range(ROWS)],
    }
    content = json.dumps(kit.tensors(rows)).encode()
    head = f"POST /v2/models/{kit.ENDPOINT}/infer HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


class _Client(asyncio.Protocol):
    """A connection with one request at a time; asks again by itself where there is no list of idle ones to join."""

    def __init__(self, request: bytes, book: "_Book", idle: "deque[_Client] | None") -> None:
        self._request = request
        self._book = book
        self._idle = idle
        self._sent: float | None = None
        self._data = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, _problem: Exception | None) -> None:
        self._transport = None
        self._book.broken += self._sent is not None

    def ask(self) -> None:
        if self._transport is None:
            self._book.broken += 1
            return
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._data += data
        end = self._data.find(b"\r\n\r\n")
        length = _LENGTH.search(self._data, 0, end) if end >= 0 else None
        if length is None or self._sent is None or len(self._data) < end + 4 + int(length[1]):
            return
        took = time.perf_counter() - self._sent
        self._sent = None
        self._book.answer(int(self._data[9:12]), took, bytes(self._data[end + 4 :]))
        self._data.clear()
        if self._idle is not None:
            self._idle.append(self)
        elif not self._book.over:
            self.ask()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    @property
    def waiting(self) -> bool:
        return self._sent is not None


class _Book:
    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.accepted: list[float] = []
        self.refused: list[float] = []
        self.broken = 0
        self.unsent = 0
        self.over = False
        self.strange: dict[int, str] = {}

    def answer(self, status: int, seconds: float, data: bytes = b"") -> None:
        if status not in (200, 429) and status not in self.strange:
            self.strange[status] = data.decode(errors="replace")
        self.statuses[status] += 1
        (self.accepted if status == 200 else self.refused).append(seconds)


async def _run(url: str, connections: int, seconds: float, rate: float | None) -> Went:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    loop = asyncio.get_running_loop()
    book = _Book()
    request = body()
    clients: list[_Client] = []
    idle: deque[_Client] = deque()

    async def join() -> None:
        _, client = await loop.create_connection(
            lambda: _Client(request, book, None if rate is None else idle), host, port
        )
        clients.append(client)
        idle.append(client)

    for _ in range(connections):
        await join()
    begun = time.perf_counter()
    if rate is None:
        for client in clients:
            client.ask()
        await asyncio.sleep(seconds)
    else:
        sent = 0
        while (now := time.perf_counter() - begun) < seconds:
            while sent < now * rate:
                sent += 1
                if not idle and len(clients) < MOST:
                    await join()
                if idle:
                    idle.popleft().ask()
                else:
                    book.unsent += 1
            await asyncio.sleep(0.001)
    took = time.perf_counter() - begun
    book.over = True
    end = time.perf_counter() + 20
    while any(client.waiting for client in clients) and time.perf_counter() < end:
        await asyncio.sleep(0.01)
    for client in clients:
        client.close()
    await asyncio.sleep(0.05)
    return Went(
        seconds=took,
        statuses=dict(book.statuses),
        accepted=book.accepted,
        refused=book.refused,
        broken=book.broken,
        unsent=book.unsent,
        strange=book.strange,
    )


def run(url: str, *, connections: int, seconds: float, rate: float | None = None) -> Went:
    """Load a scorer: each connection asks again once answered, or all together send `rate` requests a second."""
    return asyncio.run(_run(url, connections, seconds, rate))
