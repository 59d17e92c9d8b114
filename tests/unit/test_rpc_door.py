"""The port's door: found among the process's files, and shut."""

import asyncio
import resource
import socket
from pathlib import Path

import pytest

from podium.scoring.rpc import door


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="there is no list of a process's files")
def test_nobody_else_is_let_in() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_server(("127.0.0.1", 0)) as other:
        asyncio.run(door.shut(listening.getsockname()[1]))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(listening.getsockname(), 10)
        socket.create_connection(other.getsockname(), 10).close()


def test_where_no_descriptor_is_left_it_stays_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            assert door._listening(listening.getsockname()[1]) == []
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        (found,) = door._listening(listening.getsockname()[1])
        found.close()
