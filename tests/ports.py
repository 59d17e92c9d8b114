"""Ports for servers that must be told theirs before they start."""

import secrets
import socket

_RANGE = range(15_000, 30_000)
"""Below those that a system hands out by itself: nobody is given one between the choice and its use."""


def free(count: int) -> tuple[int, ...]:
    """Different ports at which nobody listens."""
    found: set[int] = set()
    while len(found) < count:
        port = secrets.choice(_RANGE)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.add(port)
    return tuple(found)
