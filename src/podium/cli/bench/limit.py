"""The limit: a server that reads each request and gives one constant answer, over uvloop and httptools.

What any server in Python over these parts could reach at most. It prints its address as a scorer does.
"""

import asyncio
import socket
import sys
from typing import cast

import httptools
import uvloop


class Constant(asyncio.Protocol):
    """Parses every request to its end, and answers it."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self._transport is not None:
            self._transport.write(self._answer)


async def serve(answer: bytes) -> None:
    """Answer until the process ends."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = await asyncio.get_running_loop().create_server(lambda: Constant(answer), sock=listening, backlog=1024)
    sys.stdout.write(f"limit listening on http://127.0.0.1:{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(sys.stdin.buffer.read()))
