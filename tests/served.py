"""Connections on a real loop and real sockets, whose requests a test answers itself; a second is when it says so."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from podium.scoring.call import Answer
from podium.scoring.http import connection, limits, writing
from podium.scoring.http.head import Head

try:
    import uvloop as fast
except ModuleNotFoundError:
    fast = None

Asked = tuple[connection.Connection, int, Head, bytes]
Loops = Callable[[], asyncio.AbstractEventLoop]
LOOPS: list[Loops] = [asyncio.new_event_loop, *([] if fast is None else [fast.new_event_loop])]
_SMALL = 4096
_DEADLINE = 60.0


class Front:
    """Answers each request at once with so many bytes; or keeps it, where that is None."""

    def __init__(self, size: int | None = 2) -> None:
        self.size = size
        self.asked: list[Asked] = []
        self.refusals: list[int] = []

    def take(self, exchange: connection.Connection, number: int, head: Head, body: bytes) -> None:
        self.asked.append((exchange, number, head, body))
        if self.size is not None:
            exchange.answer(number, Answer(200, b"x" * self.size), head)

    def refused(self, status: int) -> None:
        self.refusals.append(status)


class Server:
    """Where a test's clients connect. Little fits into the kernel, so that it shows soon who does not read."""

    def __init__(self, front: Front, shared: connection.Shared, port: int) -> None:
        self.front = front
        self.shared = shared
        self._port = port
        self._clients: list[socket.socket] = []

    async def client(self, data: bytes = b"") -> socket.socket:
        made = socket.socket()
        self._clients.append(made)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL)
        made.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(made, ("127.0.0.1", self._port))
        await loop.sock_sendall(made, data)
        return made

    def close(self) -> None:
        for client in self._clients:
            client.close()
        for each in list(self.shared.connections):
            each.cut()

    async def seconds(self, count: int) -> None:
        """So many go by."""
        for _ in range(count):
            self.shared.sweep()
            await asyncio.sleep(0.01)


class _Tight(connection.Connection):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SMALL)
        super().connection_made(transport)


def run(test: Callable[[], Coroutine[Any, Any, None]], loop: Loops) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(test())


@contextlib.asynccontextmanager
async def serving(front: Front, allowed: limits.Limits) -> AsyncIterator[Server]:
    shared = connection.Shared(front, allowed, writing.Heads(lambda: datetime.now(UTC)))
    listening = await asyncio.get_running_loop().create_server(lambda: _Tight(shared), "127.0.0.1", 0)
    server = Server(front, shared, listening.sockets[0].getsockname()[1])
    try:
        async with asyncio.timeout(_DEADLINE):
            yield server
    finally:
        server.close()
        listening.close()
        await asyncio.sleep(0)


async def until(holds: Callable[[], object]) -> None:
    """Turn the loop until it is so."""
    async with asyncio.timeout(_DEADLINE):
        while not holds():
            await asyncio.sleep(0.001)


async def read(client: socket.socket, size: int) -> bytes:
    """So many bytes, or what comes before the end."""
    found = bytearray()
    loop = asyncio.get_running_loop()
    while len(found) < size:
        piece = await loop.sock_recv(client, min(65536, size - len(found)))
        if not piece:
            break
        found += piece
    return bytes(found)
