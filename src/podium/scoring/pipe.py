"""Messages between a scorer and a process that works for it: a length of four bytes, then MessagePack."""

import struct

import msgspec

_LENGTH = struct.Struct(">I")
HEAD = _LENGTH.size


def pack(message: msgspec.Struct) -> bytes:
    """A message with its length before it."""
    body = msgspec.msgpack.encode(message)
    return _LENGTH.pack(len(body)) + body


def length(head: bytes | memoryview) -> int:
    """The length that a message's first bytes say."""
    found: int = _LENGTH.unpack(head)[0]
    return found


def split(data: bytes) -> tuple[list[memoryview], bytes]:
    """The messages that are there whole, without their lengths, and what is left."""
    view = memoryview(data)
    found, at = [], 0
    while len(data) - at >= HEAD:
        end = at + HEAD + length(view[at : at + HEAD])
        if end > len(data):
            break
        found.append(view[at + HEAD : end])
        at = end
    return found, bytes(view[at:])
