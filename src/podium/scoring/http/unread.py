"""What clients have not read yet of their answers, here and in the kernel.

The kernel takes megabytes and makes room in large steps: without its part a slow client seems to read nothing for long.
"""

import asyncio
import contextlib
import fcntl
import struct
import termios
from collections.abc import Iterable
from typing import Protocol

from podium.scoring.http.limits import Limits

_NUMBER = struct.Struct("i")


class Unread:
    """What one client has left lying. `left`: bytes when it last got on, and those of answers since."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.left = size(transport)

    def reads(self, least: int) -> bool:
        """Whether it has read at least so many bytes since it last had, however slowly."""
        now = size(self._transport)
        got_on = now <= self.left - least
        self.left = now if got_on else max(self.left, now)
        return got_on


class Reader(Protocol):
    """A connection, as far as its client reads."""

    seconds: int
    """Since the client got on."""

    @property
    def waiting(self) -> int:
        """Bytes of answers that are kept for it."""

    def cut(self) -> None:
        """End at once."""


def make_room(readers: Iterable[Reader], limits: Limits) -> None:
    """Where too much waits to be read, cut off those that have read nothing for longest."""
    waiting = [(reader.seconds, reader.waiting, reader) for reader in readers]
    held = sum([kept for _, kept, _ in waiting])
    if held <= limits.unread:
        return
    for seconds, kept, reader in sorted(waiting, key=lambda each: each[:2], reverse=True):
        if held > limits.unread and kept and seconds >= limits.unread_seconds:
            held -= kept
            reader.cut()


def size(transport: asyncio.Transport) -> int:
    """Bytes that the other side has not acknowledged."""
    here = transport.get_write_buffer_size()
    found = transport.get_extra_info("socket")
    with contextlib.suppress(OSError, ValueError):
        if found is not None:
            (there,) = _NUMBER.unpack(fcntl.ioctl(found.fileno(), termios.TIOCOUTQ, bytes(_NUMBER.size)))
            return here + int(there)
    return here
