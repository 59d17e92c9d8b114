"""What a client has not read yet of its answers, here and in the kernel.

The kernel takes megabytes and makes room in large steps: without its part a slow client seems to read nothing for long.
"""

import asyncio
import contextlib
import fcntl
import struct
import termios

_NUMBER = struct.Struct("i")


def size(transport: asyncio.Transport) -> int:
    """Bytes that the other side has not acknowledged."""
    here = transport.get_write_buffer_size()
    found = transport.get_extra_info("socket")
    with contextlib.suppress(OSError, ValueError):
        if found is not None:
            (there,) = _NUMBER.unpack(fcntl.ioctl(found.fileno(), termios.TIOCOUTQ, bytes(_NUMBER.size)))
            return here + int(there)
    return here
