"""What a scorer and its explaining process say to each other: a length of four bytes, then MessagePack."""

import struct

import msgspec

from podium.core import explanation

_LENGTH = struct.Struct(">I")
HEAD = _LENGTH.size
LARGEST = 64 * 1024 * 1024


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Explain rows by the bundle in a folder."""

    folder: str
    digest: str
    rows: bytes
    """Canonical columns as an Arrow IPC stream, in the log's form."""
    seed: int = 0


class Tell(msgspec.Struct, frozen=True, kw_only=True):
    """The explanation, or what stands against it."""

    found: explanation.Explained | None = None
    kind: str = ""
    message: str = ""
    field: str | None = None
    fix: str | None = None


def pack(message: Ask | Tell) -> bytes:
    """A message with its length before it."""
    body = msgspec.msgpack.encode(message)
    return _LENGTH.pack(len(body)) + body


def length(head: bytes) -> int:
    """The length that a message's first bytes say."""
    found: int = _LENGTH.unpack(head)[0]
    return found
