"""A vendor who cannot be reached is asked again within the time limit; what may not be asked is no caller's fault."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from podium.core.errors import Unavailable
from podium.scoring.protocols import problem
from tests.vendor import ROWS, Rude, asking

ANSWER = b'{"outputs": [{"name": "s", "shape": [2], "data": [0.1, 0.2]}]}'
AWAY_SECONDS = 0.3
LEAST_PAUSES = 0.07
"""Seconds between the first try and the third, at least."""


def once(to: socket.socket) -> None:
    """Answer, and close the connection without a word about that."""
    to.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER))
    to.shutdown(socket.SHUT_RDWR)


@contextmanager
def back_soon(port: int) -> Iterator[list[Rude]]:
    """A vendor who listens after a while."""
    there: list[Rude] = []
    timer = threading.Timer(AWAY_SECONDS, lambda: there.append(Rude(once, port=port)))
    timer.start()
    try:
        yield there
    finally:
        timer.join()
        for each in there:
            each.close()


@pytest.mark.parametrize("known", [False, True], ids=["at first", "on a connection that was kept"])
def test_who_restarts_is_asked_again(known: bool) -> None:
    server = Rude(once)
    made = asking(f"http://127.0.0.1:{server.port}/x", attempts=10)
    try:
        if known:
            assert made.predict(ROWS).tolist() == [0.1, 0.2]
        server.close()
        with back_soon(server.port) as there:
            assert made.predict(ROWS).tolist() == [0.1, 0.2]
            assert [each.asked for each in there] == [1]
    finally:
        made.close()


def test_who_is_not_there_is_tried_as_often_as_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    for url, said in ((f"http://127.0.0.1:{port}/x", "does not answer"), ("http://vendor.invalid/x", "has no address")):
        begun = time.monotonic()
        with pytest.raises(Unavailable, match=said):
            asking(url).predict(ROWS)
        assert time.monotonic() - begun >= LEAST_PAUSES


def test_who_leads_into_a_private_network_meanwhile_is_no_callers_fault() -> None:
    with pytest.raises(Unavailable, match="in a private network") as told:
        asking("https://127.0.0.1:1/x").predict(ROWS)
    assert problem.status_of(told.value) == 503
