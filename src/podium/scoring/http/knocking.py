"""Having a listening socket let nobody else in, before it is closed: the kernel resets whom it has let in by then.

Who knocks meanwhile is not heard, and knocks again a second later (RFC 6298, 2.1), when another process has the port.
"""

import ctypes
import socket
import struct
import sys

_SO_ATTACH_FILTER = 26
_LOAD_BYTE, _AND, _EQUAL, _SAY = 0x30, 0x54, 0x15, 0x06
"""Classic BPF: a byte of the segment; and with a number; go on here or there by equality; how much of it is taken."""
_FLAGS, _SYN, _SYN_AND_ACK = 13, 0x02, 0x12
_PROGRAM = (
    (_LOAD_BYTE, 0, 0, _FLAGS),
    (_AND, 0, 0, _SYN_AND_ACK),
    (_EQUAL, 0, 1, _SYN),
    (_SAY, 0, 0, 0),
    (_SAY, 0, 0, 0xFFFFFFFF),
)
"""Takes every TCP segment but those that begin a connection."""


def ignore(listening: socket.socket) -> bool:
    """Whether the system does it: Linux, without any privilege."""
    if sys.platform != "linux":
        return False
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in _PROGRAM))
    try:
        listening.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(_PROGRAM), ctypes.addressof(code))
        )
    except OSError:
        return False
    return True
